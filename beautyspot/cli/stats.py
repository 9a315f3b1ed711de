"""``beautyspot stats``: what a cache did."""

from __future__ import annotations

import argparse

from beautyspot.cli import console
from beautyspot.cli.places import find_db
from beautyspot.report.queries import overview
from beautyspot.report.text import overview_text

__all__ = ["run_stats"]


def run_stats(args: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    with find_db(args.path) as db:
        view = overview(db)
    if args.json:
        console.print_json(view)
    else:
        print(overview_text(view, width=console.width()))
    return 0
