"""A database that a process and its forked children go on using."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

import pytest

from beautyspot.db import MemoryTaskDB, SQLiteTaskDB
from beautyspot.entry import Query


def in_child(function):
    """Run `function` in a forked child and return what it returned, as a number."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = int(function())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork(sqlite_db, entry, key):
    """Parent and child both go on reading and writing."""
    sqlite_db.put(entry(1))
    assert sqlite_db.get(key(1)) is not None

    def child():
        assert sqlite_db.get(key(1)) is not None
        sqlite_db.put(entry(2))
        return sqlite_db.get(key(2)) is not None

    assert in_child(child) == 1
    assert sqlite_db.get(key(2)) is not None
    sqlite_db.put(entry(3))
    assert sqlite_db.count(Query())[0] == 3


def test_child_writes_after_its_parent_closed(sqlite_db, entry, key):
    """A child's results are not lost when its parent closes the file first."""
    sqlite_db.put(entry(0))
    sqlite_db.get(key(0))
    context = multiprocessing.get_context("fork")
    closed, wrote = context.Event(), context.Event()

    def child():
        sqlite_db.put(entry(1))
        wrote.set()
        closed.wait()
        for seed in range(2, 30):
            sqlite_db.put(entry(seed))

    process = context.Process(target=child)
    process.start()
    wrote.wait()
    sqlite_db.close()
    closed.set()
    process.join()
    assert process.exitcode == 0
    assert sqlite_db.count(Query())[0] == 30


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_fork_while_threads_work(sqlite_db, entry, key):
    """A child that was forked while other threads read and wrote can read and write."""
    sqlite_db.put(entry(0))
    stop, errors = threading.Event(), []

    def work(number):
        try:
            seed = 0
            while not stop.is_set():
                seed += 1
                sqlite_db.put(entry((number, seed)))
                assert sqlite_db.get(key((number, seed))) is not None
                lease = sqlite_db.lease(key((number, seed)))
                assert lease is not None
                lease.release()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()

    def child():
        sqlite_db.put(entry("child"))
        lease = sqlite_db.lease(key("child"))
        return sqlite_db.get(key(0)) is not None and lease is not None

    codes = [in_child(child) for _ in range(8)]
    stop.set()
    for thread in threads:
        thread.join()
    assert codes == [1] * 8
    assert errors == []


def test_child_does_not_inherit_leases(sqlite_db, path, entry, key):
    """What the parent holds is taken for the child, and the child's release does not free it."""
    lease = sqlite_db.lease(key(1))

    def child():
        refused = sqlite_db.lease(key(1)) is None
        lease.release()
        own = sqlite_db.lease(key(2))
        return refused and sqlite_db.lease(key(1)) is None and own is not None

    assert in_child(child) == 1
    assert sqlite_db.lease(key(1)) is None
    assert in_child(lambda: sqlite_db.lease(key(1)) is None) == 1
    lease.release()
    assert in_child(lambda: sqlite_db.lease(key(1)) is not None) == 1
    assert sqlite_db.lease(key(2)) is not None


def test_parent_dies_and_child_lives(path, key, python):
    """A forked child that outlives its parent does not keep the parent's lease."""
    program = """
import os, sys
from beautyspot.db import MemoryTaskDB, SQLiteTaskDB
db = SQLiteTaskDB(sys.argv[1])
lease = db.lease(sys.argv[2])
child = os.fork()
if child == 0:
    sys.stdin.readline()
    os._exit(0)
print("held", flush=True)
os.waitpid(child, 0)
"""
    parent = python(program, path, key(1))
    assert parent.stdout.readline() == "held\n"
    with SQLiteTaskDB(path) as db:
        assert db.lease(key(1)) is None
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        lease = db.lease(key(1))
        assert lease is not None
        lease.release()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_memory_in_a_child(entry, key):
    """A child waits neither for a lock nor for a lease that a thread of its parent held at the fork."""
    db = MemoryTaskDB()
    db.put(entry(1))
    lease = db.lease(key(1))

    def child():
        own = db.lease(key(1))
        lease.release()
        db.put(entry(2))
        return own is not None and db.lease(key(1)) is None and db.count(Query())[0] == 2

    with db._lock:
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            os._exit(int(child()))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert db.lease(key(1)) is None
    assert db.count(Query())[0] == 1
