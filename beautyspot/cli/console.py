"""Standard output that takes any text and any reader that leaves early."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import shutil
import sys

from beautyspot.report.models import to_json

__all__ = ["prepare", "print_json", "silence", "width"]


# Our own signs, for consoles that lack them (Windows code pages); as wide as what they replace.
_PLAIN = str.maketrans("◆…–µ×·─▁▂▃▄▅▆▇█", "*~-ux.-________")


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    known = error.object[error.start : error.end].translate(_PLAIN)
    if known.isascii():
        return known, error.end
    return codecs.backslashreplace_errors(error)


def prepare() -> None:
    """Make standard output and error write what their encoding lacks in ASCII instead of failing."""
    codecs.register_error("beautyspot", _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="beautyspot")


def silence() -> None:
    """Point standard output to nowhere after its reader has left, so that the final flush is silent too."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def width() -> int:
    """Return the columns of the terminal; wide enough for everything if the output is no terminal."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 10_000


def print_json(record: object) -> None:
    """Write a record of `beautyspot.report` as JSON."""
    unicode = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    print(json.dumps(to_json(record), ensure_ascii=not unicode, indent=2))
