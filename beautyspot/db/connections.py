"""The connections to one database file: one reader for each thread, one writer behind a lock.

Rules:

- A connection keeps two files open. So only the first threads have a reader of their own; hundreds of others take turns
  with one more, and leave the descriptors to the program.
- A connection is closed only while nobody is inside one of its statements. A thread announces itself with
  `Reader.busy`; who wants to close first replaces `Reader.execute` and then waits until `busy` is False. So a look-up
  pays two attribute stores and no lock.
- SQLite's state does not survive ``fork``: a connection opened in the child would share the parent's bookkeeping of
  file locks, which the kernel did not pass on. So everything is closed before a fork, and both sides open again on use.
- The writer's lock comes first, the gate (opening and closing of readers) second, never the other way round.
- A file that was deleted or replaced is noticed by its inode, and all connections to the old one are closed before the
  new one is opened. Its write-ahead log must not be found by the new one: SQLite would replay it there.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beautyspot.db import files, schema
from beautyspot.db.faults import BUSY_TIMEOUT, FAILURES, HASTY_TIMEOUT, UNWRITABLE, primary_code, translate
from beautyspot.db.readers import PATIENCE, Reader, close_with, leave_open
from beautyspot.db.walindex import Window, open_window
from beautyspot.errors import ReadOnlyStoreError, StoreError

__all__ = ["Connections"]

_MOST_READERS = 32


class Connections:
    """Opens, hands out and closes the connections to one file.

    Args:
        path: Absolute path of the database file.
        read_only: Never write, whatever the file's rights are.

    Attributes:
        local: ``local.reader`` is the calling thread's own `Reader`; the attribute is missing until `reading` made one.
        lost: Whether the file was deleted since it was opened, and not opened again.
        lock: Guards the writer. Hold it around everything that `writer` is used for.
        hasty: Whether the writer no longer waits for other programs' transactions, because one did not end.
        window: Tells whether anything was committed; open exactly while the writer is, None where it cannot be told.
    """

    def __init__(self, path: str, *, read_only: bool) -> None:
        self.path = path
        self.local = threading.local()
        self.lock = threading.Lock()
        self._forced = read_only
        self._read_only = read_only
        self._gate = threading.Lock()
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()
        self._shared: Reader | None = None
        self._writer: sqlite3.Connection | None = None
        self._closer: weakref.ref[Any] | None = None
        self.hasty = self.lost = False
        self.window: Window | None = None
        self._identity: files.Identity | None = None
        self._log: files.Identity | None = None
        self._paused = False
        _live.add(self)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Reader | None]:
        """Give the calling thread a connection for as long as the block lasts; None if there is no database to read.

        Raises:
            StoreError: The file cannot be opened.
        """
        reader = getattr(self.local, "reader", None) or self._reader()
        if reader is None:
            yield None
            return
        with reader.turn:
            reader.thread = threading.get_ident()
            reader.busy = True
            try:
                yield reader
            finally:
                reader.busy = False

    def _reader(self) -> Reader | None:
        while True:
            if not self._is_ready():
                return None
            with self._gate, self._translated():
                if self._identity is None:
                    continue  # closed, or about to fork, since we looked
                crowded = len(self._readers) >= _MOST_READERS
                if crowded and self._shared is not None:
                    return self._shared
                connection = self._connect_read_only() if self._read_only else self._connect()
                if connection is None:
                    return None
                reader = Reader(connection)
                self._readers.add(reader)
                if crowded:
                    self._shared = reader
                else:
                    self.local.reader = reader
                return reader

    def _is_ready(self) -> bool:
        if self.is_open:
            return True
        with self.lock:
            return self._open(create=False)

    def writer(self) -> sqlite3.Connection:
        """Return the writing connection; open, create or re-create the file if need be. The caller holds `lock`.

        Raises:
            ReadOnlyStoreError: The file was opened for reading.
            StoreError: The file cannot be opened.
        """
        current = files.identity(self.path)
        if self._writer is None or self._identity != current:
            self._leave(current)
            self._open(create=True)
        if self._writer is None:
            raise ReadOnlyStoreError(f"{self.path} is opened for reading only: nothing can be written to it")
        return self._writer

    def hurry(self, *, hasty: bool) -> None:
        """Let the writer wait for other programs as long as usual, or hardly at all. The caller holds `lock`."""
        self.hasty = hasty
        if self._writer is not None:
            milliseconds = round(1000 * (HASTY_TIMEOUT if hasty else BUSY_TIMEOUT))
            self._writer.execute(f"PRAGMA busy_timeout = {milliseconds}")

    def refresh(self) -> bool:
        """Drop connections to a file that is no longer there under its name; return whether there is a file now."""
        current = files.identity(self.path)
        if self._identity is not None and current != self._identity:
            with self.lock:
                self._leave(current)
        return current is not None

    @property
    def is_open(self) -> bool:
        """Whether the file was opened and not closed since."""
        return self._identity is not None

    @property
    def read_only(self) -> bool:
        """Whether writes are refused: by wish, or because the file or its directory does not allow them."""
        if self._identity is None and not self._forced:
            self._read_only = files.identity(self.path) is not None and not files.writable(self.path)
        return self._read_only

    def close(self) -> None:
        """Close everything; the next use opens again."""
        with self.lock:
            self._forget()

    def _open(self, *, create: bool) -> bool:
        """Find out what the file is and prepare it. The caller holds `lock`. False: there is nothing to read."""
        if self.is_open:
            return True  # another thread was faster
        exists = files.identity(self.path) is not None
        if not exists and (not create or self._forced):
            return False
        with self._translated():
            self._read_only = self._forced or (exists and not files.writable(self.path))
            if not self._read_only:
                self._open_writer(exists=exists)
        self._identity = files.identity(self.path)
        self._log = files.identity(self.path + "-wal")
        self.lost = False
        return self._identity is not None

    def _open_writer(self, *, exists: bool) -> None:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        files.warn_if_remote(self.path)
        connection = self._connect()
        try:
            schema.prepare(connection, self.path)
        except BaseException as error:
            connection.close()
            if exists and isinstance(error, FAILURES) and primary_code(error) in UNWRITABLE:
                self._read_only = True  # rights that os.access does not see: reading may still work
                return
            raise
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            self.window = open_window(self.path)
        self.hasty = False
        self._writer, self._closer = connection, close_with(self, connection, self.window)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)

    def _connect_read_only(self) -> sqlite3.Connection | None:
        """Open for reading; without the files that SQLite keeps beside the database if those cannot be made."""
        connection = self._connect_uri(mode="ro")
        try:
            try:
                readable = schema.install_views(connection, self.path)
            except sqlite3.OperationalError as error:
                if primary_code(error) not in UNWRITABLE:
                    raise
                self._refuse_lonely_log(error)
                connection.close()
                connection = self._connect_uri(mode="ro", immutable=1)
                readable = schema.install_views(connection, self.path)
        except BaseException:
            connection.close()
            raise
        if not readable:
            connection.close()
            return None
        return connection

    def _refuse_lonely_log(self, error: sqlite3.Error) -> None:
        # Without its log the file may hold one half of a transaction, an index that leads to another row, say.
        if files.has_content(self.path + "-wal"):
            message = (
                f"{self.path}-wal holds results that SQLite cannot read in a directory that it cannot write to: "
                "copy the database with this file to another directory"
            )
            raise StoreError(message) from error

    def _connect_uri(self, **options: str | int) -> sqlite3.Connection:
        return sqlite3.connect(
            files.uri(self.path, **options),
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )

    def _leave(self, current: files.Identity | None) -> None:
        """Close all connections because `current` is now the file of our name. The caller holds `lock`."""
        opened, log = self._identity, self._log
        self._forget()
        self.lost = self.lost or (opened is not None and current is None)
        if opened is None or opened == current or self._read_only or log is None:
            return
        if files.identity(self.path + "-wal") == log:
            for name in ("-wal", "-shm"):
                with contextlib.suppress(OSError):
                    Path(self.path + name).unlink()

    def _forget(self) -> None:
        """Close all connections. The caller holds `lock`."""
        with self._gate, self._translated():
            self._close_all()

    def _close_all(self) -> None:
        for reader in list(self._readers):
            reader.retire()
        self._readers.clear()
        self.local, self._shared = threading.local(), None
        writer, self._writer, self._identity = self._writer, None, None
        window, self.window = self.window, None
        leave_open(self._closer)
        if writer is not None:
            writer.close()
        if window is not None:
            window.close()

    def at_exit(self) -> None:
        """Close everything, so that SQLite tidies its files up. What is still to be written opens it again."""
        if self.lock.acquire(timeout=PATIENCE):
            with contextlib.suppress(Exception), self._gate:  # a program must not fail at its end for a cache
                self._close_all()
            self.lock.release()

    def before_fork(self) -> None:
        """Close all connections and keep everybody from opening others until `after_fork`."""
        # A writer that waits for another program's transaction must not hold the fork up for ever.
        self._paused = self.lock.acquire(timeout=PATIENCE)
        if not self._paused:
            return
        self._gate.acquire()
        busy = [reader for reader in self._readers if reader.busy]
        with contextlib.suppress(*FAILURES):  # a fork must not fail for a cache
            self._close_all()
        _inherited.extend(reader for reader in busy if reader.busy)

    def after_fork(self, *, child: bool) -> None:
        """Let the connections be opened again."""
        if self._paused:
            self._gate.release()
            self.lock.release()
        elif child:
            _inherited.extend((self._writer, *self._readers))
            leave_open(self._closer)
            self.lock, self._gate, self.local = threading.Lock(), threading.Lock(), threading.local()
            self._readers, self._shared = weakref.WeakSet(), None
            self._writer = self._identity = self.window = None

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            raise translate(error, self.path) from error
        except OSError as error:
            message = f"{self.path} cannot be made: {error.strerror or error}: choose a directory that can be written"
            raise StoreError(message) from error


_live: weakref.WeakSet[Connections] = weakref.WeakSet()
_fork_lock = threading.Lock()
_forking: list[Connections] = []
_inherited: list[object] = []  # what could not be closed before a fork: kept, because closing it in the child does harm


def _before_fork() -> None:
    _fork_lock.acquire()
    _forking.extend(_live)
    for connections in _forking:
        connections.before_fork()


def _after_fork(*, child: bool) -> None:
    for connections in _forking:
        connections.after_fork(child=child)
    _forking.clear()
    _fork_lock.release()


def _at_exit() -> None:
    for connections in list(_live):
        connections.at_exit()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(child=False),
        after_in_child=lambda: _after_fork(child=True),
    )
