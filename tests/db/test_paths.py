"""Names of database files: odd, long, impossible."""

from __future__ import annotations

import pytest

from beautyspot.db import SQLiteTaskDB
from beautyspot.errors import ConfigurationError, StoreError


@pytest.mark.parametrize(
    "name",
    [
        "a?b.db",
        "x.db?mode=memory",
        "a#b.db",
        "100%.db",
        "%41.db",
        "猫 と.db",
        "a\nb.db",
        "a'b\".db",
        "-x.db",
        "x",
        "\udc80.db",
    ],
)
def test_any_name(tmp_path, entry, key, name):
    """Whatever a file may be called, a database may be called so, for writing and for reading only."""
    path = tmp_path / name
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
        assert path.is_file()
    with SQLiteTaskDB(path, read_only=True) as db:
        assert db.get(key(1)) is not None
    assert {found.name for found in tmp_path.iterdir()} <= {name, f"{name}-wal", f"{name}-shm", f"{name}-lease"}


def test_home(tmp_path, monkeypatch):
    """A tilde means the home directory; one of an unknown user is a name like any other, as in a shell."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert SQLiteTaskDB("~/x.db").path == str(tmp_path / "x.db")
    assert SQLiteTaskDB("~no-such-user/x.db").path == str(tmp_path / "~no-such-user" / "x.db")


def test_name_beyond_the_encoding():
    """Text that no file name can be is refused at construction."""
    with pytest.raises(ConfigurationError, match="path of a file"):
        SQLiteTaskDB("\ud800.db")


@pytest.mark.parametrize("length", [600, 5000])
def test_long_path(tmp_path, entry, key, length):
    """A path that is too long for SQLite, or for the system, is said to be too long; a look-up in it is a miss."""
    path = tmp_path
    while len(str(path)) < length:
        path = path / ("d" * 100)
    with SQLiteTaskDB(path / "x.db") as db:
        assert db.get(key(1)) is None
        with pytest.raises(StoreError, match=r"give the database a shorter one|name too long"):
            db.put(entry(1))
        with pytest.raises(StoreError, match=r"give the database a shorter one|name too long"):
            db.put(entry(1))
