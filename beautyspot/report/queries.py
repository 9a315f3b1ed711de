"""Read-only questions to a cache. Lists never select payloads; one entry's payload is read only by `entry_detail`."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol, cast

from beautyspot.db.base import TaskDB
from beautyspot.entry import EntryInfo, FunctionStats, Query, Row
from beautyspot.errors import SpotError, StoreError
from beautyspot.report import human
from beautyspot.report.blocks import Block, Notice
from beautyspot.report.models import (
    EntryRow,
    FunctionRow,
    LimitRow,
    Overview,
    Page,
    RunningRow,
    Totals,
    function_row,
)
from beautyspot.storage.base import Storage

if TYPE_CHECKING:
    from beautyspot.codecs import Codec

__all__ = [
    "Detail",
    "LiveSpot",
    "entries",
    "entry_detail",
    "find",
    "is_counted",
    "overview",
    "session_totals",
    "totals",
]

UNTOLD_TPM = 10_000
"""The rate of a Spot that was given none: a limiter that nobody asked for or used is not worth a line."""

DECODE_LIMIT = 256 << 20
"""Payloads above this many bytes are described, not decoded, by a view."""

_EMPTY: tuple[object, ...] = (None, "", {}, [], ())


class LiveSpot(Protocol):
    """What a view asks of a Spot."""

    name: str
    db: TaskDB
    storage: Storage
    codec: Codec

    @property
    def mode(self) -> str:
        """How it answers calls."""

    @property
    def engine(self) -> Any:
        """Its engine, whose recorder holds the counters that are not in the database yet."""

    def live(self) -> Mapping[str, Any]:
        """Return this process's counters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """Everything about one entry, with its content.

    Attributes:
        row: What a list shows.
        result_type: How the row holds the payload.
        location: Location of the blob; empty if the payload is in the row.
        input_id: Digest of the arguments.
        code: Digest of the code.
        components: Part of the key -> digest.
        meta: Recorded facts (library versions and the like) as text.
        blocks: The content.
    """

    row: EntryRow
    result_type: str
    location: str
    input_id: str
    code: str
    components: Mapping[str, str]
    meta: Mapping[str, str]
    blocks: tuple[Block, ...]


def overview(
    source: TaskDB | LiveSpot, *, title: str | None = None, clock: Callable[[], float] = time.time
) -> Overview:
    """Read the state of a cache.

    Args:
        source: A Spot (its live counters, limits and running calls are included) or a database alone.
        title: What to call it; by default the Spot's name or the database's file name.
        clock: Current time in seconds since the epoch.

    Raises:
        StoreError: The database cannot be read.

    Example:
        >>> from beautyspot.db import MemoryTaskDB
        >>> overview(MemoryTaskDB()).entries
        0
    """
    if isinstance(getattr(source, "db", None), TaskDB):
        return _spot_overview(cast("LiveSpot", source), title, clock)
    db = cast("TaskDB", source)
    number, size = db.count(Query())
    name = title or PurePath(db.label).name or db.label
    return Overview(title=name, db=db.label, total=totals(db.stats()), entries=number, size=size, made_at=clock())


def _spot_overview(spot: LiveSpot, title: str | None, clock: Callable[[], float]) -> Overview:
    live = spot.live()
    total = totals(_settled(spot))
    number, size = spot.db.count(Query())
    return Overview(
        title=title or spot.name,
        db=spot.db.label,
        storage=spot.storage.label,
        mode=str(spot.mode),
        total=total,
        session=session_totals(live),
        entries=number,
        size=size,
        limits=limit_rows(live),
        running=running_rows(live),
        made_at=clock(),
    )


def _settled(spot: LiveSpot) -> Sequence[FunctionStats]:
    """Return the totals of every process, this one's included.

    Unlike `Spot.stats` this waits for no background save, and leaves what such a save met to the user's own `flush`.
    """
    if is_counted(str(spot.mode)):
        with contextlib.suppress(SpotError):  # the recorder keeps what it could not save
            spot.engine.recorder.save(spot.db)
    return spot.db.stats()


def is_counted(mode: str) -> bool:
    """Whether what happens in a mode enters the totals of the database."""
    return mode not in {"frozen", "read-only"}


def totals(stats: Iterable[FunctionStats]) -> Totals:
    """Add up the totals of functions."""
    return _sum(tuple(function_row(row) for row in stats))


def session_totals(live: Mapping[str, Any]) -> Totals:
    """Read the counters of this process out of `Spot.live()`."""
    rows = []
    for name, (hits, misses, failures, saved, ran) in sorted(live.get("functions", {}).items()):
        rows.append(FunctionRow(name=name, hits=hits, misses=misses, failures=failures, saved=saved, ran=ran))
    return _sum(tuple(rows))


def _sum(rows: tuple[FunctionRow, ...]) -> Totals:
    return Totals(
        hits=sum(row.hits for row in rows),
        misses=sum(row.misses for row in rows),
        failures=sum(row.failures for row in rows),
        saved=sum(row.saved for row in rows),
        ran=sum(row.ran for row in rows),
        functions=rows,
    )


def limit_rows(live: Mapping[str, Any]) -> tuple[LimitRow, ...]:
    """Read the limiters out of `Spot.live()` that were ever used or were given a rate."""
    rows: list[LimitRow] = [_row(LimitRow, item) for item in live.get("limits", ())]
    return tuple(row for row in rows if row.granted or row.waiting or row.tpm < UNTOLD_TPM)


def running_rows(live: Mapping[str, Any]) -> tuple[RunningRow, ...]:
    """Read the calls in flight out of `Spot.live()`, at most 50."""
    return tuple(_row(RunningRow, item) for item in list(live.get("running", ()))[:50])


def _row(kind: type[Any], item: Any) -> Any:
    """Build a row from a mapping, a record with attributes of the same names, or a tuple in the order of the fields."""
    names = [field.name for field in dataclasses.fields(kind)]
    if isinstance(item, Mapping):
        return kind(**{name: item[name] for name in names if name in item})
    if isinstance(item, tuple) and not hasattr(item, "_fields"):
        return kind(**dict(zip(names, item, strict=False)))
    return kind(**{name: getattr(item, name) for name in names if hasattr(item, name)})


def entries(db: TaskDB, query: Query) -> Page:
    """List one page of entries.

    Raises:
        StoreError: The database cannot be read.
    """
    limit = max(1, min(query.limit, 1000))
    found = db.scan(dataclasses.replace(query, limit=limit + 1))
    total, size = db.count(query)
    shown = found[:limit]
    after = None
    if len(found) > limit:
        last = shown[-1]
        after = (getattr(last, query.order), last.cache_key)
    return Page(rows=tuple(EntryRow.of(info) for info in shown), total=total, size=size, after=after)


def find(db: TaskDB, prefix: str, *, limit: int = 20) -> list[EntryInfo]:
    """Return the entries whose key starts with `prefix`, an entry with exactly this key alone."""
    found = db.scan(Query(key_prefix=prefix, limit=limit))
    exact = [info for info in found if info.cache_key == prefix]
    return exact or found


def entry_detail(
    db: TaskDB, storage: Storage | None, codec: Codec, key: str, *, known: Mapping[str, type] | None = None
) -> Detail | None:
    """Read one entry with a preview of its content.

    A payload that cannot be read or decoded here becomes a notice that says why; it is no error.

    Args:
        db: The database.
        storage: Blob storage, or None if it is not known.
        codec: Decodes the payload.
        key: The whole key.
        known: User classes that may be constructed; without them such values are shown as undecodable.

    Returns:
        None if there is no such entry.

    Raises:
        StoreError: The database cannot be read.
    """
    found = [info for info in db.scan(Query(key_prefix=key, limit=2)) if info.cache_key == key]
    if not found:
        return None
    info = found[0]
    return Detail(
        row=EntryRow.of(info),
        result_type=info.result_type,
        location=info.result_value or "" if info.result_type in {"SPOT_BLOB", "FILE"} else "",
        input_id=info.input_id,
        code=info.code_digest,
        components=dict(list(info.components.items())[:200]),
        meta={
            human.plain(str(name)): _fact(value) for name, value in list(info.meta.items())[:50] if value not in _EMPTY
        },
        blocks=_content(db, storage, codec, info, known or {}),
    )


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        text = ", ".join(f"{name} {item}" for name, item in list(value.items())[:50])
    elif isinstance(value, (list, tuple)):
        text = ", ".join(map(str, value[:50]))
    else:
        text = str(value)
    return human.clip(human.plain(text), 400)


def _content(
    db: TaskDB, storage: Storage | None, codec: Codec, info: EntryInfo, known: Mapping[str, type]
) -> tuple[Block, ...]:
    from beautyspot.report.content import preview
    from beautyspot.report.content_cell import CellLink, cell_preview

    if info.size > DECODE_LIMIT:
        return (Notice(f"{human.size(info.size)}: too large to decode for a view."),)
    try:
        row = db.get(info.cache_key)
        if row is None:
            return (Notice("The entry was deleted a moment ago."),)
        value = _decode(row, storage, codec, {**known, "CellLink": CellLink} if info.kind == "cell" else known)
    except SpotError as error:
        return _failed("decoded", str(error), info)
    except Exception as error:  # whatever bytes are stored, a view must show the entry all the same
        return _failed("decoded", f"{type(error).__name__}: {error}", info)
    try:
        return cell_preview(value) if info.kind == "cell" else preview(value, info.content_type)
    except Exception as error:  # a library may refuse a value in its own way
        return _failed("shown", f"{type(error).__name__}: {error}", info)


def _decode(row: Row, storage: Storage | None, codec: Codec, known: Mapping[str, type]) -> Any:
    from beautyspot._engine.payloads import restore

    if storage is None and row.result_type in {"SPOT_BLOB", "FILE"}:
        raise StoreError("the content lies in blob storage, and it is not known which")
    # Rows that hold their payload never ask the storage.
    return restore(row, codec=codec, storage=cast("Storage", storage), known=known).value


def _failed(what: str, why: str, info: EntryInfo) -> tuple[Block, ...]:
    return (Notice(human.clip(f"cannot be {what} here: {human.plain(why)}", 600), "warning"), _size_notice(info))


def _size_notice(info: EntryInfo) -> Notice:
    kind = f" of type {human.plain(info.content_type)}" if info.content_type else ""
    return Notice(f"{human.size(info.size)}{kind}, stored as {info.result_type}")
