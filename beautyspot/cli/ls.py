"""``beautyspot ls``: the entries of a cache."""

from __future__ import annotations

import argparse
import dataclasses
import time

from beautyspot.cli import console
from beautyspot.cli.places import find_db
from beautyspot.entry import Query
from beautyspot.report import human
from beautyspot.report.models import Page
from beautyspot.report.queries import entries
from beautyspot.report.text import entries_text

__all__ = ["run_ls"]

_PAGE = 500


def run_ls(args: argparse.Namespace) -> int:
    """Run the command; return the exit code."""
    names_first = args.order == "func_name"
    query = Query(
        function=args.function,
        kind=args.kind,
        tag=args.tag,
        text=args.search,
        order=args.order,
        descending=names_first == args.reverse,
        limit=min(args.limit, _PAGE),
    )
    with find_db(args.path) as db:
        page = entries(db, query)
        while page.after is not None and len(page.rows) < args.limit:
            rest = entries(
                db, dataclasses.replace(query, after=page.after, limit=min(args.limit - len(page.rows), _PAGE))
            )
            page = Page(rows=page.rows + rest.rows, total=page.total, size=page.size, after=rest.after)
    if args.json:
        console.print_json({"entries": page.rows, "total": page.total, "size": page.size})
    elif not page.rows:
        print("No entries.")
    else:
        print(entries_text(page.rows, time.time(), width=console.width()))
        if page.after is not None or len(page.rows) < page.total:
            print(f"{human.count(len(page.rows))} of {human.count(page.total)} entries ({human.size(page.size)})")
    return 0
