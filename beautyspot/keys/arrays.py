"""Parts of NumPy arrays, scalars and dtypes, and of sparse matrices.

Arrays of equal C-order content agree whatever their memory layout. A large array is hashed where it lies; one that is
not contiguous is copied in slices of a few MiB. Bytes that are no content (padding of structs and of long doubles)
are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from beautyspot.keys import tags
from beautyspot.keys.buffers import Hasher, content
from beautyspot.keys.dispatch import Handler
from beautyspot.keys.identity import class_token
from beautyspot.keys.refusal import REMEDY, Refusal
from beautyspot.keys.source_origin import is_user_module

__all__ = ["array_content", "dtype_parts", "handler_for", "object_content"]

_FOREIGN = 2  # what `dtype.isbuiltin` says of types that another library registered
_PLACE = frozenset({"_mmap", "filename", "mode", "offset"})  # where a memory map lies, not what is in it
_SLICE = 1 << 22  # bytes that are copied at a time
_BATCH = 65_536  # objects that are packed at a time


def dtype_parts(dtype: Any) -> object:
    """Kind, size, byte order, unit; names, types and offsets of fields."""
    if dtype.names is not None:
        fields = [[name, dtype_parts(dtype.fields[name][0]), *dtype.fields[name][1:]] for name in dtype.names]
        return ["record" if issubclass(dtype.type, np.record) else "struct", dtype.itemsize, fields]
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return ["sub", dtype_parts(base), list(shape)]
    if dtype.char == "T":
        return ["T", dtype.coerce, [dtype.na_object] if hasattr(dtype, "na_object") else None]
    if dtype.isbuiltin == _FOREIGN:  # bfloat16, float8 and the like say no more than their size in `str`
        return ["foreign", class_token(dtype.type), dtype.str]
    return dtype.str


def array_content(array: Any) -> object:
    """Content of an array in C order, without its dtype and shape."""
    dtype = array.dtype
    if dtype.names is not None:
        return [array_content(array[name]) for name in dtype.names]
    if dtype.hasobject or dtype.char == "T":
        return object_content(array.ravel().tolist())
    if dtype.char in "gG" and dtype.itemsize in (16, 32):
        array = _without_padding(array)
    return content(_pieces(array), array.nbytes)


def _pieces(array: Any) -> Iterator[memoryview]:
    """The memory of an array in C order."""
    if array.size == 0:
        return
    if array.flags.c_contiguous:
        yield _flat(array)
        return
    if array.nbytes <= _SLICE:
        yield _flat(np.ascontiguousarray(array))
        return
    rows = _SLICE * len(array) // array.nbytes
    if rows == 0:
        for row in array:
            yield from _pieces(row)
        return
    for start in range(0, len(array), rows):
        yield _flat(np.ascontiguousarray(array[start : start + rows]))


def _flat(array: Any) -> memoryview:
    plain = array.view(np.ndarray)
    if plain.ndim == 0:
        plain = plain.reshape(1)
    return memoryview(plain.reshape(-1).view(np.uint8))


def _without_padding(array: Any) -> Any:
    """The bytes of x87 long doubles that hold the number: 10 of 16."""
    if np.finfo(np.longdouble).nmant != 63:  # bits of an x87 long double; other formats have no padding
        return array
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, 16)[:, :10]


def object_content(items: list[Any]) -> object:
    """Objects one by one, packed in batches so that millions of them never lie encoded in memory at once."""
    if len(items) <= _BATCH:
        return items
    from beautyspot.keys.canonical import pack

    hasher = Hasher()
    for start in range(0, len(items), _BATCH):
        hasher.update(pack(items[start : start + _BATCH]))
    return [len(items), hasher.digest(), None]


def _array(value: Any) -> object:
    parts = [dtype_parts(value.dtype), list(value.shape), array_content(value)]
    return parts if type(value) is np.ndarray else [*parts, class_token(type(value)), _attributes(value)]


def _attributes(value: Any) -> object:
    own = getattr(value, "__dict__", None)
    left_out = _PLACE if isinstance(value, np.memmap) else ()
    return {name: own[name] for name in sorted(own) if name not in left_out} if own else None


def _masked(value: Any) -> object:
    if value is np.ma.masked:
        return None
    data = np.ma.getdata(value)
    return [
        class_token(type(value)),
        dtype_parts(value.dtype),
        list(value.shape),
        array_content(data),
        None if value.mask is np.ma.nomask else value.mask,
        _fill_value(value),
        bool(value.hardmask),
    ]


def _fill_value(value: Any) -> object:
    return None if value.dtype.hasobject else np.asarray(value.fill_value)


def _scalar(value: Any) -> object:
    if value.dtype.names is not None or value.dtype.char in "gGOV":
        return [dtype_parts(value.dtype), array_content(np.asarray(value))]
    if value.dtype.kind == "f" and value != value:  # noqa: PLR0124  # only NaN differs from itself
        value = type(value)("nan")
    return [dtype_parts(value.dtype), value.tobytes()]


def _ufunc(value: Any) -> object:
    """Home and name: ufuncs do not tell their module, so the modules are asked, those of compiled code first."""
    name = value.__name__
    if vars(np).get(name) is value:
        return ["numpy", name]
    found = [
        (not str(getattr(module, "__file__", "")).endswith((".so", ".pyd")), home.count("."), home)
        for home, module in list(sys.modules.items())
        if getattr(module, "__dict__", {}).get(name) is value and not is_user_module(home)
    ]
    if not found:
        raise Refusal(value, f"it hides the function it was made from: use np.vectorize; or {REMEDY}")
    return [min(found)[2], name]


def _sparse(value: Any) -> object:
    arrays = {"coo": ("coords", "data"), "dia": ("offsets", "data")}.get(value.format, ("indptr", "indices", "data"))
    return [class_token(type(value)), list(value.shape), [getattr(value, name) for name in arrays]]


def handler_for(owner: type, kind: type) -> Handler | None:  # noqa: PLR0911  # one per class
    """The handler of a NumPy or SciPy class; None if a plain walk of the object does."""
    if owner is np.ndarray:
        return Handler(tags.NDARRAY, _array, heavy=True)
    if owner is np.ma.MaskedArray:
        return Handler(tags.MASKED_ARRAY, _masked, heavy=True)
    if owner is np.generic and kind.__module__.partition(".")[0] == "numpy":
        return Handler(tags.NUMPY_SCALAR, _scalar)
    if owner is np.dtype:
        return Handler(tags.DTYPE, dtype_parts)
    if owner is np.ufunc:
        return Handler(tags.BUILTIN, _ufunc)
    if owner.__module__.startswith("scipy.sparse") and kind.__name__[:3] in ("csr", "csc", "bsr", "coo", "dia"):
        return Handler(tags.SPARSE_MATRIX, _sparse, heavy=True)
    return None
