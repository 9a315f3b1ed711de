"""Parts of Apache Arrow data: arrays, tables, scalars, schemas.

Chunk borders, offsets into shared buffers and whatever lies under null slots are no content: two arrays with the same
type and the same values agree. Values are hashed from their buffers, not as Python objects.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beautyspot.keys import tags
from beautyspot.keys.arrays import object_content
from beautyspot.keys.buffers import Hasher
from beautyspot.keys.dispatch import Handler
from beautyspot.keys.refusal import REMEDY, Refusal

__all__ = ["arrow_content", "handler_for"]

_ROWS = 1 << 18  # rows that are normalised at a time


def arrow_content(chunks: list[Any], kind: Any) -> object:  # noqa: C901, PLR0911  # one per layout
    """Content of the chunks of one array, without its type.

    Args:
        chunks: Arrays of type `kind`.
        kind: Arrow data type.
    """
    if pa.types.is_null(kind):
        return sum(map(len, chunks))
    if isinstance(kind, pa.BaseExtensionType):
        return arrow_content([chunk.storage for chunk in chunks], kind.storage_type)
    if _is_text(kind):
        return _text(chunks, kind)
    if pa.types.is_boolean(kind):
        return _fixed([_unpacked(chunk) for chunk in chunks], chunks, 1)
    if pa.types.is_dictionary(kind):
        return _dictionary(chunks, kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        return _lists(chunks, kind)
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return _other_lists(chunks, kind)
    if pa.types.is_struct(kind):
        return _structs(chunks, kind)
    if pa.types.is_union(kind):
        return _unions(chunks, kind)
    if pa.types.is_run_end_encoded(kind):
        return arrow_content([pc.run_end_decode(chunk) for chunk in chunks], kind.value_type)
    if _is_fixed(kind):
        return _fixed([_values(chunk, kind.bit_width // 8) for chunk in chunks], chunks, kind.bit_width // 8)
    raise Refusal(kind, f"its layout is not known; {REMEDY}")


def _is_text(kind: Any) -> bool:
    names = ("is_string", "is_large_string", "is_binary", "is_large_binary", "is_string_view", "is_binary_view")
    return any(getattr(pa.types, name)(kind) for name in names if hasattr(pa.types, name))


def _is_fixed(kind: Any) -> bool:
    types = pa.types
    checks = (types.is_primitive, types.is_decimal, types.is_fixed_size_binary)
    return any(check(kind) for check in checks) and kind.bit_width % 8 == 0


def _valid(chunk: Any) -> Any:
    """Which rows are not null, as booleans; None if all are."""
    if not chunk.null_count:
        return None
    return np.asarray(chunk.is_valid().to_numpy(zero_copy_only=False))


def _values(chunk: Any, width: int) -> Any:
    """The value buffer as one row of bytes per slot."""
    data = chunk.buffers()[1]
    flat = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return flat[chunk.offset * width : (chunk.offset + len(chunk)) * width].reshape(len(chunk), width)


def _unpacked(chunk: Any) -> Any:
    bits = np.frombuffer(chunk.buffers()[1] or b"", np.uint8)
    first = chunk.offset // 8
    end = (chunk.offset + len(chunk) + 7) // 8
    unpacked = np.unpackbits(bits[first:end], bitorder="little")
    skipped = chunk.offset - first * 8
    return unpacked[skipped : skipped + len(chunk)].reshape(len(chunk), 1)


def _fixed(values: list[Any], chunks: list[Any], width: int) -> object:
    """Values with zeros under nulls, and which rows are null."""
    rows = sum(map(len, chunks))
    hasher = Hasher(rows * width)
    valid_hasher = Hasher(rows)
    for data, chunk in zip(values, chunks, strict=True):
        valid = _valid(chunk)
        if valid is None:
            hasher.update(_bytes(data))
        else:
            for start in range(0, len(chunk), _ROWS):
                part = data[start : start + _ROWS].copy()
                part[~valid[start : start + _ROWS]] = 0
                hasher.update(_bytes(part))
        valid_hasher.update(_bytes(np.ones(len(chunk), np.uint8) if valid is None else valid))
    nulls = sum(chunk.null_count for chunk in chunks)
    return [rows, hasher.digest(), valid_hasher.digest() if nulls else None]


def _bytes(array: Any) -> memoryview:
    flat: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return memoryview(flat)


def _text(chunks: list[Any], kind: Any) -> object:
    """Length of every text (-1: null), and all texts one after the other."""
    rows = sum(map(len, chunks))
    lengths = Hasher(rows * 8)
    texts = Hasher()
    for whole in chunks:
        for start in range(0, len(whole), _ROWS):
            chunk = _as_text(whole.slice(start, _ROWS), kind)
            valid = _valid(chunk)
            if valid is not None:
                chunk = chunk.fill_null(b"" if pa.types.is_large_binary(chunk.type) else "")
            _validity, raw, data = chunk.buffers()
            offsets = np.frombuffer(raw, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
            sizes = np.diff(offsets)
            if valid is not None:
                sizes[~valid] = -1
            lengths.update(_bytes(sizes))
            if data is not None and len(offsets):
                texts.update(memoryview(data).cast("B")[int(offsets[0]) : int(offsets[-1])])
    return [rows, lengths.digest(), texts.digest()]


def _as_text(chunk: Any, kind: Any) -> Any:
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or "binary_view" in str(kind)
    target = pa.large_binary() if binary else pa.large_string()
    return chunk if chunk.type == target else chunk.cast(target)


def _dictionary(chunks: list[Any], kind: Any) -> object:
    unified = pa.chunked_array(chunks, kind).unify_dictionaries().chunks
    dictionary = unified[0].dictionary if unified else pa.array([], kind.value_type)
    return [
        arrow_content([chunk.indices for chunk in unified], kind.index_type),
        arrow_content([dictionary], kind.value_type),
    ]


def _lists(chunks: list[Any], kind: Any) -> object:
    """Length of every list (-1: null), and the items of all lists."""
    sizes = []
    items: list[tuple[Any, ...]] = []
    for chunk in chunks:
        offsets = np.asarray(chunk.offsets)
        lengths = np.diff(offsets).astype(np.int64)
        valid = _valid(chunk)
        if valid is not None:
            lengths[~valid] = -1
        sizes.append(lengths)
        if pa.types.is_map(kind):
            first, last = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
            if valid is not None and (np.diff(offsets)[~valid] != 0).any():
                return object_content([item for part in chunks for item in part.to_pylist()])
            items.append((chunk.keys.slice(first, last - first), chunk.items.slice(first, last - first)))
        else:
            items.append((chunk.flatten(),))
    kinds = (kind.key_type, kind.item_type) if pa.types.is_map(kind) else (kind.value_type,)
    columns = [arrow_content([parts[at] for parts in items], each) for at, each in enumerate(kinds)]
    return [np.concatenate(sizes) if sizes else None, columns]


def _other_lists(chunks: list[Any], kind: Any) -> object:
    """Lists of a fixed size and list views: length of every list (-1: null), and the items of all lists."""
    lengths = [np.asarray(pc.list_value_length(chunk).fill_null(-1), dtype=np.int64) for chunk in chunks]
    items = arrow_content([chunk.flatten() for chunk in chunks], kind.value_type)
    return [np.concatenate(lengths) if lengths else None, [items]]


def _unions(chunks: list[Any], kind: Any) -> object:
    """Which type every value has, and the values by type."""
    codes = [np.asarray(chunk.type_codes) for chunk in chunks]
    columns = []
    for at, code in enumerate(kind.type_codes):
        parts = []
        for chunk, types in zip(chunks, codes, strict=True):
            rows = np.flatnonzero(types == code)
            child = chunk.field(at)
            parts.append(child.take(pa.array(np.asarray(chunk.offsets)[rows] if kind.mode == "dense" else rows)))
        columns.append(arrow_content(parts, kind.field(at).type))
    return [np.concatenate(codes) if codes else None, columns]


def _structs(chunks: list[Any], kind: Any) -> object:
    flattened = [chunk.flatten() for chunk in chunks]  # a null struct makes its fields null
    fields = [arrow_content([fields[at] for fields in flattened], kind.field(at).type) for at in range(kind.num_fields)]
    valid = [np.ones(len(chunk), bool) if _valid(chunk) is None else _valid(chunk) for chunk in chunks]
    return [np.packbits(np.concatenate(valid)) if valid else None, sum(map(len, chunks)), fields]


def type_parts(kind: Any) -> object:
    """A data type as Arrow itself writes it in its binary format (names, units, nullability, metadata of fields)."""
    return pa.schema([pa.field("", kind)]).serialize().to_pybytes()


def _array(value: Any) -> object:
    chunks = value.chunks if isinstance(value, pa.ChunkedArray) else [value]
    return [isinstance(value, pa.ChunkedArray), type_parts(value.type), arrow_content(chunks, value.type)]


def _table(value: Any) -> object:
    columns = [value.column(at) for at in range(value.num_columns)]
    chunks = [column.chunks if isinstance(column, pa.ChunkedArray) else [column] for column in columns]
    contents = [arrow_content(parts, column.type) for parts, column in zip(chunks, columns, strict=True)]
    return [type(value).__name__, value.num_rows, _schema(value.schema), contents]


def _schema(value: Any) -> bytes:
    data: bytes = value.serialize().to_pybytes()
    return data


def _scalar(value: Any) -> object:
    return [type_parts(value.type), arrow_content([pa.repeat(value, 1)], value.type)]


def handler_for(owner: type, kind: type) -> Handler | None:  # noqa: ARG001  # nobody subclasses these but Arrow
    """The handler of an Arrow class; None if a plain walk of the object does."""
    if owner in (pa.Array, pa.ChunkedArray):
        return Handler(tags.ARROW_ARRAY, _array, heavy=True)
    if owner in (pa.Table, pa.RecordBatch):
        return Handler(tags.ARROW_TABLE, _table, heavy=True)
    if owner is pa.Scalar:
        return Handler(tags.ARROW_SCALAR, _scalar)
    if owner is pa.Schema:
        return Handler(tags.ARROW_SCHEMA, _schema)
    if owner is pa.DataType:
        return Handler(tags.ARROW_SCHEMA, type_parts)
    return None
