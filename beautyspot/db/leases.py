"""The right to compute a key, as a lock on one byte of a file: free again the moment its holder's process dies.

The byte's offset is taken from the key. The kernel drops the locks of a dead process, so no time-out is needed and a
``kill -9`` leaves nothing behind.

Rules (they follow from how POSIX record locks work):

- They belong to the process, and a second request of the same process always succeeds. So one registry for each file
  tells threads apart.
- Closing *any* descriptor of the file drops *all* of the process's locks on it. So a lock file is opened once and never
  closed while the process lives.
- A forked child does not inherit them. So it forgets what its parent held and opens a descriptor of its own.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sys
import threading
from pathlib import Path

__all__ = ["UNGUARDED", "FileLease", "LeaseFile", "Unguarded", "lease_file"]

if sys.platform == "win32":
    import msvcrt

    _LARGEST = 2**31 - 1  # the C library's file position may be a 32 bit one

    def _lock(descriptor: int, offset: int) -> None:
        os.lseek(descriptor, offset, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int, offset: int) -> None:
        os.lseek(descriptor, offset, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    _LARGEST = 2**62 - 1
    _AT_ONCE = fcntl.LOCK_EX | fcntl.LOCK_NB

    def _lock(descriptor: int, offset: int) -> None:
        fcntl.lockf(descriptor, _AT_ONCE, 1, offset)

    def _unlock(descriptor: int, offset: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, offset)


# What a system answers if somebody else holds the byte: EDEADLK is Windows'.
_TAKEN = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})


def _offset(key: str) -> int:
    try:
        return int(key[:16], 16) >> 2 & _LARGEST
    except ValueError:  # not one of our keys; any digest will do
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest) & _LARGEST


class Unguarded:
    """A lease that excludes nobody, for databases that can only be read."""

    __slots__ = ()

    def release(self) -> None:
        """Do nothing."""


UNGUARDED = Unguarded()


class FileLease:
    """One locked byte."""

    __slots__ = ("_file", "_held", "_offset")

    def __init__(self, file: LeaseFile, held: set[int], offset: int) -> None:
        self._file = file
        self._held: set[int] | None = held
        self._offset = offset

    def release(self) -> None:
        """Give the byte back. A second call does nothing, nor does one in a child of the process that took it."""
        held, self._held = self._held, None
        if held is not None:
            self._file.give_back(held, self._offset)


class LeaseFile:
    """The bytes of one file that this process holds.

    Args:
        path: Real path of the lock file. It is made on first use, with its directory.
    """

    __slots__ = ("_descriptor", "_held", "_lock", "_unlockable", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._held: set[int] = set()
        self._descriptor: int | None = None
        self._unlockable = False

    def take(self, key: str) -> FileLease | None:
        """Return the lease of `key`, or None at once if another thread or process has it.

        Where no lock file can be made, or the file system knows no locks, threads still exclude each other.
        """
        offset = _offset(key)
        with self._lock:
            held = self._held
            if offset in held:
                return None
            descriptor = self._descriptor
            if descriptor is None:
                descriptor = self._open()
            if descriptor is not None:
                try:
                    _lock(descriptor, offset)
                except OSError as error:
                    if error.errno in _TAKEN:
                        return None
                    self._unlockable = True  # ENOLCK, ENOTSUP, EINVAL: this file system has no record locks
                    self._descriptor = None
            held.add(offset)
        return FileLease(self, held, offset)

    def give_back(self, held: set[int], offset: int) -> None:
        """Unlock a byte that `take` locked, unless the process forked or the file was replaced since."""
        with self._lock:
            held.discard(offset)
            if held is self._held and self._descriptor is not None:
                with contextlib.suppress(OSError):
                    _unlock(self._descriptor, offset)

    def renew(self) -> None:
        """Open the file anew if it was deleted. Leases on the deleted one no longer exclude other processes."""
        with self._lock:
            if self._descriptor is None:
                return
            if os.fstat(self._descriptor).st_nlink == 0:
                os.close(self._descriptor)  # drops locks on a file that nobody else can open
                self._descriptor = None

    def before_fork(self) -> None:
        """Keep other threads out until `after_fork`."""
        self._lock.acquire()

    def after_fork(self, *, child: bool) -> None:
        """Go on; in the child with nothing held."""
        if child:
            self._held = set()
            if self._descriptor is not None:
                # The child holds no lock yet, and closing does not touch those of its parent.
                os.close(self._descriptor)
                self._descriptor = None
        self._lock.release()

    def _open(self) -> int | None:
        if self._unlockable:
            return None
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, flags, 0o666)
        except OSError:
            return None  # read-only file system, no rights, no directory: put will say so
        return self._descriptor


_files: dict[str, LeaseFile] = {}
_files_lock = threading.Lock()
_forking: list[LeaseFile] = []


def lease_file(database: str) -> LeaseFile:
    """Return this process's only `LeaseFile` for a database.

    Args:
        database: Path of the database file; other names of the same file have the same leases.
    """
    path = os.path.realpath(database) + "-lease"
    with _files_lock:
        file = _files.get(path)
        if file is None:
            file = _files[path] = LeaseFile(path)
    return file


def _before_fork() -> None:
    _files_lock.acquire()
    _forking.extend(_files.values())
    for file in _forking:
        file.before_fork()


def _after_fork(*, child: bool) -> None:
    for file in _forking:
        file.after_fork(child=child)
    _forking.clear()
    _files_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(child=False),
        after_in_child=lambda: _after_fork(child=True),
    )
