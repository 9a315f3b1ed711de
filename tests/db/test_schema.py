"""Tables, indexes and migrations."""

from __future__ import annotations

import sqlite3

import pytest

from beautyspot.db import SQLiteTaskDB, queries, schema
from beautyspot.entry import Query
from beautyspot.errors import StoreError


@pytest.fixture
def sqlite_file(sqlite_db, path, entry):
    """A file with one row."""
    sqlite_db.put(entry(1))
    return path


def plan(connection, query):
    sql, values = queries.page(query)
    return " ".join(row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + sql, values))


def test_new_file(sqlite_db, path, entry, raw):
    """A new file is in WAL mode and has the current number."""
    sqlite_db.put(entry(1))
    connection = raw(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.SCHEMA,)


def test_new_and_migrated_files_have_the_same_columns(sqlite_db, path, entry, legacy, raw):
    """A migrated file lacks nothing that a new one has: columns, types, defaults, indexes, triggers."""
    sqlite_db.put(entry(1))
    old = legacy("1.0.0")
    with SQLiteTaskDB(old) as db:
        db.get("00")
    found = []
    for file in (path, old):
        connection = raw(file)
        columns = {row[1:] for row in connection.execute("PRAGMA table_info(tasks)")}
        others = set(connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name <> 'tasks'"))
        found.append((columns, others))
    assert found[0] == found[1]


def test_payload_is_the_last_column(sqlite_db, path, entry, raw):
    """Lists do not read payloads: SQLite reads a row from the left."""
    sqlite_db.put(entry(1))
    assert [row[1] for row in raw(path).execute("PRAGMA table_info(tasks)")][-1] == "result_data"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ("tasks_by_time", False)),
        ({"after": (5.0, "00")}, ("tasks_by_time", False)),
        ({"descending": False, "after": (5.0, "00")}, ("tasks_by_time", False)),
        ({"created_after": 5.0}, ("tasks_by_time", False)),
        ({"function": "f"}, ("tasks_by_function", True)),  # sorts only within one time
        ({"function": "f", "after": (5.0, "00")}, ("tasks_by_function", True)),
        ({"expired_at": 5.0}, ("tasks_by_expiry", True)),
        ({"order": "func_name"}, ("tasks_by_function", True)),
    ],
)
def test_pages_are_driven_by_an_index(sqlite_file, raw, query, expected):
    """A page costs the same in a large file as in a small one."""
    found = plan(raw(sqlite_file), Query(**query))
    index, sorts = expected
    assert index in found
    assert ("TEMP B-TREE" in found) is sorts


def test_counts_and_legacy_search_read_indexes_only(sqlite_db, path, entry, raw):
    """Totals and the search for old rows do not touch the table."""
    sqlite_db.put(entry(1))
    connection = raw(path)
    totals = "SELECT count(*), sum(size) FROM tasks"
    assert "COVERING INDEX tasks_by_function" in connection.execute("EXPLAIN QUERY PLAN " + totals).fetchone()[3]
    from beautyspot.db.sqlite import _LEGACY

    assert "tasks_legacy" in connection.execute("EXPLAIN QUERY PLAN " + _LEGACY).fetchone()[3]


def test_failed_migration_changes_nothing(legacy, raw, monkeypatch):
    """A migration that fails half way leaves the file as it was, and the next try works."""
    path = legacy("2.4.1")
    before = raw(path).execute("SELECT name, sql FROM sqlite_master").fetchall()

    def half(database):
        schema._adopt_legacy(database)
        raise sqlite3.OperationalError("power is gone")

    with monkeypatch.context() as patch, SQLiteTaskDB(path) as db:
        patch.setattr(schema, "_MIGRATIONS", (half,))
        with pytest.raises(StoreError, match="power is gone"):
            db.get("00")
    connection = raw(path)
    assert connection.execute("SELECT name, sql FROM sqlite_master").fetchall() == before
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    with SQLiteTaskDB(path) as db:
        assert db.count(Query())[0] == 21
