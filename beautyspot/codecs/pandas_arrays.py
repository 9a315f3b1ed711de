"""One-dimensional pandas data: NumPy arrays and extension arrays, as a plain list whose first item names the kind.

The nested arrays are values like any others, so their data leaves the head uncopied. Refused: extension arrays of other
packages.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from beautyspot.codecs.state import Refused, check_plain, list_of
from beautyspot.errors import DecodeError

pd: Any = import_module("pandas")  # untyped: the stubs leave out what pickling pandas' data takes

__all__ = ["ARRAY_TYPES", "build", "check_numbers", "check_range", "describe", "refuse_range"]

_LONG_RANGE = 1 << 24


def describe(values: Any, owner: object) -> list[Any]:
    """Return what `build` makes the array from again.

    Args:
        values: What a Series, an Index or a block of a frame holds.
        owner: What to refuse if there is no exact encoding.
    """
    if type(values) is np.ndarray:
        return ["numpy", values]
    make = _DESCRIBE.get(type(values))
    if make is None:
        if hasattr(values, "_pa_array") and isinstance(values.dtype, pd.StringDtype):
            return _describe_arrow_strings(values)  # pandas 2 has a class of its own for each kind of missing value
        raise Refused(owner, f"pandas data of type {type(values).__qualname__} has no exact encoding: convert it first")
    return make(values)


def build(described: Any) -> Any:
    """Return the array that was described."""
    kind, *rest = list_of(described)
    make = _BUILD.get(kind)
    if make is None:
        raise DecodeError(f"stored data has pandas data of the unknown kind {kind!r}")
    if any(type(part) is range or (type(part) is pd.RangeIndex and kind != "categories") for part in rest):
        raise DecodeError(f"stored data has a range where {kind} belong")  # it may claim any length
    return make(*rest)


def check_range(labels: Any, used: int) -> None:
    """Check labels that pandas will count out: a range takes no room in the data, whatever its length.

    Args:
        labels: Levels or categories.
        used: How many values refer to them.

    Raises:
        DecodeError: They are a range far longer than what refers to it.
    """
    if _is_too_long(labels, used):
        raise DecodeError(f"stored data has a range of {len(labels)} labels for {used} values")


def refuse_range(labels: Any, used: int, owner: object) -> None:
    """Refuse at save what `check_range` would not let through."""
    if _is_too_long(labels, used):
        raise Refused(owner, f"it has a range of {len(labels)} labels for {used} values: remove the unused ones")


def _is_too_long(labels: Any, used: int) -> bool:
    return isinstance(labels, pd.RangeIndex) and len(labels) > max(used, _LONG_RANGE)


def check_numbers(values: Any, kind: str) -> None:
    """Check that stored data is a NumPy array of one kind of numbers: objects would be converted, whatever that takes.

    Raises:
        DecodeError: It is something else.
    """
    if not isinstance(values, np.ndarray) or values.dtype.kind != kind:
        raise DecodeError(f"stored data has {type(values).__name__} where an array of kind {kind!r} belongs")


def _check_arrays(*values: object) -> None:
    """Check data that pandas would otherwise convert: one number with a large exponent becomes all of its digits."""
    for value in values:
        if not isinstance(value, (np.ndarray, pd.Index, pd.api.extensions.ExtensionArray)):
            raise DecodeError(f"stored data has {type(value).__name__} where pandas' arrays belong")


def _describe_strings(values: Any) -> list[Any]:
    cells = np.array(values, dtype=object)
    cells[pd.isna(cells)] = None
    return ["strings", *_string_dtype_of(values), cells.tolist()]


def _describe_arrow_strings(values: Any) -> list[Any]:
    return ["strings", *_string_dtype_of(values), values._pa_array]  # noqa: SLF001 - no public way without a copy


def _string_dtype_of(values: Any) -> tuple[str, bool]:
    return values.dtype.storage, values.dtype.na_value is pd.NA


def _build_strings(storage: str, na: bool, cells: Any) -> Any:
    dtype = pd.StringDtype(storage) if na or storage == "pyarrow_numpy" else pd.StringDtype(storage, na_value=np.nan)
    if isinstance(cells, list):
        return pd.array(np.fromiter(cells, dtype=object, count=len(cells)), dtype=dtype)
    array_type = dtype.construct_array_type()
    try:
        return array_type(cells, dtype=dtype)
    except TypeError:  # before pandas 3 each kind has its own class and takes no dtype
        return array_type(cells)


def _describe_dates(values: Any) -> list[Any]:
    return ["dates", values._ndarray, getattr(values.dtype, "tz", None)]  # noqa: SLF001 - as above


def _build_dates(instants: Any, tz: Any) -> Any:
    if not isinstance(instants, np.ndarray) or instants.dtype.kind != "M":
        raise DecodeError("stored data has dates of another type")
    dtype = instants.dtype if tz is None else pd.DatetimeTZDtype(np.datetime_data(instants.dtype)[0], tz)
    return pd.arrays.DatetimeArray._simple_new(instants, dtype=dtype)  # noqa: SLF001 - as above


def _build_deltas(values: Any) -> Any:
    if not isinstance(values, np.ndarray) or values.dtype.kind != "m":
        raise DecodeError("stored data has time differences of another type")
    return pd.arrays.TimedeltaArray._simple_new(values, dtype=values.dtype)  # noqa: SLF001 - as above


def _build_periods(ordinals: Any, name: str) -> Any:
    check_numbers(ordinals, "i")
    check_plain(name)
    return pd.arrays.PeriodArray(ordinals, dtype=pd.PeriodDtype.construct_from_string(name))


def _describe_categories(values: Any) -> list[Any]:
    refuse_range(values.categories, len(values), values)
    return ["categories", np.asarray(values.codes), values.categories, values.ordered]


def _build_categories(codes: Any, categories: Any, ordered: bool) -> Any:
    check_numbers(codes, "i")
    if not isinstance(categories, pd.Index):
        raise DecodeError("stored data has categories that are no index")
    check_range(categories, len(codes))
    check_plain(ordered)
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered))


def _build_masked(name: str, values: Any, mask: Any) -> Any:
    check_numbers(mask, "b")
    dtype = _MASKED_DTYPES[name]
    if not isinstance(values, np.ndarray) or values.dtype != dtype.numpy_dtype:
        raise DecodeError("stored data has masked values of another type")
    return dtype.construct_array_type()(values, mask, copy=False)


def _describe_sparse(values: Any) -> list[Any]:
    index = values.sp_index.to_int_index()
    return ["sparse", values.sp_values, index.indices, values.kind, index.length, values.fill_value]


def _build_sparse(values: Any, indices: Any, kind: str, length: int, fill: Any) -> Any:
    _check_arrays(values)
    check_numbers(indices, "i")
    check_plain(kind, length)
    index = import_module("pandas._libs.sparse").IntIndex(length, indices, check_integrity=True)
    if index.npoints != len(values):
        raise DecodeError("stored data has sparse values without a place")
    if kind == "block":
        index = index.to_block_index()
    dtype = pd.SparseDtype(values.dtype, fill)
    return pd.arrays.SparseArray._simple_new(values, index, dtype)  # noqa: SLF001 - the constructor's way is deprecated


def _build_arrow(chunks: Any) -> Any:
    return pd.arrays.ArrowExtensionArray(chunks)


def _build_intervals(left: Any, right: Any, closed: str) -> Any:
    _check_arrays(left, right)
    check_plain(closed)
    return pd.arrays.IntervalArray.from_arrays(left, right, closed=closed)


_MASKED_DTYPES: dict[str, Any] = {
    dtype.name: dtype
    for dtype in (
        *(pd.Int8Dtype(), pd.Int16Dtype(), pd.Int32Dtype(), pd.Int64Dtype()),
        *(pd.UInt8Dtype(), pd.UInt16Dtype(), pd.UInt32Dtype(), pd.UInt64Dtype()),
        *(pd.Float32Dtype(), pd.Float64Dtype(), pd.BooleanDtype()),
    )
}


def _side(index: Any) -> Any:
    return pd.Index(index.to_numpy()) if isinstance(index, pd.RangeIndex) else index


def _describe_masked(values: Any) -> list[Any]:
    return ["masked", values.dtype.name, values._data, values._mask]  # noqa: SLF001 - no public way without a copy


_DESCRIBE: dict[type, Callable[[Any], list[Any]]] = {
    pd.arrays.NumpyExtensionArray: lambda values: ["numpy", values.to_numpy()],
    pd.arrays.DatetimeArray: _describe_dates,
    pd.arrays.TimedeltaArray: lambda values: ["deltas", values._ndarray],  # noqa: SLF001 - as above
    pd.arrays.PeriodArray: lambda values: ["periods", values.asi8, values.dtype.name],
    pd.Categorical: _describe_categories,
    pd.arrays.IntegerArray: _describe_masked,
    pd.arrays.FloatingArray: _describe_masked,
    pd.arrays.BooleanArray: _describe_masked,
    pd.arrays.StringArray: _describe_strings,
    pd.arrays.ArrowStringArray: _describe_arrow_strings,
    pd.arrays.ArrowExtensionArray: lambda values: ["arrow", values._pa_array],  # noqa: SLF001 - as above
    pd.arrays.IntervalArray: lambda values: ["intervals", *map(_side, (values.left, values.right)), values.closed],
    pd.arrays.SparseArray: _describe_sparse,
}


def _build_numpy(values: Any) -> Any:
    if type(values) is not np.ndarray:
        raise DecodeError("stored data has pandas data that is no array")
    return values


_BUILD: dict[str, Callable[..., Any]] = {
    "numpy": _build_numpy,
    "dates": _build_dates,
    "deltas": _build_deltas,
    "periods": _build_periods,
    "categories": _build_categories,
    "masked": _build_masked,
    "strings": _build_strings,
    "arrow": _build_arrow,
    "intervals": _build_intervals,
    "sparse": _build_sparse,
}

ARRAY_TYPES: tuple[type, ...] = tuple(_DESCRIBE)
"""The array types that can also be results themselves."""
