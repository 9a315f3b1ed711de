"""Files that lost bytes, or got others: errors of ours, never another one, and never another result."""

from __future__ import annotations

import contextlib
import hashlib
import random
import sqlite3
import zlib

import pytest

from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry, Query
from beautyspot.errors import CorruptEntryError, StoreError

PAGE = 4096
KEYS = [hashlib.blake2b(bytes([n]), digest_size=24).hexdigest() for n in range(200)]


def flip(chance, data):
    for _ in range(chance.choice((1, 5, 50))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def blank(chance, data):
    page = chance.randrange(len(data) // PAGE) * PAGE
    data[page : page + PAGE] = bytes(PAGE)


def scramble(chance, data):
    page = chance.randrange(len(data) // PAGE) * PAGE
    data[page : page + PAGE] = chance.randbytes(PAGE)


def mix_up(chance, data):
    one, other = (chance.randrange(1, len(data) // PAGE) * PAGE for _ in range(2))
    data[one : one + PAGE] = data[other : other + PAGE]


def truncate(chance, data):
    del data[chance.randrange(len(data)) :]


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """The bytes of a database whose every payload begins with its key."""
    path = tmp_path_factory.mktemp("intact") / "x.db"
    with SQLiteTaskDB(path) as db:
        for number, key in enumerate(KEYS):
            data = key.encode() * (1 + number % 30)
            db.put(
                Entry(
                    cache_key=key, func_name="f", result_data=data, checksum=zlib.crc32(data), created_at=1.0 + number
                )
            )
    return path.read_bytes()


@pytest.mark.parametrize("damage", [flip, blank, scramble, mix_up, truncate], ids=lambda damage: damage.__name__)
def test_damaged_file(tmp_path, intact, damage):
    """Whatever happened to a file, a call gives a right answer, a row that its checksum gives away, or a StoreError."""
    chance = random.Random(damage.__name__)
    for run in range(12):
        data = bytearray(intact)
        damage(chance, data)
        path = tmp_path / f"{run}.db"
        path.write_bytes(data)
        with SQLiteTaskDB(path) as db:
            for key in KEYS:
                try:
                    row = db.get(key)
                except StoreError:
                    continue
                if row is not None and row.result_data is not None and row.checksum == zlib.crc32(row.result_data):
                    assert row.result_data.startswith(key.encode())
            for call in (
                lambda db=db: db.scan(Query(limit=1000)),
                lambda db=db: db.count(Query()),
                lambda db=db: db.stats(),
                lambda db=db: db.put(Entry(cache_key="ff", func_name="f", result_data=b"x")),
                lambda db=db: db.delete(KEYS[:50]),
                lambda db=db: db.has_legacy_rows(),
            ):
                with contextlib.suppress(StoreError):
                    call()


@pytest.mark.parametrize("read_only", [True, False])
def test_damaged_schema(path, entry, key, read_only):
    """SQLite quotes the damaged text of a schema in its message; that it is no UTF-8 must not reach the program."""
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
    data = path.read_bytes()
    at = data.index(b"CREATE TABLE tasks")
    path.write_bytes(data[:at] + b"CR\x8fATE" + data[at + 6 :])
    with SQLiteTaskDB(path, read_only=read_only) as db:
        for call in (lambda: db.get(key(1)), lambda: db.scan(Query()), lambda: db.put(entry(2))):
            if read_only and call.__code__.co_names[0] == "put":
                continue
            with pytest.raises(CorruptEntryError, match="move the file away"):
                call()


def test_schema_damaged_under_a_running_process(path, entry, key):
    """The same, when the connections are open already."""
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
        with SQLiteTaskDB(path) as other:
            other.scan(Query())
        db._connections.writer().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db._connections.writer().execute("PRAGMA writable_schema = 1")
        db._connections.writer().execute(
            "UPDATE sqlite_master SET sql = CAST(x'435245415445208f' AS TEXT) WHERE name = 'tasks_by_time'"
        )
        with SQLiteTaskDB(path) as other:
            for call in (lambda: other.get(key(1)), lambda: other.put(entry(2)), other.stats):
                with pytest.raises(CorruptEntryError, match="move the file away"):
                    call()


def index_entry(data, key):
    """Return where the index of keys says which row has `key`, and in how many bytes."""
    header = bytes([3, 2 * len(key) + 13])  # length of the header, then: a text of this length
    at = data.find(key.encode())
    while at >= 0:
        if data[at - 3 : at - 1] == header:
            return at + len(key), data[at - 1]
        at = data.find(key.encode(), at + 1)
    raise AssertionError(f"{key} is not in the index")


@pytest.mark.parametrize("read_only", [True, False])
def test_index_that_leads_to_another_row(tmp_path, intact, read_only):
    """A row that an index of keys was damaged to lead to is whole, but is not the result of this key: a miss."""
    data = bytearray(intact)
    (one, size), (other, other_size) = index_entry(data, KEYS[150]), index_entry(data, KEYS[160])
    assert size == other_size == 2
    data[one : one + 2], data[other : other + 2] = data[other : other + 2], data[one : one + 2]
    path = tmp_path / "x.db"
    path.write_bytes(data)
    with SQLiteTaskDB(path, read_only=read_only) as db:
        assert [db.get(KEYS[number]) is None for number in (149, 150, 160, 161)] == [False, True, True, False]


def test_index_that_leads_to_another_row_when_writing(tmp_path, intact):
    """Nor is the other row overwritten: that it could not be stored is said, and the other result stays right."""
    data = bytearray(intact)
    (one, _), (other, _) = index_entry(data, KEYS[150]), index_entry(data, KEYS[160])
    data[one : one + 2] = data[other : other + 2]
    path = tmp_path / "x.db"
    path.write_bytes(data)
    with SQLiteTaskDB(path) as db:
        before = db.get(KEYS[160])
        with pytest.raises(CorruptEntryError, match="index leads to wrong rows"):
            db.put(Entry(cache_key=KEYS[150], func_name="f", result_data=b"new"))
        assert db.get(KEYS[150]) is None
        assert db.get(KEYS[160]) == before


def test_log_without_its_directory(path, tmp_path, entry, key, monkeypatch):
    """A log that cannot be read is not passed by: without it the file may be half of a transaction."""
    for file in (path, tmp_path / "barred.db"):
        with SQLiteTaskDB(file) as db:
            db.put(entry(1))
    (tmp_path / "barred.db-wal").mkdir()  # in its place SQLite cannot make a file
    connect = sqlite3.connect

    def medium(target, **options):
        barred = "immutable" not in target
        return connect(f"file:{tmp_path}/barred.db?mode=ro" if barred else target, **options)

    monkeypatch.setattr(sqlite3, "connect", medium)
    log = path.with_name(path.name + "-wal")
    log.write_bytes(b"x" * 100)
    with SQLiteTaskDB(path, read_only=True) as db:
        with pytest.raises(StoreError, match="copy the database with this file"):
            db.get(key(1))
        log.write_bytes(b"")
        assert db.get(key(1)) is not None
