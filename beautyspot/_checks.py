"""What the options of a Spot and of its methods must look like, and the errors for those that do not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from beautyspot.entry import Query
from beautyspot.errors import ConfigurationError
from beautyspot.units import seconds

__all__ = ["chosen", "classes", "file_name", "flag", "names", "positive", "query", "rules", "text"]


def file_name(name: object) -> str:
    """Check the name of a Spot: it becomes part of a file name."""
    if (
        not isinstance(name, str)
        or not name.strip()
        or name in {".", ".."}
        or re.search(r'[/\\:*?"<>|\x00-\x1f]', name)
    ):
        raise ConfigurationError(f'Spot name {name!r} cannot name a file: leave out / \\ : * ? " < > |')
    return name


def query(given: Query | None, filters: dict[str, Any]) -> Query:
    """Return the query, or make one of its fields."""
    if given is not None:
        if not isinstance(given, Query):
            raise ConfigurationError(f"records({given!r}): expected a Query, or its fields as in records(function='f')")
        return given
    unknown = sorted(filters.keys() - set(Query.__slots__))
    if unknown:
        known = ", ".join(Query.__slots__)
        raise ConfigurationError(f"records() has no filter {', '.join(unknown)}: there are {known}")
    limit = filters.get("limit", 0)
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise ConfigurationError(f"limit={limit!r}: expected how many entries to list, for instance limit=50")
    for option in ("function", "code_digest", "kind", "tag", "text", "key_prefix"):
        chosen(option, filters.get(option))
    return Query(**filters)


def flag(option: str, value: object) -> bool | None:
    """Check an option that is on, off or left open: any text would count as true."""
    if value is not None and not isinstance(value, bool):
        raise ConfigurationError(f"{option}={value!r}: expected True or False")
    return value


def chosen(option: str, value: object) -> str | None:
    """Check what chooses entries: a function instead of its name would just match nothing."""
    if value is None or isinstance(value, str):
        return value
    name = getattr(value, "__qualname__", None)
    example = f"{option}={name.rpartition('<locals>.')[2]!r}" if isinstance(name, str) else f"{option}='...'"
    raise ConfigurationError(f"{option}={value!r}: expected text, for instance {example}")


def rules(value: object) -> Mapping[str, Callable[[Any], object]] | None:
    """Check the rules of parameters."""
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"rules={value!r}: expected parameter names with functions, as in rules={{'path': f}}")
    return value


def names(option: str, value: object) -> tuple[str, ...]:
    """Check an option that takes names; a single one may stand alone."""
    if isinstance(value, str):
        value = (value,)
    found = tuple(value) if isinstance(value, Iterable) else ()
    if not isinstance(value, Iterable) or not all(isinstance(name, str) for name in found):
        raise ConfigurationError(f"{option}={value!r}: expected names, for instance {option}=['a', 'b']")
    return found


def classes(option: str, value: object) -> tuple[type, ...]:
    """Check an option that takes classes; a single one may stand alone."""
    if isinstance(value, type):
        value = (value,)
    found = tuple(value) if isinstance(value, Iterable) else ()
    if not isinstance(value, Iterable) or not all(isinstance(cls, type) for cls in found):
        raise ConfigurationError(f"{option}={value!r}: expected classes, for instance {option}=[MyClass]")
    return found


def positive(option: str, value: str | float | timedelta | None) -> float | None:
    """Check an option that takes a duration above zero."""
    span = seconds(value)
    if span is not None and span <= 0:
        raise ConfigurationError(f"{option}={value!r} is not positive")
    return span


def text(option: str, value: object) -> str | None:
    """Check an option that takes text."""
    if value is not None and not isinstance(value, str):
        raise ConfigurationError(f"{option}={value!r}: expected text, for instance {option}={str(value)!r}")
    return value
