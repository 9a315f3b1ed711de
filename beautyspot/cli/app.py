"""The parser of the command line, and the exit codes: 0 success, 1 not found or unreadable, 2 wrong usage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from beautyspot._version import __version__
from beautyspot.cli import console
from beautyspot.cli.places import CommandError
from beautyspot.errors import ConfigurationError, SpotError

__all__ = ["main"]

_ORDERS = {"created": "created_at", "size": "size", "hits": "hits", "time": "duration", "name": "func_name"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments; by default those of the process.

    Returns:
        The exit code.

    Example:
        >>> main(["stats", "no-such-file.db"])
        1
    """
    console.prepare()
    try:
        args = _parser().parse_args(argv)
        return int(args.run(args))
    except CommandError as error:
        return _fail(str(error), error.code)
    except ConfigurationError as error:
        return _fail(str(error), 2)
    except SpotError as error:
        return _fail(str(error), 1)
    except BrokenPipeError:
        console.silence()
        return 0
    except KeyboardInterrupt:
        return 130


def _fail(message: str, code: int) -> int:
    from beautyspot.report import human

    print(f"beautyspot: {human.plain(message, lines=True)}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.format_usage()}{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="beautyspot", description="Look into a beautyspot cache.")
    parser.add_argument("--version", action="version", version=f"beautyspot {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="command")
    _add_ls(commands)
    _add_show(commands)
    _add_stats(commands)
    _add_ui(commands)
    return parser


def _add_ls(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser("ls", help="list entries", description="List the entries of a cache, newest first.")
    _add_path(parser)
    parser.add_argument("--function", metavar="NAME", help="only entries of this function or cell")
    parser.add_argument("--kind", choices=("function", "cell"), help="only entries of this kind")
    parser.add_argument("--tag", help="only entries with this tag")
    parser.add_argument("--search", metavar="TEXT", help="text in the name, the arguments or the key")
    parser.add_argument("--sort", choices=tuple(_ORDERS), default="created", help="order (default: created)")
    parser.add_argument("--reverse", action="store_true", help="smallest, oldest or last name first")
    parser.add_argument("--limit", type=_positive, default=50, metavar="N", help="at most N entries (default: 50)")
    parser.add_argument("--json", action="store_true", help="write JSON")

    def run(args: argparse.Namespace) -> int:
        from beautyspot.cli.ls import run_ls

        args.order = _ORDERS[args.sort]
        return run_ls(args)

    parser.set_defaults(run=run)


def _add_show(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser("show", help="show one entry and its content", description="Show one entry.")
    _add_path(parser)
    parser.add_argument("key", metavar="KEY", help="the key, or enough of its beginning")
    _add_storage(parser)
    parser.add_argument("--json", action="store_true", help="write JSON")

    def run(args: argparse.Namespace) -> int:
        from beautyspot.cli.show import run_show

        return run_show(args)

    parser.set_defaults(run=run)


def _add_stats(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser("stats", help="show totals by function", description="Show hits, misses, time saved.")
    _add_path(parser)
    parser.add_argument("--json", action="store_true", help="write JSON")

    def run(args: argparse.Namespace) -> int:
        from beautyspot.cli.stats import run_stats

        return run_stats(args)

    parser.set_defaults(run=run)


def _add_ui(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser(
        "ui", help="open the dashboard in a browser", description="Serve the dashboard on this machine until Ctrl-C."
    )
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", help="database files or folders of them (default: the workspace)"
    )
    _add_storage(parser)
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="TCP port; 0, the default, picks a free one")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--allow-edit", action="store_true", help="allow to pin and delete entries (default: read-only)"
    )

    def run(args: argparse.Namespace) -> int:
        from beautyspot.cli.ui import run_ui

        return run_ui(args)

    parser.set_defaults(run=run)


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", nargs="?", metavar="PATH", help="database file (default: the only one of the workspace)"
    )


def _add_storage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--storage", metavar="URL", help="blob storage (default: the folder blobs next to the database)"
    )


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def _port(text: str) -> int:
    number = int(text) if text.isdecimal() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port (0 to 65535)")
    return number
