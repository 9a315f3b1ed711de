"""NumPy arrays, scalars and dtypes.

Array data leaves the head uncopied and comes back as a view of it where that is writable. Order (C or F) is kept; other
strides become C. Lossy: strides, and the flag that forbids writing. Refused: `memmap`, record scalars with objects in
them, structured arrays with object fields, masked matrices, attributes that were set on an array, random generators.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import numpy as np
from msgpack import ExtType
from numpy.typing import NDArray

from beautyspot.codecs import tags
from beautyspot.codecs.state import (
    DecodeFn,
    Decoding,
    EncodeFn,
    Encoding,
    Refused,
    check_plain,
    list_of,
    refuse_attributes,
    tagged,
)
from beautyspot.errors import DecodeError

__all__ = ["DECODERS", "decode_dtype", "encode_dtype", "find"]

_ARRAY, _SCALAR, _DTYPE, _MASKED, _MASKED_CONSTANT, _TEXT, _RESULT = range(tags.NUMPY, tags.NUMPY + 7)

_SUBCLASSES: tuple[type, ...] = (np.ndarray, np.matrix, np.recarray)
_UNIQUE = ("unique_all", "unique_counts", "unique_inverse")  # of NumPy 2
_MAX_DTYPE_DEPTH = 32
_OWN_NUMBERS = range(24)  # type numbers of the C types; other packages' dtypes have higher ones or -1


def find(cls: type) -> EncodeFn | None:  # noqa: PLR0911 - a table in the form of code: one line for each family
    """Return the handler of exactly this class."""
    if cls in _SUBCLASSES:
        return _encode_array
    if cls is np.ma.MaskedArray:
        return _encode_masked
    if cls is type(np.ma.masked):
        return _encode_masked_constant
    if cls.__module__.partition(".")[0] != "numpy":
        return None
    if issubclass(cls, (np.str_, np.bytes_)):
        return _encode_text
    if issubclass(cls, np.generic) and cls is not np.object_:
        return _encode_scalar
    if issubclass(cls, tuple):
        return _encode_result if _result_types().get(cls.__name__) is cls else None
    return _encode_dtype if issubclass(cls, np.dtype) else None


# -- dtypes -----------------------------------------------------------------------------------------------------------


def encode_dtype(dtype: np.dtype[Any], owner: object) -> Any:
    """Return a plain description of a dtype.

    Args:
        dtype: Any dtype.
        owner: What to refuse if it cannot be described.
    """
    if dtype.metadata:
        if dtype.names is not None or dtype.subdtype is not None:
            raise Refused(owner, "a structured dtype with metadata has no exact encoding: return it without metadata")
        return ["meta", encode_dtype(np.dtype(dtype.str), owner), dict(dtype.metadata)]
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return ["sub", encode_dtype(base, owner), list(shape)]
    if dtype.names is not None:
        return _encode_fields(dtype, owner)
    if dtype.kind == "T":
        missing = {"na_object": dtype.na_object} if hasattr(dtype, "na_object") else {}
        return ["text", dtype.coerce, missing]  # type: ignore[attr-defined]
    if dtype.num not in _OWN_NUMBERS:
        raise Refused(owner, f"its dtype {dtype} is not NumPy's own: convert it with astype")
    if np.dtype(dtype.str) != dtype or np.dtype(dtype.str).num != dtype.num:
        return ["char", dtype.byteorder, dtype.char]  # two C types of one size, long and long long say
    return dtype.str


def _encode_fields(dtype: np.dtype[Any], owner: object) -> list[Any]:
    names, formats, offsets, titles = [], [], [], []
    assert dtype.names is not None
    assert dtype.fields is not None
    for name in dtype.names:
        entry = dtype.fields[name]
        names.append(name)
        formats.append(encode_dtype(entry[0], owner))
        offsets.append(entry[1])
        titles.append(entry[2] if len(entry) > 2 else None)
    kind = "record" if dtype.type is np.record else "void"
    return ["fields", kind, names, formats, offsets, titles, dtype.itemsize, dtype.isalignedstruct]


def decode_dtype(described: Any, depth: int = 0) -> np.dtype[Any]:
    """Return the dtype that `encode_dtype` described."""
    if type(described) is str:
        if "," in described or len(described) > 64:
            raise DecodeError(f"stored data has the dtype {described!r:.80}")
        return np.dtype(described)
    if depth == _MAX_DTYPE_DEPTH:
        raise DecodeError("stored data has a dtype nested too deeply")
    kind, *rest = list_of(described)
    check_plain(kind)
    if kind == "fields":
        return _decode_fields(rest, depth)
    if kind == "char":
        byteorder, char = rest
        check_plain(byteorder, char)
        native: np.dtype[Any] = np.dtype(char)
        return native.newbyteorder(byteorder)
    if kind == "sub":
        base, shape = rest
        return np.dtype((decode_dtype(base, depth + 1), tuple(list_of(shape))))
    if kind == "meta":
        base, metadata = rest
        return np.dtype(decode_dtype(base, depth + 1), metadata=metadata)
    if kind == "text":
        coerce, missing = rest
        return np.dtypes.StringDType(coerce=coerce, **missing)
    raise DecodeError(f"stored data has the kind of dtype {kind!r}")


def _decode_fields(rest: list[Any], depth: int) -> np.dtype[Any]:
    kind, names, formats, offsets, titles, itemsize, aligned = rest
    check_plain(kind, itemsize, aligned, *list_of(names), *list_of(offsets))
    spec: dict[str, Any] = {
        "names": names,
        "formats": [decode_dtype(item, depth + 1) for item in formats],
        "offsets": offsets,
        "itemsize": itemsize,
    }
    if any(title is not None for title in titles):
        spec["titles"] = titles
    dtype: np.dtype[Any] = np.dtype(spec, align=aligned)  # type: ignore[call-overload]
    return np.dtype((np.record, dtype)) if kind == "record" else dtype


def _encode_dtype(state: Encoding, value: np.dtype[Any]) -> ExtType:
    return state.ext(_DTYPE, encode_dtype(value, value))


def _decode_dtype(state: Decoding, data: bytes) -> np.dtype[Any]:
    return decode_dtype(state.unpack(data))


# -- arrays -----------------------------------------------------------------------------------------------------------


def _encode_array(state: Encoding, value: NDArray[Any]) -> ExtType:
    dtype = encode_dtype(value.dtype, value)
    subclass = _SUBCLASSES.index(type(value))
    if subclass:
        refuse_attributes(value, "return it beside the array")
    plain = value.view(np.ndarray) if subclass else value
    order: Literal["C", "F"] = "F" if plain.flags.f_contiguous and not plain.flags.c_contiguous else "C"
    shape = list(plain.shape)
    if plain.dtype.kind in "OT":
        if plain.dtype.kind == "T":
            plain = plain.astype(object)
        return state.ext(_ARRAY, [dtype, shape, order, subclass, plain.ravel(order).tolist()])
    if plain.dtype.hasobject:
        raise Refused(value, "a structured array with object fields has no exact encoding: return its columns")
    return state.ext(_ARRAY, [dtype, shape, order, subclass, state.put(_bytes_of(plain, order))])


def _bytes_of(value: NDArray[Any], order: str) -> memoryview:
    if not value.nbytes:
        return memoryview(b"")
    flat = np.ascontiguousarray(value.T if order == "F" else value).reshape(-1)
    return flat.view(np.uint8).data  # the buffer protocol has no dates, and no need of them


def _decode_array(state: Decoding, data: bytes) -> NDArray[Any]:
    described, shape, order, subclass, content = state.parts(data)
    dtype = decode_dtype(described)
    check_plain(order, subclass)
    if order not in ("C", "F") or any(type(length) is not int or length < 0 for length in list_of(shape)):
        raise DecodeError("stored data has an array of impossible shape")
    count = math.prod(shape)
    by_items = dtype.kind in "OT"
    array = _from_items(dtype, content, count) if by_items else _from_bytes(dtype, state.take(content), count)
    array = array.reshape(shape, order=order)
    return array.view(_SUBCLASSES[subclass]) if subclass else array


def _from_items(dtype: np.dtype[Any], items: object, count: int) -> NDArray[Any]:
    if type(items) is not list or len(items) != count:
        raise DecodeError("stored data has an array whose items do not fill its shape")
    array = np.fromiter(items, dtype=object, count=count)  # one by one: a list of lists is not spread over dimensions
    return array if dtype.kind == "O" else array.astype(dtype)


def _from_bytes(dtype: np.dtype[Any], view: memoryview, count: int) -> NDArray[Any]:
    if dtype.hasobject or view.nbytes != count * dtype.itemsize:
        raise DecodeError("stored data has an array whose bytes do not fill its shape")
    if not view.nbytes:
        return np.empty(count, dtype=dtype) if not dtype.itemsize or not count else np.zeros(count, dtype=dtype)
    raw = np.frombuffer(view, dtype=np.uint8)
    if view.readonly:
        raw = raw.copy()
    # A dtype with subarrays would become more dimensions; it only exists inside structured ones.
    return raw.view(dtype)


def _encode_masked(state: Encoding, value: Any) -> ExtType:
    if value.baseclass is not np.ndarray or value._optinfo:  # noqa: SLF001 - the public name of neither exists
        raise Refused(value, "a mask over another class than ndarray has no exact encoding: return its data and mask")
    refuse_attributes(value, "return it beside the array")
    mask = None if value.mask is np.ma.nomask else value.mask
    fill = value._fill_value  # noqa: SLF001 - the public property replaces None by a default and sets it
    return state.ext(_MASKED, [np.asarray(value.data), mask, fill, value.hardmask])


def _decode_masked(state: Decoding, data: bytes) -> Any:
    values, mask, fill, hard = state.parts(data)
    fits = mask is None or (isinstance(mask, np.ndarray) and mask.shape == getattr(values, "shape", None))
    if not isinstance(values, np.ndarray) or not fits:
        raise DecodeError("stored data has a mask that does not fit its array")
    if fill is not None and not _is_scalar_for(values, fill):
        raise DecodeError("stored data has a mask with a value to fill in that is no scalar")
    restored: Any = np.ma.MaskedArray(values, mask=np.ma.nomask if mask is None else mask, hard_mask=hard, copy=False)
    if fill is not None:
        restored.fill_value = fill
    return restored


def _is_scalar_for(values: NDArray[Any], fill: object) -> bool:
    """Whether a value to fill in is one of the array's kind: an object would be converted, whatever that takes."""
    if not isinstance(fill, (np.ndarray, np.generic)) or fill.size != 1:
        return False
    return not fill.dtype.hasobject or values.dtype.hasobject


def _encode_masked_constant(_state: Encoding, _value: object) -> ExtType:
    return tagged(_MASKED_CONSTANT)


def _decode_masked_constant(_state: Decoding, _data: bytes) -> object:
    return np.ma.masked


# -- scalars ----------------------------------------------------------------------------------------------------------


def _encode_scalar(state: Encoding, value: np.generic) -> ExtType:
    if value.dtype.hasobject:
        raise Refused(value, "a record with object fields has no exact encoding: return value.item()")
    return state.ext(_SCALAR, [encode_dtype(value.dtype, value), value.tobytes()])


def _decode_scalar(state: Decoding, data: bytes) -> Any:
    described, content = state.parts(data)
    return _from_bytes(decode_dtype(described), memoryview(content), 1)[0]


def _encode_text(state: Encoding, value: np.str_ | np.bytes_) -> ExtType:
    # Neither through an array nor str(): both would cut off trailing NULs.
    whole = slice(None)
    text = str.__getitem__(value, whole) if isinstance(value, np.str_) else bytes.__getitem__(value, whole)
    return state.ext(_TEXT, text)


def _decode_text(state: Decoding, data: bytes) -> Any:
    content = state.unpack(data)
    if type(content) not in (str, bytes):  # NumPy makes that many bytes of a number
        raise DecodeError("stored data has a text scalar that is no text")
    return np.str_(content) if type(content) is str else np.bytes_(content)


# -- named tuples of functions ----------------------------------------------------------------------------------------


@cache
def _result_types() -> dict[str, type[tuple[Any, ...]]]:
    """Return the named tuples that NumPy's functions return, by name. NumPy publishes the functions alone."""
    functions: list[Callable[..., Any]] = [
        np.linalg.eig,
        np.linalg.eigh,
        np.linalg.qr,
        np.linalg.slogdet,
        np.linalg.svd,
    ]
    functions += [getattr(np, name) for name in _UNIQUE if hasattr(np, name)]
    kinds = (type(function(np.eye(1))) for function in functions)
    return {kind.__name__: kind for kind in kinds if kind is not tuple}


def _encode_result(state: Encoding, value: tuple[Any, ...]) -> ExtType:
    return state.ext(_RESULT, [type(value).__name__, list(value)])


def _decode_result(state: Decoding, data: bytes) -> tuple[Any, ...]:
    name, values = state.parts(data)
    kind = _result_types().get(name)
    if kind is None or len(values) != len(getattr(kind, "_fields", ())):
        raise DecodeError(f"stored data has a {name!r}, which this NumPy does not have")
    return kind(*values)


DECODERS: dict[int, DecodeFn] = {
    _ARRAY: _decode_array,
    _SCALAR: _decode_scalar,
    _DTYPE: _decode_dtype,
    _MASKED: _decode_masked,
    _MASKED_CONSTANT: _decode_masked_constant,
    _TEXT: _decode_text,
    _RESULT: _decode_result,
}
