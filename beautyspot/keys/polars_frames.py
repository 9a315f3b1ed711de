"""Parts of polars frames, series and data types.

Columns are hashed from their Arrow buffers when pyarrow is installed, else as Python values; object columns always are.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import polars as pl

from beautyspot.keys import tags
from beautyspot.keys.arrays import object_content
from beautyspot.keys.dispatch import Handler
from beautyspot.keys.refusal import REMEDY, Refusal

__all__ = ["handler_for"]

_FIELDS = ("time_unit", "time_zone", "precision", "scale", "shape", "inner")
_WITHOUT_ARROW = frozenset({"Int128", "Object", "UInt128"})  # pyarrow has no types for these
_has_arrow = importlib.util.find_spec("pyarrow") is not None


def _dtype(value: Any) -> object:
    """Class and parameters of a data type (polars uses classes and instances of them alike)."""
    kind = value if isinstance(value, type) else type(value)
    if isinstance(value, type):
        return [kind.__name__]
    parts: list[object] = [kind.__name__]
    for name in _FIELDS:
        part = getattr(value, name, None)
        parts.append(_dtype(part) if name == "inner" and part is not None else part)
    if kind.__name__ == "Categorical" and hasattr(value, "categories"):
        named = value.categories
        parts.append([named.name(), named.namespace(), str(named.physical())])
    if kind.__name__ == "Enum":
        parts.append(value.categories.to_list())
    if kind.__name__ == "Struct":
        parts.append([[field.name, _dtype(field.dtype)] for field in value.fields])
    return parts


def _series_content(value: Any) -> object:
    names = _names(value.dtype)
    if "Categorical" in names or "Enum" in names:
        return _categories(value)
    if not _has_arrow or names & _WITHOUT_ARROW:
        return object_content(value.to_list())
    from beautyspot.keys.arrow import arrow_content

    data = value.to_arrow()
    return arrow_content([data], data.type)


def _names(dtype: Any) -> set[str]:
    """Names of all data types inside a nested one."""
    kind = dtype if isinstance(dtype, type) else type(dtype)
    names = {kind.__name__}
    inner = getattr(dtype, "inner", None) if not isinstance(dtype, type) else None
    if inner is not None:
        names |= _names(inner)
    for field in getattr(dtype, "fields", ()) if kind.__name__ == "Struct" and not isinstance(dtype, type) else ():
        names |= _names(field.dtype)
    return names


def _categories(value: Any) -> object:
    """The texts: numbers of categories depend on what this process has met before."""
    if value.dtype in (pl.Categorical, pl.Enum):
        return _series_content(value.cast(pl.String))
    return object_content(value.to_list())


def _series(value: Any) -> object:
    return [value.name, _dtype(value.dtype), len(value), _series_content(value)]


def _frame(value: Any) -> object:
    return [value.height, [_series(column) for column in value.get_columns()]]


def _lazy(value: Any) -> object:
    raise Refusal(value, f"a LazyFrame is a plan whose sources may change: pass frame.collect(); or {REMEDY}")


def _expression(value: Any) -> object:
    """What polars itself writes about an expression, unless a pickled Python function is in it."""
    written = value.__getstate__()
    if b"PLPYFN" in written or b"PLPYUDF" in written:
        raise Refusal(value, f"it calls a Python function whose code cannot be seen: pass the function; or {REMEDY}")
    return written


def handler_for(owner: type, kind: type) -> Handler | None:  # noqa: ARG001  # subclasses are hashed as their base
    """The handler of a polars class; None if a plain walk of the object does."""
    if owner is pl.DataFrame:
        return Handler(tags.POLARS_FRAME, _frame, heavy=True)
    if owner is pl.Series:
        return Handler(tags.POLARS_SERIES, _series, heavy=True)
    if owner is pl.LazyFrame:
        return Handler(tags.POLARS_FRAME, _lazy)
    if owner is pl.Expr:
        return Handler(tags.POLARS_EXPRESSION, _expression)
    if owner is pl.DataType:
        return Handler(tags.POLARS_DTYPE, _dtype)
    return None
