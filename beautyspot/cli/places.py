"""From the arguments of a command to a database and its blob storage. Nothing is created."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from beautyspot.db.base import TaskDB
from beautyspot.errors import SpotError

if TYPE_CHECKING:
    from beautyspot.storage import Storage

__all__ = ["CommandError", "find_db", "find_storage"]


class CommandError(SpotError):
    """A command cannot go on.

    Attributes:
        code: The exit code.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def find_db(path: str | None, *, read_only: bool = True) -> TaskDB:
    """Open the database a command is about.

    Args:
        path: What the user gave: a file, a URL, or None for the only database of the workspace.
        read_only: Open a file so that it cannot be changed.

    Raises:
        CommandError: There is no such file, or the workspace does not hold exactly one.
    """
    if path is not None and "://" in path:
        from beautyspot.db import open_db

        return open_db(path)
    from beautyspot.db import SQLiteTaskDB

    return SQLiteTaskDB(_existing(path) if path is not None else _only_one(), read_only=read_only)


def _existing(path: str) -> Path:
    file = Path(path).expanduser()
    try:
        if file.is_dir():
            found = sorted(file.glob("*.db"))
            raise CommandError(f"{path} is a folder{_listing(found)}", 2)
        if not file.is_file():
            raise CommandError(f"there is no file {path}", 1)
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
