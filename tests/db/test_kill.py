"""Writers that are killed at any point: what they acknowledged is there, whole, and nothing else is in the way."""

from __future__ import annotations

import random
import sqlite3
from zlib import crc32

import pytest

from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Query
from beautyspot.storage import LocalStorage

RUNS = 30
WRITER = """
import itertools, os, signal, sys
from zlib import crc32
from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry, StatsDelta
from beautyspot.storage import LocalStorage

path, folder, run, calls = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
db, storage = SQLiteTaskDB(path), LocalStorage(folder)

def write(number):
    key = f"{run:08x}{number:040x}"
    lease = db.lease(key)
    body = key.encode() * (1 + number * 7919 % 300)
    fields = {"func_name": "f", "size": len(body), "created_at": 1.0 + number}
    if number % 2:
        fields |= {"result_type": "SPOT_BLOB", "result_value": storage.put([body[:40], body[40:]])}
    else:
        fields |= {"result_data": body, "checksum": crc32(body)}
    db.put(Entry(cache_key=key, **fields))
    lease.release()
    print(key, flush=True)
    if number % 5 == 0:
        db.touch([(key, 1, 2.0)], [StatsDelta("f", hits=1)])
    if number % 7 == 0:
        db.delete([f"{run:08x}{number - 3:040x}"])

def count(frame, event, argument):
    global calls
    calls -= 1
    if calls == 0:
        os.kill(os.getpid(), signal.SIGKILL)

if calls:
    sys.setprofile(count)  # it sees every call and return, those of the sqlite3 and os modules included
for number in itertools.count():
    write(number)
"""


def expected(key):
    number = int(key[8:], 16)
    return key.encode() * (1 + number * 7919 % 300)


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path / "blobs")


def check(path, storage, acknowledged):
    """Every row is whole, and every acknowledged one is there unless its writer deleted it."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with SQLiteTaskDB(path) as db:
        found = {info.cache_key for info in db.scan(Query(limit=100_000))}
        for key in found:
            row = db.get(key)
            if row.result_type == "SPOT_BLOB":
                assert bytes(storage.get(row.result_value)) == expected(key)
            else:
                assert (row.result_data, row.checksum) == (expected(key), crc32(expected(key)))
            lease = db.lease(key)
            assert lease is not None
            lease.release()
    by_run = {}
    for key in acknowledged:
        by_run.setdefault(key[:8], []).append(int(key[8:], 16))
    for run, numbers in by_run.items():
        deleted = {number - 3 for number in numbers if number % 7 == 0}
        assert {f"{run}{number:040x}" for number in numbers if number not in deleted} <= found


def test_writers_that_are_killed(path, storage, python):
    """Thirty times kill -9, by the writer's own hand between two calls or by another process inside of one."""
    chance, acknowledged = random.Random(9), []
    for run in range(RUNS):
        by_itself = run % 2 == 0
        calls = chance.randrange(1, 4000) if by_itself else 0
        writer = python(WRITER, path, storage.base_dir, run, calls)
        if not by_itself:
            acknowledged += [writer.stdout.readline().strip() for _ in range(chance.randrange(1, 60))]
            writer.kill()
        acknowledged += [line for line in writer.stdout.read().splitlines() if len(line) == 48]
        assert writer.wait() == -9
        if run % 5 == 4:
            check(path, storage, acknowledged)
    assert len(acknowledged) > 500
    left = [file for file in (path.parent.parent / "blobs").rglob(".*.tmp") if file.is_file()]
    assert storage.sweep(0, now=1e12) == len(left)
    check(path, storage, acknowledged)


def test_writers_at_the_same_time_that_are_killed(path, storage, python):
    """Three writers on one file, each killed while the others go on."""
    writers = [python(WRITER, path, storage.base_dir, run, 0) for run in range(3)]
    acknowledged = []
    for place, writer in enumerate(writers):
        acknowledged += [writer.stdout.readline().strip() for _ in range(10 + 15 * place)]
    for writer in writers:
        writer.kill()
        acknowledged += [line for line in writer.stdout.read().splitlines() if len(line) == 48]
    check(path, storage, acknowledged)
    assert {key[:8] for key in acknowledged} == {f"{run:08x}" for run in range(3)}
