"""Many processes on one file: leases, kill -9, migrations at the same time."""

from __future__ import annotations

import pytest

from beautyspot.db import SQLiteTaskDB
from beautyspot.db.leases import lease_file
from beautyspot.entry import Query

from .programs import HOLD

PUT = """
import sys, itertools
from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry
db = SQLiteTaskDB(sys.argv[1])
for n in itertools.count():
    key = f"{int(sys.argv[2]):08x}{n:040x}"
    db.put(Entry(cache_key=key, func_name="f", result_data=key.encode() * 50, size=n, created_at=1.0 + n))
    print(key, flush=True)
"""

OPEN = """
import sys
from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry, Query
db = SQLiteTaskDB(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
db.put(Entry(cache_key=sys.argv[2], func_name="f"))
print(db.count(Query(function="f"))[0] >= 1, flush=True)
"""


def say(process, text="\n"):
    process.stdin.write(text)
    process.stdin.flush()


def test_lease_excludes_other_processes(sqlite_db, path, key, python):
    """A key that another process computes is refused until it is done."""
    holder = python(HOLD, path, key(1))
    assert holder.stdout.readline() == "held\n"
    assert sqlite_db.lease(key(1)) is None
    other = sqlite_db.lease(key(2))
    assert other is not None
    say(holder)
    assert holder.stdout.readline() == "released\n"
    lease = sqlite_db.lease(key(1))
    assert lease is not None
    third = python(HOLD, path, key(1))
    assert third.stdout.readline() == "refused\n"
    lease.release()
    other.release()


def test_killed_holder_frees_its_lease(sqlite_db, path, key, python):
    """After kill -9 the key is free at once."""
    holder = python(HOLD, path, key(1))
    assert holder.stdout.readline() == "held\n"
    assert sqlite_db.lease(key(1)) is None
    holder.kill()
    holder.wait()
    lease = sqlite_db.lease(key(1))
    assert lease is not None
    lease.release()


def test_lease_survives_other_connections(path, key, python):
    """Opening and closing databases on the same file does not drop a lease."""
    with SQLiteTaskDB(path) as db:
        lease = db.lease(key(1))
        for _ in range(3):
            with SQLiteTaskDB(path) as other:
                assert other.lease(key(1)) is None
                other.get(key(1))
        db.close()
        refused = python(HOLD, path, key(1))
        assert refused.stdout.readline() == "refused\n"
        lease.release()


def test_kill_in_the_middle_of_puts(path, python):
    """What was acknowledged before a kill -9 is there, whole."""
    for run in range(3):
        writer = python(PUT, path, run)
        acknowledged = [writer.stdout.readline().strip() for _ in range(40 * (run + 1))]
        writer.kill()
        acknowledged += [line for line in writer.stdout.read().splitlines() if len(line) == 48]
        with SQLiteTaskDB(path) as db:
            for key in acknowledged:
                assert db.get(key).result_data == key.encode() * 50
            count, _ = db.count(Query(key_prefix=f"{run:08x}"))
            assert len(acknowledged) <= count <= len(acknowledged) + 1
    with SQLiteTaskDB(path) as db:
        db.get("00")
        assert db._connections.local.reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("version", ["new", "1.0.0"])
def test_many_processes_open_at_once(path, legacy, python, key, version):
    """A file is made, or migrated, once, however many begin with it."""
    path = path if version == "new" else legacy(version)
    processes = [python(OPEN, path, key(n)) for n in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        say(process)
    assert [process.stdout.readline() for process in processes] == ["True\n"] * 4
    with SQLiteTaskDB(path) as db:
        assert db.count(Query(function="f"))[0] == 4


def test_one_registry_for_a_file(path, tmp_path):
    """Every name of a file leads to the same held bytes."""
    assert lease_file(str(path)) is lease_file(str(path.parent / "." / path.name))
    assert lease_file(str(path)) is not lease_file(str(tmp_path / "other.db"))


def test_file_system_without_locks(path, key, monkeypatch):
    """Where the system knows no record locks, threads still exclude each other."""

    def unsupported(descriptor, offset):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("beautyspot.db.leases._lock", unsupported)
    file = lease_file(str(path))
    lease = file.take(key(1))
    assert lease is not None
    assert file.take(key(1)) is None
    lease.release()
    assert file.take(key(1)) is not None
