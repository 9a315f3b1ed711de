"""Ready-made rules for parameters that name files: ``rules={"path": bs.file_content}``."""

from __future__ import annotations

import os
import stat
from io import RawIOBase
from pathlib import Path

from beautyspot.errors import KeyingError
from beautyspot.keys.buffers import Hasher

__all__ = ["file_content", "file_stat"]

_PIECE = 1 << 22  # bytes read at a time


def file_content(path: str | bytes | os.PathLike[str]) -> object:
    """Stand for a path by what is in the file, wherever it lies and whatever it is called.

    Args:
        path: An existing file.

    Returns:
        Its size in bytes and the digest of its content.

    Raises:
        KeyingError: There is no such file, or it cannot be read.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp(), "a.csv")
        >>> _ = path.write_text("x")
        >>> before = file_content(path)
        >>> _ = path.write_text("y")
        >>> file_content(path) == before
        False
    """
    try:
        size = _size(os.fspath(path))  # no number of an open file: it would be closed here
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # takes every kind of path
            return ["file", *_size_and_digest(file, size)]
    except KeyingError:
        raise
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from error


def _size(path: str | bytes) -> int:
    status = os.stat(path)  # noqa: PTH116  # as above
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for a writer
        raise KeyingError(f"{path!r} is no regular file: its content cannot be part of a cache key")
    return status.st_size


def _size_and_digest(file: RawIOBase, expected: int) -> tuple[int, bytes]:
    """Read in pieces: a mapped file that another program cuts short would kill this one."""
    hasher = Hasher(expected)
    buffer = bytearray(min(_PIECE, expected + 1))
    view = memoryview(buffer)
    size = 0
    while count := file.readinto(buffer):
        hasher.update(view[:count])
        size += count
    return size, hasher.digest()


def file_stat(path: str | bytes | os.PathLike[str]) -> object:
    """Stand for a path by place, size and time of the last change: quick for large files, blind to a faked time.

    Args:
        path: An existing file or directory.

    Returns:
        Its resolved path, size in bytes and modification time in nanoseconds.

    Raises:
        KeyingError: There is no such file.
    """
    try:
        resolved = Path(os.fsdecode(path)).resolve(strict=True)
        status = resolved.stat()
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from error
    return ["stat", str(resolved), status.st_size, status.st_mtime_ns]


def _unreadable(path: object, error: Exception) -> KeyingError:
    reason = getattr(error, "strerror", None) or str(error)
    named = os.fspath(path) if isinstance(path, os.PathLike) else path
    return KeyingError(f"file {named!r} cannot be part of a cache key: {reason}")
