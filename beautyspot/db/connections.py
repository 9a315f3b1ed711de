"""The connections to one database file: one reader for each thread, one writer behind a lock.

Rules:

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

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from beautyspot.db import files, schema
from beautyspot.db.faults import BUSY_TIMEOUT, UNWRITABLE, primary_code, translate
from beautyspot.db.leases import lease_file
from beautyspot.errors import ReadOnlyStoreError, StoreError

__all__ = ["Connections", "Reader", "RetiredError"]

_PATIENCE = 5.0  # seconds to wait for a statement of another thread before its connection is left to itself


class RetiredError(Exception):
    """The reader was closed between two look-ups of its thread: open another one and ask again."""


def _refuse(*_: object) -> NoReturn:
    raise RetiredError


class Reader:
    """One thread's connection.

    Attributes:
        execute: The connection's method, or a function that raises `RetiredError`.
        busy: True while its thread is inside a statement.
        memo: Results that hold as long as ``PRAGMA data_version`` stays the same.
    """

    __slots__ = ("__weakref__", "busy", "connection", "execute", "memo", "thread")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.execute: Callable[..., sqlite3.Cursor] = connection.execute
        self.busy = False
        self.memo: dict[object, tuple[int, list[tuple[object, ...]]]] = {}
        self.thread = threading.get_ident()

    def retire(self) -> None:
        """Close the connection as soon as its thread is outside of a statement. Any thread may call this."""
        self.execute = _refuse
        deadline = time.monotonic() + _PATIENCE
        while self.busy and self.thread != threading.get_ident():
            if time.monotonic() > deadline:
                return  # closing under a running statement would crash the process
            time.sleep(0.0002)
        self.connection.close()

    def __del__(self) -> None:
        # Runs when the thread ends, and at interpreter shutdown, where a failure would only be noise.
        with contextlib.suppress(Exception):
            self.connection.close()


class Connections:
    """Opens, hands out and closes the connections to one file.

    Args:
        path: Absolute path of the database file.
        read_only: Never write, whatever the file's rights are.

    Attributes:
        local: ``local.reader`` is the calling thread's `Reader`; the attribute is missing until `reader` made one.
        lock: Guards the writer. Hold it around everything that `writer` is used for.
    """

    def __init__(self, path: str, *, read_only: bool) -> None:
        self.path = path
        self.local = threading.local()
        self.lock = threading.Lock()
        self._forced = read_only
        self._read_only = read_only
        self._gate = threading.Lock()
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()
        self._writer: sqlite3.Connection | None = None
        self._identity: files.Identity | None = None
        self._log: files.Identity | None = None
        self._paused = False
        _live.add(self)

    def reader(self) -> Reader | None:
        """Return a fresh connection for the calling thread, or None if there is no database to read.

        Raises:
            StoreError: The file cannot be opened.
        """
        while True:
            if not self._is_ready():
                return None
            with self._gate, self._translated():
                if self._identity is None:
                    continue  # closed, or about to fork, since we looked
                connection = self._connect_read_only() if self._read_only else self._connect()
                if connection is None:
                    return None
                reader = Reader(connection)
                self._readers.add(reader)
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
        return self._identity is not None

    def _open_writer(self, *, exists: bool) -> None:
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        files.warn_if_remote(self.path)
        lease_file(self.path).renew()  # whoever deleted the database probably deleted that file, too
        connection = self._connect()
        try:
            schema.prepare(connection, self.path)
        except BaseException as error:
            connection.close()
            if exists and isinstance(error, sqlite3.Error) and primary_code(error) in UNWRITABLE:
                self._read_only = True  # rights that os.access does not see: reading may still work
                return
            raise
        self._writer = connection

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
        self.local = threading.local()
        writer, self._writer, self._identity = self._writer, None, None
        if writer is not None:
            writer.close()

    def before_fork(self) -> None:
        """Close all connections and keep everybody from opening others until `after_fork`."""
        # A writer that waits for another program's transaction must not hold the fork up for ever.
        self._paused = self.lock.acquire(timeout=_PATIENCE)
        if not self._paused:
            return
        self._gate.acquire()
        busy = [reader for reader in self._readers if reader.busy]
        with contextlib.suppress(sqlite3.Error):  # a fork must not fail for a cache
            self._close_all()
        _inherited.extend(reader for reader in busy if reader.busy)

    def after_fork(self, *, child: bool) -> None:
        """Let the connections be opened again."""
        if self._paused:
            self._gate.release()
            self.lock.release()
        elif child:
            _inherited.extend((self._writer, *self._readers))
            self.lock, self._gate, self.local = threading.Lock(), threading.Lock(), threading.local()
            self._readers, self._writer, self._identity = weakref.WeakSet(), None, None

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        except OSError as error:
            message = f"{self.path} cannot be made: {error.strerror or error}: choose a directory that can be written"
            raise StoreError(message) from error

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # as in Reader
            if self._writer is not None:
                self._writer.close()


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


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(child=False),
        after_in_child=lambda: _after_fork(child=True),
    )
