"""A check of Arrow IPC data before a reader that trusts it: Polars ends the process when a length lies.

Only what allocates or moves a pointer is read: the footer's blocks, and the nodes and buffers of each batch. The layout
is FlatBuffers, in which a table finds its fields through a table of offsets. Compressed buffers are refused: they say
how large they become, and none is ever written here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from beautyspot.errors import DecodeError

__all__ = ["check_ipc_file", "check_ipc_stream"]

_MAGIC = b"ARROW1"
_BLOCK = struct.Struct("<qiiq")  # offset in the file, size of the message, padding, size of the body
_PAIR = struct.Struct("<qq")  # a buffer's offset and length, or a node's length and number of nulls
_SHORTEST = 3 * len(_MAGIC)
_CONTINUATION = b"\xff\xff\xff\xff"

# The places of the fields in Arrow's File.fbs and Message.fbs.
_FOOTER_SCHEMA, _FOOTER_DICTIONARIES, _FOOTER_BATCHES = 1, 2, 3
_MESSAGE_KIND, _MESSAGE_HEADER, _MESSAGE_BODY = 1, 2, 3
_DICTIONARY_DATA = 1
_BATCH_LENGTH, _BATCH_NODES, _BATCH_BUFFERS, _BATCH_COMPRESSION = range(4)
_KIND_SCHEMA, _KIND_DICTIONARY, _KIND_BATCH = 1, 2, 3


def check_ipc_file(data: memoryview) -> None:
    """Raise unless every length and offset in an Arrow IPC file stays inside it.

    Args:
        data: The whole file.

    Raises:
        DecodeError: A length or an offset points outside, or a buffer is compressed.
    """
    try:
        _check(data)
    except (struct.error, IndexError) as error:
        raise DecodeError(f"stored data is no Arrow file: {error}") from error


def check_ipc_stream(data: memoryview) -> None:
    """Raise unless every batch of an Arrow IPC stream stays inside it and is not compressed.

    Args:
        data: The whole stream.

    Raises:
        DecodeError: A length points outside, or a buffer is compressed.
    """
    try:
        place = 0
        while place < data.nbytes and (length := _number("<i", data, place + 4)):
            start, place = place, place + 8 + length
            message = data[start:place]
            kind, body = _described(message)
            if kind != _KIND_SCHEMA:
                _check_message(message, kind, body)
            place += body
            if not start < place <= data.nbytes:
                raise _broken("a message is longer than the stream")
    except (struct.error, IndexError) as error:
        raise DecodeError(f"stored data is no Arrow stream: {error}") from error


def _described(message: memoryview) -> tuple[int, int]:
    """Return the kind of a message and the size of its body."""
    table = _root(message[8:])
    kind, body = table.place(_MESSAGE_KIND), table.place(_MESSAGE_BODY)
    return (
        0 if kind is None else _number("<B", table.data, kind),
        0 if body is None else _number("<q", table.data, body),
    )


def _check(data: memoryview) -> None:
    end = data.nbytes - len(_MAGIC) - 4
    if data.nbytes < _SHORTEST or data[: len(_MAGIC)] != _MAGIC or data[-len(_MAGIC) :] != _MAGIC:
        raise _broken("it does not start and end as one")
    start = end - _number("<i", data, end)
    if not 0 < start <= end:
        raise _broken("its footer is not there")
    footer = _root(data[start:end])
    if footer.place(_FOOTER_SCHEMA) is None:
        raise _broken("it has no schema")
    for field, kind in ((_FOOTER_DICTIONARIES, _KIND_DICTIONARY), (_FOOTER_BATCHES, _KIND_BATCH)):
        for offset, head, _padding, body in footer.items(field, _BLOCK):
            if min(offset, head, body) < 0 or offset + head + body > start:
                raise _broken("a block lies outside")
            _check_message(data[offset : offset + head], kind, body)


def _check_message(data: memoryview, kind: int, body: int) -> None:
    if data[:4] != _CONTINUATION or not 0 <= _number("<i", data, 4) <= data.nbytes - 8:
        raise _broken("a message is longer than its block")
    message = _root(data[8:])
    header = message.table(_MESSAGE_HEADER)
    if _described(data)[0] != kind or header is None:
        raise _broken("a message is of another kind than the footer says")
    batch = header.table(_DICTIONARY_DATA) if kind == _KIND_DICTIONARY else header
    if batch is None or batch.place(_BATCH_COMPRESSION) is not None:
        raise _broken("a batch is empty or compressed")
    for length, nulls in batch.items(_BATCH_NODES, _PAIR):
        if not 0 <= nulls <= length:
            raise _broken("a column has an impossible length")
    for offset, length in batch.items(_BATCH_BUFFERS, _PAIR):
        if min(offset, length) < 0 or offset + length > body:
            raise _broken("a buffer lies outside its block")
    if (place := batch.place(_BATCH_LENGTH)) is not None and _number("<q", batch.data, place) < 0:
        raise _broken("a batch has an impossible length")


class _Table:
    """A FlatBuffers table: where it lies, and where its fields are."""

    def __init__(self, data: memoryview, start: int) -> None:
        self.data = data
        self._start = start
        self._fields = start - _number("<i", data, start)
        self._size = _number("<H", data, self._fields)

    def place(self, field: int) -> int | None:
        """Return where a field's value lies, or None if it has none."""
        entry = 4 + 2 * field
        offset = _number("<H", self.data, self._fields + entry) if entry + 2 <= self._size else 0
        return self._start + offset if offset else None

    def table(self, field: int) -> _Table | None:
        """Return the table that a field refers to."""
        place = self.place(field)
        return None if place is None else _Table(self.data, place + _number("<I", self.data, place))

    def items(self, field: int, layout: struct.Struct) -> Iterator[tuple[int, ...]]:
        """Return the structures of a vector."""
        place = self.place(field)
        if place is None:
            return iter(())
        start = place + _number("<I", self.data, place)
        length = _number("<I", self.data, start) * layout.size
        content = self.data[start + 4 : start + 4 + length]
        if content.nbytes != length:
            raise _broken("a vector is cut off")
        return layout.iter_unpack(content)


def _root(data: memoryview) -> _Table:
    return _Table(data, _number("<I", data, 0))


def _number(layout: str, data: memoryview, place: int) -> int:
    if place < 0:  # `unpack_from` would count from the end
        raise _broken("an offset points before its start")
    found: int = struct.unpack_from(layout, data, place)[0]
    return found


def _broken(what: str) -> DecodeError:
    return DecodeError(f"stored data is no Arrow file: {what}")
