"""SciPy sparse matrices and arrays in the formats that are made of a few dense arrays.

Refused: ``lil`` and ``dok``, which are for building; return ``m.tocsr()``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, list_of
from beautyspot.errors import DecodeError

sparse: Any = import_module("scipy.sparse")  # untyped: it publishes no types

__all__ = ["DECODERS", "find"]

_SPARSE = tags.SCIPY
_PARTS: dict[str, tuple[str, ...]] = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "coords"),
    "dia": ("data", "offsets"),
}
_COMPRESSED = frozenset({"csr", "csc", "bsr"})
_CLASSES: dict[str, type[Any]] = {
    name: getattr(sparse, name)
    for name in (f"{format_}_{kind}" for format_ in _PARTS for kind in ("matrix", "array"))
    if hasattr(sparse, name)
}


def find(cls: type) -> EncodeFn | None:
    """Return the handler of exactly this class."""
    return _encode if _CLASSES.get(cls.__name__) is cls else None


def _encode(state: Encoding, value: Any) -> ExtType:
    parts = [getattr(value, part) for part in _PARTS[value.format]]
    return state.ext(_SPARSE, [type(value).__name__, list(value.shape), parts])


def _decode(state: Decoding, data: bytes) -> Any:
    name, shape, parts = state.parts(data)
    cls = _CLASSES.get(name)
    if cls is None:
        raise DecodeError(f"stored data has a {name!r}, which this SciPy does not have")
    if any(type(length) is not int or length < 0 for length in list_of(shape)):
        raise DecodeError("stored data has a sparse matrix of impossible shape")
    format_ = name.partition("_")[0]
    _check_arrays(*_flat(format_, list_of(parts)))
    if format_ in _COMPRESSED:
        _check_compressed(format_, shape, *parts)
    restored = cls(tuple(parts), shape=tuple(shape), copy=False)
    if hasattr(restored, "check_format"):
        restored.check_format(full_check=True)
    return restored


def _flat(format_: str, parts: list[Any]) -> list[Any]:
    if format_ != "coo":
        return parts
    data, coordinates = parts
    return [data, *coordinates] if type(coordinates) is tuple else [data, None]


def _check_arrays(data: Any, *places: Any) -> None:
    whole = all(isinstance(array, np.ndarray) for array in (data, *places))
    if not whole or any(array.ndim != 1 or array.dtype.kind != "i" for array in places):
        raise DecodeError("stored data has a sparse matrix that is not made of arrays")


def _check_compressed(format_: str, shape: list[int], data: Any, indices: Any, pointers: Any) -> None:
    """Check what SciPy's loops trust. Its own check takes differences, which overflow."""
    if any(part.ndim != 1 or part.dtype.kind != "i" for part in (indices, pointers)) or not len(pointers):
        raise DecodeError("stored data has a sparse matrix with impossible indices")
    minor = shape[0] if format_ == "csc" else shape[-1]
    if format_ == "bsr":
        minor //= data.shape[2]
    ordered = pointers[0] == 0 and bool((pointers[1:] >= pointers[:-1]).all()) and pointers[-1] <= len(indices)
    if not ordered or len(indices) > len(data) or (len(indices) and not 0 <= indices.min() <= indices.max() < minor):
        raise DecodeError("stored data has a sparse matrix whose indices point outside")


DECODERS: dict[int, DecodeFn] = {_SPARSE: _decode}
