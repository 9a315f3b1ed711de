"""What a cache looks like from outside: plain frozen records that text, HTML, JSON and the dashboard all render.

Every record is JSON-able through `to_json`. Times are UTC seconds since the epoch, durations seconds, sizes bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beautyspot.entry import EntryInfo, FunctionStats

__all__ = ["EntryRow", "FunctionRow", "LimitRow", "Overview", "Page", "RunningRow", "Totals", "function_row", "to_json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRow:
    """One function or cell in the per-function table."""

    name: str
    hits: int = 0
    misses: int = 0
    failures: int = 0
    saved: float = 0.0
    ran: float = 0.0
    entries: int = 0
    size: int = 0

    @property
    def rate(self) -> float | None:
        """Share of calls answered from the cache, 0 to 1; None before the first call."""
        return hit_rate(self.hits, self.misses)

    @property
    def mean(self) -> float | None:
        """Mean run time of a miss in seconds; None before the first miss."""
        return self.ran / self.misses if self.misses else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counters over a period: everything the store remembers, or this process alone."""

    hits: int = 0
    misses: int = 0
    failures: int = 0
    saved: float = 0.0
    ran: float = 0.0
    functions: tuple[FunctionRow, ...] = ()

    @property
    def rate(self) -> float | None:
        """Share of calls answered from the cache, 0 to 1; None before the first call."""
        return hit_rate(self.hits, self.misses)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """A rate limiter now."""

    name: str
    tpm: float
    next_slot_in: float = 0.0
    waiting: int = 0
    granted: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRow:
    """A call in flight."""

    name: str
    key: str
    started_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A cache at one glance.

    Attributes:
        title: Name of the Spot or of the database file.
        db: Label of the database.
        storage: Label of the blob storage; empty when it is not known.
        mode: How the Spot answers calls (``"on"``, ``"frozen"``, ...); empty for a database alone.
        total: Counters of every process that ever used the store.
        session: Counters of this process since it made the Spot; None for a database alone.
        entries: Number of entries now.
        size: Sum of their payloads in bytes.
        limits: Rate limiters of the Spot.
        running: Calls in flight in this process.
        made_at: When this was read.
    """

    title: str
    db: str
    storage: str = ""
    mode: str = ""
    total: Totals
    session: Totals | None = None
    entries: int
    size: int
    limits: tuple[LimitRow, ...] = ()
    running: tuple[RunningRow, ...] = ()
    made_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRow:
    """One entry in a list."""

    key: str
    name: str
    kind: str
    arguments: str
    content_type: str
    size: int
    created_at: float
    expires_at: float | None
    duration: float
    hits: int
    last_hit: float | None
    version: str
    tags: tuple[str, ...]
    pinned: bool
    legacy: bool

    @classmethod
    def of(cls, info: EntryInfo) -> EntryRow:
        """Make the row that shows `info`."""
        return cls(
            key=info.cache_key,
            name=info.func_name,
            kind=info.kind,
            arguments=info.arguments,
            content_type=info.content_type or "",
            size=info.size,
            created_at=info.created_at,
            expires_at=info.expires_at,
            duration=info.duration,
            hits=info.hits,
            last_hit=info.last_hit,
            version=info.version or "",
            tags=tuple(info.tags),
            pinned=info.pinned,
            legacy=info.legacy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of entries.

    Attributes:
        rows: The entries, in the order of the query.
        total: Number of entries the query matches over all pages.
        size: Sum of their payloads in bytes.
        after: Cursor of the next page, for `Query.after`; None on the last page.
    """

    rows: tuple[EntryRow, ...]
    total: int
    size: int
    after: tuple[float | int | str, str] | None = None


def hit_rate(hits: int, misses: int) -> float | None:
    """Return the share of hits among calls, 0 to 1, or None if there were no calls.

    Example:
        >>> hit_rate(3, 1)
        0.75
    """
    calls = hits + misses
    return hits / calls if calls else None


def function_row(stats: FunctionStats) -> FunctionRow:
    """Make the row that shows one function's totals."""
    return FunctionRow(
        name=stats.func_name,
        hits=stats.hits,
        misses=stats.misses,
        failures=stats.failures,
        saved=stats.saved,
        ran=stats.ran,
        entries=stats.entries,
        size=stats.size,
    )


def to_json(record: object) -> Any:  # noqa: PLR0911  (one return per kind of value)
    """Turn a record of this package into dicts, lists and scalars that `json.dumps` accepts.

    Floats that JSON has no words for (NaN, infinities) become None; mapping keys become text.

    Example:
        >>> to_json(RunningRow(name="f", key="ab", started_at=1.0))
        {'name': 'f', 'key': 'ab', 'started_at': 1.0}
    """
    if isinstance(record, float):
        return record if record - record == 0 else None
    if record is None or isinstance(record, (bool, int)):
        return record
    if isinstance(record, str):
        # Lone surrogates can sit in stored text, and no wire format takes them.
        return record if record.isascii() else record.encode("utf-8", "replace").decode("utf-8")
    if dataclasses.is_dataclass(record):
        return {field.name: to_json(getattr(record, field.name)) for field in dataclasses.fields(record)}
    if isinstance(record, Mapping):
        return {str(to_json(str(name))): to_json(value) for name, value in record.items()}
    if isinstance(record, (list, tuple, set, frozenset)):
        return [to_json(item) for item in record]
    return str(record)
