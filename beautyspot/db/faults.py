"""SQLite's errors in our terms: what was seen, where, and what to do about it."""

from __future__ import annotations

import os
import sqlite3

from beautyspot.errors import CorruptEntryError, ReadOnlyStoreError, StoreError

__all__ = [
    "BUSY_TIMEOUT",
    "FAILURES",
    "HASTY_TIMEOUT",
    "UNWRITABLE",
    "is_decoding_failure",
    "is_locked",
    "primary_code",
    "translate",
]

FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""What the sqlite3 module raises for a file: the second one if SQLite quotes damaged text in its message."""

BUSY_TIMEOUT = 10.0
"""Seconds that a statement waits for another program's transaction."""

HASTY_TIMEOUT = 0.1
"""Seconds that a statement waits after one waited in vain: a batch must not wait that long for each of its results."""

UNWRITABLE = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
"""What SQLite answers when a file that exists can perhaps still be read."""

_LONGEST_PATH = 500  # bytes; SQLite gives up at 512, with the names of the files that it keeps next to the database

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk (or a quota) is full: free some space or prune the cache",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened: check that its directory exists and may be written",
    sqlite3.SQLITE_IOERR: "reading or writing the file failed: check the disk and its free space",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
    sqlite3.SQLITE_TOOBIG: "the result is larger than SQLite takes in one row: use save_blob=True",
}


def primary_code(error: Exception) -> int:
    """Return SQLite's primary result code, or 0 for errors that Python's own module raised."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF  # the higher bits tell apart variants that have the same remedy


def is_locked(error: Exception) -> bool:
    """Return whether another program's transaction was in the way."""
    return primary_code(error) in _LOCKED


def is_decoding_failure(error: Exception) -> bool:
    """Return whether a text in the file is no UTF-8: a damaged row, or one of another program."""
    return primary_code(error) == 0 and "decode" in str(error)


def translate(error: Exception, path: str) -> StoreError:
    """Return the `StoreError` to raise from `error`.

    Args:
        error: What the sqlite3 module raised.
        path: The database file.

    Returns:
        A `StoreError` whose message names the file and the remedy.

    Example:
        >>> print(translate(sqlite3.OperationalError("no such column: x"), "a.db"))
        a.db: no such column: x
    """
    code = primary_code(error)
    if isinstance(error, UnicodeDecodeError) or code in _DAMAGED:
        return CorruptEntryError(path, f"{error}: move the file away, a new one will be made")
    if is_decoding_failure(error):
        return CorruptEntryError(f"a row of {path}", str(error))
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return ReadOnlyStoreError(f"{path} cannot be written: check the rights of the file and of its directory")
    if is_locked(error):
        return StoreError(f"{path} stayed locked: another program holds a transaction open, end it")
    remedy = _REMEDIES.get(code)
    if code == sqlite3.SQLITE_CANTOPEN and (length := len(os.fsencode(path))) > _LONGEST_PATH:
        remedy = f"SQLite opens no path as long as its {length} bytes: give the database a shorter one"
    return StoreError(f"{path}: {remedy} ({error})" if remedy else f"{path}: {error}")
