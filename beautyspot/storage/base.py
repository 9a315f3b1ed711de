"""What the engine asks of blob storage.

Rules for every implementation:

- The constructor does no I/O and imports no client library. It survives ``pickle`` and ``fork``.
- Blobs are addressed by their content: equal bytes have one location. A blob appears whole or not at all.
- A location is text that this storage made. One that leads outside the root is refused with `StoreError`.
- Failures are raised as `StoreError`, whose ``__cause__`` is the client library's own error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

Buffer: TypeAlias = bytes | bytearray | memoryview


@runtime_checkable
class Storage(Protocol):
    """A store of immutable blobs."""

    remote: bool
    """Whether a call may wait for a network: the async driver moves such calls off the event loop."""

    @property
    def label(self) -> str:
        """What to call this storage in messages: a path or URL without credentials."""

    def put(self, chunks: Sequence[Buffer]) -> str:
        """Store the concatenation of `chunks` and return its location. Returning means it is durable against a kill."""

    def get(self, location: str) -> memoryview:
        """Return the blob's bytes, checked against the digest in its location.

        A local storage maps large blobs copy-on-write: the caller may write to the view, the file never changes.

        Raises:
            BlobMissingError: There is no such blob.
            CorruptEntryError: The bytes are not the bytes that were stored.
        """

    def load(self, location: str) -> bytes:
        """Return the bytes behind a location written by beautyspot 1.x or 2.x (a path or URI), or one of our own."""

    def delete(self, location: str) -> None:
        """Delete a blob; one that is gone already is fine."""

    def scan(self) -> Iterator[tuple[str, int, float]]:
        """Yield (location, size, time of last modification) of every blob of ours."""
