"""Digests of large memory, straight from where it lies.

Content of `LARGE` bytes or more enters a key by its digest, so that keys of large arguments cost one pass over the
memory and no copy.

Several cores share the work, except in a forked child: the threads of the pool stay behind in its parent, and waiting
for them would never end.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from blake3 import blake3

__all__ = ["DIGEST_SIZE", "LARGE", "Hasher", "content", "digest_bytes"]

DIGEST_SIZE = 24
"""Size in bytes of every digest and key."""

LARGE = 65_536
"""Content of this many bytes and more is represented by its digest."""

_THREADED = 1 << 20  # below this, waking threads costs more than it saves


_threads = blake3.AUTO


def _forked() -> None:
    global _threads  # noqa: PLW0603  # one fact about this process
    _threads = 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Hasher:
    """A running digest that uses several cores for large pieces.

    Example:
        >>> hasher = Hasher()
        >>> hasher.update(b"spot")
        >>> len(hasher.digest())
        24
    """

    __slots__ = ("_small", "_threaded")

    def __init__(self, size_hint: int = _THREADED) -> None:
        self._threaded = size_hint >= _THREADED
        self._small = blake3(max_threads=_threads) if self._threaded else blake3()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes (a memoryview of format ``B``, C-contiguous)."""
        self._small.update(data)

    def digest(self) -> bytes:
        """The first `DIGEST_SIZE` bytes of the output."""
        return self._small.digest(DIGEST_SIZE)


def digest_bytes(data: bytes | bytearray | memoryview) -> bytes:
    """Digest of one piece of memory."""
    if len(data) < _THREADED:
        return blake3(data).digest(DIGEST_SIZE)
    return blake3(data, max_threads=_threads).digest(DIGEST_SIZE)


def content(pieces: Iterable[Any], size: int) -> list[object]:
    """Length and content of memory that comes in pieces: the bytes themselves if few, else their digest.

    Args:
        pieces: Objects with contiguous buffers of unsigned bytes; how the content is cut into pieces does not matter.
        size: Total length in bytes.
    """
    if size < LARGE:
        return [size, b"".join(pieces)]
    hasher = Hasher(size)
    for piece in pieces:
        hasher.update(piece)
    return [size, hasher.digest(), None]
