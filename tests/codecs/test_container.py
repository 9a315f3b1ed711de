"""The frames container."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beautyspot.codecs import Codec, Payload, join, size, split
from beautyspot.codecs.container import ALIGNMENT
from beautyspot.errors import CorruptEntryError


def _framed(payload):
    return b"".join(join(payload))


@settings(max_examples=100, deadline=None, database=None)
@given(head=st.binary(max_size=200), buffers=st.lists(st.binary(max_size=200), max_size=5))
def test_split_undoes_join(head, buffers):
    """Any head and buffers come back, the buffers aligned."""
    payload = Payload(head, tuple(buffers))
    data = _framed(payload)
    restored = split(memoryview(data))
    assert restored.head == head
    assert [bytes(buffer) for buffer in restored.buffers] == buffers
    assert size(restored) == size(payload) == len(head) + sum(map(len, buffers))
    for buffer in restored.buffers:
        if buffer.nbytes:
            offset = np.frombuffer(buffer, np.uint8).ctypes.data - np.frombuffer(data, np.uint8).ctypes.data
            assert offset % ALIGNMENT == 0


def test_split_copies_no_buffer():
    """Buffers are views of what was read."""
    data = bytearray(_framed(Payload(b"h", (b"abc",))))
    (buffer,) = split(memoryview(data)).buffers
    buffer[0] = ord("z")
    assert data.endswith(b"zbc")


def test_join_copies_no_buffer():
    """The pieces are the caller's own memory."""
    array = np.arange(10_000.0)
    payload = Codec().encode(array)
    assert any(np.shares_memory(np.frombuffer(piece, np.uint8), array) for piece in join(payload) if len(piece) > 64)


def test_buffers_of_any_item_size():
    """Sizes are counted in bytes, not items."""
    payload = Payload(b"h", (memoryview(np.arange(4, dtype="f8")),))
    assert size(payload) == 33
    assert bytes(split(memoryview(_framed(payload))).buffers[0]) == np.arange(4, dtype="f8").tobytes()


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 12, 20, 30, 40, -1])
def test_torn_data_is_noticed(cut):
    """Every truncation is an error before anything is decoded."""
    data = _framed(Payload(b"head", (b"a" * 100, b"b")))
    with pytest.raises(CorruptEntryError, match="the payload is damaged"):
        split(memoryview(data[:cut]))


def test_longer_data_is_noticed():
    """Bytes after the end are no part of the payload."""
    with pytest.raises(CorruptEntryError):
        split(memoryview(_framed(Payload(b"head", ())) + b"x"))


def test_every_flip_in_the_table_is_noticed():
    """The table has its own checksum, so a wrong size never moves a buffer."""
    data = _framed(Payload(b"head", (b"a" * 100, b"b")))
    for position in range(8 + 4 + 3 * 8 + 4):
        broken = bytearray(data)
        broken[position] ^= 1
        with pytest.raises(CorruptEntryError):
            split(memoryview(broken))
