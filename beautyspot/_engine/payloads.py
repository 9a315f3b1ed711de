"""Between rows and values: where a payload is put, and how a row becomes a value again.

Everything that comes back is checked before it is decoded: rows by crc32, blobs by the digest in their location.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

from beautyspot import codecs
from beautyspot.codecs import Codec, Payload
from beautyspot.codecs.legacy import decode_legacy
from beautyspot.entry import LEGACY_TYPES, ResultType, Row
from beautyspot.errors import CorruptEntryError
from beautyspot.storage.base import Storage

__all__ = ["Placement", "frozen", "is_live", "place", "restore"]


class Placement(NamedTuple):
    """Where a payload lies, in the columns of a row."""

    result_type: ResultType
    result_data: bytes | None
    result_value: str | None
    checksum: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A value that came out of the store, and the bytes it took there."""

    value: Any
    size: int


def is_live(row: Row, now: float) -> bool:
    """Whether a row has not expired at `now`."""
    return row.expires_at is None or row.expires_at > now


def place(payload: Payload, storage: Storage, *, save_blob: bool | None, threshold: int) -> Placement:
    """Put a payload where it belongs: small ones into the row, others into blob storage.

    Args:
        payload: The encoded value.
        storage: Where blobs go.
        save_blob: True forces blob storage, False the row, None decides by `threshold`.
        threshold: Bytes above which a payload leaves the row.
    """
    size = codecs.size(payload)
    if save_blob or (save_blob is None and size > threshold):
        return Placement("SPOT_BLOB", None, storage.put(codecs.join(payload)), None, size)
    if payload.buffers:
        framed = b"".join(codecs.join(payload))
        return Placement("SPOT_FRAMES", framed, None, crc32(framed), size)
    return Placement("SPOT", payload.head, None, crc32(payload.head), size)


def restore(row: Row, *, codec: Codec, storage: Storage, known: Mapping[str, type]) -> Restored:
    """Read and decode what a row stands for.

    Raises:
        StoreError: The bytes are missing, damaged or out of reach.
        CodecError: The bytes are whole, but this program cannot decode them.
    """
    if row.result_type in LEGACY_TYPES:
        return _restore_legacy(row, codec, storage)
    if row.result_type == "SPOT_BLOB":
        data = storage.get(row.result_value or "")
        payload = codecs.split(data)
        return Restored(codec.decode(payload, known), codecs.size(payload))
    if row.result_data is None or crc32(row.result_data) != row.checksum:
        raise CorruptEntryError("the row", "its checksum does not fit its data")
    if row.result_type == "SPOT_FRAMES":
        payload = codecs.split(memoryview(bytearray(row.result_data)))  # writable, so that arrays need no copy
    elif row.result_type == "SPOT":
        payload = Payload(row.result_data, ())
    else:
        raise CorruptEntryError("the row", f"result_type {row.result_type!r} is unknown")
    return Restored(codec.decode(payload, known), codecs.size(payload))


def _restore_legacy(row: Row, codec: Codec, storage: Storage) -> Restored:
    content: bytes | str | None = row.result_data
    if row.result_type == "FILE":
        content = storage.load(row.result_value or "")
    elif row.result_type == "DIRECT":
        content = row.result_value
    if content is None:
        raise CorruptEntryError("the row", "it has no data")
    return Restored(decode_legacy(row.result_type, content, codec), len(content))


def frozen(payload: Payload) -> Payload:
    """A payload that no longer shares memory with the value it was made from."""
    if not payload.buffers:
        return payload
    return Payload(payload.head, tuple(bytes(buffer) for buffer in payload.buffers))
