"""What the options of a Spot and of its methods must look like, and the errors for those that do not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from beautyspot.entry import Query
from beautyspot.errors import ConfigurationError
from beautyspot.units import seconds

__all__ = ["file_name", "names", "positive", "query", "text"]


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
        return given
    try:
        return Query(**filters)
    except TypeError as error:
        known = ", ".join(Query.__slots__)
        raise ConfigurationError(f"records() has no filter like that ({error}): there are {known}") from error


def names(option: str, value: object) -> tuple[str, ...]:
    """Check an option that takes names; a single one may stand alone."""
    if isinstance(value, str):
        value = (value,)
    found = tuple(value) if isinstance(value, Iterable) else ()
    if not isinstance(value, Iterable) or not all(isinstance(name, str) for name in found):
        raise ConfigurationError(f"{option}={value!r}: expected names, for instance {option}=['a', 'b']")
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
