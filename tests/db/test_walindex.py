"""The stamp of a database file: the same only while nobody commits, and no file left open behind SQLite's back."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys

import pytest

from beautyspot.db import SQLiteTaskDB, walindex
from beautyspot.entry import Entry

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there a database has no stamp")


@pytest.fixture
def db(tmp_path):
    """A database with one row."""
    with SQLiteTaskDB(tmp_path / "a.db") as opened:
        opened.put(Entry(cache_key="00", func_name="f", result_data=b"*"))
        yield opened


def test_reading_changes_nothing(db):
    """Look-ups, lists, statistics and the reads of other programs leave the stamp as it is."""
    stamp = db.stamp()
    db.get("00"), db.get("01"), db.stats()
    with sqlite3.connect(db.path) as other:
        other.execute("SELECT count(*) FROM tasks").fetchone()
    other.close()
    assert stamp is not None
    assert db.stamp() == stamp


@pytest.mark.parametrize(
    "change",
    [
        lambda db: db.put(Entry(cache_key="00", func_name="f", result_data=b"*")),
        lambda db: db.delete(["00"]),
        lambda db: db.set_pinned("00", pinned=True),
        lambda db: db.touch([("00", 1, 1.0)], []),
    ],
)
def test_every_write_changes_it(db, change):
    """Also one that writes what is there already."""
    stamp = db.stamp()
    change(db)
    assert db.stamp() != stamp


def test_a_write_of_another_process_changes_it(db):
    """Without any call into the database in between."""
    stamp = db.stamp()
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM tasks'); c.commit(); c.close()"
    )
    subprocess.run([sys.executable, "-c", code, db.path], check=True)
    assert db.stamp() != stamp


def test_many_commits_have_many_stamps(db):
    """No stamp comes back, over checkpoints and restarts of the log."""
    stamps = set()
    for number in range(300):
        db.put(Entry(cache_key=f"{number:04x}", func_name="f", result_data=bytes(3000)))
        stamps.add(db.stamp())
        if number % 50 == 0:
            with sqlite3.connect(db.path) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            other.close()
    assert len(stamps) == 300


def test_an_open_transaction_of_another_program_changes_it_at_its_commit(db):
    """Not before: until then nobody can see what it wrote."""
    stamp = db.stamp()
    other = sqlite3.connect(db.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM tasks")
    assert db.stamp() == stamp
    assert db.get("00") is not None
    other.execute("COMMIT")
    other.close()
    assert db.stamp() != stamp
    assert db.get("00") is None


def test_it_is_unknown_while_nothing_is_open(tmp_path):
    """Before the first write, after `close`, and for reading alone."""
    db = SQLiteTaskDB(tmp_path / "a.db")
    assert db.stamp() is None
    db.put(Entry(cache_key="00", func_name="f"))
    first = db.stamp()
    db.close()
    assert db.stamp() is None
    reader = SQLiteTaskDB(tmp_path / "a.db", read_only=True)
    reader.get("00")
    assert reader.stamp() is None
    reader.close()
    db.put(Entry(cache_key="00", func_name="f"))
    assert db.stamp() not in {first, None}
    db.close()


def test_a_reopened_database_has_another_stamp(db):
    """Even if nothing changed: what was read before is not known to be current."""
    stamp = db.stamp()
    db.close()
    db.get("00")
    assert db.stamp() != stamp


def test_no_descriptors_are_left(tmp_path):
    """Databases that were closed by everybody leave nothing open."""
    before = len(walindex._mappings)
    for number in range(30):
        with SQLiteTaskDB(tmp_path / f"{number % 3}.db") as db:
            db.put(Entry(cache_key="00", func_name="f"))
            assert db.stamp() is not None
    with SQLiteTaskDB(tmp_path / "last.db") as db:
        db.put(Entry(cache_key="00", func_name="f"))
    assert len(walindex._mappings) <= before


def test_two_databases_on_one_file_keep_their_locks(tmp_path):
    """Closing one must not take SQLite's locks from the other: its transaction stays protected."""
    path = tmp_path / "a.db"
    one, two = SQLiteTaskDB(path), SQLiteTaskDB(path)
    one.put(Entry(cache_key="00", func_name="f"))
    two.put(Entry(cache_key="01", func_name="f"))
    with two._transaction() as writer:
        writer.execute("DELETE FROM tasks")
        one.close()
        code = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0)\n"
            "try: c.execute('BEGIN IMMEDIATE')\nexcept sqlite3.OperationalError as e: print(e)"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        assert done.stdout == "database is locked\n"
    assert two.stamp() is not None
    two.close()


def test_other_files_have_no_window(tmp_path):
    """Nothing there, or not what SQLite writes."""
    assert walindex.open_window(str(tmp_path / "none.db")) is None
    (tmp_path / "odd.db-shm").write_bytes(os.urandom(64))
    assert walindex.open_window(str(tmp_path / "odd.db")) is None
    (tmp_path / "short.db-shm").write_bytes(b"")
    assert walindex.open_window(str(tmp_path / "short.db")) is None


def test_closing_does_not_wait_for_the_lock(db):
    """A finaliser closes windows in the middle of anything, also of what holds the lock in this very thread."""
    window = walindex.open_window(db.path)
    with walindex._lock:
        window.close()
    assert walindex._closed
    walindex.open_window(db.path).close()
    assert not walindex._closed


def test_a_child_believes_no_stamp_of_its_parent(db):
    """Connections that cannot be closed before a fork do not protect the child's view of the file."""
    window = walindex.open_window(db.path)
    before = window.stamp()
    walindex._after_fork_in_child()
    assert window.stamp() != before
    window.close()
