"""Single pandas values: Timestamp, Timedelta, Period, Interval, NaT, NA, offsets and dtypes.

Refused: offsets with calendars or weekmasks of their own, which their name does not tell.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.pandas_arrays import build, describe
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused, check_plain, dict_of, tagged
from beautyspot.errors import DecodeError

pd: Any = import_module("pandas")  # untyped: the stubs leave out what pickling pandas' data takes

__all__ = ["DECODERS", "find"]

_TIMESTAMP, _TIMEDELTA, _PERIOD, _INTERVAL, _MISSING, _OFFSET, _DTYPE = range(tags.PANDAS + 5, tags.PANDAS + 12)

_OPEN_CATEGORIES = "any categories"  # a dtype that takes its categories from the data it meets
_MISSING_VALUES: tuple[Any, ...] = (pd.NaT, pd.NA)


def find(cls: type) -> EncodeFn | None:
    """Return the handler of exactly this class."""
    found = _ENCODERS.get(cls)
    if found is not None:
        return found
    if issubclass(cls, pd.offsets.BaseOffset):
        return _encode_offset
    return _encode_dtype if issubclass(cls, pd.api.extensions.ExtensionDtype) else None


def _encode_timestamp(state: Encoding, value: Any) -> ExtType:
    return state.ext(_TIMESTAMP, [*_ticks(value.asm8), value.tz, value.fold])


def _decode_timestamp(state: Decoding, data: bytes) -> Any:
    ticks, unit, tz, fold = state.parts(data)
    check_plain(ticks, unit, fold)
    restored = pd.Timestamp(np.datetime64(ticks, unit))
    if tz is not None:
        return restored.tz_localize("UTC").tz_convert(tz)  # the fold follows from the instant
    return restored.replace(fold=1) if fold else restored


def _encode_timedelta(state: Encoding, value: Any) -> ExtType:
    return state.ext(_TIMEDELTA, _ticks(value.asm8))


def _decode_timedelta(state: Decoding, data: bytes) -> Any:
    ticks, unit = state.parts(data)
    check_plain(ticks, unit)
    return pd.Timedelta(np.timedelta64(ticks, unit))


def _ticks(value: Any) -> list[Any]:
    return [int(value.view("i8")), np.datetime_data(value.dtype)[0]]


def _encode_period(state: Encoding, value: Any) -> ExtType:
    return state.ext(_PERIOD, [value.ordinal, value.freqstr])


def _decode_period(state: Decoding, data: bytes) -> Any:
    ordinal, freq = state.parts(data)
    check_plain(ordinal, freq)
    return pd.Period(ordinal=ordinal, freq=freq)


def _encode_interval(state: Encoding, value: Any) -> ExtType:
    return state.ext(_INTERVAL, [value.left, value.right, value.closed])


def _decode_interval(state: Decoding, data: bytes) -> Any:
    left, right, closed = state.parts(data)
    return pd.Interval(left, right, closed)


def _encode_missing(_state: Encoding, value: object) -> ExtType:
    return tagged(_MISSING, bytes((0 if value is pd.NaT else 1,)))


def _decode_missing(_state: Decoding, data: bytes) -> object:
    return _MISSING_VALUES[data[0]]


def _encode_offset(state: Encoding, value: Any) -> ExtType:
    if type(value) is pd.DateOffset:
        return state.ext(_OFFSET, [value.n, value.normalize, value.kwds])
    try:
        again = pd.tseries.frequencies.to_offset(value.freqstr)
    except ValueError as error:
        raise Refused(value, "an offset that its name does not tell has no exact encoding") from error
    if type(again) is not type(value) or again != value:
        raise Refused(value, "an offset with a calendar or weekmask of its own has no exact encoding")
    return state.ext(_OFFSET, [value.freqstr])


def _decode_offset(state: Decoding, data: bytes) -> Any:
    parts = state.parts(data)
    if len(parts) == 1:
        return pd.tseries.frequencies.to_offset(parts[0])
    n, normalize, kwds = parts
    if type(n) is not int or not all(isinstance(part, (int, float, np.number)) for part in dict_of(kwds).values()):
        raise DecodeError("stored data has an offset that is not made of numbers")  # Decimal("1e999999999") is one
    return pd.DateOffset(n, normalize, **kwds)


def _encode_dtype(state: Encoding, value: Any) -> ExtType:
    if isinstance(value, pd.CategoricalDtype) and value.categories is None:
        return state.ext(_DTYPE, [_OPEN_CATEGORIES, value.ordered])
    empty = value.construct_array_type()._from_sequence([], dtype=value)  # noqa: SLF001 - pandas' own extension interface
    return state.ext(_DTYPE, describe(empty, value))


def _decode_dtype(state: Decoding, data: bytes) -> Any:
    described = state.parts(data)
    check_plain(described[0])
    if described[0] == _OPEN_CATEGORIES:
        return pd.CategoricalDtype(None, described[1])
    return build(described).dtype


_ENCODERS: dict[type, EncodeFn] = {
    pd.Timestamp: _encode_timestamp,
    pd.Timedelta: _encode_timedelta,
    pd.Period: _encode_period,
    pd.Interval: _encode_interval,
    type(pd.NaT): _encode_missing,
    type(pd.NA): _encode_missing,
}

DECODERS: dict[int, DecodeFn] = {
    _TIMESTAMP: _decode_timestamp,
    _TIMEDELTA: _decode_timedelta,
    _PERIOD: _decode_period,
    _INTERVAL: _decode_interval,
    _MISSING: _decode_missing,
    _OFFSET: _decode_offset,
    _DTYPE: _decode_dtype,
}
