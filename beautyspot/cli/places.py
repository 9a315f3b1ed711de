"""From the arguments of a command to databases and their blob storage. Nothing is created, nothing is left behind."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from beautyspot.db.base import TaskDB
from beautyspot.errors import SpotError

if TYPE_CHECKING:
    from beautyspot.storage import Storage

__all__ = ["CommandError", "find_db", "find_dbs", "find_storage"]


class CommandError(SpotError):
    """A command cannot go on.

    Attributes:
        code: The exit code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextlib.contextmanager
def find_db(path: str | None) -> Iterator[TaskDB]:
    """Open the database that a command is about, for reading.

    Args:
        path: What the user gave: a file, a URL, or None for the only database of the workspace.

    Raises:
        CommandError: There is no such file, or the workspace does not hold exactly one.
    """
    place = (path if _is_url(path) else _existing(path)) if path is not None else _only_one()
    with _opened(place, read_only=True) as db:
        yield db


@contextlib.contextmanager
def find_dbs(paths: Sequence[str], *, read_only: bool) -> Iterator[list[TaskDB]]:
    """Open the databases that a command is about.

    Args:
        paths: What the user gave: files, folders of them, or URLs. Nothing means the workspace.
        read_only: Open files so that they cannot be changed.

    Raises:
        CommandError: A path leads to no database.
        StoreError: A file that was named by itself is no database.
    """
    with contextlib.ExitStack() as stack:
        found: dict[str, TaskDB] = {}
        for place, named in _places(paths):
            db = stack.enter_context(_opened(place, read_only=read_only))
            if named:
                db.stats()  # a file that is no cache is told now, not in the browser
            found.setdefault(db.label, db)
        yield list(found.values())


def _places(paths: Sequence[str]) -> Iterator[tuple[str | Path, bool]]:
    """Yield every database, and whether it was named or found in a folder."""
    from beautyspot.config import workspace

    for path in paths or [str(workspace())]:
        folder = Path(path).expanduser()
        if _is_url(path):
            yield path, True
        elif folder.is_dir() or not paths:
            found = [file for file in sorted(folder.glob("*.db")) if not _is_foreign(file)]
            if not found:
                raise CommandError(f"there is no database in {path}: give the path of one", 1)
            yield from ((file, False) for file in found)
        else:
            yield _existing(path), True


def _is_url(path: str) -> bool:
    return "://" in path


@contextlib.contextmanager
def _opened(place: str | Path, *, read_only: bool) -> Iterator[TaskDB]:
    if isinstance(place, str):
        from beautyspot.db import open_db

        with open_db(place) as remote:
            yield remote
        return
    from beautyspot.db import SQLiteTaskDB

    db = SQLiteTaskDB(place, read_only=read_only)
    was_there = _log(db.path).exists()
    try:
        with db:
            yield db
    finally:
        if not was_there:
            _tidy(db.path)


def _is_foreign(file: Path) -> bool:
    """Whether a file is a database, with tables, and none of them ours. What cannot be told now is told later."""
    from beautyspot.db.files import uri

    path = str(file.absolute())
    # Closing a connection that may write removes the log it made, but would also empty a log that was there.
    mode = "ro" if _log(path).exists() else "rw"
    try:
        with contextlib.closing(sqlite3.connect(uri(path, mode=mode), uri=True, timeout=0)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return False
    return bool(tables) and "tasks" not in tables


def _log(file: str) -> Path:
    return Path(f"{file}-wal")


def _tidy(file: str) -> None:
    """Remove the empty log and its index that reading makes beside a database: SQLite lets only a writer do that.

    The database itself is not touched.
    """
    from beautyspot.db.files import uri

    with contextlib.suppress(OSError, sqlite3.Error):
        if _log(file).stat().st_size == 0:
            with contextlib.closing(sqlite3.connect(uri(file, mode="rw"), uri=True, timeout=0)) as connection:
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()


def _existing(path: str) -> Path:
    file = Path(path).expanduser()
    try:
        if file.is_dir():
            found = sorted(file.glob("*.db"))
            raise CommandError(f"{file} is a folder{_listing(found)}", 2)
        if not file.is_file():
            raise CommandError(f"there is no file {path}", 1)
        if _is_foreign(file):
            raise CommandError(f"{path} is a database of another program: it holds no table of results", 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}", 1) from error
    return file


def _only_one() -> Path:
    from beautyspot.config import workspace

    home = workspace()
    found = sorted(home.glob("*.db"))
    if not found:
        raise CommandError(f"there is no database in {home}: give the path of one", 1)
    if len(found) > 1:
        raise CommandError(f"{home} holds {len(found)} databases{_listing(found)}", 2)
    return found[0]


def _listing(found: list[Path]) -> str:
    return ": give one of\n" + "\n".join(f"  {file}" for file in found) if found else ": give a database file"


def find_storage(db: TaskDB, url: str | None) -> Storage | None:
    """Open the blob storage that goes with a database.

    Args:
        db: The database.
        url: What the user gave; None means the folder ``blobs`` next to the file, where a Spot puts it.

    Returns:
        The storage, or None for a database that is no file.
    """
    from beautyspot.storage import LocalStorage, open_storage

    if url is not None:
        return open_storage(url)
    path = getattr(db, "path", None)
    return LocalStorage(Path(path).parent / "blobs") if path is not None else None
