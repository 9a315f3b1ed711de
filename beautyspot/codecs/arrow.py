"""Arrow tables, batches, arrays, scalars, schemas and types, as an IPC stream: Arrow's own format, which holds no code.

What is read is validated in full, because Arrow itself trusts offsets. Refused, when stored and when loaded: extension
types that are not registered, whose storage Arrow would hand out instead.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.arrow_ipc import check_ipc_stream
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused, check_plain
from beautyspot.errors import DecodeError

__all__ = ["DECODERS", "find"]

_TABLE, _BATCH, _ARRAY, _CHUNKED, _SCALAR, _SCHEMA, _FIELD, _TYPE = range(tags.ARROW, tags.ARROW + 8)


_EXTENSION = b"ARROW:extension:name"


def find(cls: type) -> EncodeFn | None:
    """Return the handler of a class."""
    for base, encode in _ENCODERS:
        if issubclass(cls, base) and cls.__module__ == base.__module__:
            return encode
    return None


def _stream(state: Encoding, owner: object, schema: Any, batches: list[Any]) -> list[Any]:
    """Return the number of extension types that are not resolved, and where the stream is kept."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    written = sink.getvalue()
    with pa.ipc.open_stream(written) as reader:
        if not reader.schema.equals(schema, check_metadata=True):
            raise Refused(
                owner,
                "an extension type in it would be lost: call pyarrow.register_extension_type, or return its storage",
            )
    return [_unresolved(schema), state.put(memoryview(written))]


def _unresolved(fields: Any) -> int:
    """Count the fields whose extension type this program does not know: they look like their storage."""
    return sum((_EXTENSION in (field.metadata or ())) + _unresolved(_inside(field.type)) for field in fields)


def _inside(kind: Any) -> list[Any]:
    if isinstance(kind, pa.BaseExtensionType):
        return _inside(kind.storage_type)
    if isinstance(kind, pa.DictionaryType):
        return _inside(kind.value_type)
    return [kind.field(number) for number in range(kind.num_fields)]


def _opened(state: Decoding, data: bytes) -> Any:
    unresolved, place = state.parts(data)
    check_plain(unresolved)
    stream = state.take(place)
    check_ipc_stream(stream)
    reader = pa.ipc.open_stream(pa.py_buffer(stream))
    if _unresolved(reader.schema) != unresolved:
        raise DecodeError("stored data has an Arrow extension type that is not registered here: register it first")
    return reader


def _read(state: Decoding, data: bytes) -> Any:
    with _opened(state, data) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


def _encode_table(state: Encoding, value: Any) -> ExtType:
    return state.ext(_TABLE, _stream(state, value, value.schema, value.to_batches()))


def _decode_table(state: Decoding, data: bytes) -> Any:
    return _read(state, data)


def _encode_batch(state: Encoding, value: Any) -> ExtType:
    return state.ext(_BATCH, _stream(state, value, value.schema, [value]))


def _decode_batch(state: Decoding, data: bytes) -> Any:
    with _opened(state, data) as reader:
        batch = reader.read_next_batch()
    batch.validate(full=True)
    return batch


def _encode_array(state: Encoding, value: Any) -> ExtType:
    return state.ext(_ARRAY, _column(state, value, value.type, [value]))


def _column(state: Encoding, owner: object, kind: Any, chunks: list[Any]) -> list[Any]:
    schema = pa.schema([pa.field("", kind)])
    return _stream(state, owner, schema, [pa.record_batch([chunk], schema=schema) for chunk in chunks])


def _decode_array(state: Decoding, data: bytes) -> Any:
    chunks = _only_column(_read(state, data))
    if chunks.num_chunks != 1:
        raise DecodeError("stored data has an Arrow array in pieces")
    return chunks.chunk(0)


def _encode_chunked(state: Encoding, value: Any) -> ExtType:
    return state.ext(_CHUNKED, _column(state, value, value.type, value.chunks))


def _decode_chunked(state: Decoding, data: bytes) -> Any:
    return _only_column(_read(state, data))


def _only_column(table: Any) -> Any:
    if table.num_columns != 1:
        raise DecodeError("stored data has an Arrow table where an array belongs")
    return table.column(0)


def _encode_scalar(state: Encoding, value: Any) -> ExtType:
    try:
        array = pa.repeat(value, 1)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise Refused(value, "Arrow makes no array of this scalar: return scalar.as_py()") from error
    return state.ext(_SCALAR, _column(state, value, value.type, [array]))


def _decode_scalar(state: Decoding, data: bytes) -> Any:
    return _only_column(_read(state, data))[0]


def _encode_schema(state: Encoding, value: Any) -> ExtType:
    return state.ext(_SCHEMA, _stream(state, value, value, []))


def _decode_schema(state: Decoding, data: bytes) -> Any:
    return _read(state, data).schema


def _encode_field(state: Encoding, value: Any) -> ExtType:
    return state.ext(_FIELD, _stream(state, value, pa.schema([value]), []))


def _decode_field(state: Decoding, data: bytes) -> Any:
    return _read(state, data).schema.field(0)


def _encode_type(state: Encoding, value: Any) -> ExtType:
    return state.ext(_TYPE, _column(state, value, value, []))


def _decode_type(state: Decoding, data: bytes) -> Any:
    return _read(state, data).schema.field(0).type


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
