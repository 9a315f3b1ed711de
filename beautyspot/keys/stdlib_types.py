"""Parts of the value types of the standard library. Exact types only: a subclass is an instance of its own class."""

from __future__ import annotations

import datetime as dt
from typing import Any

from beautyspot.keys import tags
from beautyspot.keys.buffers import content
from beautyspot.keys.dispatch import Handler
from beautyspot.keys.refusal import Refusal

__all__ = ["handler_for"]


def _datetime(value: dt.datetime) -> object:
    zone = value.tzinfo
    numbers = [
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        value.fold,
    ]
    return numbers if zone is None else [*numbers, zone, value.utcoffset()]


def _date(value: dt.date) -> object:
    return [value.year, value.month, value.day]


def _time(value: dt.time) -> object:
    numbers = [value.hour, value.minute, value.second, value.microsecond, value.fold]
    return numbers if value.tzinfo is None else [*numbers, value.tzinfo]


def _timedelta(value: dt.timedelta) -> object:
    return [value.days, value.seconds, value.microseconds]


def _timezone(value: dt.timezone) -> object:
    return [value.utcoffset(None), value.tzname(None)]


def _zoneinfo(value: Any) -> object:
    if value.key is None:
        raise Refusal(value, "a ZoneInfo made from a file has no key: use ZoneInfo('Area/City')")
    return value.key


def _decimal(value: Any) -> object:
    return str(value)  # exact: keeps exponent, sign of zero and NaN payload


def _fraction(value: Any) -> object:
    return [value.numerator, value.denominator]


def _uuid(value: Any) -> object:
    return value.bytes


def _path(value: Any) -> object:
    return [type(value).__name__, str(value)]


def _pattern(value: Any) -> object:
    return [value.pattern, value.flags]


def _array(value: Any) -> object:
    import sys

    view = memoryview(value).cast("B")
    return [value.typecode, value.itemsize, sys.byteorder, *content([view], len(view))]


def _ordered(value: Any) -> object:
    return [[list(item) for item in value.items()], getattr(value, "__dict__", None) or None]


def _default(value: Any) -> object:
    return [value.default_factory, dict(value)]


def _counter(value: Any) -> object:
    return [dict(value), getattr(value, "__dict__", None) or None]


def _deque(value: Any) -> object:
    return [value.maxlen, list(value)]


_BY_NAME = {
    ("datetime", "datetime"): Handler(tags.DATETIME, _datetime),
    ("datetime", "date"): Handler(tags.DATE, _date),
    ("datetime", "time"): Handler(tags.TIME, _time),
    ("datetime", "timedelta"): Handler(tags.TIMEDELTA, _timedelta),
    ("datetime", "timezone"): Handler(tags.TIMEZONE, _timezone),
    ("zoneinfo", "ZoneInfo"): Handler(tags.ZONEINFO, _zoneinfo),
    ("decimal", "Decimal"): Handler(tags.DECIMAL, _decimal),
    ("fractions", "Fraction"): Handler(tags.FRACTION, _fraction),
    ("uuid", "UUID"): Handler(tags.UUID, _uuid),
    ("re", "Pattern"): Handler(tags.PATTERN, _pattern),
    ("array", "array"): Handler(tags.ARRAY, _array, heavy=True),
    ("collections", "OrderedDict"): Handler(tags.ORDERED_DICT, _ordered),
    ("collections", "defaultdict"): Handler(tags.DEFAULT_DICT, _default),
    ("collections", "Counter"): Handler(tags.COUNTER, _counter),
    ("collections", "deque"): Handler(tags.DEQUE, _deque),
    **{
        ("pathlib", name): Handler(tags.PATH, _path)
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    },
}


def handler_for(owner: type, kind: type) -> Handler | None:
    """The handler of a value type of the standard library; None for subclasses and for all other types."""
    if owner is not kind:
        return None
    return _BY_NAME.get((owner.__module__.partition(".")[0], owner.__qualname__))
