"""A file that another program keeps locked."""

from __future__ import annotations

import pytest

from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import StatsDelta
from beautyspot.errors import StoreError


def patience(db):
    return db._connections.writer().execute("PRAGMA busy_timeout").fetchone()[0]


@pytest.fixture
def locked(path, entry, raw, monkeypatch):
    """A database with one row, and a function that ends the transaction of another program."""
    monkeypatch.setattr("beautyspot.db.connections.BUSY_TIMEOUT", 0.02)
    monkeypatch.setattr("beautyspot.db.connections.HASTY_TIMEOUT", 0.01)
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
        other = raw(path)
        other.execute("BEGIN IMMEDIATE")
        yield db, lambda: other.execute("ROLLBACK")


@pytest.mark.parametrize("way", ["put", "touch", "delete"])
def test_only_the_first_result_waits_for_long(locked, entry, key, way):
    """Once a transaction did not end in time, the next results of a batch hardly wait; a success resets that."""
    db, end = locked
    calls = {
        "put": lambda: db.put(entry(2)),
        "touch": lambda: db.touch([], [StatsDelta("f", hits=1)]),
        "delete": lambda: db.delete([key(2)]),
    }
    assert patience(db) == 20
    for _ in range(3):
        with pytest.raises(StoreError, match="another program holds a transaction open"):
            calls[way]()
        assert patience(db) == 10
    assert db.get(key(1)) is not None
    end()
    calls[way]()
    assert patience(db) == 20


def test_opened_again_it_is_patient(locked, entry):
    """Closing forgets that somebody was in the way."""
    db, end = locked
    with pytest.raises(StoreError):
        db.put(entry(2))
    db.close()
    assert patience(db) == 20
    end()
    db.put(entry(2))
