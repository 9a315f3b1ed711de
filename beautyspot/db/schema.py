"""The tables of a database file, and how older files become current ones.

Rules:

- ``PRAGMA user_version`` is the schema number. 0 is a new file, or one that beautyspot 1.x or 2.x wrote.
- A schema number only grows, and a migration never changes what an older program needs: the columns of 1.x and 2.x keep
  their names and meaning, and every column added since has a default, so that those versions go on reading and writing.
- New files are made by a plain script. Only a migration imports sqlite-utils, which takes half a second.
- All that happens in one transaction, begun with the write lock: the second of two programs finds the work done.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Any

from beautyspot.db.faults import BUSY_TIMEOUT, primary_code
from beautyspot.errors import SchemaVersionError, StoreError

__all__ = ["SCHEMA", "install_views", "prepare", "read_number"]

SCHEMA = 1

_LEGACY_COLUMNS = (
    "cache_key",
    "func_name",
    "input_id",
    "result_type",
    "result_value",
    "result_data",
    "content_type",
    "version",
    "updated_at",
)
# 1.0 knew no result_data, and files that were begun before 1.0 may lack the two others.
_LATER_LEGACY_COLUMNS = {"result_data": "BLOB", "content_type": "TEXT", "version": "TEXT"}

_COLUMNS: dict[str, tuple[str, str | int | float | None]] = {
    "kind": ("TEXT", "function"),
    "code_digest": ("TEXT", ""),
    "arguments": ("TEXT", ""),
    "size": ("INTEGER", 0),
    "checksum": ("INTEGER", None),
    "created_at": ("REAL", None),  # filled in by a trigger if an older version inserts
    "expires_at": ("REAL", None),
    "duration": ("REAL", 0.0),
    "tags": ("TEXT", ""),
    "pinned": ("INTEGER", 0),
    "hits": ("INTEGER", 0),
    "last_hit": ("REAL", None),
    "components": ("BLOB", None),
    "meta": ("BLOB", None),
}
"""Name -> (type, default) of what this version added."""

_LEGACY_ROW = "result_type IN ('DIRECT', 'DIRECT_BLOB', 'FILE')"
_LEGACY_SIZE = (
    "CASE result_type WHEN 'DIRECT_BLOB' THEN ifnull(length(result_data), 0)"
    " WHEN 'DIRECT' THEN ifnull(length(CAST(result_value AS BLOB)), 0) ELSE 0 END"
)
_LEGACY_TIME = "ifnull(CAST(strftime('%s', updated_at) AS REAL), 0.0)"

_FUNCTIONS = """
CREATE {temp} TABLE IF NOT EXISTS functions(
    func_name TEXT PRIMARY KEY, hits INTEGER NOT NULL DEFAULT 0, misses INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0, saved REAL NOT NULL DEFAULT 0, ran REAL NOT NULL DEFAULT 0
) WITHOUT ROWID
"""

# The first two serve the lists; created_at only grows and so touches one page per insert. The partial ones cost nothing
# for rows without a time limit, or written by this version.
_AROUND = (
    _FUNCTIONS.format(temp=""),
    "CREATE INDEX IF NOT EXISTS tasks_by_time ON tasks(created_at, cache_key)",
    "CREATE INDEX IF NOT EXISTS tasks_by_function ON tasks(func_name, created_at, size)",
    "CREATE INDEX IF NOT EXISTS tasks_by_expiry ON tasks(expires_at) WHERE expires_at IS NOT NULL",
    f"CREATE INDEX IF NOT EXISTS tasks_legacy ON tasks(func_name) WHERE {_LEGACY_ROW}",
    (
        "CREATE TRIGGER IF NOT EXISTS tasks_date AFTER INSERT ON tasks WHEN NEW.created_at IS NULL BEGIN UPDATE tasks"  # noqa: S608
        f" SET created_at = {_LEGACY_TIME}, size = {_LEGACY_SIZE} WHERE cache_key = NEW.cache_key; END"
    ),
)


def _definition(name: str) -> str:
    kind, default = _COLUMNS[name]
    if default is None:
        return f"{name} {kind}"
    literal = f"'{default}'" if isinstance(default, str) else str(default)
    return f"{name} {kind} NOT NULL DEFAULT {literal}"


def _create(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file."""
    added = ", ".join(_definition(name) for name in _COLUMNS)
    # result_data comes last: SQLite then reads the other columns without following a long payload's pages.
    connection.execute(
        "CREATE TABLE tasks(cache_key TEXT PRIMARY KEY, func_name TEXT, input_id TEXT, result_type TEXT,"
        " result_value TEXT, content_type TEXT, version TEXT, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,"
        f" {added}, result_data BLOB)"
    )
    for statement in _AROUND:
        connection.execute(statement)


def _adopt_legacy(database: Any) -> None:
    """Migration 1: a file of beautyspot 1.x or 2.x gains our columns, tables and indexes."""
    tasks = database["tasks"]
    present = {column.name for column in tasks.columns}
    for name, kind in _LATER_LEGACY_COLUMNS.items():
        if name not in present:
            tasks.add_column(name, kind)
    for name in _COLUMNS:
        if name not in present:
            # add_column of sqlite-utils cannot say NOT NULL DEFAULT '' in all supported versions
            database.execute(f"ALTER TABLE tasks ADD COLUMN {_definition(name)}")
    database.execute(
        f"UPDATE tasks SET created_at = {_LEGACY_TIME}, size = {_LEGACY_SIZE} WHERE created_at IS NULL"  # noqa: S608
    )
    for statement in _AROUND:
        database.execute(statement)


_MIGRATIONS: tuple[Callable[[Any], None], ...] = (_adopt_legacy,)
"""Number n is taken from schema n to n + 1. Each gets a `sqlite_utils.Database` inside an open transaction."""


def read_number(connection: sqlite3.Connection, path: str) -> int:
    """Return the file's schema number.

    Raises:
        SchemaVersionError: A newer beautyspot wrote the file.
    """
    number = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if number > SCHEMA:
        raise SchemaVersionError(path, number, SCHEMA)
    return number


def _columns(connection: sqlite3.Connection, path: str) -> frozenset[str]:
    """Return the columns of the table of results, none if there is no such table."""
    names = frozenset(str(row[1]) for row in connection.execute("PRAGMA main.table_info(tasks)"))
    if names and not names >= {"cache_key", "func_name", "result_type", "result_value"}:
        raise StoreError(f"{path} has a table 'tasks' of another program: give beautyspot a file of its own")
    return names


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Make a writable connection's file current: WAL mode, tables, migrations.

    Args:
        connection: In autocommit mode.
        path: The file, for messages.

    Raises:
        SchemaVersionError: A newer beautyspot wrote the file. Nothing was changed.
        StoreError: The file is another program's.
        sqlite3.Error: Whatever SQLite says.
    """
    number = read_number(connection, path)
    connection.execute("PRAGMA synchronous=NORMAL")
    _switch_to_wal(connection)
    if number == SCHEMA:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _bring_up(connection, path)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn write-ahead logging on, where the file system allows it."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            # SQLite does not use its busy time-out here when two programs make the same file at once.
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _bring_up(connection: sqlite3.Connection, path: str) -> None:
    number = read_number(connection, path)  # again, now that nobody else can write
    if number == SCHEMA:
        return
    if number == 0 and not _columns(connection, path):
        _create(connection)
    else:
        import sqlite_utils

        database = sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False)
        for migration in _MIGRATIONS[number:]:
            migration(database)
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def install_views(connection: sqlite3.Connection, path: str) -> bool:
    """Let a read-only connection see an older file as if it were current.

    A temporary view named ``tasks`` hides the table, so that every statement works as it is.

    Args:
        connection: Opened for reading.
        path: The file, for messages.

    Returns:
        False if the file has no table of results.

    Raises:
        SchemaVersionError: A newer beautyspot wrote the file.
        StoreError: The file is another program's.
    """
    number = read_number(connection, path)
    present = _columns(connection, path)
    if not present:
        return False
    if number == SCHEMA:
        return True
    derived = {
        "created_at": _LEGACY_TIME,
        "size": _LEGACY_SIZE if "result_data" in present else _LEGACY_SIZE.replace("result_data", "NULL"),
    }
    parts = [name if name in present else f"NULL AS {name}" for name in _LEGACY_COLUMNS]
    for name, (_, default) in _COLUMNS.items():
        literal = "NULL" if default is None else f"'{default}'" if isinstance(default, str) else str(default)
        parts.append(f"{derived.get(name, literal)} AS {name}")
    connection.execute(f"CREATE TEMP VIEW tasks AS SELECT rowid, {', '.join(parts)} FROM main.tasks")  # noqa: S608
    connection.execute(_FUNCTIONS.format(temp="TEMP"))
    return True
