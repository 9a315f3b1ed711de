"""What users may write for a database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from beautyspot.db import MemoryTaskDB, SQLiteTaskDB, open_db
from beautyspot.errors import ConfigurationError


def test_paths(tmp_path):
    """A path is a SQLite file."""
    for target in (str(tmp_path / "x.db"), tmp_path / "x.db", f"sqlite://{tmp_path}/x.db"):
        db = open_db(target)
        assert isinstance(db, SQLiteTaskDB)
        assert Path(db.label) == tmp_path / "x.db"


def test_memory():
    """Memory by name, or by saying nothing."""
    assert isinstance(open_db("memory://"), MemoryTaskDB)
    assert isinstance(open_db(None), MemoryTaskDB)


@pytest.mark.parametrize("text", [":memory:", "sqlite:///:memory:", "sqlite://:memory:"])
def test_memory_as_others_write_it(text, tmp_path, monkeypatch):
    """SQLite's own name for memory makes no file of that name."""
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_db(text), MemoryTaskDB)


@pytest.mark.parametrize(
    "text", ["file:x.db", "sqlite:x.db", "sqlite:/tmp/x.db", "redis:secret@host", "File:x.db?mode=ro"]
)
def test_urls_without_slashes(text):
    """What was meant as a URL does not become the name of a file."""
    with pytest.raises(ConfigurationError, match="has no '//'") as caught:
        open_db(text)
    assert "secret" not in str(caught.value)


def test_urls_are_percent_encoded(tmp_path):
    """A URL can name every path; options in it are refused, not made part of the name."""
    path = tmp_path / "実験 #1 100%?" / "a b.db"
    assert open_db(f"sqlite://{quote(str(path))}").label == str(path)
    for odd in ("?mode=ro", "#x"):
        with pytest.raises(ConfigurationError, match="has options"):
            open_db(f"sqlite://{tmp_path}/x.db{odd}")


def test_databases_pass_through():
    """A database is returned as it is."""
    db = MemoryTaskDB()
    assert open_db(db) is db


@pytest.mark.parametrize("url", ["redis://:secret@host/0", "postgresql://u:secret@host/x", "mysql://x", "memory://x"])
def test_unknown_schemes(url):
    """Other databases are refused, with what there is and without the password."""
    with pytest.raises(ConfigurationError, match=r"not available in this version: give a path, 'sqlite:") as caught:
        open_db(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite://x.db"])
def test_sqlite_urls_are_absolute(url):
    """A URL that names no absolute path is refused."""
    with pytest.raises(ConfigurationError, match="absolute path"):
        open_db(url)


@pytest.mark.parametrize(
    ("wrong", "seen"), [(3, "int 3"), (b"x.db", "bytes b'x.db'"), (MemoryTaskDB, "the class Memo")]
)
def test_what_is_no_database(wrong, seen):
    """The message says what was seen."""
    with pytest.raises(ConfigurationError, match=f"^{seen}"):
        open_db(wrong)


def test_package_has_no_other_names():
    """A misspelt name is an AttributeError."""
    import beautyspot.db

    with pytest.raises(AttributeError, match="SqliteTaskDB"):
        _ = beautyspot.db.SqliteTaskDB


def test_import_is_light():
    """Importing the package loads no SQLite; using SQLite loads no sqlite-utils."""
    program = """
import sys, tempfile, pathlib
import beautyspot.db
assert "sqlite3" not in sys.modules
from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry, Query
with tempfile.TemporaryDirectory() as folder, SQLiteTaskDB(pathlib.Path(folder) / "x.db") as db:
    db.put(Entry(cache_key="00", func_name="f", created_at=1.0))
    assert db.get("00") and db.scan(Query()) and db.count(Query()) and db.stats()
    db.lease("00").release()
    db.touch([("00", 1, 1.0)], [])
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"sqlite_utils", "fsspec", "numpy", "pandas", "asyncio"}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
