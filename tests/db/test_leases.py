"""Leases between threads and processes: stopped holders, moved files, thousands of keys."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from beautyspot.db import SQLiteTaskDB, leases
from beautyspot.db.leases import lease_file

from .programs import HOLD

HOLD_MANY = """
import sys
from beautyspot.db import SQLiteTaskDB
db = SQLiteTaskDB(sys.argv[1])
leases = [db.lease(f"{number:016x}".ljust(48, "0")) for number in range(int(sys.argv[2]))]
print(sum(lease is not None for lease in leases), flush=True)
sys.stdin.readline()
for lease in leases[::2]:
    lease.release()
print("half", flush=True)
sys.stdin.readline()
"""


def say(process):
    process.stdin.write("\n")
    process.stdin.flush()


def open_files():
    return len(list(Path("/dev/fd").iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock and whether it is stopped")
def test_stopped_holder_is_replaced(sqlite_db, path, key, python):
    """A holder that was stopped (Ctrl-Z) holds nobody up; its deputies exclude each other; it may go on later."""
    holder = python(HOLD, path, key(1))
    assert holder.stdout.readline() == "held\n"
    assert sqlite_db.lease(key(1)) is None
    os.kill(holder.pid, signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(holder.pid, os.WUNTRACED)[1])
    deputy = sqlite_db.lease(key(1))
    assert deputy is not None
    assert sqlite_db.lease(key(1)) is None
    other = python(HOLD, path, key(1))
    assert other.stdout.readline() == "refused\n"
    os.kill(holder.pid, signal.SIGCONT)
    say(holder)
    assert holder.stdout.readline() == "released\n"
    assert sqlite_db.lease(key(1)) is not None
    deputy.release()


def test_unknown_state_counts_as_running(sqlite_db, path, key, python, monkeypatch):
    """A holder that cannot be looked at (another container) keeps its lease."""
    holder = python(HOLD, path, key(1))
    assert holder.stdout.readline() == "held\n"
    monkeypatch.setattr(leases.Path, "read_bytes", lambda _: (_ for _ in ()).throw(FileNotFoundError()))
    assert sqlite_db.lease(key(1)) is None
    monkeypatch.setattr(leases, "_CAN_ASK", False)
    assert sqlite_db.lease(key(1)) is None


@pytest.mark.parametrize("moved", [True, False])
def test_lease_file_that_went_away(sqlite_db, path, key, python, moved):
    """After the directory was moved or deleted, leases of other programs are seen in the new one at once."""
    sqlite_db.lease(key(0)).release()
    if moved:
        path.parent.rename(path.parent.with_name("elsewhere"))
    else:
        shutil.rmtree(path.parent)
    holder = python(HOLD, path, key(1))
    assert holder.stdout.readline() == "held\n"
    assert sqlite_db.lease(key(1)) is None
    mine = sqlite_db.lease(key(2))
    third = python(HOLD, path, key(2))
    assert third.stdout.readline() == "refused\n"
    mine.release()


def test_thousands_of_keys(sqlite_db, path, python):
    """Three thousand leases at once take one open file, and each of them excludes others."""
    keys = [f"{number:016x}".ljust(48, "0") for number in range(3000)]
    holder = python(HOLD_MANY, path, len(keys))
    assert holder.stdout.readline() == "3000\n"
    assert {sqlite_db.lease(key) for key in keys} == {None}
    say(holder)
    assert holder.stdout.readline() == "half\n"
    before = open_files()
    mine = [sqlite_db.lease(key) for key in keys]
    assert [lease is not None for lease in mine] == [True, False] * 1500
    assert open_files() == before
    holder.kill()
    holder.wait()
    rest = [sqlite_db.lease(key) for key in keys[1::2]]
    assert None not in rest
    for lease in mine[::2] + rest:
        lease.release()
    assert lease_file(str(path))._held == set()


def test_no_locks_left_for_one_key(sqlite_db, path, key, python, monkeypatch):
    """When the kernel runs out of locks, threads still exclude each other, and locks taken before are given back."""
    first = sqlite_db.lease(key(1))
    with monkeypatch.context() as patch:

        def exhausted(descriptor, offset):
            raise OSError(errno.ENOLCK, "No locks available")

        patch.setattr(leases, "_lock", exhausted)
        second = sqlite_db.lease(key(2))
        assert second is not None
        assert sqlite_db.lease(key(2)) is None
    first.release()
    second.release()
    holder = python(HOLD, path, key(1))
    assert holder.stdout.readline() == "held\n"
    assert sqlite_db.lease(key(1)) is None


@pytest.mark.parametrize("odd", ["", "not hexadecimal", "ff", "\udc80", "g" * 48, "-1" * 24])
def test_any_key_has_a_place(sqlite_db, odd):
    """Keys that are no digests of ours are leased, too; a second release does nothing."""
    lease = sqlite_db.lease(odd)
    assert sqlite_db.lease(odd) is None
    lease.release()
    again = sqlite_db.lease(odd)
    lease.release()
    assert sqlite_db.lease(odd) is None
    again.release()


def test_clock_steps_do_not_matter(path, key, clock):
    """A lease knows no time: no step of the clock ends it."""
    with SQLiteTaskDB(path, clock=clock) as db:
        lease = db.lease(key(1))
        for now in (0.0, 1e12):
            clock.now = now
            assert db.lease(key(1)) is None
        lease.release()


def test_directory_that_cannot_be_made(tmp_path, key):
    """Without a place for the lock file threads exclude each other, and nothing is left open."""
    (tmp_path / "file").touch()
    with SQLiteTaskDB(Path(tmp_path, "file", "x.db")) as db:
        before = open_files()
        lease = db.lease(key(1))
        assert db.lease(key(1)) is None
        assert open_files() == before
        lease.release()
        assert db.lease(key(1)) is not None
