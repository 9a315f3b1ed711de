"""The records that travel between layers: what a row holds, what a list shows, what a query asks.

Times are UTC seconds since the epoch as ``float``; sizes are bytes as ``int``; durations are seconds as ``float``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

__all__ = ["LEGACY_TYPES", "Entry", "EntryInfo", "FunctionStats", "Kind", "Query", "ResultType", "Row", "StatsDelta"]

Kind = Literal["function", "cell"]

ResultType = Literal["SPOT", "SPOT_FRAMES", "SPOT_BLOB", "DIRECT", "DIRECT_BLOB", "FILE"]
"""How ``result_value``/``result_data`` of a row are to be read.

``SPOT``: one msgpack document in ``result_data``. ``SPOT_FRAMES``: a frames container (head and buffers) in
``result_data``. ``SPOT_BLOB``: a frames container in blob storage, its location in ``result_value``.
The other three were written by beautyspot 1.x and 2.x: JSON text in ``result_value``, msgpack in ``result_data``, and a
path or URI in ``result_value`` whose file holds msgpack.
"""

LEGACY_TYPES = frozenset({"DIRECT", "DIRECT_BLOB", "FILE"})


class Row(NamedTuple):
    """What a look-up returns: no more than a hit needs. Field order is the column order of the SELECT."""

    result_type: str
    result_data: bytes | None
    result_value: str | None
    checksum: int | None  # crc32 of result_data; None for blobs (they carry their own digest) and legacy rows
    expires_at: float | None
    duration: float  # seconds the function ran when the row was computed


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One result as it is written."""

    cache_key: str
    func_name: str
    kind: Kind = "function"
    input_id: str = ""  # hex digest of the arguments alone
    version: str | None = None
    result_type: ResultType = "SPOT"
    result_data: bytes | None = None
    result_value: str | None = None
    content_type: str | None = None
    checksum: int | None = None
    size: int = 0  # payload bytes, in the row or in the blob
    created_at: float = 0.0
    expires_at: float | None = None
    duration: float = 0.0
    code_digest: str = ""
    arguments: str = ""  # short readable text, for lists
    components: Mapping[str, str] = field(default_factory=dict)  # part of the key -> hex digest, for explain
    tags: tuple[str, ...] = ()
    meta: Mapping[str, object] = field(default_factory=dict)  # msgpack-able facts: library versions, cell writes, ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryInfo:
    """One entry in a list: everything but the payload."""

    cache_key: str
    func_name: str
    kind: Kind
    input_id: str
    version: str | None
    result_type: str
    result_value: str | None
    content_type: str | None
    size: int
    created_at: float
    expires_at: float | None
    duration: float
    code_digest: str
    arguments: str
    components: Mapping[str, str]
    tags: tuple[str, ...]
    meta: Mapping[str, object]
    pinned: bool
    hits: int
    last_hit: float | None

    @property
    def legacy(self) -> bool:
        """Whether beautyspot 1.x or 2.x wrote it."""
        return self.result_type in LEGACY_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which entries to list, in which order, from where on. Every filter is optional and they are joined by *and*."""

    function: str | None = None  # exact func_name
    code_digest: str | None = None
    kind: Kind | None = None
    tag: str | None = None
    text: str | None = None  # case-insensitive substring of func_name, arguments or cache_key
    key_prefix: str | None = None
    created_before: float | None = None
    created_after: float | None = None
    expired_at: float | None = None  # entries whose expires_at lies at or before this time
    order: Literal["created_at", "size", "hits", "duration", "func_name"] = "created_at"
    descending: bool = True
    limit: int = 50
    after: tuple[float | int | str, str] | None = None  # (value of the order column, cache_key) of the last row seen


@dataclass(frozen=True, slots=True)
class StatsDelta:
    """What happened to one function since the last fold."""

    func_name: str
    hits: int = 0
    misses: int = 0
    failures: int = 0
    saved: float = 0.0  # seconds that hits did not run
    ran: float = 0.0  # seconds that misses ran


@dataclass(frozen=True, slots=True)
class FunctionStats:
    """One function's totals, with what it keeps in the store now."""

    func_name: str
    hits: int
    misses: int
    failures: int
    saved: float
    ran: float
    entries: int
    size: int
