"""Databases of results: which rows are stored, who is computing what, and how often it paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beautyspot.db.base import Lease, TaskDB
from beautyspot.db.open import open_db

if TYPE_CHECKING:
    from beautyspot.db.memory import MemoryTaskDB
    from beautyspot.db.sqlite import SQLiteTaskDB

__all__ = ["Lease", "MemoryTaskDB", "SQLiteTaskDB", "TaskDB", "open_db"]


def __getattr__(name: str) -> object:
    # Whoever brings a database of their own need not import SQLite.
    if name == "SQLiteTaskDB":
        from beautyspot.db.sqlite import SQLiteTaskDB

        return SQLiteTaskDB
    if name == "MemoryTaskDB":
        from beautyspot.db.memory import MemoryTaskDB

        return MemoryTaskDB
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
