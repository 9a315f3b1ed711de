"""The options of ``%%spot``: read strictly, literal text only, before anything runs."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from IPython.core.error import UsageError

from beautyspot.errors import UnitError
from beautyspot.units import seconds

__all__ = ["FLAGS", "CellOptions", "parse_options"]


@dataclass(frozen=True, slots=True)
class CellOptions:
    """What one ``%%spot`` line asks for.

    Attributes:
        label: Name of the cell in lists, statistics and messages.
        reads: The names that the key depends on, instead of those that were found; None means: find them.
        also: Names that the key depends on besides those that were found.
        ignore: Names that the key does not depend on.
        writes: The only names that are stored; None means: all that the cell writes.
        dep: Files or glob patterns whose content is part of the key.
        env: Environment variables that are part of the key.
        version: Text that is part of the key.
        pin: Distributions whose versions are part of the key.
        ttl: Seconds that the result stays valid.
        spot: Name of a Spot.
        force: Run and replace.
        off: Neither look up nor store.
        frozen: A miss is an error, and the cell does not run.
        explain: Predict; run nothing.
        blob: Send the result to blob storage.
        no_output: Neither store nor replay output.
        rng: What to do about global random number generators; None means: depend on seeded ones.
        files: Whether files that the cell opens are followed.
        allow_effects: Store although the cell changes something outside its namespace.
        strict: Refuse to store where a copy would stand for a view.
        min_time: Seconds below which a run is not stored.
        tags: Labels to find the entry by.
        quiet: Show no badge for hits and misses.
    """

    label: str | None = None
    reads: tuple[str, ...] | None = None
    also: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    writes: tuple[str, ...] | None = None
    dep: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    version: str | None = None
    pin: tuple[str, ...] = ()
    ttl: float | None = None
    spot: str | None = None
    force: bool = False
    off: bool = False
    frozen: bool = False
    explain: bool = False
    blob: bool = False
    no_output: bool = False
    rng: Literal["ignore", "strict"] | None = None
    files: bool = True
    allow_effects: bool = False
    strict: bool = False
    min_time: float = 0.0
    tags: tuple[str, ...] = ()
    quiet: bool = False


_SHORT = {
    "-r": "--reads",
    "-i": "--ignore",
    "-w": "--writes",
    "-d": "--dep",
    "-v": "--version",
    "-s": "--spot",
    "-f": "--force",
    "-n": "--explain",
    "-q": "--quiet",
}
_SWITCHES = {
    "--force": "force",
    "--off": "off",
    "--frozen": "frozen",
    "--explain": "explain",
    "--blob": "blob",
    "--no-output": "no_output",
    "--allow-effects": "allow_effects",
    "--strict": "strict",
    "--quiet": "quiet",
}
_NAME_LISTS = {"--reads": "reads", "--also": "also", "--ignore": "ignore", "--writes": "writes"}
_TEXT_LISTS = {"--dep": "dep", "--env": "env", "--pin": "pin", "--tag": "tags"}
_VALUES = ("--version", "--ttl", "--spot", "--rng", "--files", "--min-time")
_LATER = ("--codec", "--allow-pickle", "--lock")
FLAGS = tuple(sorted([*_SWITCHES, *_NAME_LISTS, *_TEXT_LISTS, *_VALUES]))
"""Every long option, for completion."""


def parse_options(line: str) -> CellOptions:
    """Read the rest of a ``%%spot`` line.

    Args:
        line: Text after ``%%spot``.

    Raises:
        UsageError: Something is unknown, missing, given twice or contradictory. Nothing has run.

    Example:
        >>> options = parse_options("load --ttl 1d -i conn")
        >>> options.label, options.ttl, options.ignore
        ('load', 86400.0, ('conn',))
    """
    words = _split(line)
    found: dict[str, Any] = {}
    labels: list[str] = []
    while words:
        word = words.pop(0)
        if word.startswith("-") and len(word) > 1:
            _option(word, words, found)
        else:
            labels.append(word)
    if len(labels) > 1:
        raise UsageError(
            f'%%spot takes one label, not {labels}: put a label with spaces in quotes, "{" ".join(labels)}"'
        )
    options = replace(CellOptions(label=labels[0] if labels else None), **found)
    _check(options)
    return options


def _split(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""  # Windows paths keep their backslashes
    try:
        return list(lexer)
    except ValueError as error:
        raise UsageError(f"%%spot {line.strip()}: {str(error).lower()}") from error


def _option(word: str, rest: list[str], found: dict[str, Any]) -> None:
    name, equals, value = word.partition("=")
    name = _SHORT.get(name, name)
    if name in _LATER:
        raise UsageError(f"%%spot {name} is not available in this version")
    if name in _SWITCHES:
        if equals:
            raise UsageError(f"%%spot {name} takes no value")
        found[_SWITCHES[name]] = True
        return
    if name not in FLAGS:
        near = difflib.get_close_matches(name, FLAGS, 1)
        hint = f": did you mean {near[0]}?" if near else f": there are {', '.join(FLAGS)}"
        raise UsageError(f"%%spot has no option {name}{hint}")
    if not equals:
        if not rest or (rest[0].startswith("-") and len(rest[0]) > 1):
            raise UsageError(f"%%spot {name} needs a value, for instance {name} {_EXAMPLES[name]}")
        value = rest.pop(0)
    _assign(name, value, found)


_EXAMPLES = {
    "--reads": "df,n",
    "--also": "df",
    "--ignore": "conn",
    "--writes": "model,score",
    "--dep": "data.parquet",
    "--env": "MODEL_NAME",
    "--version": "2",
    "--pin": "pandas",
    "--ttl": "1d",
    "--spot": "my_experiment",
    "--rng": "ignore",
    "--files": "off",
    "--min-time": "0.2s",
    "--tag": "weekly",
}


def _assign(name: str, value: str, found: dict[str, Any]) -> None:
    if name in _NAME_LISTS:
        names = tuple(part.strip() for part in value.split(",") if part.strip())
        wrong = [part for part in names if not part.isidentifier()]
        if wrong:
            raise UsageError(f"%%spot {name} takes names of variables, not {wrong[0]!r}")
        field = _NAME_LISTS[name]
        found[field] = (*(found.get(field) or ()), *names)
    elif name in _TEXT_LISTS:
        field = _TEXT_LISTS[name]
        parts = (value,) if name == "--dep" else tuple(part.strip() for part in value.split(",") if part.strip())
        found[field] = (*found.get(field, ()), *parts)
    else:
        field = name[2:].replace("-", "_")
        if field in found:
            raise UsageError(f"%%spot {name} is given twice")
        found[field] = _READERS[name](name, value)


def _text(_: str, value: str) -> str:
    return value


def _seconds(name: str, value: str) -> float:
    try:
        return seconds(value)
    except UnitError as error:
        raise UsageError(f"%%spot {name}: {error}") from error


def _choice(*choices: str) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if value not in choices:
            raise UsageError(f"%%spot {name} {value}: expected {' or '.join(choices)}")
        return value

    return read


def _files(name: str, value: str) -> bool:
    return _choice("on", "off")(name, value) == "on"


_READERS: dict[str, Callable[[str, str], Any]] = {
    "--version": _text,
    "--spot": _text,
    "--ttl": _seconds,
    "--min-time": _seconds,
    "--rng": _choice("ignore", "strict"),
    "--files": _files,
}


def _check(options: CellOptions) -> None:
    exclusive = [name for name in ("force", "off", "frozen", "explain") if getattr(options, name)]
    if len(exclusive) > 1:
        raise UsageError(f"%%spot --{exclusive[0]} and --{exclusive[1]} contradict each other")
    if options.ttl is not None and options.ttl <= 0:
        raise UsageError("%%spot --ttl must be longer than zero")
    if options.reads is not None and (options.also or options.ignore):
        raise UsageError("%%spot --reads names all reads: leave out --also and --ignore")


assert {f.name for f in fields(CellOptions)} >= {*_SWITCHES.values(), *_NAME_LISTS.values(), *_TEXT_LISTS.values()}
