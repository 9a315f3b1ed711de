"""Ready-made rules for parameters that name files: ``rules={"path": bs.file_content}``."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from blake3 import blake3

from beautyspot.errors import KeyingError
from beautyspot.keys.buffers import DIGEST_SIZE, threads

__all__ = ["file_content", "file_stat"]

_MAPPED = 1 << 20  # bytes; smaller files are read faster than mapped


def file_content(path: str | os.PathLike[str]) -> object:
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
        with open(path, "rb") as file:  # noqa: PTH123  # takes every kind of path
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyingError(f"{os.fspath(path)!r} is no regular file: its content cannot be part of a cache key")
            hasher = blake3(max_threads=threads())
            if status.st_size >= _MAPPED:
                hasher.update_mmap(file.name)
            else:
                hasher.update(file.read())
            return ["file", status.st_size, hasher.digest(DIGEST_SIZE)]
    except OSError as error:
        raise _unreadable(path, error) from error


def file_stat(path: str | os.PathLike[str]) -> object:
    """Stand for a path by place, size and time of the last change: quick for large files, blind to a faked time.

    Args:
        path: An existing file or directory.

    Returns:
        Its resolved path, size in bytes and modification time in nanoseconds.

    Raises:
        KeyingError: There is no such file.
    """
    try:
        resolved = Path(path).resolve(strict=True)
        status = resolved.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return ["stat", str(resolved), status.st_size, status.st_mtime_ns]


def _unreadable(path: str | os.PathLike[str], error: OSError) -> KeyingError:
    reason = error.strerror or type(error).__name__
    return KeyingError(f"file {os.fspath(path)!r} cannot be part of a cache key: {reason}")
