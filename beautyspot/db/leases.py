"""The right to compute a key, as a lock on one byte of a file: free again the moment its holder's process dies.

The byte's offset is taken from the key. The kernel drops the locks of a dead process, so no clock and no time-out is
needed and a ``kill -9`` leaves nothing behind. Containers of one machine that share the directory exclude each other,
too; machines do if their network file system has record locks.

Rules (they follow from how POSIX record locks work):

- They belong to the process, and a second request of the same process always succeeds. So one registry for each file
  tells threads apart.
- Closing *any* descriptor of the file drops *all* of the process's locks on it. So a lock file is only closed when
  another one took its name, and those who still hold a lease may meet a second holder: both may write, see `Lease`.
- A forked child does not inherit them. So it forgets what its parent held and opens a descriptor of its own.
- A stopped process (Ctrl-Z) keeps its locks, perhaps for days. Who waits for one takes the byte of the next rank. This
  is seen on Linux only, and not through the border of a process id namespace: elsewhere others wait.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import struct
import sys
import threading
from pathlib import Path

from beautyspot.db import files

__all__ = ["UNGUARDED", "FileLease", "LeaseFile", "Unguarded", "lease_file"]

if sys.platform == "win32":
    import msvcrt

    _RANK = 2**31  # the C library's file position may be a 32 bit one
    _RANKS = 1

    def _lock(descriptor: int, offset: int) -> None:
        os.lseek(descriptor, offset, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int, offset: int) -> None:
        os.lseek(descriptor, offset, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def _holder_is_stopped(descriptor: int, offset: int) -> bool:  # noqa: ARG001
        return False

else:
    import fcntl

    _RANK = 2**61
    _RANKS = 4  # the last byte is below 2**63, the largest offset
    _QUESTION = struct.Struct("hhqqi")  # struct flock of Linux on 64 bits: type, whence, start, length, process id
    _CAN_ASK = sys.platform == "linux" and struct.calcsize("P") == 8
    _AT_ONCE = fcntl.LOCK_EX | fcntl.LOCK_NB

    def _lock(descriptor: int, offset: int) -> None:
        fcntl.lockf(descriptor, _AT_ONCE, 1, offset)

    def _unlock(descriptor: int, offset: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, offset)

    def _holder_is_stopped(descriptor: int, offset: int) -> bool:
        if not _CAN_ASK:
            return False
        question = _QUESTION.pack(fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0)
        try:
            kind, *_, process = _QUESTION.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
            if kind == fcntl.F_UNLCK or process <= 0:  # given back meanwhile, or in another namespace
                return False
            text = Path(f"/proc/{process}/stat").read_bytes()
        except OSError:
            return False
        return text.rpartition(b")")[2].split()[:1] == [b"T"]


# What a system answers if somebody else holds the byte: EDEADLK is Windows'.
_TAKEN = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})


def _offset(key: str) -> int:
    try:
        return int(key[:16], 16) % _RANK
    except ValueError:  # not one of our keys; any digest will do
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest) % _RANK


def _claim(descriptor: int, byte: int) -> bool:
    """Lock a byte for this process; return False if another one has it."""
    try:
        _lock(descriptor, byte)
    except OSError as error:
        # Anything else (ENOLCK, ENOTSUP, EINVAL) says that there are no record locks to be had.
        return error.errno not in _TAKEN
    return True


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
        held = self._held
        if held is not None:
            self._file.give_back(held, self._offset)
            self._held = None


class LeaseFile:
    """The bytes of one file that this process holds.

    Args:
        path: Real path of the lock file. It is made on first use, with its directory.
    """

    __slots__ = ("_descriptor", "_held", "_identity", "_lock", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._held: set[int] = set()
        self._descriptor: int | None = None
        self._identity: files.Identity | None = None

    def take(self, key: str) -> FileLease | None:
        """Return the lease of `key`, or None at once if another thread or running process has it.

        Where no lock file can be made, or the file system knows no locks, threads still exclude each other.
        """
        offset = _offset(key)
        with self._lock:
            descriptor = self._opened()
            for byte in range(offset, offset + _RANKS * _RANK, _RANK):
                if byte in self._held:
                    return None
                lease = FileLease(self, self._held, byte)  # before the claim: nothing may fail after it
                if descriptor is None or _claim(descriptor, byte):
                    self._held.add(byte)
                    return lease
                if not _holder_is_stopped(descriptor, byte):
                    return None
        return None

    def give_back(self, held: set[int], offset: int) -> None:
        """Unlock a byte that `take` locked, unless the process forked or the file was replaced since."""
        with self._lock:
            if offset not in held:
                return  # given back already: the byte may be somebody else's by now
            held.discard(offset)
            if held is self._held and self._descriptor is not None:
                with contextlib.suppress(OSError):
                    _unlock(self._descriptor, offset)

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

    def _opened(self) -> int | None:
        """Return a descriptor of the file that has the name now, or None if there can be none."""
        if self._descriptor is not None:
            if files.identity(self.path) == self._identity:
                return self._descriptor
            os.close(self._descriptor)
            self._descriptor = None
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, flags, 0o666)
        except OSError:
            return None  # read-only file system, no rights, no directory: put will say so
        status = os.fstat(self._descriptor)
        self._identity = status.st_dev, status.st_ino
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
