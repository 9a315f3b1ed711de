"""A database of results that lives and dies with its object: for tests, trials and caches that need not persist."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from beautyspot.db.base import Lease
from beautyspot.entry import LEGACY_TYPES, Entry, EntryInfo, FunctionStats, Query, Row, StatsDelta
from beautyspot.errors import ConfigurationError

__all__ = ["MemoryTaskDB"]

_ORDERS: dict[str, Callable[[EntryInfo], float | str]] = {
    "created_at": lambda info: info.created_at,
    "size": lambda info: info.size,
    "hits": lambda info: info.hits,
    "duration": lambda info: info.duration,
    "func_name": lambda info: info.func_name,
}


class _Lease:
    __slots__ = ("_key", "_leased")

    def __init__(self, leased: set[str], key: str) -> None:
        self._leased: set[str] | None = leased
        self._key = key

    def release(self) -> None:
        leased, self._leased = self._leased, None
        if leased is not None:
            leased.discard(self._key)


class MemoryTaskDB:
    """Results, leases and statistics in dictionaries, with the behaviour of `SQLiteTaskDB`.

    Closing keeps the content. A forked child goes on with a copy of it; a pickled copy, as in a worker process, starts
    empty.

    Args:
        clock: Returns the time in seconds since the epoch, for entries that carry none.

    Example:
        >>> db = MemoryTaskDB()
        >>> db.put(Entry(cache_key="00ff", func_name="f", result_data=b"*"))
        >>> db.get("00ff").result_data
        b'*'
    """

    remote = False

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[Row, EntryInfo]] = {}
        self._legacy = False  # whether there ever was an old row: asked at every miss
        self._totals: dict[str, StatsDelta] = {}
        self._leased: set[str] = set()
        _live.add(self)

    @property
    def label(self) -> str:
        """``memory://``."""
        return "memory://"

    def get(self, key: str) -> Row | None:
        """Return the row of `key`, expired or not, or None."""
        found = self._rows.get(key)
        return None if found is None else found[0]

    def put(self, entry: Entry) -> None:
        """Insert or replace a row. A replaced row keeps its pin; its hits start again."""
        row = Row(*(getattr(entry, name) for name in Row._fields))
        self._legacy = self._legacy or row.result_type in LEGACY_TYPES
        with self._lock:
            old = self._rows.get(entry.cache_key)
            self._rows[entry.cache_key] = (row, _info(entry, self._clock(), pinned=old is not None and old[1].pinned))

    def lease(self, key: str) -> Lease | None:
        """Take the right to compute `key`, or return None at once if another thread has it."""
        with self._lock:
            if key in self._leased:
                return None
            self._leased.add(key)
            return _Lease(self._leased, key)

    def delete(self, keys: Iterable[str]) -> int:
        """Delete rows and return how many there were."""
        with self._lock:
            return sum(self._rows.pop(key, None) is not None for key in keys)

    def scan(self, query: Query) -> list[EntryInfo]:
        """Return one page of entries, without payloads.

        Raises:
            ConfigurationError: The order is unknown.
        """
        value = _ORDERS.get(query.order)
        if value is None:
            raise ConfigurationError(f"unknown order {query.order!r}: choose one of {', '.join(sorted(_ORDERS))}")

        def position(info: EntryInfo) -> tuple[float | str, str]:
            return value(info), info.cache_key

        found = sorted(self._matching(query), key=position, reverse=query.descending)
        after = query.after
        if after is not None:
            found = [i for i in found if (position(i) < after if query.descending else position(i) > after)]
        return found[: max(query.limit, 0)]

    def count(self, query: Query) -> tuple[int, int]:
        """Return how many entries match (limit and cursor ignored) and the sum of their sizes."""
        found = self._matching(query)
        return len(found), sum(info.size for info in found)

    def touch(self, hits: Sequence[tuple[str, int, float]], stats: Sequence[StatsDelta]) -> None:
        """Add statistics: (key, number of hits, time of the last one) and totals by function."""
        with self._lock:
            for key, count, last in hits:
                if key in self._rows:
                    row, info = self._rows[key]
                    latest = last if info.last_hit is None else max(last, info.last_hit)
                    self._rows[key] = (row, replace(info, hits=info.hits + count, last_hit=latest))
            for delta in stats:
                self._totals[delta.func_name] = _sum(self._totals.get(delta.func_name), delta)

    def stats(self) -> list[FunctionStats]:
        """Return the totals of every function that was ever called or has entries, by name."""
        with self._lock:
            kept: dict[str, list[int]] = {name: [] for name in self._totals}
            for _, info in self._rows.values():
                kept.setdefault(info.func_name, []).append(info.size)
            totals = {name: self._totals.get(name, StatsDelta(name)) for name in sorted(kept)}
        return [
            FunctionStats(name, t.hits, t.misses, t.failures, t.saved, t.ran, len(kept[name]), sum(kept[name]))
            for name, t in totals.items()
        ]

    def set_pinned(self, key: str, *, pinned: bool) -> bool:
        """Protect an entry from pruning, or no longer; return whether it exists."""
        with self._lock:
            if key not in self._rows:
                return False
            row, info = self._rows[key]
            self._rows[key] = (row, replace(info, pinned=pinned))
            return True

    def has_legacy_rows(self) -> bool:
        """Return whether there are rows of beautyspot 1.x or 2.x (after an import, say)."""
        return self._legacy

    def close(self) -> None:
        """Do nothing: the content stays."""

    def _matching(self, query: Query) -> list[EntryInfo]:
        with self._lock:
            return [info for _, info in self._rows.values() if _matches(info, query)]

    def after_fork(self) -> None:
        """Start with nothing locked or leased: the threads that did it stayed in the parent."""
        self._lock = threading.Lock()
        self._leased = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[MemoryTaskDB], tuple[()]]:
        return MemoryTaskDB, ()

    def __repr__(self) -> str:
        return "MemoryTaskDB()"


def _info(entry: Entry, now: float, *, pinned: bool) -> EntryInfo:
    return EntryInfo(
        cache_key=entry.cache_key,
        func_name=entry.func_name,
        kind=entry.kind,
        input_id=entry.input_id,
        version=entry.version,
        result_type=entry.result_type,
        result_value=entry.result_value,
        content_type=entry.content_type,
        size=entry.size,
        created_at=entry.created_at or now,
        expires_at=entry.expires_at,
        duration=entry.duration,
        code_digest=entry.code_digest,
        arguments=entry.arguments,
        components=dict(entry.components),
        tags=entry.tags,
        meta=dict(entry.meta),
        pinned=pinned,
        hits=0,
        last_hit=None,
    )


def _matches(info: EntryInfo, query: Query) -> bool:
    exact = (
        (query.function, info.func_name),
        (query.code_digest, info.code_digest),
        (query.kind, info.kind),
    )
    if any(wanted is not None and wanted != found for wanted, found in exact):
        return False
    if query.created_before is not None and not info.created_at < query.created_before:
        return False
    if query.created_after is not None and not info.created_at > query.created_after:
        return False
    if query.expired_at is not None and (info.expires_at is None or info.expires_at > query.expired_at):
        return False
    if query.tag is not None and query.tag not in info.tags:
        return False
    text = (query.text or "").casefold()
    return info.cache_key.startswith(query.key_prefix or "") and (
        not text or any(text in field.casefold() for field in (info.func_name, info.arguments, info.cache_key))
    )


def _sum(old: StatsDelta | None, new: StatsDelta) -> StatsDelta:
    if old is None:
        return new
    return StatsDelta(
        new.func_name,
        old.hits + new.hits,
        old.misses + new.misses,
        old.failures + new.failures,
        old.saved + new.saved,
        old.ran + new.ran,
    )


_live: weakref.WeakSet[MemoryTaskDB] = weakref.WeakSet()


def _after_fork() -> None:
    for database in list(_live):
        database.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
