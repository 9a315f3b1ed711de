"""Fixed offsets of dateutil, which its parser and the clients of web services make.

Refused: zones that dateutil read from a file, whose name is not known, and the local zone of a machine.
"""

from __future__ import annotations

import datetime as dt
from importlib import import_module
from typing import Any

from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding
from beautyspot.errors import DecodeError

tz: Any = import_module("dateutil.tz")  # untyped: its types are published apart

__all__ = ["DECODERS", "find"]

_ZONE = tags.DATEUTIL
_UTC = type(tz.UTC)
_OFFSET = type(tz.tzoffset(None, 0))


def find(cls: type) -> EncodeFn | None:
    """Return the handler of exactly this class."""
    return _encode if cls in (_UTC, _OFFSET) else None


def _encode(state: Encoding, value: Any) -> ExtType:
    if type(value) is _UTC:
        return state.ext(_ZONE, [])
    return state.ext(_ZONE, [value.tzname(None), value.utcoffset(None)])


def _decode(state: Decoding, data: bytes) -> Any:
    parts = state.parts(data)
    if not parts:
        return tz.UTC
    name, offset = parts
    if type(offset) is not dt.timedelta or abs(offset) >= dt.timedelta(days=1):
        raise DecodeError(f"stored data has the time zone {name!r} with an impossible offset")
    return tz.tzoffset(name, offset)


DECODERS: dict[int, DecodeFn] = {_ZONE: _decode}
