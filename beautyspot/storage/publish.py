"""Writing a file so that readers see all of it or none, and saying what went wrong if it could not be written."""
# Descriptors and plain calls instead of pathlib: a write is counted in microseconds.
# ruff: noqa: PTH103, PTH105, PTH107, PTH120

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from contextlib import suppress

from beautyspot.errors import ReadOnlyStoreError, StoreError
from beautyspot.units import format_bytes

__all__ = ["delete_error", "is_temporary", "publish", "reason", "write_error"]

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_TEMPORARY = re.compile(r"\.[0-9]+-[0-9a-f]{16}\.tmp")
_MOST_CHUNKS = 512  # buffers in one system call; every system takes 1024
_NO_ROOM = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
_NOT_ALLOWED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def publish(path: str, views: Sequence[memoryview], *, durable: bool) -> None:
    """Write a new file under a temporary name next to `path`, then rename it, replacing a file that is there.

    Args:
        path: The file; its folder is made if it is missing.
        views: Its content.
        durable: Whether to wait until the disk has it.

    Raises:
        OSError: It could not be written. The temporary file is removed.
    """
    folder = os.path.dirname(path)
    temporary = f"{folder}{os.sep}.{os.getpid()}-{os.urandom(8).hex()}.tmp"
    try:
        descriptor = _create(temporary, folder)
        try:
            _write(descriptor, views)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.remove(temporary)
        raise
    if durable and os.name == "posix":  # the rename is a change of the folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_temporary(name: str) -> bool:
    """Whether `publish` made a file of this name: if its writer was killed, the file stays."""
    return _TEMPORARY.fullmatch(name) is not None


def write_error(error: OSError, path: str, size: int, folder: str) -> StoreError:
    """Return the error to raise when `size` bytes could not be published at `path`, below `folder`."""
    what = f"cannot store {format_bytes(size)} as {path}: {reason(error)}"
    if error.errno in _NO_ROOM:
        return StoreError(
            f"{what}: {size} bytes were needed ({_free(folder)} free on the disk): make room, or move {folder}"
        )
    if error.errno in _NOT_ALLOWED:
        return ReadOnlyStoreError(f"{what}: make {folder} writable, or put the cache elsewhere")
    return StoreError(f"{what}: check that {folder} is a folder on a working disk")


def delete_error(error: OSError, path: str) -> StoreError:
    """Return the error to raise when `path` could not be deleted."""
    kind = ReadOnlyStoreError if error.errno in _NOT_ALLOWED else StoreError
    return kind(f"cannot delete {path}: {reason(error)}: check who owns the folder")


def reason(error: OSError) -> str:
    """Return what the system says, without the path that our message names anyway."""
    return error.strerror or str(error)


def _create(path: str, folder: str) -> int:
    """Open a new file; its folder is made when it turns out to be missing, not asked for each time."""
    try:
        return os.open(path, _CREATE, 0o666)
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)
        return os.open(path, _CREATE, 0o666)


def _write(descriptor: int, views: Sequence[memoryview]) -> None:
    pending = list(views)
    while pending:
        if hasattr(os, "writev"):
            written = os.writev(descriptor, pending[:_MOST_CHUNKS])
        else:
            written = os.write(descriptor, pending[0][: 1 << 30])
        done = 0
        while done < len(pending) and written >= pending[done].nbytes:
            written -= pending[done].nbytes
            done += 1
        del pending[:done]
        if written:
            pending[0] = pending[0][written:]


def _free(folder: str) -> str:
    import shutil

    try:
        return format_bytes(shutil.disk_usage(folder).free)
    except OSError:
        return "an unknown number of bytes"
