"""From what users write to a database: a path, a URL, or a database of their own."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

from beautyspot.db.base import TaskDB
from beautyspot.errors import ConfigurationError

__all__ = ["open_db"]

_NO_SLASHES = re.compile(r"(file|sqlite|memory|rediss?):", re.IGNORECASE)  # what was meant as a URL

_IN_MEMORY = frozenset({":memory:", "sqlite://:memory:", "sqlite:///:memory:"})  # as SQLite and others write it

_HERE = "a path, 'sqlite:///absolute/path.db', 'memory://' or an object with the methods of TaskDB"


def open_db(target: str | os.PathLike[str] | TaskDB | None) -> TaskDB:
    """Return the database that `target` names. Nothing is opened yet.

    Args:
        target: A path, ``"sqlite:///absolute/path.db"`` (percent-encoded as in every URL), ``"memory://"`` or SQLite's
            ``":memory:"``, or a database, which is returned as it is. None means memory.

    Returns:
        A database.

    Raises:
        ConfigurationError: `target` names no database that this version knows.

    Example:
        >>> open_db("memory://").label
        'memory://'
    """
    if isinstance(target, TaskDB) and not isinstance(target, type):
        return target
    given: object = "memory://" if target is None else target
    if not isinstance(given, str | os.PathLike):
        seen = f"the class {given.__name__}" if isinstance(given, type) else f"{type(given).__qualname__} {given!r}"
        raise ConfigurationError(f"{seen} is no database: give {_HERE}")
    text = os.fspath(given)
    if text in _IN_MEMORY:
        text = "memory://"
    scheme, separator, rest = text.partition("://") if isinstance(given, str) else ("", "", "")
    if not separator:
        if isinstance(given, str) and (url := _NO_SLASHES.match(text)):
            raise ConfigurationError(f"what begins with {url[0]!r} looks like a URL, but has no '//': give {_HERE}")
        return _sqlite(text)
    if scheme == "memory" and not rest.strip("/"):
        from beautyspot.db.memory import MemoryTaskDB

        return MemoryTaskDB()
    if scheme == "sqlite":
        return _sqlite(_sqlite_path(text, rest))
    # What stands before the slashes is enough: a URL may hold a password.
    raise ConfigurationError(f"{scheme}:// databases are not available in this version: give {_HERE}")


def _sqlite_path(url: str, rest: str) -> str:
    if "?" in rest or "#" in rest:
        raise ConfigurationError(f"{url!r} has options: SQLiteTaskDB takes them, a URL only names the file")
    rest = unquote(rest)
    path = rest[1:] if rest.startswith("/") and rest[2:3] == ":" else rest  # sqlite:///C:/x.db
    if not Path(path).is_absolute() or path == "/":
        raise ConfigurationError(f"{url!r} names no absolute path: write sqlite:///absolute/path.db")
    return path


def _sqlite(path: str) -> TaskDB:
    from beautyspot.db.sqlite import SQLiteTaskDB

    return SQLiteTaskDB(path)
