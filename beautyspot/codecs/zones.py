"""Time zones of pytz, which pandas 2 uses: by name, as pytz itself looks them up, with the offset if it is one."""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from typing import Any

from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused
from beautyspot.errors import DecodeError

pytz: Any = import_module("pytz")  # untyped: it publishes no types

__all__ = ["DECODERS", "find"]

_ZONE = tags.PYTZ
_FIXED = type(pytz.FixedOffset(1))


def find(cls: type) -> EncodeFn | None:
    """Return the handler of pytz's zone classes, which it makes one by one."""
    return _encode if issubclass(cls, (pytz.tzinfo.BaseTzInfo, _FIXED)) else None


def _encode(state: Encoding, value: Any) -> ExtType:
    # The arguments of its own pickling: none for UTC, minutes, a name, or a name and one of the zone's offsets.
    document = list(value.__reduce__()[1])
    if _found(document) is not value:
        raise Refused(value, "pytz finds another zone by its name: use zoneinfo.ZoneInfo")
    return state.ext(_ZONE, document)


def _decode(state: Decoding, data: bytes) -> Any:
    document = state.parts(data)
    found = _found(document)
    if found is None:
        raise DecodeError(f"pytz knows no time zone {document!r}")
    return found


def _found(document: list[Any]) -> Any:
    match document:
        case []:
            return pytz.utc
        case [int(minutes)]:
            return pytz.FixedOffset(minutes)
        case [str(name), *rest] if name in pytz.all_timezones_set:
            zone = pytz.timezone(name)
            return _offset_of(zone, *rest) if rest else zone
    return None


def _offset_of(zone: Any, offset: int, dst: int, name: str) -> Any:
    """Return the part of a zone with this offset and name: what `zone.localize` puts into a datetime."""
    key = dt.timedelta(seconds=offset), dt.timedelta(seconds=dst), name
    return zone._tzinfos.get(key)  # noqa: SLF001 - the public way adds what it does not find


DECODERS: dict[int, DecodeFn] = {_ZONE: _decode}
