"""Whether anything was committed to a database file since a moment, for the price of reading 48 bytes of memory.

In WAL mode every commit, of any process, rewrites the header of the file that SQLite keeps in shared memory beside the
database, ``<name>-shm``: a counter, the length of the log, its salts and checksums. Equal headers mean that nothing was
committed in between, as long as a connection of ours stays open: while one is open, nobody starts that file anew.

Rules:

- A window is open exactly as long as its connection. Each opening has another stamp, so that what was read through an
  earlier connection is never taken for current.
- The file may not be closed while SQLite holds locks on it in this process: by POSIX rules closing any descriptor of a
  file drops all locks that the process has on it. So a mapping is kept and used again, until the file has no name any
  more: then no connection uses it.
"""

from __future__ import annotations

import itertools
import mmap
import os
import sys
import threading
import weakref
from collections import deque
from dataclasses import dataclass

__all__ = ["Window", "open_window"]

HEADER = 48  # bytes of the first of two copies
FORMAT = (3007000).to_bytes(4, sys.byteorder)  # the only format there has been since WAL mode exists

_closed: deque[tuple[int, int]] = deque()  # files of windows that were closed and are still to be let go of
_windows: weakref.WeakSet[Window] = weakref.WeakSet()
_serial = itertools.count(1)
_lock = threading.Lock()
_mappings: dict[tuple[int, int], _Mapping] = {}


@dataclass(slots=True)
class _Mapping:
    """A mapped file, and how many windows look at it."""

    memory: mmap.mmap
    descriptor: int
    users: int = 0


class Window:
    """A view of the header of a database's shared memory; made by `open_window`."""

    __slots__ = ("__weakref__", "_file", "_memory", "_prefix")

    def __init__(self, file: tuple[int, int], memory: mmap.mmap) -> None:
        self._file = file
        self._memory = memory
        self.renew()
        _windows.add(self)

    def renew(self) -> None:
        """Make all stamps that were taken so far differ from those to come."""
        self._prefix = next(_serial).to_bytes(8, "little")

    def stamp(self) -> bytes:
        """Return bytes that are the same as before only if nothing was committed since."""
        return self._prefix + self._memory[:HEADER]

    def close(self) -> None:
        """Stop looking. Call this once, after the connection was closed."""
        _closed.append(self._file)
        # A finaliser may come here in the middle of any statement of a thread that holds the lock: it must not wait.
        if _lock.acquire(blocking=False):
            try:
                _sweep()
            finally:
                _lock.release()


def open_window(database: str) -> Window | None:
    """Look at the shared memory of a database that a connection of this process has open in WAL mode.

    Args:
        database: Path of the database file.

    Returns:
        A window, or None where there is no such file to look at.

    Example:
        >>> open_window("/nowhere/at-all.db") is None
        True
    """
    if sys.platform == "win32":  # another kind of locks, and no file that could be read beside SQLite
        return None
    with _lock:
        _sweep()
        try:
            return _window(database + "-shm")
        except (OSError, ValueError):  # not in WAL mode, no rights, no shared memory on this file system
            return None


def _window(path: str) -> Window | None:
    status = os.stat(path)  # noqa: PTH116  # one call, and nothing else is wanted of the path
    file = (status.st_dev, status.st_ino)
    mapping = _mappings.get(file)
    if mapping is None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        found = os.fstat(descriptor)
        # Kept from here on, whatever comes next: see the rules above.
        memory = mmap.mmap(descriptor, HEADER, access=mmap.ACCESS_READ)
        file = (found.st_dev, found.st_ino)
        mapping = _mappings[file] = _Mapping(memory, descriptor)
    if mapping.memory[:4] != FORMAT:
        return None
    mapping.users += 1
    return Window(file, mapping.memory)


def _sweep() -> None:
    """Let go of files that nobody looks at and that have no name any more. The caller holds the lock."""
    while _closed:
        _mappings[_closed.popleft()].users -= 1
    for file, mapping in list(_mappings.items()):
        if mapping.users == 0 and os.fstat(mapping.descriptor).st_nlink == 0:
            del _mappings[file]
            mapping.memory.close()
            os.close(mapping.descriptor)


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = threading.Lock()
    # A connection that could not be closed before the fork guards nothing here: the parent may close its own any time.
    for window in list(_windows):
        window.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
