"""pandas frames, series and indexes.

A frame is stored by its blocks, the arrays that pandas itself keeps the columns of one dtype in, so encoding copies
nothing and a decoded frame is made of views of the stored bytes. The blocks are reached by the names that pandas'
pickling depends on; where they are missing, columns are stored one by one.

Kept: labels, names, order, dtypes, index types with freq, attrs, flags. Refused: subclasses, and attributes that were
set on a frame or series.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from msgpack import ExtType

from beautyspot.codecs import pandas_scalars, tags
from beautyspot.codecs.pandas_arrays import ARRAY_TYPES, build, check_numbers, check_range, describe, refuse_range
from beautyspot.codecs.state import (
    DecodeFn,
    Decoding,
    EncodeFn,
    Encoding,
    Refused,
    check_plain,
    dict_of,
    list_of,
    refuse_attributes,
)
from beautyspot.errors import DecodeError

pd: Any = import_module("pandas")  # untyped: the stubs leave out what pickling pandas' data takes

__all__ = ["DECODERS", "find"]

_FRAME, _SERIES, _INDEX, _ARRAY = range(tags.PANDAS, tags.PANDAS + 4)

_INDEXES: tuple[type, ...] = (
    pd.Index,
    pd.RangeIndex,
    pd.MultiIndex,
    pd.DatetimeIndex,
    pd.TimedeltaIndex,
    pd.PeriodIndex,
    pd.IntervalIndex,
    pd.CategoricalIndex,
)
_MAX_COLUMNS = 1 << 24
"""A range of labels takes no room in the data and all the memory when it is counted out."""

_WITH_FREQ = (pd.DatetimeIndex, pd.TimedeltaIndex)


def find(cls: type) -> EncodeFn | None:
    """Return the handler of exactly this class."""
    if cls is pd.DataFrame:
        return _encode_frame
    if cls is pd.Series:
        return _encode_series
    if cls in _INDEXES:
        return _encode_index
    return _encode_array if cls in ARRAY_TYPES else pandas_scalars.find(cls)


# -- indexes ----------------------------------------------------------------------------------------------------------


def _encode_index(state: Encoding, value: Any) -> ExtType:
    kind = _INDEXES.index(type(value))
    document: list[Any]
    if isinstance(value, pd.RangeIndex):
        document = [kind, value.name, value.start, value.stop, value.step]
    elif isinstance(value, pd.MultiIndex):
        codes = [np.asarray(codes) for codes in value.codes]
        for level, places in zip(value.levels, codes, strict=True):
            refuse_range(level, len(places), value)
        document = [kind, list(value.names), list(value.levels), codes, value.sortorder]
    else:
        freq = value.freq if isinstance(value, _WITH_FREQ) else None
        document = [kind, value.name, describe(value.array, value), freq]
    return state.ext(_INDEX, document)


def _decode_index(state: Decoding, data: bytes) -> Any:
    kind, name, *rest = state.parts(data)
    cls = _INDEXES[kind]
    if cls is pd.RangeIndex:
        return pd.RangeIndex(*rest, name=name)
    if cls is pd.MultiIndex:
        levels, codes, sortorder = rest
        if not all(map(_is_index, list_of(levels))):
            raise DecodeError("stored data has levels of labels that are no indexes")
        for places in list_of(codes):
            check_numbers(places, "i")
        list_of(name)
        check_plain(sortorder)
        for level, places in zip(levels, codes, strict=True):
            check_range(level, len(places))
        return pd.MultiIndex(levels=levels, codes=codes, sortorder=sortorder, names=name, verify_integrity=True)
    described, freq = rest
    values = build(described)
    index = pd.Index(values, dtype=values.dtype, name=name, copy=False)
    if type(index) is not cls:
        raise DecodeError(f"stored data has a {cls.__name__} that becomes a {type(index).__name__} here")
    if freq is not None:
        index.freq = freq
    return index


def _is_index(value: object, length: int | None = None) -> bool:
    return isinstance(value, pd.Index) and (length is None or len(value) == length)


# -- series and arrays ------------------------------------------------------------------------------------------------


def _encode_series(state: Encoding, value: Any) -> ExtType:
    described = describe(value.array, value)
    return state.ext(_SERIES, [described, value.index, value.name, *_extras(value)])


def _decode_series(state: Decoding, data: bytes) -> Any:
    described, index, name, attrs, duplicates = state.parts(data)
    values = build(described)
    if not _is_index(index, len(values)):
        raise DecodeError("stored data has a series whose index does not fit")
    series = pd.Series(values, index=index, dtype=values.dtype, name=name, copy=False)
    return _finished(series, attrs, duplicates)


def _encode_array(state: Encoding, value: Any) -> ExtType:
    return state.ext(_ARRAY, [ARRAY_TYPES.index(type(value)), describe(value, value)])


def _decode_array(state: Decoding, data: bytes) -> Any:
    number, described = state.parts(data)
    values = build(described)
    if ARRAY_TYPES[number] is pd.arrays.NumpyExtensionArray:
        values = pd.arrays.NumpyExtensionArray(values)
    if type(values) is not ARRAY_TYPES[number]:
        raise DecodeError(f"stored data has pandas data that becomes a {type(values).__name__} here")
    return values


# -- frames -----------------------------------------------------------------------------------------------------------


def _encode_frame(state: Encoding, value: Any) -> ExtType:
    if value.shape[1] > _MAX_COLUMNS:
        raise Refused(value, f"it has more than {_MAX_COLUMNS} columns: return it transposed")
    blocks = [[place, describe(values, value)] for place, values in _blocks_of(value)]
    return state.ext(_FRAME, [blocks, value.columns, value.index, *_extras(value)])


def _blocks_of(frame: Any) -> list[tuple[Any, Any]]:
    try:
        return [(block.mgr_locs.indexer, block.values) for block in frame._mgr.blocks]  # noqa: SLF001 - see above
    except AttributeError:
        return [(slice(number, number + 1), frame.iloc[:, number].array) for number in range(frame.shape[1])]


def _decode_frame(state: Decoding, data: bytes) -> Any:
    described, columns, index, attrs, duplicates = state.parts(data)
    if not _is_index(columns) or not _is_index(index):
        raise DecodeError("stored data has a frame without an index")
    if len(columns) > _MAX_COLUMNS:
        raise DecodeError(f"stored data has a frame of {len(columns)} columns")
    if any(type(place) not in (slice, np.ndarray) for place, _ in list_of(described)):
        raise DecodeError("stored data has a frame whose columns have no places")
    blocks = [(np.arange(len(columns))[place], build(content)) for place, content in described]
    places = np.concatenate([place for place, _ in blocks]) if blocks else np.empty(0, np.intp)
    if not np.array_equal(np.sort(places), np.arange(len(columns))):
        raise DecodeError("stored data has a frame whose columns are not all there once")
    for place, values in blocks:
        shape = values.shape
        if shape[-1] != len(index) or (len(place) if len(shape) > 1 else 1) != len(place) or len(shape) > 2:
            raise DecodeError("stored data has a frame whose columns differ in length")
        if len(shape) > 1 and shape[0] != len(place):
            raise DecodeError("stored data has a frame with too few columns")
    return _finished(_assembled(blocks, columns, index), attrs, duplicates)


def _assembled(blocks: list[tuple[Any, Any]], columns: Any, index: Any) -> Any:
    try:
        from pandas._libs.internals import _unpickle_block
        from pandas.core.internals import BlockManager

        frame_of = pd.DataFrame._from_mgr  # noqa: SLF001 - see above
    except (ImportError, AttributeError):
        return _from_columns(blocks, columns, index)
    made = tuple(_unpickle_block(_in_block_shape(values), place, 2) for place, values in blocks)
    manager = BlockManager(made, [columns, index], verify_integrity=True)
    return frame_of(manager, axes=manager.axes)


def _in_block_shape(values: Any) -> Any:
    """Give one-dimensional data of a column the shape that a block of its dtype has."""
    two_dimensional = isinstance(values, (np.ndarray, pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray))
    return values.reshape(1, -1) if two_dimensional and values.ndim == 1 else values


def _from_columns(blocks: list[tuple[Any, Any]], columns: Any, index: Any) -> Any:
    found: dict[int, Any] = {}
    for place, values in blocks:
        rows = values if values.ndim > 1 else [values]
        found.update(zip(place.tolist(), rows, strict=True))
    frame = pd.DataFrame({number: found[number] for number in range(len(columns))}, index=index, copy=False)
    frame.columns = columns
    return frame


def _extras(value: Any) -> tuple[Any, bool]:
    refuse_attributes(value, "keep it in .attrs")
    return dict(value.attrs), value.flags.allows_duplicate_labels


def _finished(value: Any, attrs: Any, duplicates: bool) -> Any:
    if dict_of(attrs):
        value.attrs = attrs
    if not duplicates:
        value.flags.allows_duplicate_labels = False
    return value


DECODERS: dict[int, DecodeFn] = {
    _FRAME: _decode_frame,
    _SERIES: _decode_series,
    _INDEX: _decode_index,
    _ARRAY: _decode_array,
    **pandas_scalars.DECODERS,
}
