"""Arrow tables, batches, arrays, scalars, schemas and types, as an IPC stream: Arrow's own format, which holds no code.

What is read is validated in full, because Arrow itself trusts offsets. Refused: extension types that this program
would not restore, and devices other than the CPU.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused
from beautyspot.errors import DecodeError

__all__ = ["DECODERS", "find"]

_TABLE, _BATCH, _ARRAY, _CHUNKED, _SCALAR, _SCHEMA, _FIELD, _TYPE = range(tags.ARROW, tags.ARROW + 8)


def find(cls: type) -> EncodeFn | None:
    """Return the handler of a class."""
    for base, encode in _ENCODERS:
        if issubclass(cls, base) and cls.__module__ == base.__module__:
            return encode
    return None


def _stream(state: Encoding, schema: Any, batches: list[Any]) -> bytes | int:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return state.put(memoryview(sink.getvalue()))


def _read(state: Decoding, place: bytes | int) -> Any:
    with pa.ipc.open_stream(pa.py_buffer(state.take(place))) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def _encode_table(state: Encoding, value: Any) -> ExtType:
    return state.ext(_TABLE, _stream(state, value.schema, value.to_batches()))


def _decode_table(state: Decoding, data: bytes) -> Any:
    return _read(state, state.unpack(data))


def _encode_batch(state: Encoding, value: Any) -> ExtType:
    return state.ext(_BATCH, _stream(state, value.schema, [value]))


def _decode_batch(state: Decoding, data: bytes) -> Any:
    with pa.ipc.open_stream(pa.py_buffer(state.take(state.unpack(data)))) as reader:
        batch = reader.read_next_batch()
    batch.validate(full=True)
    return batch


def _encode_array(state: Encoding, value: Any) -> ExtType:
    schema = pa.schema([pa.field("", value.type)])
    return state.ext(_ARRAY, _stream(state, schema, [pa.record_batch([value], schema=schema)]))


def _decode_array(state: Decoding, data: bytes) -> Any:
    chunks = _only_column(_read(state, state.unpack(data)))
    if chunks.num_chunks != 1:
        raise DecodeError("stored data has an Arrow array in pieces")
    return chunks.chunk(0)


def _encode_chunked(state: Encoding, value: Any) -> ExtType:
    schema = pa.schema([pa.field("", value.type)])
    batches = [pa.record_batch([chunk], schema=schema) for chunk in value.chunks]
    return state.ext(_CHUNKED, _stream(state, schema, batches))


def _decode_chunked(state: Decoding, data: bytes) -> Any:
    return _only_column(_read(state, state.unpack(data)))


def _only_column(table: Any) -> Any:
    if table.num_columns != 1:
        raise DecodeError("stored data has an Arrow table where an array belongs")
    return table.column(0)


def _encode_scalar(state: Encoding, value: Any) -> ExtType:
    try:
        array = pa.array([value], type=value.type)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise Refused(value, "Arrow makes no array of this scalar: return scalar.as_py()") from error
    return state.ext(_SCALAR, array)


def _decode_scalar(state: Decoding, data: bytes) -> Any:
    return state.unpack(data)[0]


def _encode_schema(state: Encoding, value: Any) -> ExtType:
    return state.ext(_SCHEMA, _stream(state, value, []))


def _decode_schema(state: Decoding, data: bytes) -> Any:
    return _read(state, state.unpack(data)).schema


def _encode_field(state: Encoding, value: Any) -> ExtType:
    return state.ext(_FIELD, pa.schema([value]))


def _decode_field(state: Decoding, data: bytes) -> Any:
    return state.unpack(data).field(0)


def _encode_type(state: Encoding, value: Any) -> ExtType:
    return state.ext(_TYPE, pa.schema([pa.field("", value)]))


def _decode_type(state: Decoding, data: bytes) -> Any:
    return state.unpack(data).field(0).type


_ENCODERS: tuple[tuple[type, EncodeFn], ...] = (
    (pa.Table, _encode_table),
    (pa.RecordBatch, _encode_batch),
    (pa.Array, _encode_array),
    (pa.ChunkedArray, _encode_chunked),
    (pa.Scalar, _encode_scalar),
    (pa.Schema, _encode_schema),
    (pa.Field, _encode_field),
    (pa.DataType, _encode_type),
)

DECODERS: dict[int, DecodeFn] = {
    _TABLE: _decode_table,
    _BATCH: _decode_batch,
    _ARRAY: _decode_array,
    _CHUNKED: _decode_chunked,
    _SCALAR: _decode_scalar,
    _SCHEMA: _decode_schema,
    _FIELD: _decode_field,
    _TYPE: _decode_type,
}
