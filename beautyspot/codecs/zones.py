"""Time zones of pytz, which pandas 2 uses: by name, as pytz itself looks them up."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused
from beautyspot.errors import DecodeError

pytz: Any = import_module("pytz")  # untyped: it publishes no types

__all__ = ["DECODERS", "find"]

_ZONE = tags.PYTZ


def find(cls: type) -> EncodeFn | None:
    """Return the handler of pytz's zone classes, which it makes one by one."""
    return _encode if issubclass(cls, pytz.tzinfo.BaseTzInfo) else None


def _encode(state: Encoding, value: Any) -> ExtType:
    if value.zone is None or pytz.timezone(value.zone) is not value:
        raise Refused(value, "one offset of a pytz zone cannot be stored: use zoneinfo.ZoneInfo")
    return state.ext(_ZONE, value.zone)


def _decode(state: Decoding, data: bytes) -> Any:
    name = state.unpack(data)
    try:
        return pytz.timezone(name)
    except pytz.UnknownTimeZoneError as error:
        raise DecodeError(f"pytz knows no time zone {name!r}") from error


DECODERS: dict[int, DecodeFn] = {_ZONE: _decode}
