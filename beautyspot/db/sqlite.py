"""The database of results in one SQLite file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeAlias

from beautyspot.db import files, queries
from beautyspot.db.base import Lease
from beautyspot.db.connections import Connections
from beautyspot.db.faults import FAILURES, is_decoding_failure, is_locked, translate
from beautyspot.db.leases import UNGUARDED, LeaseFile, lease_file
from beautyspot.db.readers import Reader, RetiredError
from beautyspot.entry import Entry, EntryInfo, FunctionStats, Query, Row, StatsDelta
from beautyspot.errors import ConfigurationError, CorruptEntryError, StoreError

__all__ = ["SQLiteTaskDB"]

# The row must have the key itself, not only be where the index says: a damaged index would lead to another result.
# Asked in this way, SQLite reads what it reads anyway, and takes no longer.
_GET = (
    f"SELECT {', '.join(f't.{name}' for name in Row._fields)} FROM tasks AS i CROSS JOIN tasks AS t"  # noqa: S608
    " ON t.rowid = i.rowid WHERE i.cache_key = ?1 AND +t.cache_key = ?1"
)
_HIT = (
    "UPDATE tasks SET hits = hits + ?, last_hit = CASE WHEN last_hit > ? THEN last_hit ELSE ? END WHERE cache_key = ?"
)
_TOTALS = (
    "INSERT INTO functions(func_name, hits, misses, failures, saved, ran) VALUES(?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(func_name) DO UPDATE SET hits = hits + excluded.hits, misses = misses + excluded.misses,"
    " failures = failures + excluded.failures, saved = saved + excluded.saved, ran = ran + excluded.ran"
)
_STATS = (
    "SELECT ifnull(func_name, ''), sum(hits), sum(misses), sum(failures), sum(saved), sum(ran), sum(entries), sum(size)"
    " FROM (SELECT func_name, hits, misses, failures, saved, ran, 0 AS entries, 0 AS size FROM functions"
    " UNION ALL SELECT func_name, 0, 0, 0, 0.0, 0.0, count(*), sum(size) FROM tasks GROUP BY func_name)"
    " GROUP BY 1 ORDER BY 1"
)
_LEGACY = "SELECT 1 FROM tasks WHERE result_type IN ('DIRECT', 'DIRECT_BLOB', 'FILE') LIMIT 1"
_CHUNK = 500  # rows deleted in one transaction, so that other writers get their turn
_MEMO = 64  # results kept for each reader
_LOOK_EVERY = 0.1  # seconds between two looks whether the file is still the one that was opened
_LEGACY_RECHECK = 1.0  # seconds for which "no legacy rows" is believed

_Fetch: TypeAlias = Callable[[Reader, str, Sequence[object]], list[tuple[Any, ...]]]
_new_row: Callable[[type[Row], tuple[object, ...]], Row] = tuple.__new__


class SQLiteTaskDB:
    """Results, leases and statistics in one SQLite file, shared by any number of threads and processes.

    Opens what beautyspot 1.x and 2.x wrote, and leaves it usable for them. Nothing is opened, and no directory made,
    before the first use; reading never makes a file.

    Args:
        path: The file. A relative path is taken from the working directory of now.
        clock: Returns the time in seconds since the epoch, for entries that carry none.
        read_only: Refuse to write. A file or directory that cannot be written is treated like this by itself.

    Raises:
        ConfigurationError: `path` is not a path.

    Example:
        >>> import tempfile
        >>> from beautyspot.entry import Entry
        >>> folder = tempfile.TemporaryDirectory()
        >>> with SQLiteTaskDB(folder.name + "/a.db") as db:
        ...     db.put(Entry(cache_key="00ff", func_name="f", result_data=b"*"))
        ...     db.get("00ff").result_data
        b'*'
        >>> folder.cleanup()
    """

    remote = False

    def __init__(
        self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.time, read_only: bool = False
    ) -> None:
        given: object = path
        text = os.fspath(given) if isinstance(given, str | os.PathLike) else None
        if not isinstance(text, str) or text in {"", ":memory:"} or not files.is_path(text):
            raise ConfigurationError(f"SQLiteTaskDB needs the path of a file, got {path!r}; MemoryTaskDB() needs none")
        self.path = str(Path(os.path.expanduser(text)).absolute())  # noqa: PTH111 - Path fails for unknown users
        self.read_only = read_only
        self._clock = clock
        self._connections = Connections(self.path, read_only=read_only)
        self._lease_file: LeaseFile | None = None
        self._legacy: tuple[bool, float] | None = None
        self._next_look = 0.0

    @property
    def label(self) -> str:
        """The absolute path of the file."""
        return self.path

    def get(self, key: str) -> Row | None:
        """Return the row of `key`, expired or not, or None.

        A file that was deleted or replaced is noticed a moment later.

        Raises:
            StoreError: The file cannot be read.
        """
        if monotonic() > self._next_look:
            self._look()
        try:
            reader: Reader = self._connections.local.reader
            reader.busy = True
            try:
                for row in reader.execute(_GET, (key,)):
                    return _new_row(Row, row)
                return None
            finally:
                reader.busy = False
        except (AttributeError, RetiredError, sqlite3.Error, UnicodeError):
            rows = self._read(_GET, (queries.plain(key),))  # opens, and gives errors their names
            return Row._make(rows[0]) if rows else None

    def stamp(self) -> bytes | None:
        """Return bytes that are the same as before only if nobody committed anything since.

        Returns:
            None if that cannot be told: the file is not open for writing, or not in WAL mode.
        """
        connections = self._connections
        try:
            if monotonic() > self._next_look:
                self._look()
            window = connections.window
            if window is None:
                return None
            found = window.stamp()
        except (StoreError, ValueError):  # the file is in trouble; or it was closed by another thread at this moment
            return None
        return found if connections.window is window else None

    def put(self, entry: Entry) -> None:
        """Insert or replace a row. A replaced row keeps its pin; its hits start again.

        Raises:
            ReadOnlyStoreError: The database can only be read.
            StoreError: The file cannot be written (disk full, locked, damaged).
        """
        values = queries.entry_values(entry, self._clock() if not entry.created_at else 0.0)
        connections = self._connections
        with connections.lock:
            writer = connections.writer()
            try:
                try:
                    written = writer.execute(queries.PUT, values).rowcount
                except UnicodeEncodeError:
                    written = writer.execute(queries.PUT, queries.tidy(values)).rowcount
                if connections.hasty:
                    connections.hurry(hasty=False)
            except (*FAILURES, OverflowError) as error:
                raise self._fault(error) from error
        if not written:
            raise CorruptEntryError(
                self.path, "its index leads to wrong rows: move the file away, a new one will be made"
            )

    def lease(self, key: str) -> Lease | None:
        """Take the right to compute `key`, or return None at once if another live caller has it.

        The right ends with `Lease.release`, or with the process. A database that can only be read gives it to all.
        """
        file = self._lease_file
        if file is None:
            if self._connections.read_only:
                return UNGUARDED
            file = self._lease_file = lease_file(self.path)
        return file.take(key)

    def delete(self, keys: Iterable[str]) -> int:
        """Delete rows and return how many there were.

        Raises:
            ReadOnlyStoreError: The database can only be read.
            StoreError: The file cannot be written.
        """
        deleted = 0
        iterator = iter(keys)
        while chunk := [(queries.plain(key),) for key in islice(iterator, _CHUNK)]:
            if not self._connections.refresh():
                return deleted
            with self._transaction() as writer:
                deleted += writer.executemany("DELETE FROM tasks WHERE cache_key = ?", chunk).rowcount
        return deleted

    def scan(self, query: Query) -> list[EntryInfo]:
        """Return one page of entries, without payloads.

        Raises:
            ConfigurationError: The order is unknown.
            StoreError: The file cannot be read.
        """
        sql, values = queries.page(query)
        self._connections.refresh()
        return [queries.info(row) for row in self._read(sql, values, fetch=_fetch_leniently)]

    def count(self, query: Query) -> tuple[int, int]:
        """Return how many entries match (limit and cursor ignored) and the sum of their sizes.

        Raises:
            StoreError: The file cannot be read.
        """
        where, values = queries.conditions(query)
        rows = self._remembered(f"SELECT count(*), ifnull(sum(size), 0) FROM tasks{where}", values)  # noqa: S608
        return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)

    def touch(self, hits: Sequence[tuple[str, int, float]], stats: Sequence[StatsDelta]) -> None:
        """Add statistics in one transaction.

        They are dropped if the database can only be read, or if the file was deleted since it was opened: they were
        about entries that are gone.

        Args:
            hits: (key, number of hits, time of the last one).
            stats: What to add to the totals of each function.

        Raises:
            StoreError: The file cannot be written.
        """
        connections = self._connections
        if not (hits or stats) or connections.read_only or (not connections.refresh() and connections.lost):
            return
        with self._transaction() as writer:
            writer.executemany(_HIT, [(count, last, last, queries.plain(key)) for key, count, last in hits])
            writer.executemany(
                _TOTALS,
                [(queries.plain(s.func_name), s.hits, s.misses, s.failures, s.saved, s.ran) for s in stats],
            )

    def stats(self) -> list[FunctionStats]:
        """Return the totals of every function that was ever called or has entries, by name.

        Raises:
            StoreError: The file cannot be read.
        """
        return [FunctionStats(*row) for row in self._remembered(_STATS, ())]

    def set_pinned(self, key: str, *, pinned: bool) -> bool:
        """Protect an entry from pruning, or no longer; return whether it exists.

        Raises:
            ReadOnlyStoreError: The database can only be read.
            StoreError: The file cannot be written.
        """
        if not self._connections.refresh():
            return False
        with self._transaction() as writer:
            sql = "UPDATE tasks SET pinned = ? WHERE cache_key = ?"
            return writer.execute(sql, (int(pinned), queries.plain(key))).rowcount > 0

    def has_legacy_rows(self) -> bool:
        """Return whether there are rows of beautyspot 1.x or 2.x, as of a second ago at most. Cheap enough for a miss.

        Raises:
            StoreError: The file cannot be read.
        """
        now = self._clock()
        known = self._legacy
        if known is None or (not known[0] and abs(now - known[1]) >= _LEGACY_RECHECK):
            self._legacy = known = (bool(self._read(_LEGACY, ())), now)
        return known[0]

    def close(self) -> None:
        """Close the connections of all threads. The next use opens again."""
        self._connections.close()
        self._lease_file = self._legacy = None

    def _look(self) -> None:
        self._next_look = monotonic() + _LOOK_EVERY
        self._connections.refresh()

    def _read(self, sql: str, parameters: Sequence[object], fetch: _Fetch | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT, none if there is no database."""
        while True:
            with self._connections.reading() as reader:
                if reader is None:
                    return []
                try:
                    return (fetch or _fetch)(reader, sql, parameters)
                except RetiredError:
                    continue  # closed by another thread: the next round opens its successor
                except FAILURES as error:
                    raise translate(error, self.path) from error

    def _remembered(self, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT over many rows, from memory if nobody wrote since: for a polling dashboard."""
        self._connections.refresh()
        return self._read(sql, parameters, fetch=_fetch_remembered)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the writer in one transaction."""
        with self._connections.lock:
            writer = self._connections.writer()
            try:
                writer.execute("BEGIN IMMEDIATE")
                try:
                    yield writer
                    writer.execute("COMMIT")
                    if self._connections.hasty:
                        self._connections.hurry(hasty=False)
                finally:
                    if writer.in_transaction:
                        writer.execute("ROLLBACK")
            except (*FAILURES, OverflowError) as error:
                raise self._fault(error) from error

    def _fault(self, error: Exception) -> StoreError:
        """Return what to raise for what the writer met. The caller holds its lock."""
        if is_locked(error):
            self._connections.hurry(hasty=True)
        if isinstance(error, OverflowError):
            return StoreError(f"{self.path} holds whole numbers of at most 64 bits and texts of 2 GB: {error}")
        return translate(error, self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., SQLiteTaskDB], tuple[str, Callable[[], float], bool]]:
        return _rebuild, (self.path, self._clock, self.read_only)

    def __repr__(self) -> str:
        return f"SQLiteTaskDB({self.path!r}{', read_only=True' if self.read_only else ''})"


def _rebuild(path: str, clock: Callable[[], float], read_only: bool) -> SQLiteTaskDB:
    return SQLiteTaskDB(path, clock=clock, read_only=read_only)


def _fetch(reader: Reader, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    if "casefold(" in sql:
        reader.connection.create_function("casefold", 1, _casefold, deterministic=True)
    return reader.execute(sql, parameters).fetchall()


def _fetch_remembered(reader: Reader, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    version = int(reader.execute("PRAGMA data_version").fetchone()[0])
    question = (sql, *parameters)
    known = reader.memo.get(question)
    if known is not None and known[0] == version:
        return known[1]
    rows = _fetch(reader, sql, parameters)
    if len(reader.memo) >= _MEMO:
        reader.memo.clear()
    # The version was taken before the rows: a write in between makes the memory stale, never wrong.
    reader.memo[question] = (version, rows)
    return rows


def _fetch_leniently(reader: Reader, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    try:
        return _fetch(reader, sql, parameters)
    except sqlite3.OperationalError as error:
        if not is_decoding_failure(error):
            raise
    # One bad row must not hide the others.
    reader.connection.text_factory = _decode_leniently
    try:
        return reader.execute(sql, parameters).fetchall()
    finally:
        reader.connection.text_factory = str


def _decode_leniently(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _casefold(value: object) -> str:
    return str(value).casefold()
