"""SciPy sparse matrices and arrays in the formats that are made of a few dense arrays.

Refused: ``lil`` and ``dok``, which are for building; return ``m.tocsr()``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding
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
    name, shape, parts = state.unpack(data)
    cls = _CLASSES.get(name)
    if cls is None:
        raise DecodeError(f"stored data has a {name!r}, which this SciPy does not have")
    restored = cls(tuple(parts), shape=tuple(shape), copy=False)
    if hasattr(restored, "check_format"):
        restored.check_format(full_check=True)  # SciPy's loops trust indices
    return restored


DECODERS: dict[int, DecodeFn] = {_SPARSE: _decode}
