"""Connections of many threads, and what is left open at the end."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from beautyspot.db import SQLiteTaskDB, connections
from beautyspot.entry import Query


@pytest.fixture
def few(monkeypatch):
    """Leaves two threads a reader of their own."""
    monkeypatch.setattr(connections, "_MOST_READERS", 2)


def in_threads(number, work, at_the_end=None):
    """Run `work` in threads that all live until the last one is done; return what they returned or raised."""
    results, done = [], threading.Barrier(number, action=at_the_end)

    def run(place):
        try:
            results.append(work(place))
        except Exception as error:
            results.append(error)
        done.wait()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_hundreds_of_threads_leave_descriptors_to_the_program(sqlite_db, entry, key):
    """Three hundred threads that look up at once open no more files than a few dozen do."""
    sqlite_db.put(entry(1))
    opened = [len(list(Path("/dev/fd").iterdir()))]

    def count():
        opened.append(len(list(Path("/dev/fd").iterdir())))

    assert in_threads(300, lambda _: sqlite_db.get(key(1)) is not None, count) == [True] * 300
    assert opened[1] - opened[0] <= 2 * (connections._MOST_READERS + 1) + 2


def test_threads_that_take_turns(sqlite_db, few, entry, key):
    """Threads beyond the limit read, list and count like the others, also what was written since."""
    sqlite_db.put(entry(0))

    def work(place):
        for step in range(20):
            sqlite_db.put(entry((place, step)))
            assert sqlite_db.get(key((place, step))) is not None
            assert sqlite_db.count(Query())[0] > step
            assert len(sqlite_db.scan(Query(key_prefix=key((place, step))))) == 1
        return place

    assert sorted(in_threads(8, work)) == list(range(8))
    assert sqlite_db.count(Query())[0] == 161


def test_close_while_threads_take_turns(sqlite_db, few, entry, key):
    """Closing waits for the thread whose turn it is; the next one opens again."""
    sqlite_db.put(entry(0))

    def work(place):
        if place == 0:
            for _ in range(30):
                sqlite_db.close()
            return True
        return all(sqlite_db.get(key(0)) and sqlite_db.scan(Query()) for _ in range(60))

    assert in_threads(6, work) == [True] * 6


def test_place_of_a_thread_that_ended_is_given_on(sqlite_db, few, entry, key):
    """A thread that comes later has a reader of its own again."""
    sqlite_db.put(entry(0))
    in_threads(5, lambda _: sqlite_db.get(key(0)))

    def work():
        sqlite_db.get(key(0))
        own.append(hasattr(sqlite_db._connections.local, "reader"))

    own: list[bool] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert own == [True]


LEFT_OPEN = """
import sqlite3, sys, threading
from beautyspot.entry import Entry, Query

class Watched(sqlite3.Connection):
    closed = False
    def close(self):
        self.closed = True
        super().close()
    def __del__(self):  # what Python 3.13 warns about
        self.closed or sys.__stderr__.write("left open\\n")

connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Watched, **options)
from beautyspot.db import SQLiteTaskDB

def use(db):
    db.put(Entry(cache_key="00", func_name="f", created_at=1.0))
    assert db.get("00") and db.scan(Query())

db = SQLiteTaskDB(sys.argv[1])
use(db)
threads = [threading.Thread(target=use, args=(db,)) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
dropped = SQLiteTaskDB(sys.argv[1] + "2")
use(dropped)
del dropped
with SQLiteTaskDB(sys.argv[1], read_only=True) as reader:
    reader.get("00")
if sys.argv[2] == "closed":
    db.close()
elif sys.argv[2] == "in a cycle":
    cycle = [db]
    cycle.append(cycle)
    del db, cycle
elif sys.argv[2] == "daemon":
    begun = threading.Event()
    def idle():
        use(db)
        begun.set()
        threading.Event().wait()
    threading.Thread(target=idle, daemon=True).start()
    begun.wait()
print("done")
"""


@pytest.mark.parametrize("end", ["closed", "forgotten", "in a cycle", "daemon"])
def test_no_connection_is_left_open(path, end):
    """However a program ends, every connection was closed, and nothing is said on the way out."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", LEFT_OPEN, path, end],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


AT_WORK = """
import itertools, sys, threading
from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry, Query

db = SQLiteTaskDB(sys.argv[1])
begun = threading.Barrier(5)

def work(number):
    for step in itertools.count():
        if step == 5:
            begun.wait()
        key = f"{number:08x}{step:08x}"
        lease = db.lease(key)
        db.put(Entry(cache_key=key, func_name="f", created_at=1.0))
        assert db.get(key) and db.scan(Query(limit=3))
        lease.release()

for number in range(4):
    threading.Thread(target=work, args=(number,), daemon=True).start()
begun.wait()
"""


def test_program_that_ends_while_threads_work(path):
    """Daemon threads in the middle of look-ups and saves let the program end, without a crash and without a word."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", AT_WORK, path], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with SQLiteTaskDB(path) as db:
        assert db.count(Query())[0] >= 20
