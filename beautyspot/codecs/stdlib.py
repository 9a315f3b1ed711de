"""Values of the standard library's small types.

Lossy: nothing. Refused: zones that `zoneinfo` read from a file, instances of subclasses. Zones of pytz and dateutil are
the affair of `zones`.
"""

from __future__ import annotations

import array
import datetime as dt
import decimal
import fractions
import ipaddress
import pathlib
import re
import sys
import types
import uuid
import zoneinfo
from typing import Any

from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused, check_plain, dict_of, tagged
from beautyspot.errors import DecodeError

__all__ = ["DECODERS", "find"]

_PATHS: dict[str, type[pathlib.PurePath]] = {
    cls.__name__: cls
    for cls in (
        pathlib.PurePosixPath,
        pathlib.PureWindowsPath,
        pathlib.PosixPath,
        pathlib.WindowsPath,
    )
}
_ADDRESSES: dict[str, type[Any]] = {
    cls.__name__: cls
    for cls in (
        ipaddress.IPv4Address,
        ipaddress.IPv6Address,
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
        ipaddress.IPv4Interface,
        ipaddress.IPv6Interface,
    )
}


def find(cls: type) -> EncodeFn | None:
    """Return the handler of exactly this class."""
    return _ENCODERS.get(cls)


def _encode_datetime(state: Encoding, value: dt.datetime) -> ExtType:
    parts = [value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond]
    return state.ext(tags.DATETIME, [*parts, value.tzinfo, value.fold])


def _decode_datetime(state: Decoding, data: bytes) -> dt.datetime:
    *parts, fold = state.parts(data)
    return dt.datetime(*parts, fold=fold)  # noqa: DTZ001 - the zone, or None, is the last part


def _encode_date(state: Encoding, value: dt.date) -> ExtType:
    return state.ext(tags.DATE, value.toordinal())


def _decode_date(state: Decoding, data: bytes) -> dt.date:
    return dt.date.fromordinal(state.unpack(data))


def _encode_time(state: Encoding, value: dt.time) -> ExtType:
    parts = [value.hour, value.minute, value.second, value.microsecond]
    return state.ext(tags.TIME, [*parts, value.tzinfo, value.fold])


def _decode_time(state: Decoding, data: bytes) -> dt.time:
    *parts, fold = state.parts(data)
    return dt.time(*parts, fold=fold)


def _encode_timedelta(state: Encoding, value: dt.timedelta) -> ExtType:
    return state.ext(tags.TIMEDELTA, [value.days, value.seconds, value.microseconds])


def _decode_timedelta(state: Decoding, data: bytes) -> dt.timedelta:
    days, seconds, microseconds = state.parts(data)
    return dt.timedelta(days, seconds, microseconds)


def _encode_timezone(state: Encoding, value: dt.timezone) -> ExtType:
    arguments: tuple[Any, ...] = value.__getinitargs__()  # type: ignore[attr-defined] # (offset,) or (offset, name)
    if value is dt.UTC:
        arguments = ()
    return state.ext(tags.TIMEZONE, list(arguments))


def _decode_timezone(state: Decoding, data: bytes) -> dt.timezone:
    arguments = state.parts(data)
    return dt.timezone(*arguments) if arguments else dt.UTC


def _encode_zone(state: Encoding, value: zoneinfo.ZoneInfo) -> ExtType:
    try:
        value.__reduce__()
    except Exception as error:  # made from a file: its key, if it has one, may be that of another zone
        raise Refused(value, "a zone that was read from a file cannot be found again: use ZoneInfo(key)") from error
    return state.ext(tags.ZONEINFO, value.key)


def _decode_zone(state: Decoding, data: bytes) -> zoneinfo.ZoneInfo:
    key = state.unpack(data)
    check_plain(key)
    try:
        return zoneinfo.ZoneInfo(key)
    except zoneinfo.ZoneInfoNotFoundError as error:
        raise DecodeError(f"this system knows no time zone {key!r}: pip install tzdata") from error


def _encode_decimal(_state: Encoding, value: decimal.Decimal) -> ExtType:
    return tagged(tags.DECIMAL, str(value).encode())


def _decode_decimal(_state: Decoding, data: bytes) -> decimal.Decimal:
    return decimal.Decimal(data.decode())


def _encode_fraction(state: Encoding, value: fractions.Fraction) -> ExtType:
    return state.ext(tags.FRACTION, [value.numerator, value.denominator])


def _decode_fraction(state: Decoding, data: bytes) -> fractions.Fraction:
    numerator, denominator = state.parts(data)
    if type(numerator) is not int or type(denominator) is not int:  # a text may have an exponent that never ends
        raise DecodeError("stored data has a fraction that is not made of integers")
    return fractions.Fraction(numerator, denominator)


def _encode_uuid(_state: Encoding, value: uuid.UUID) -> ExtType:
    safe = value.is_safe.value
    return tagged(tags.UUID, value.bytes + (b"" if safe is None else safe.to_bytes(1, "little", signed=True)))


def _decode_uuid(_state: Decoding, data: bytes) -> uuid.UUID:
    safe = uuid.SafeUUID(int.from_bytes(data[16:], "little", signed=True)) if data[16:] else uuid.SafeUUID.unknown
    return uuid.UUID(bytes=data[:16], is_safe=safe)


def _encode_path(state: Encoding, value: pathlib.PurePath) -> ExtType:
    return state.ext(tags.PATH, [type(value).__name__, str(value)])


def _decode_path(state: Decoding, data: bytes) -> pathlib.PurePath:
    name, text = state.parts(data)
    try:
        return _PATHS[name](text)
    except NotImplementedError as error:
        raise DecodeError(f"a {name} was stored, and this system has no such paths") from error


def _encode_pattern(state: Encoding, value: re.Pattern[Any]) -> ExtType:
    if value.flags & re.DEBUG:
        raise Refused(value, "a pattern compiled with re.DEBUG would print when it is loaded: leave the flag out")
    return state.ext(tags.PATTERN, [value.pattern, value.flags])


def _decode_pattern(state: Decoding, data: bytes) -> re.Pattern[Any]:
    pattern, flags = state.parts(data)
    check_plain(pattern, flags)
    if flags & re.DEBUG:
        raise DecodeError("stored data has a pattern with re.DEBUG")
    return re.compile(pattern, flags)


def _encode_address(state: Encoding, value: Any) -> ExtType:
    return state.ext(tags.ADDRESS, [type(value).__name__, str(value)])


def _decode_address(state: Decoding, data: bytes) -> Any:
    name, text = state.parts(data)
    return _ADDRESSES[name](text)


def _encode_namespace(state: Encoding, value: types.SimpleNamespace) -> ExtType:
    return state.ext(tags.NAMESPACE, vars(value))


def _decode_namespace(state: Decoding, data: bytes) -> types.SimpleNamespace:
    return types.SimpleNamespace(**dict_of(state.unpack(data)))


def _encode_array(state: Encoding, value: array.array[Any]) -> ExtType:
    if value.typecode == "u":
        return state.ext(tags.ARRAY, ["u", 0, value.tounicode()])
    stored = value if sys.byteorder == "little" else _swapped(value)
    return state.ext(tags.ARRAY, [value.typecode, value.itemsize, state.put(memoryview(stored).cast("B"))])


def _decode_array(state: Decoding, data: bytes) -> array.array[Any]:
    typecode, itemsize, place = state.parts(data)
    check_plain(typecode, itemsize)
    if typecode == "u":
        return array.array("u", place)
    restored: array.array[Any] = array.array(typecode)
    if restored.itemsize != itemsize:
        raise DecodeError(f"array('{typecode}') had items of {itemsize} bytes where it was stored")
    restored.frombytes(state.take(place))
    return restored if sys.byteorder == "little" else _swapped(restored)


def _swapped(value: array.array[Any]) -> array.array[Any]:
    """Turn the stored order of bytes, which is little-endian, into that of this machine, or back."""
    copy = value[:]
    if copy.itemsize > 1:
        copy.byteswap()
    return copy


_ENCODERS: dict[type, EncodeFn] = {
    dt.datetime: _encode_datetime,
    dt.date: _encode_date,
    dt.time: _encode_time,
    dt.timedelta: _encode_timedelta,
    dt.timezone: _encode_timezone,
    zoneinfo.ZoneInfo: _encode_zone,
    decimal.Decimal: _encode_decimal,
    fractions.Fraction: _encode_fraction,
    uuid.UUID: _encode_uuid,
    re.Pattern: _encode_pattern,
    types.SimpleNamespace: _encode_namespace,
    array.array: _encode_array,
    **dict.fromkeys(_PATHS.values(), _encode_path),
    **dict.fromkeys(_ADDRESSES.values(), _encode_address),
}

DECODERS: dict[int, DecodeFn] = {
    tags.DATETIME: _decode_datetime,
    tags.DATE: _decode_date,
    tags.TIME: _decode_time,
    tags.TIMEDELTA: _decode_timedelta,
    tags.TIMEZONE: _decode_timezone,
    tags.ZONEINFO: _decode_zone,
    tags.DECIMAL: _decode_decimal,
    tags.FRACTION: _decode_fraction,
    tags.UUID: _decode_uuid,
    tags.PATH: _decode_path,
    tags.PATTERN: _decode_pattern,
    tags.ADDRESS: _decode_address,
    tags.NAMESPACE: _decode_namespace,
    tags.ARRAY: _decode_array,
}
