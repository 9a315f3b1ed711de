"""Parts of pandas objects: column by column, from the memory of each column where it has any.

Equal frames agree however their columns are grouped in blocks or cut into chunks. Everything a function can see is
content: labels with order and names, kind and freq of the index, dtypes, attrs, flags, None and NaN apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from beautyspot.keys import tags
from beautyspot.keys.arrays import array_content, dtype_parts, object_content
from beautyspot.keys.buffers import LARGE, Hasher
from beautyspot.keys.dispatch import Handler, loaded
from beautyspot.keys.identity import class_token

__all__ = ["handler_for"]

_SLICE = 1 << 22  # bytes


def _frame(value: Any) -> object:
    gathered = dict(_gathered(value))
    columns = [
        [dtype_parts(array.dtype), gathered[at]] if at in gathered else _column(array)
        for at, array in enumerate(_columns(value))
    ]
    return [_kind(value), value.columns, value.index, columns, *_extras(value)]


def _series(value: Any) -> object:
    return [_kind(value), value.name, value.index, _column(value.array), *_extras(value)]


def _kind(value: Any) -> object:
    """Nothing for pandas' own classes; class and declared metadata of a subclass."""
    kind = type(value)
    if kind in (pd.DataFrame, pd.Series):
        return None
    names = [name for name in getattr(kind, "_metadata", ()) if name != "name"]
    return [class_token(kind), {name: getattr(value, name, None) for name in names}]


def _extras(value: Any) -> tuple[object, object]:
    return value.attrs or None, value.flags.allows_duplicate_labels


def _columns(value: Any) -> list[Any]:
    take = getattr(getattr(value, "_mgr", None), "iget_values", None)  # ten times as fast as iloc for wide frames
    if take is None:
        return [value.iloc[:, at].array for at in range(value.shape[1])]
    return [take(at) for at in range(value.shape[1])]


def _gathered(value: Any) -> Iterator[tuple[int, object]]:
    """Contents of columns that lie interleaved in one block (a frame made from a 2-D array), read in one pass."""
    for block in getattr(getattr(value, "_mgr", None), "blocks", ()):
        values = block.values  # noqa: PD011  # of a block, which has no other
        if not isinstance(values, np.ndarray) or values.dtype.hasobject or values.dtype.char in "gG":
            continue
        rows = values.shape[-1]
        size = rows * values.itemsize
        if values.ndim != 2 or values.flags.c_contiguous or size < LARGE:  # two dimensions
            continue
        hashers = [Hasher(size) for _ in values]
        step = max(1, _SLICE // (len(values) * values.itemsize))
        for start in range(0, rows, step):
            part = np.ascontiguousarray(values[:, start : start + step]).view(np.uint8)
            for hasher, row in zip(hashers, part, strict=True):
                hasher.update(memoryview(row))
        for at, hasher in zip(block.mgr_locs.as_array.tolist(), hashers, strict=True):
            yield at, [size, hasher.digest(), None]


def _column(array: Any) -> object:
    """Dtype and content of one column."""
    if isinstance(array, np.ndarray):
        return [dtype_parts(array.dtype), array_content(array)]
    for kind, parts in _EXTENSIONS:
        if isinstance(array, kind):
            return parts(array)
    if hasattr(array, "__arrow_array__") and isinstance(array.dtype, pd.ArrowDtype):
        return ["arrow", _arrow(array)]
    # Another library's array: elements alone would lose what belongs to the whole (a coordinate system, say).
    return [class_token(type(array)), array.dtype, object_content(list(array)), _own_state(array)]


def _own_state(array: Any) -> object:
    own = getattr(array, "__dict__", {})
    return {name: own[name] for name in sorted(own)}


def _arrow(array: Any) -> object:
    return array.__arrow_array__()


def _numpy_backed(array: Any) -> object:
    return _column(array.to_numpy())


def _categorical(array: Any) -> object:
    return ["category", array.codes, array.categories, bool(array.ordered)]


def _dates(array: Any) -> object:
    zone = getattr(array, "tz", None)
    return [array.dtype.kind, array.unit, zone, array.asi8, getattr(array, "freq", None)]


def _periods(array: Any) -> object:
    return ["period", array.freqstr, array.asi8]


def _intervals(array: Any) -> object:
    return ["interval", array.closed, _column_of(array.left), _column_of(array.right)]


def _column_of(index: Any) -> object:
    return _column(index.array)


def _sparse(array: Any) -> object:
    positions = array.sp_index.to_int_index().indices
    return ["sparse", len(array), positions, array.sp_values, array.fill_value]


def _masked(array: Any) -> object:
    """Values with zeros where the mask is."""
    missing = array.isna()
    plain = array.to_numpy(dtype=array.dtype.numpy_dtype, na_value=array.dtype.numpy_dtype.type(0))
    return ["masked", array.dtype.name, plain, missing if missing.any() else None]


def _text(array: Any) -> object:
    dtype = array.dtype
    missing = "NA" if dtype.na_value is pd.NA else "nan"
    if dtype.storage == "pyarrow" and loaded("pyarrow") is not None:
        from beautyspot.keys.arrow import arrow_content

        data = array.__arrow_array__()
        chunks = data.chunks if hasattr(data, "chunks") else [data]
        return ["str", dtype.storage, missing, arrow_content(chunks, data.type)]
    items = np.asarray(array, dtype=object)
    items = items.copy()
    items[np.asarray(array.isna())] = None
    return ["str", dtype.storage, missing, object_content(items.tolist())]


_EXTENSIONS: tuple[tuple[Any, Any], ...] = (
    (pd.Categorical, _categorical),
    ((pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray), _dates),
    (pd.arrays.PeriodArray, _periods),
    (pd.arrays.IntervalArray, _intervals),
    (pd.arrays.SparseArray, _sparse),
    ((pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray), _masked),
    ((pd.arrays.StringArray, pd.arrays.ArrowStringArray), _text),
    (pd.arrays.NumpyExtensionArray, _numpy_backed),
)


def _index(value: Any) -> object:
    names = list(value.names)
    kind = class_token(type(value))
    if isinstance(value, pd.RangeIndex):
        return [kind, names, value.start, value.step, len(value)]
    if isinstance(value, pd.MultiIndex):
        return [kind, names, list(value.levels), [np.asarray(codes) for codes in value.codes]]
    # The offset itself: its name leaves out holidays and normalisation.
    return [kind, names, _column(value.array), getattr(value, "freq", None)]


def _timestamp(value: Any) -> object:
    return ["timestamp", value.asm8, value.tz, value.fold]


def _timedelta(value: Any) -> object:
    return ["timedelta", value.asm8]


def _extension_array(value: Any) -> object:
    return [class_token(type(value)), _column(value)]


def handler_for(owner: type, kind: type) -> Handler | None:  # noqa: PLR0911  # one per class
    """The handler of a pandas class; None if a plain walk of the object does."""
    if owner is pd.DataFrame:
        return Handler(tags.FRAME, _frame, heavy=True)
    if owner is pd.Series:
        return Handler(tags.SERIES, _series, heavy=True)
    if owner is pd.Index:
        return Handler(tags.INDEX, _index, heavy=True)
    if kind is pd.Timestamp:
        return Handler(tags.PANDAS_SCALAR, _timestamp)
    if kind is pd.Timedelta:
        return Handler(tags.PANDAS_SCALAR, _timedelta)
    if owner is pd.api.extensions.ExtensionArray:
        return Handler(tags.EXTENSION_ARRAY, _extension_array, heavy=True)
    return None
