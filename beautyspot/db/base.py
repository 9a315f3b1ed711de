"""What the engine asks of a database of results.

Rules for every implementation:

- The constructor does no I/O. The first call opens; `close` may be called twice; a closed database opens again on use.
- All methods are safe to call from any thread, and after ``fork`` in the child.
- `put` is the commit point of a result: once it returns, a killed process loses nothing.
- Failures are raised as `StoreError`, whose ``__cause__`` is the client library's own error.

Two more methods are used where they exist: ``stamp()``, a token that is another one after every commit of any process
(small rows stay in memory while it is the same), and ``has_legacy_rows()``, for files of beautyspot 1.x and 2.x.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from beautyspot.entry import Entry, EntryInfo, FunctionStats, Query, Row, StatsDelta


class Lease(Protocol):
    """The right to compute one key. Held until `release`, or until its holder's process dies.

    It saves work and guards nothing else. Should two callers hold one key (the lock file was deleted, a holder was
    stopped and goes on), both write a result of this key as a whole, and the later one stays: either is right.
    """

    def release(self) -> None:
        """Give the right back. A second call does nothing."""


@runtime_checkable
class TaskDB(Protocol):
    """A store of result rows, leases and statistics."""

    remote: bool
    """Whether a call may wait for a network: the async driver moves such calls off the event loop."""

    @property
    def label(self) -> str:
        """What to call this database in messages: a path or a URL without credentials."""

    def get(self, key: str) -> Row | None:
        """Return the row of `key`, expired or not, or None."""

    def put(self, entry: Entry) -> None:
        """Insert or replace a row."""

    def lease(self, key: str) -> Lease | None:
        """Take the right to compute `key`, or return None at once if another live caller (thread or process) has it."""

    def delete(self, keys: Iterable[str]) -> int:
        """Delete rows and return how many there were."""

    def scan(self, query: Query) -> list[EntryInfo]:
        """Return one page of entries, without payloads."""

    def count(self, query: Query) -> tuple[int, int]:
        """Return the number of entries a query matches (its limit and cursor ignored) and the sum of their sizes."""

    def touch(self, hits: Sequence[tuple[str, int, float]], stats: Sequence[StatsDelta]) -> None:
        """Add statistics in one transaction: (key, number of hits, time of the last one) and totals by function."""

    def stats(self) -> list[FunctionStats]:
        """Return the totals of every function that was ever called or has entries, by name."""

    def set_pinned(self, key: str, *, pinned: bool) -> bool:
        """Protect an entry from pruning, or no longer; return whether it exists."""

    def close(self) -> None:
        """Release connections. Nothing acknowledged is lost."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
