"""Whether anything was committed since a moment: a stamp never stays the same when something was."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading

import pytest

from beautyspot.db import SQLiteTaskDB
from beautyspot.db.walindex import open_window
from beautyspot.entry import Query, StatsDelta

WRITE = """
import sys
from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry
db = SQLiteTaskDB(sys.argv[1])
for line in sys.stdin:
    db.put(Entry(cache_key=line.strip(), func_name="f", created_at=1.0))
    print("written", flush=True)
"""

CHECKPOINT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0.1, isolation_level=None)
print(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], flush=True)
"""


@pytest.fixture
def opened(sqlite_db, entry):
    """A database that is open for writing."""
    sqlite_db.put(entry(0))
    return sqlite_db


def test_reading_changes_nothing(opened, key):
    """Look-ups, lists and totals leave the stamp alone."""
    before = opened.stamp()
    assert before is not None
    opened.get(key(0))
    opened.scan(Query())
    opened.stats()
    assert opened.stamp() == before


@pytest.mark.parametrize(
    "write",
    [
        lambda db, entry, key: db.put(entry(0, result_data=b"payloae")),
        lambda db, entry, key: db.put(entry(0)),
        lambda db, entry, key: db.delete([key(0)]),
        lambda db, entry, key: db.touch([], [StatsDelta("f", hits=1)]),
        lambda db, entry, key: db.set_pinned(key(0), pinned=True),
    ],
    ids=["change", "same again", "delete", "touch", "pin"],
)
@pytest.mark.parametrize("by", ["itself", "another object", "a bare connection"])
def test_every_commit_changes_it(opened, path, entry, key, raw, write, by):
    """Whoever commits, the stamp is another one, as soon as the write has returned."""
    before = opened.stamp()
    if by == "itself":
        write(opened, entry, key)
    elif by == "another object":
        with SQLiteTaskDB(path) as other:
            write(other, entry, key)
    else:
        raw(path).execute("UPDATE tasks SET hits = hits + 1")
    assert opened.stamp() not in {before, None}


def test_other_processes(opened, path, key, python):
    """Commits of another process are seen, each with a stamp of its own."""
    writer = python(WRITE, path)
    seen = {opened.stamp()}
    for number in range(20):
        writer.stdin.write(key(number) + "\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "written\n"
        seen.add(opened.stamp())
    assert len(seen) == 21


def test_no_stamp_comes_back(opened, path, entry, raw):
    """However often the log is written back and begun anew, what was seen once is never seen again."""
    other, seen = raw(path), [opened.stamp()]
    for number in range(60):
        opened.put(entry(number % 3, result_data=bytes([number % 2]) * 3000))
        seen.append(opened.stamp())
        if number % 4 == 0:
            other.execute(f"PRAGMA wal_checkpoint({('PASSIVE', 'TRUNCATE', 'RESTART')[number % 3]})").fetchall()
    assert len(set(seen)) == 61


def test_killed_writer(opened, path, key, python):
    """After a writer was killed, and another process recovered the log, commits still change the stamp."""
    seen = {opened.stamp()}
    for number in range(3):
        writer = python(WRITE, path)
        writer.stdin.write(key(number) + "\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "written\n"
        seen.add(opened.stamp())
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        assert opened.get(key(number)) is not None
    assert len(seen) == 4


def test_opened_again(opened, entry):
    """A closed database has no stamp; opened again it has one that was never seen."""
    before = opened.stamp()
    opened.close()
    assert opened.stamp() is None
    opened.put(entry(1))
    assert opened.stamp() not in {before, None}


def test_deleted_and_replaced_file(opened, path, tmp_path, entry):
    """What was read from a file that is gone is not taken for current once the new one is open."""
    before = opened.stamp()
    path.unlink()
    opened.scan(Query())
    assert opened.stamp() is None
    opened.put(entry(1))
    second = opened.stamp()
    with SQLiteTaskDB(tmp_path / "other.db") as other:
        other.put(entry(2))
    (tmp_path / "other.db").replace(path)
    opened.put(entry(3))
    assert len({before, second, opened.stamp(), None}) == 4


def test_where_it_cannot_be_told(path, entry, monkeypatch):
    """Not open, opened for reading, or not in WAL mode: there is no stamp, and every look-up reads."""
    with SQLiteTaskDB(path) as db:
        assert db.stamp() is None
        db.put(entry(1))
    with SQLiteTaskDB(path, read_only=True) as db:
        assert db.scan(Query())
        assert db.stamp() is None
    monkeypatch.setattr("beautyspot.db.schema._switch_to_wal", lambda connection: None)
    with SQLiteTaskDB(path.with_name("journal.db")) as db:
        db.put(entry(1))
        assert db.stamp() is None
    assert open_window(str(path.with_name("nothing.db"))) is None


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork(opened, entry, key):
    """Parent and child see each other's commits."""
    before = opened.stamp()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            opened.put(entry(1))
            mine = opened.stamp()
            opened.put(entry(2))
            status = 0 if len({before, mine, opened.stamp(), None}) == 4 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert opened.stamp() != before
    assert opened.get(key(2)) is not None
    again = opened.stamp()
    opened.put(entry(3))
    assert opened.stamp() not in {before, again, None}


def test_looking_takes_no_lock_away(opened, path, raw, python):
    """Opening and closing views of the shared memory does not drop the locks that SQLite has on it in this process."""
    reader = raw(path)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM tasks").fetchone() == (1,)
    opened.touch([], [StatsDelta("f", hits=1)])
    for _ in range(3):
        with SQLiteTaskDB(path) as other:
            other.touch([], [StatsDelta("f", hits=1)])
            assert other.stamp() is not None
    assert python(CHECKPOINT, path).stdout.readline() == "1\n"  # busy: the reader is protected
    assert reader.execute("SELECT count(*) FROM tasks").fetchone() == (1,)
    reader.execute("COMMIT")
    assert python(CHECKPOINT, path).stdout.readline() == "0\n"


def test_closed_by_another_thread(opened, entry):
    """A stamp that is asked for while others close and open is one or None, never an error."""
    stop, errors = threading.Event(), []

    def ask():
        try:
            while not stop.is_set():
                opened.stamp()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(8):
        opened.close()
        opened.put(entry(number))
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []


def test_stale_by_no_more_than_a_commit(opened, path, entry, key, raw):
    """A look-up between two equal stamps read what is current now."""
    other = raw(path)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE tasks SET result_data = x'00'")
    before = opened.stamp()
    assert opened.get(key(0)).result_data == b"payload"
    assert opened.stamp() == before
    other.execute("COMMIT")
    assert opened.stamp() != before
    assert opened.get(key(0)).result_data == b"\0"
    with pytest.raises(sqlite3.OperationalError):
        other.execute("UPDATE nothing SET x = 1")
    after = opened.stamp()
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE tasks SET result_data = x'01'")
    other.execute("ROLLBACK")
    assert opened.stamp() == after
