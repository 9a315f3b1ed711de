"""The file of a SQLiteTaskDB: made, moved, deleted, full, damaged, not to be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import warnings

import pytest

from beautyspot.db import SQLiteTaskDB, files
from beautyspot.entry import Query, StatsDelta
from beautyspot.errors import (
    ConfigurationError,
    CorruptEntryError,
    ReadOnlyStoreError,
    SchemaVersionError,
    SpotWarning,
    StoreError,
)


def test_constructor_does_no_io(path):
    """Nothing is made before something is stored."""
    db = SQLiteTaskDB(path)
    assert not path.parent.exists()
    assert db.label == str(path)


def test_reading_makes_no_file(sqlite_db, path, key):
    """Looking into a database that is not there finds nothing and leaves nothing."""
    assert sqlite_db.get(key(1)) is None
    assert sqlite_db.scan(Query()) == []
    assert sqlite_db.count(Query()) == (0, 0)
    assert sqlite_db.stats() == []
    assert sqlite_db.delete([key(1)]) == 0
    assert not sqlite_db.set_pinned(key(1), pinned=True)
    assert not sqlite_db.has_legacy_rows()
    assert not path.parent.exists()


def test_put_makes_directories(sqlite_db, path, entry, key):
    """The first result makes the file and its directories."""
    sqlite_db.put(entry(1))
    assert path.is_file()
    assert sqlite_db.get(key(1)) is not None


def test_statistics_make_the_file(sqlite_db, path):
    """Misses are counted even if no result was ever stored."""
    sqlite_db.touch([], [StatsDelta("f", misses=1)])
    assert path.is_file()


def test_working_directory_of_construction_counts(tmp_path, monkeypatch, entry):
    """A relative path means the same file after a change of directory."""
    monkeypatch.chdir(tmp_path)
    with SQLiteTaskDB("x.db") as db:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        db.put(entry(1))
    assert (tmp_path / "x.db").is_file()


@pytest.mark.parametrize("wrong", ["", ":memory:", None, 3, b"x.db", "a\0b"])
def test_wrong_path(wrong):
    """What is no path is refused at once."""
    with pytest.raises(ConfigurationError, match="path of a file"):
        SQLiteTaskDB(wrong)


def test_two_objects_on_one_file(path, entry, key):
    """Two objects see each other's writes, leases and deletions at once."""
    with SQLiteTaskDB(path) as one, SQLiteTaskDB(path.parent / ".." / path.parent.name / path.name) as two:
        one.put(entry(1))
        assert two.get(key(1)) is not None
        two.put(entry(1, result_data=b"two"))
        assert one.get(key(1)).result_data == b"two"
        lease = one.lease(key(1))
        assert two.lease(key(1)) is None
        lease.release()
        one.delete([key(1)])
        assert two.get(key(1)) is None


def test_symbolic_link_names_the_same_leases(path, tmp_path, entry, key):
    """A link to the file is the file."""
    link = tmp_path / "link.db"
    with SQLiteTaskDB(path) as db, SQLiteTaskDB(link) as linked:
        db.put(entry(1))
        link.symlink_to(path)
        lease = db.lease(key(1))
        assert linked.lease(key(1)) is None
        lease.release()


@pytest.mark.parametrize("everything", [True, False])
def test_file_deleted_under_a_running_process(sqlite_db, path, entry, key, everything):
    """After a deletion, results go to a new file instead of into the void."""
    sqlite_db.put(entry(1))
    assert sqlite_db.get(key(1)) is not None
    if everything:
        shutil.rmtree(path.parent)
    else:
        path.unlink()
    sqlite_db.put(entry(2))
    assert sqlite_db.get(key(2)) is not None
    assert sqlite_db.get(key(1)) is None
    with SQLiteTaskDB(path) as other:
        assert other.count(Query())[0] == 1
    lease = sqlite_db.lease(key(3))
    assert path.with_name(path.name + "-lease").exists()
    lease.release()


def test_deleted_file_is_noticed_by_lists_and_statistics(sqlite_db, path, entry, key):
    """Lists show what is there now; statistics about what is gone are dropped; look-ups follow."""
    sqlite_db.put(entry(1))
    assert sqlite_db.get(key(1)) is not None
    shutil.rmtree(path.parent)
    sqlite_db.touch([(key(1), 1, 1.0)], [StatsDelta("f", hits=1)])
    assert sqlite_db.get(key(1)) is None
    assert sqlite_db.scan(Query()) == []
    assert not path.parent.exists()


def test_replaced_file(sqlite_db, path, tmp_path, entry, key):
    """A file that was moved into place, from a backup say, is the one that counts."""
    sqlite_db.put(entry(1))
    other = tmp_path / "other.db"
    with SQLiteTaskDB(other) as db:
        db.put(entry(2))
    other.replace(path)
    sqlite_db.put(entry(3))
    assert [sqlite_db.get(key(n)) is not None for n in (1, 2, 3)] == [False, True, True]


def test_disk_full(sqlite_db, path, entry, key, raw):
    """A full disk is said to be full, and what was stored stays readable."""
    sqlite_db.put(entry(1))
    with sqlite_db._connections.lock:
        sqlite_db._connections.writer().execute("PRAGMA max_page_count = 1")
    with pytest.raises(StoreError, match=r"disk .* is full: free some space") as caught:
        sqlite_db.put(entry(2, result_data=bytes(100_000)))
    assert str(path) in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    assert sqlite_db.get(key(1)) is not None
    with pytest.raises(StoreError, match="is full"):
        sqlite_db.touch([], [StatsDelta("f" * 100_000, hits=1)])
    with sqlite_db._connections.lock:
        sqlite_db._connections.writer().execute("PRAGMA max_page_count = 100000")
    sqlite_db.put(entry(2))
    assert sqlite_db.get(key(2)) is not None


@pytest.mark.parametrize("content", [b"not a database " * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_garbage_file(path, entry, key, content):
    """A file that is no database is named, kept, and said to be moved away."""
    path.parent.mkdir()
    path.write_bytes(content)
    with SQLiteTaskDB(path) as db:
        for attempt in (lambda: db.get(key(1)), lambda: db.put(entry(1)), lambda: db.scan(Query())):
            with pytest.raises(CorruptEntryError, match="move the file away") as caught:
                attempt()
            assert str(path) in str(caught.value)
            assert isinstance(caught.value.__cause__, sqlite3.Error)
    assert path.read_bytes() == content
    with SQLiteTaskDB(path, read_only=True) as db, pytest.raises(CorruptEntryError):
        db.get(key(1))


def test_torn_file(path, entry, key):
    """A file that lost its second half gives errors of ours, and works again once it is moved away."""
    with SQLiteTaskDB(path) as db:
        for seed in range(300):
            db.put(entry(seed, result_data=bytes(500)))
    os.truncate(path, path.stat().st_size // 2)
    with SQLiteTaskDB(path) as db:
        failures = 0
        for seed in range(300):
            try:
                db.get(key(seed))
            except StoreError:
                failures += 1
        assert failures
        path.unlink()
        db.put(entry(1))
        assert db.get(key(1)) is not None


def test_empty_file(path, entry, key):
    """A file of no bytes is a new database."""
    path.parent.mkdir()
    path.touch()
    with SQLiteTaskDB(path) as db:
        assert db.get(key(1)) is None
        db.put(entry(1))
        assert db.get(key(1)) is not None


def test_row_with_broken_text(sqlite_db, path, entry, key, raw):
    """A row whose text was damaged is an error of ours, and does not hide the other rows."""
    sqlite_db.put(entry(1))
    sqlite_db.put(entry(2))
    raw(path).execute(
        "UPDATE tasks SET result_type = CAST(x'ff' AS TEXT), arguments = CAST(x'fe' AS TEXT), meta = x'c1',"
        " tags = char(10) || 'x' WHERE cache_key = ?",
        [key(1)],
    )
    with pytest.raises(CorruptEntryError, match=r"a row of .* is damaged: .*decode"):
        sqlite_db.get(key(1))
    infos = {info.cache_key: info for info in sqlite_db.scan(Query())}
    assert set(infos) == {key(1), key(2)}
    assert (infos[key(1)].arguments, infos[key(1)].meta, infos[key(1)].tags) == ("\\xfe", {}, ())
    assert sqlite_db.get(key(2)) is not None


def test_schema_from_the_future(path, entry, key, raw):
    """A newer file is refused by name and left as it is."""
    path.parent.mkdir()
    raw(path).execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    for read_only in (False, True):
        with SQLiteTaskDB(path, read_only=read_only) as db, pytest.raises(SchemaVersionError) as caught:
            db.get(key(1))
        assert (caught.value.path, caught.value.found) == (str(path), 99)
    with SQLiteTaskDB(path) as db, pytest.raises(SchemaVersionError):
        db.put(entry(1))
    assert path.read_bytes() == before


def test_file_of_another_program(path, entry, raw):
    """A to-do list is not a cache."""
    path.parent.mkdir()
    raw(path).execute("CREATE TABLE tasks(id INTEGER PRIMARY KEY, title TEXT)")
    with SQLiteTaskDB(path) as db, pytest.raises(StoreError, match="of another program"):
        db.put(entry(1))


def test_parent_is_a_file(tmp_path, entry, key):
    """A directory that cannot be made is a StoreError with its reason, and looking up is a miss."""
    (tmp_path / "file").touch()
    with SQLiteTaskDB(tmp_path / "file" / "x.db") as db:
        assert db.get(key(1)) is None
        lease = db.lease(key(1))
        assert db.lease(key(1)) is None
        lease.release()
        with pytest.raises(StoreError, match=r"cannot be made: .*: choose a directory") as caught:
            db.put(entry(1))
        assert isinstance(caught.value.__cause__, OSError)


def test_path_is_a_directory(tmp_path, entry):
    """A directory cannot be a database."""
    with SQLiteTaskDB(tmp_path) as db, pytest.raises(StoreError, match="cannot be opened"):
        db.put(entry(1))


def test_read_only(path, entry, key):
    """A database opened for reading reads, leases to everybody, drops statistics and refuses to write."""
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
    before = path.read_bytes()
    with SQLiteTaskDB(path, read_only=True) as db:
        assert db.get(key(1)) is not None
        assert len(db.scan(Query())) == 1
        assert db.count(Query()) == (1, 7)
        assert db.lease(key(1)) is not None
        assert db.lease(key(1)) is not None
        db.lease(key(1)).release()
        db.touch([(key(1), 1, 1.0)], [StatsDelta("f", hits=1)])
        for write in (
            lambda: db.put(entry(2)),
            lambda: db.delete([key(1)]),
            lambda: db.set_pinned(key(1), pinned=True),
        ):
            with pytest.raises(ReadOnlyStoreError, match="for reading only"):
                write()
        assert "read_only=True" in repr(db)
    assert path.read_bytes() == before


def test_read_only_without_a_file(path, entry, key):
    """Reading only, a missing file is an empty database and is not made."""
    with SQLiteTaskDB(path, read_only=True) as db:
        assert db.get(key(1)) is None
        assert db.scan(Query()) == []
        with pytest.raises(ReadOnlyStoreError):
            db.put(entry(1))
    assert not path.parent.exists()


def test_read_only_sees_another_programs_writes(path, entry, key):
    """A reader follows a writer."""
    with SQLiteTaskDB(path) as writer, SQLiteTaskDB(path, read_only=True) as reader:
        assert reader.get(key(1)) is None
        writer.put(entry(1))
        assert reader.get(key(1)) is not None
        assert reader.count(Query())[0] == 1
        writer.put(entry(2))
        assert reader.count(Query())[0] == 2


def test_unwritable_file_is_read_only_by_itself(path, entry, key, monkeypatch):
    """Without the right to write, everything that can be read is read."""
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
    monkeypatch.setattr(files.os, "access", lambda *_: False)  # a superuser may write everywhere
    with SQLiteTaskDB(path) as db:
        assert db.get(key(1)) is not None
        assert db.lease(key(1)) is not None
        assert db.lease(key(1)) is not None
        db.touch([(key(1), 1, 1.0)], [])
        with pytest.raises(ReadOnlyStoreError):
            db.put(entry(2))


def test_right_to_write_that_only_sqlite_misses(path, entry, key, monkeypatch):
    """A file that turns out to be unwritable while it is opened is read all the same."""
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))

    def refuse(connection, path):
        connection.execute("PRAGMA query_only = 1")
        connection.execute("CREATE TABLE x(y)")

    monkeypatch.setattr("beautyspot.db.schema.prepare", refuse)
    with SQLiteTaskDB(path) as db:
        assert db.get(key(1)) is not None
        with pytest.raises(ReadOnlyStoreError):
            db.put(entry(2))


def test_files_beside_the_database_cannot_be_made(path, entry, key, monkeypatch):
    """On a read-only medium SQLite's own files cannot be made: the database is read as it lies there."""
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
    opened = []
    connect = sqlite3.connect

    def medium(target, **options):
        opened.append(target)
        return connect(target, **options)

    path.with_name(path.name + "-wal").mkdir()  # in its place SQLite cannot make a file
    monkeypatch.setattr(sqlite3, "connect", medium)
    with SQLiteTaskDB(path, read_only=True) as db:
        assert db.get(key(1)) is not None
    assert "immutable=1" in opened[-1]


def test_locked_by_another_program(path, entry, raw, monkeypatch):
    """A transaction that another program never ends is an error that says so."""
    monkeypatch.setattr("beautyspot.db.connections.BUSY_TIMEOUT", 0.01)
    with SQLiteTaskDB(path) as db:
        db.put(entry(1))
        other = raw(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds a transaction open"):
            db.put(entry(2))
        other.execute("ROLLBACK")
        db.put(entry(2))


def test_values_that_sqlite_cannot_hold(sqlite_db, entry):
    """Numbers beyond 64 bits and facts that are no data are refused as StoreError."""
    with pytest.raises(StoreError, match="64 bits"):
        sqlite_db.put(entry(1, size=2**64))
    with pytest.raises(StoreError, match=r"meta of .* cannot be stored"):
        sqlite_db.put(entry(1, meta={"x": object()}))


def test_no_connection_outlives_its_thread(sqlite_db, entry, key):
    """Threads that end take their connections along."""
    sqlite_db.put(entry(1))
    for _ in range(20):
        thread = threading.Thread(target=sqlite_db.get, args=(key(1),))
        thread.start()
        thread.join()
    assert len(sqlite_db._connections._readers) <= 1


def test_close_while_others_read(sqlite_db, entry, key):
    """Closing waits for running look-ups and does not disturb later ones."""
    for seed in range(50):
        sqlite_db.put(entry(seed))
    stop, errors = threading.Event(), []

    def read():
        try:
            while not stop.is_set():
                assert sqlite_db.get(key(7)) is not None
                assert len(sqlite_db.scan(Query())) == 50
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        sqlite_db.close()
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize(
    ("mounts", "expected"),
    [
        ("/dev/sda / ext4 rw 0 0\nsrv:/x /data nfs4 rw 0 0", "nfs4"),
        ("srv:/ / nfs rw 0 0\ntmpfs /data tmpfs rw 0 0", None),
        ("//srv/x /data/my\\040files cifs rw 0 0", None),
        ("//srv/x /da cifs rw 0 0", None),
        ("//srv/x /data cifs rw 0 0\n/dev/sdb /data ext4 rw 0 0", None),
        ("a@b:/ / fuse.sshfs rw 0 0", "fuse.sshfs"),
        ("10.0.0.1@tcp:/scratch / lustre rw 0 0", "lustre"),
        ("/dev/sdc1 / fuseblk rw 0 0", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_network_file_systems(mounts, expected):
    """The innermost mount decides."""
    assert files.network_filesystem("/data/x.db", mounts) == expected
    assert files.network_filesystem("/data/my files/x.db", "//srv/x /data/my\\040files cifs rw 0 0") == "cifs"


def test_network_file_system_warns_once(path, tmp_path, entry, monkeypatch):
    """A database on NFS works, with one warning."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/home {str(tmp_path.resolve()).replace(' ', chr(92) + '040')} nfs4 rw 0 0\n")
    monkeypatch.setattr(files, "_MOUNTS", mounts)
    monkeypatch.setattr(files, "_warned", set())
    with warnings.catch_warnings(record=True) as caught, SQLiteTaskDB(path) as db:
        warnings.simplefilter("always")
        db.put(entry(1))
        db.close()
        db.put(entry(2))
    assert [w.category for w in caught] == [SpotWarning]
    assert "nfs4" in str(caught[0].message)
