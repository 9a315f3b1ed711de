"""``beautyspot show``: one entry with its content."""

from __future__ import annotations

import argparse
import time

from beautyspot.cli import console
from beautyspot.cli.places import CommandError, find_db, find_storage
from beautyspot.report import human
from beautyspot.report.queries import entry_detail, find
from beautyspot.report.text import detail_text

__all__ = ["run_show"]

_CANDIDATES = 20


def run_show(args: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    from beautyspot.codecs import Codec

    prefix = args.key.lower()
    with find_db(args.path) as db:
        found = find(db, prefix, limit=_CANDIDATES + 1) if prefix else []
        if not found:
            raise CommandError(f"no entry has a key that starts with {args.key!r}", 1)
        if len(found) > 1:
            lines = [f"  {info.cache_key}  {human.plain(info.func_name)}" for info in found[:_CANDIDATES]]
            more = ["  …"] if len(found) > _CANDIDATES else []
            raise CommandError("\n".join([f"{args.key!r} could be any of these:", *lines, *more]), 2)
        detail = entry_detail(db, find_storage(db, args.storage), Codec(), found[0].cache_key)
    if detail is None:
        raise CommandError("the entry was deleted a moment ago", 1)
    if args.json:
        console.print_json(detail)
    else:
        print(detail_text(detail, time.time(), width=console.width()))
    return 0
