"""The frames container: a head and its buffers as one run of bytes.

::

    0   magic    8 bytes
    8   count    u32   number of buffers
    12  table    u64   size of the head, then of each buffer
    ..  crc32    u32   of everything before it
    ..  head, then each buffer, every one aligned to 64 bytes; the last is not padded

The total is checked before anything is taken out, so a torn file never decodes. Numbers are little-endian.
"""

from __future__ import annotations

import struct
from typing import NamedTuple, TypeAlias
from zlib import crc32

from beautyspot.errors import CorruptEntryError

__all__ = ["ALIGNMENT", "Buffer", "Payload", "join", "size", "split"]

Buffer: TypeAlias = bytes | bytearray | memoryview

ALIGNMENT = 64
"""Bytes. What SIMD code and a memory-mapped array want; Arrow aligns to the same."""

_MAGIC = b"\x89spot\r\n\x01"  # the last byte is the version; \r\n shows a transfer in text mode
_COUNT = struct.Struct("<I")
_TABLE_START = len(_MAGIC) + _COUNT.size


class Payload(NamedTuple):
    """An encoded value.

    Attributes:
        head: One msgpack document. It refers to buffers by their place in `buffers`.
        buffers: The data of large arrays. May share memory with the value that was encoded.
    """

    head: bytes
    buffers: tuple[Buffer, ...]


def size(payload: Payload) -> int:
    """Return the bytes of head and buffers, without the frame around them.

    Example:
        >>> size(Payload(b"abc", (b"de",)))
        5
    """
    total = len(payload.head)
    for buffer in payload.buffers:
        total += buffer.nbytes if isinstance(buffer, memoryview) else len(buffer)
    return total


def join(payload: Payload) -> list[Buffer]:
    """Frame a payload: the concatenation of the returned pieces is what `split` takes.

    The buffers themselves are in the list, not copies.

    Example:
        >>> split(memoryview(b"".join(join(Payload(b"head", (b"data",)))))).head
        b'head'
    """
    buffers = [memoryview(buffer).cast("B") for buffer in payload.buffers]
    table = struct.pack(f"<{1 + len(buffers)}Q", len(payload.head), *(buffer.nbytes for buffer in buffers))
    start = _MAGIC + _COUNT.pack(len(buffers)) + table
    start += _COUNT.pack(crc32(start))
    pieces: list[Buffer] = [start + bytes(-len(start) % ALIGNMENT) + payload.head]
    end = len(pieces[0])
    for buffer in buffers:
        if gap := -end % ALIGNMENT:
            pieces.append(bytes(gap))
        pieces.append(buffer)
        end += gap + buffer.nbytes
    return pieces


def split(data: memoryview) -> Payload:
    """Take a framed payload apart without copying its buffers.

    Args:
        data: What `join` made. Buffers are writable views if this one is writable.

    Raises:
        CorruptEntryError: The frame does not fit the data.
    """
    data = memoryview(data).cast("B")
    sizes = _sizes(data)
    places = []
    end = _TABLE_START + 8 * len(sizes) + _COUNT.size
    for length in sizes:
        start = end + -end % ALIGNMENT
        end = start + length
        places.append((start, end))
    if end != data.nbytes:
        raise CorruptEntryError("the payload", f"{data.nbytes} bytes where its table says {end}")
    head, *buffers = (data[start:end] for start, end in places)
    return Payload(bytes(head), tuple(buffers))


def _sizes(data: memoryview) -> tuple[int, ...]:
    if data.nbytes < _TABLE_START or data[: len(_MAGIC)] != _MAGIC:
        raise CorruptEntryError("the payload", "it does not start as a frame of this version does")
    (count,) = _COUNT.unpack_from(data, len(_MAGIC))
    table_end = _TABLE_START + 8 * (1 + count)
    if data.nbytes < table_end + _COUNT.size:
        raise CorruptEntryError("the payload", "its table of sizes is cut off")
    if _COUNT.unpack_from(data, table_end)[0] != crc32(data[:table_end]):
        raise CorruptEntryError("the payload", "the checksum of its table does not fit")
    return struct.unpack_from(f"<{1 + count}Q", data, _TABLE_START)
