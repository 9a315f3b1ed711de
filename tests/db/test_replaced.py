"""A file that is deleted or replaced while look-ups go on."""

from __future__ import annotations

import shutil

import pytest

from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Query, StatsDelta


@pytest.fixture(autouse=True)
def attentive(monkeypatch):
    """Every look-up looks at the file's name; without that, one in a tenth of a second does."""
    monkeypatch.setattr("beautyspot.db.sqlite._LOOK_EVERY", -1.0)


@pytest.mark.parametrize("read_only", [True, False])
def test_deleted_file_hits_no_more(path, entry, key, read_only):
    """Who deletes the cache to have everything computed anew is not served from the file that is gone."""
    with SQLiteTaskDB(path) as writer:
        writer.put(entry(1))
    with SQLiteTaskDB(path, read_only=read_only) as db:
        assert db.get(key(1)) is not None
        shutil.rmtree(path.parent)
        assert db.stamp() is None
        assert db.get(key(1)) is None
        assert db.get(key(1)) is None
        assert not path.exists()


def test_statistics_of_what_is_gone_make_no_file(path, entry, key):
    """Hits on a file that was deleted do not bring its directory back, whoever noticed the deletion first."""
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
        shutil.rmtree(path.parent)
        assert db.get(key(1)) is None
        db.touch([(key(1), 1, 1.0)], [StatsDelta("f", hits=1)])
        assert not path.parent.exists()
        db.put(entry(1))
        db.touch([(key(1), 1, 1.0)], [])
        assert db.scan(Query())[0].hits == 1


@pytest.mark.parametrize("read_only", [True, False])
def test_replaced_file_is_read(path, tmp_path, entry, key, read_only):
    """A program that only reads follows a file that another one moves into place."""
    for place, file in enumerate((path, tmp_path / "next.db")):
        with SQLiteTaskDB(file) as db:
            db.put(entry(1, result_data=bytes([place])))
    with SQLiteTaskDB(path, read_only=read_only) as db:
        assert db.get(key(1)).result_data == b"\0"
        (tmp_path / "next.db").replace(path)
        assert db.get(key(1)).result_data == b"\1"
        assert db.count(Query())[0] == 1


def test_look_ups_look_seldom(path, entry, key, monkeypatch):
    """The name is not looked at for each look-up: that would cost a quarter of it."""
    monkeypatch.setattr("beautyspot.db.sqlite._LOOK_EVERY", 1000.0)
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
        db.get(key(1))
        looks = []
        monkeypatch.setattr(db._connections, "refresh", lambda: looks.append(1))
        for _ in range(5):
            db.get(key(1))
            db.stamp()
        assert looks == []
