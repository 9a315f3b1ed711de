"""Built-in types and `collections`: what msgpack knows not at all, or would hand back as another type.

Lossy: nothing. Refused: `defaultdict` with a factory that is not one of the built-in types below, `memoryview`.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

from msgpack import ExtType, Timestamp

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused, dict_of, list_of, tagged

__all__ = ["DECODERS", "ENCODERS", "LARGE_BYTES_LIMIT", "encode_large_bytes"]

LARGE_BYTES_LIMIT = 1 << 16
"""Bytes above which a result that is one `bytes` leaves the head, so that it is not copied into it and out again."""

_COMPLEX = struct.Struct("<dd")
_SINGLETONS: tuple[object, ...] = (Ellipsis, NotImplemented)
# A number is never given to another type: append only.
_FACTORIES: tuple[type, ...] = (
    *(int, list, dict, set, str, float, tuple, bool, frozenset, bytes),
    *(complex, bytearray, deque, Counter, OrderedDict, defaultdict),
)


def _encode_tuple(state: Encoding, value: tuple[Any, ...]) -> ExtType:
    return state.ext(tags.TUPLE, list(value))


def _decode_tuple(state: Decoding, data: bytes) -> tuple[Any, ...]:
    return tuple(state.parts(data))


def _encode_set(state: Encoding, value: set[Any]) -> ExtType:
    return state.ext(tags.SET, list(value))


def _decode_set(state: Decoding, data: bytes) -> set[Any]:
    return set(state.parts(data))


def _encode_frozenset(state: Encoding, value: frozenset[Any]) -> ExtType:
    return state.ext(tags.FROZENSET, list(value))


def _decode_frozenset(state: Decoding, data: bytes) -> frozenset[Any]:
    return frozenset(state.parts(data))


def _encode_int(_state: Encoding, value: int) -> ExtType:
    return tagged(tags.BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def _decode_int(_state: Decoding, data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _encode_bytearray(_state: Encoding, value: bytearray) -> ExtType:
    return tagged(tags.BYTEARRAY, bytes(value))


def _decode_bytearray(_state: Decoding, data: bytes) -> bytearray:
    return bytearray(data)


def encode_large_bytes(state: Encoding, value: bytes) -> ExtType:
    """Return the extension of a large `bytes`; called for whole results only."""
    return state.ext(tags.LARGE_BYTES, state.put(memoryview(value)))


def _decode_large_bytes(state: Decoding, data: bytes) -> bytes:
    return state.take(state.unpack(data)).tobytes()


def _encode_complex(_state: Encoding, value: complex) -> ExtType:
    return tagged(tags.COMPLEX, _COMPLEX.pack(value.real, value.imag))


def _decode_complex(_state: Decoding, data: bytes) -> complex:
    return complex(*_COMPLEX.unpack(data))


def _encode_range(state: Encoding, value: range) -> ExtType:
    return state.ext(tags.RANGE, [value.start, value.stop, value.step])


def _decode_range(state: Decoding, data: bytes) -> range:
    start, stop, step = state.parts(data)
    return range(start, stop, step)


def _encode_slice(state: Encoding, value: slice) -> ExtType:
    return state.ext(tags.SLICE, [value.start, value.stop, value.step])


def _decode_slice(state: Decoding, data: bytes) -> slice:
    start, stop, step = state.parts(data)
    return slice(start, stop, step)


def _encode_singleton(_state: Encoding, value: object) -> ExtType:
    return tagged(tags.SINGLETON, bytes((_SINGLETONS.index(value),)))


def _decode_singleton(_state: Decoding, data: bytes) -> object:
    (number,) = data
    return _SINGLETONS[number]


def _encode_ordered_dict(state: Encoding, value: OrderedDict[Any, Any]) -> ExtType:
    _refuse_attributes(value)
    return state.ext(tags.ORDERED_DICT, dict(value))


def _decode_ordered_dict(state: Decoding, data: bytes) -> OrderedDict[Any, Any]:
    return OrderedDict(dict_of(state.unpack(data)))


def _encode_defaultdict(state: Encoding, value: defaultdict[Any, Any]) -> ExtType:
    factory: Any = value.default_factory
    number = None
    if factory is not None:
        number = next((place for place, known in enumerate(_FACTORIES) if known is factory), None)
        if number is None:
            raise Refused(value, "only built-in types can be stored as its default_factory: return dict(value)")
    return state.ext(tags.DEFAULT_DICT, [number, dict(value)])


def _decode_defaultdict(state: Decoding, data: bytes) -> defaultdict[Any, Any]:
    number, items = state.parts(data)
    return defaultdict(None if number is None else _FACTORIES[number], dict_of(items))


def _encode_counter(state: Encoding, value: Counter[Any]) -> ExtType:
    _refuse_attributes(value)
    return state.ext(tags.COUNTER, dict(value))


def _decode_counter(state: Decoding, data: bytes) -> Counter[Any]:
    restored: Counter[Any] = Counter()
    dict.update(restored, dict_of(state.unpack(data)))  # Counter.update adds, which counts that are no numbers can't
    return restored


def _encode_deque(state: Encoding, value: deque[Any]) -> ExtType:
    return state.ext(tags.DEQUE, [value.maxlen, list(value)])


def _decode_deque(state: Decoding, data: bytes) -> deque[Any]:
    maxlen, items = state.parts(data)
    return deque(list_of(items), maxlen)


def _refuse_attributes(value: OrderedDict[Any, Any] | Counter[Any]) -> None:
    if vars(value):
        raise Refused(value, f"its attribute {next(iter(vars(value)))} would be lost: return it beside the dict")


def _refuse_memoryview(_state: Encoding, value: object) -> ExtType:
    raise Refused(value, "a view has no bytes of its own: return bytes(view)")


def _refuse_msgpack(_state: Encoding, value: object) -> ExtType:
    raise Refused(value, "msgpack's own types cannot be told from stored data: return the value it stands for")


ENCODERS: dict[type, EncodeFn] = {
    tuple: _encode_tuple,
    set: _encode_set,
    frozenset: _encode_frozenset,
    int: _encode_int,
    bytearray: _encode_bytearray,
    complex: _encode_complex,
    range: _encode_range,
    slice: _encode_slice,
    type(Ellipsis): _encode_singleton,
    type(NotImplemented): _encode_singleton,
    OrderedDict: _encode_ordered_dict,
    defaultdict: _encode_defaultdict,
    Counter: _encode_counter,
    deque: _encode_deque,
    memoryview: _refuse_memoryview,
    ExtType: _refuse_msgpack,
    Timestamp: _refuse_msgpack,
}

DECODERS: dict[int, DecodeFn] = {
    tags.TUPLE: _decode_tuple,
    tags.SET: _decode_set,
    tags.FROZENSET: _decode_frozenset,
    tags.BIG_INT: _decode_int,
    tags.BYTEARRAY: _decode_bytearray,
    tags.LARGE_BYTES: _decode_large_bytes,
    tags.COMPLEX: _decode_complex,
    tags.RANGE: _decode_range,
    tags.SLICE: _decode_slice,
    tags.SINGLETON: _decode_singleton,
    tags.ORDERED_DICT: _decode_ordered_dict,
    tags.DEFAULT_DICT: _decode_defaultdict,
    tags.COUNTER: _decode_counter,
    tags.DEQUE: _decode_deque,
}
