"""``beautyspot ui``: the dashboard of a database in a browser."""

from __future__ import annotations

import argparse
import importlib

from beautyspot._optional import require
from beautyspot.cli.places import CommandError, find_dbs, find_storage

__all__ = ["run_ui"]


def run_ui(args: argparse.Namespace) -> int:
    """Run the command; return the exit code when the server was interrupted."""
    require("panel", feature="beautyspot ui", extra="dashboard")
    from beautyspot.codecs import Codec
    from beautyspot.report.sources import Source

    def announce(address: str) -> None:
        print(f"beautyspot dashboard: {address}\nPress Ctrl-C to stop it.", flush=True)

    with find_dbs(args.paths, read_only=not args.allow_edit) as dbs:
        sources = [Source(db, find_storage(db, args.storage), Codec(), edit=args.allow_edit) for db in dbs]
        # The notebook side is a layer above this one: it is loaded by name, as a plug-in would be.
        host = importlib.import_module("beautyspot_jupyter.dashboard")
        try:
            host.serve(sources, port=args.port, open_browser=not args.no_browser, announce=announce)
        except OSError as error:
            raise CommandError(f"port {args.port} cannot be used: {error.strerror or error}", 1) from error
    return 0
