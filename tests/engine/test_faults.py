"""The cache has a problem: the user's code runs, its value is returned, one warning says what was not done."""

from __future__ import annotations

import sqlite3
import threading
import warnings

import pytest

import beautyspot as bs
from beautyspot.db import MemoryTaskDB
from beautyspot.errors import CacheMissError, CorruptEntryError, KeyingError, NotStoredWarning, SpotWarning, StoreError
from beautyspot.storage import LocalStorage


class BrokenDB(MemoryTaskDB):
    """A database of which some methods fail."""

    def __init__(self, *broken: str, error: Exception | None = None) -> None:
        super().__init__()
        for name in broken:
            setattr(self, name, self._fail)
        self.error = error or StoreError("the disk is full")

    def _fail(self, *_, **__):
        raise self.error


@pytest.fixture
def double(runs):
    """A function that counts its runs."""

    def double(n: int) -> int:
        runs(n)
        return 2 * n

    return double


@pytest.mark.parametrize("error", [StoreError("the disk is full"), OSError(28, "No space left on device")])
@pytest.mark.parametrize("method", ["get", "lease", "put"])
def test_a_database_that_fails(method, error, make_spot, mark, call, double, runs):
    """Whatever it raises: the value comes back each time, and each problem is said once."""
    spot = make_spot(BrokenDB(method, error=error))
    marked = mark(spot, double)
    with pytest.warns(SpotWarning, match="full|space"):
        assert call(marked, 4) == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert call(marked, 4) == 8
    assert runs.count == 2


@pytest.mark.parametrize("method", ["get", "lease", "put"])
def test_strict_raises_what_the_database_raised(method, make_spot, mark, call, double):
    """In strict mode the problem itself comes through."""
    marked = mark(make_spot(BrokenDB(method), strict=True), double)
    with pytest.raises(StoreError, match="full"):
        call(marked, 4)


def test_statistics_that_cannot_be_saved_harm_nobody(make_spot, double):
    """A warning at flush, and the numbers are kept for the next time."""
    db = BrokenDB("touch")
    spot = make_spot(db)
    spot.mark(double)(1)
    with pytest.warns(SpotWarning, match="statistics"):
        spot.flush()
    del db.touch
    assert spot.stats()[0].misses == 1


def test_blob_storage_that_fails(make_spot, mark, call, runs):
    """The value is returned and no row is left behind."""
    spot = make_spot()

    def broken_put(_):
        raise OSError(28, "No space left on device")

    spot.storage.put = broken_put

    def large(n: int) -> bytes:
        runs(n)
        return bytes(n)

    marked = mark(spot, large, save_blob=True)
    with pytest.warns(NotStoredWarning, match="No space left"):
        assert call(marked, 5) == bytes(5)
    assert not marked.is_cached(5)


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete", "empty"])
def test_damaged_blobs_are_misses(damage, tmp_path, make_spot, mark, call, runs):
    """One warning, the right value, and the entry is whole again afterwards."""
    spot = make_spot(str(tmp_path / "work.db"))

    def large(n: int) -> bytes:
        runs(n)
        return bytes(range(256)) * n

    marked = mark(spot, large, save_blob=True)
    call(marked, 300)
    (blob,) = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 1000]
    content = bytearray(blob.read_bytes())
    blob.chmod(0o600)
    if damage == "delete":
        blob.unlink()
    else:
        content[500] ^= 1
        blob.write_bytes({"truncate": content[:-7], "flip": content, "empty": b""}[damage])
    spot.close()
    fresh = make_spot(str(tmp_path / "work.db"))
    marked = mark(fresh, large, save_blob=True)
    with pytest.warns(SpotWarning, match="computed again"):
        assert call(marked, 300) == bytes(range(256)) * 300
    assert call(marked, 300) == bytes(range(256)) * 300
    assert runs.count == 2


@pytest.mark.parametrize("sql", ["result_data = x'ff'", "result_type = 'WAT'", "result_data = NULL", "checksum = 7"])
def test_damaged_rows_are_misses(sql, tmp_path, make_spot, mark, call, double, runs):
    """As with blobs."""
    path = tmp_path / "work.db"
    spot = make_spot(str(path))
    call(mark(spot, double), 4)
    spot.close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE tasks SET {sql}")
    connection.close()
    marked = mark(make_spot(str(path)), double)
    with pytest.warns(SpotWarning, match="computed again"):
        assert call(marked, 4) == 8
    assert call(marked, 4) == 8
    assert runs.count == 2


def test_each_damaged_row_is_mentioned(tmp_path, make_spot, double):
    """Two entries, two warnings: a store that is down is one problem, damaged entries are many."""
    path = tmp_path / "work.db"
    spot = make_spot(str(path))
    marked = spot.mark(double)
    marked(1), marked(2)
    spot.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE tasks SET checksum = 7")
    connection.close()
    with pytest.warns(SpotWarning) as caught:
        marked(1), marked(2)
    assert len(caught) == 2


def test_a_store_that_is_down_is_mentioned_once(make_spot, runs):
    """By the first function that meets it, however many look-ups, leases and saves fail after that."""
    spot = make_spot(BrokenDB("get", "lease", "put", "touch"))
    with pytest.warns(SpotWarning) as caught:
        for function in (lambda n: n, lambda n: n + 1):
            marked = spot.mark(function)
            marked(1), marked(2)
        spot.flush()
    assert len(caught) == 1


def test_a_server_that_is_down_is_mentioned_once(make_spot, runs):
    """Though each message names another blob."""
    spot = make_spot()

    def unreachable(chunks):
        name = b"".join(chunks).hex()[:40].rjust(40, "a")
        raise StoreError(f"s3://bucket/{name} cannot be written: connection refused")

    spot.storage.put = unreachable
    marked = spot.mark(save_blob=True)(lambda n: n)
    with pytest.warns(NotStoredWarning) as caught:
        assert [marked(n) for n in range(5)] == list(range(5))
    assert len(caught) == 1


def test_strict_raises_for_a_damaged_row(tmp_path, make_spot, double):
    """And names what is wrong."""
    path = tmp_path / "work.db"
    spot = make_spot(str(path), strict=True)
    marked = spot.mark(double)
    marked(4)
    spot.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE tasks SET checksum = 7")
    connection.close()
    with pytest.raises(CorruptEntryError, match="checksum"):
        marked(4)


def test_a_file_that_is_no_database(tmp_path, make_spot, mark, call, double):
    """Foreign content is left alone and the function works."""
    path = tmp_path / "work.db"
    path.write_bytes(b"important notes, no database" * 100)
    marked = mark(make_spot(str(path)), double)
    with pytest.warns(SpotWarning):
        assert call(marked, 4) == 8
    assert path.read_bytes() == b"important notes, no database" * 100


def test_a_file_of_a_newer_version(tmp_path, make_spot, mark, call, double):
    """It is not touched, and the warning says to upgrade."""
    path = tmp_path / "work.db"
    first = make_spot(str(path))
    first.mark(double)(1)
    first.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    marked = mark(make_spot(str(path)), double)
    with pytest.warns(SpotWarning, match="upgrade beautyspot"):
        assert call(marked, 4) == 8


def test_an_encoder_that_raises(make_spot, mark, call):
    """A user's encoder fails: the value is returned."""

    class Odd:
        pass

    spot = make_spot()
    spot.register_type(Odd, 3, lambda _: 1 / 0, lambda _: Odd())

    def odd(n: int) -> Odd:
        return Odd()

    with pytest.warns(NotStoredWarning, match="division by zero"):
        assert isinstance(call(mark(spot, odd), 1), Odd)


def test_a_decoder_that_raises(make_spot, mark, call, runs):
    """A user's decoder fails later on: the function runs again."""

    class Odd:
        def __eq__(self, other):
            return isinstance(other, Odd)

        __hash__ = None

    broken = []
    spot = make_spot()
    spot.register_type(Odd, 3, lambda _: 1, lambda _: [Odd()][len(broken)])

    def odd(n: int) -> Odd:
        runs(n)
        return Odd()

    marked = mark(spot, odd)
    call(marked, 1)
    broken.append(1)
    spot.engine.recent.rows.clear()
    with pytest.warns(SpotWarning):
        assert isinstance(call(marked, 1), Odd)
    assert runs.count == 2


def test_an_argument_that_is_changed_by_the_run(make_spot, mark, call):
    """The key would stand for the content from before: nothing is stored, and the warning names the parameter."""

    def grow(items: list[int], n: int) -> int:
        items.append(n)
        return len(items)

    marked = mark(make_spot(), grow)
    with pytest.warns(NotStoredWarning, match="argument items changed while it ran"):
        assert call(marked, [1], 2) == 2
    assert not marked.is_cached([1], 2)


def test_an_argument_that_has_no_key_after_the_run(make_spot, mark, call):
    """What the function puts into its argument cannot be hashed: the caller still gets the value."""

    def fill(items: list[object]) -> int:
        items.append(iter(()))
        return len(items)

    marked = mark(make_spot(), fill)
    with pytest.warns(NotStoredWarning, match="after the run"):
        assert call(marked, []) == 1


def test_strict_raises_for_a_changed_argument(make_spot):
    """As a KeyingError."""

    def grow(items: list[int]) -> int:
        items.append(1)
        return len(items)

    with pytest.raises(KeyingError, match="argument items changed"):
        make_spot(strict=True).mark(grow)([])


def test_a_global_that_is_changed_by_the_run(make_spot):
    """The same for what the code reads besides its arguments."""
    space = {"__name__": "__main__", "LOG": []}
    exec("def logged(n):\n    LOG.append(n)\n    return n\n", space)
    marked = make_spot().mark(space["logged"])
    with pytest.warns(NotStoredWarning, match="global LOG changed while it ran"):
        assert marked(1) == 1


def test_unhashable_arguments_stop_the_call_before_anything_runs(make_spot, mark, call, double, runs):
    """The error names the parameter and is a TypeError; with the mode off there is nothing to complain about."""
    spot = make_spot()
    marked = mark(spot, double)
    with pytest.raises(bs.UnhashableError, match="argument 'n'") as caught:
        call(marked, iter([1]))
    assert isinstance(caught.value, TypeError)
    assert runs.count == 0


def test_wrong_arguments_are_the_functions_own_error(make_spot, mark, call, double):
    """As Python words it."""
    with pytest.raises(TypeError, match=r"double\(\) .*unexpected keyword argument 'm'|missing|got an unexpected"):
        call(mark(make_spot(), double), m=1)


def test_the_traceback_starts_in_the_users_code(make_spot):
    """Between the caller and the function stand only a few frames of ours."""

    def fails(n: int) -> None:
        raise ZeroDivisionError(n)

    with pytest.raises(ZeroDivisionError) as caught:
        make_spot().mark(fails)(1)
    names = [entry.name for entry in caught.traceback]
    assert names[-1] == "fails"
    assert len(names) <= 5
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_warnings_point_at_the_callers_line(make_spot):
    """The line of the user's call, not one of ours."""
    marked = make_spot().mark(lambda n: iter([n]))
    with pytest.warns(NotStoredWarning) as caught:
        marked(1)
    assert caught[0].filename == __file__


def test_a_read_only_directory_can_be_used(tmp_path, make_spot, double, runs, monkeypatch):
    """Hits come from it, misses run and warn once."""
    path = tmp_path / "work.db"
    first = make_spot(str(path))
    first.mark(double)(1)
    first.close()
    spot = make_spot(bs.SQLiteTaskDB(path, read_only=True))
    marked = spot.mark(double)
    assert marked(1) == 2
    assert runs.count == 1
    with pytest.warns(NotStoredWarning, match="read"):
        assert marked(2) == 4


def test_a_storage_of_ones_own(make_spot, double, tmp_path):
    """Any object with the methods of Storage does."""
    storage = LocalStorage(tmp_path / "elsewhere")
    spot = make_spot(storage=storage)
    assert spot.storage is storage


def test_statistics_that_fail_in_another_way(make_spot, double):
    """A database of one's own raises what it likes: closing the Spot is no reason to fail."""
    spot = make_spot(BrokenDB("touch", error=ConnectionError("the server is gone")))
    spot.mark(double)(1)
    with pytest.warns(SpotWarning, match="statistics are not saved: the server is gone"):
        spot.flush()


@pytest.mark.parametrize("stamp", [lambda: 1 / 0, lambda: None])
def test_a_stamp_that_fails(stamp, make_spot, mark, call, double, runs):
    """Then each look-up goes to the database."""
    db = MemoryTaskDB()
    db.stamp = stamp
    marked = mark(make_spot(db), double)
    assert (call(marked, 4), call(marked, 4)) == (8, 8)
    assert runs.count == 1


@pytest.mark.parametrize("part", ["describe", "meta"])
def test_what_only_lists_show_cannot_break_a_call(part, make_spot, double):
    """A result is worth more than what is written beside it."""
    spot = make_spot()
    core = spot.mark(double).__spot_core__
    request = core.request(core.key(4), (4,), {})
    setattr(request, part, lambda *_: 1 / 0)
    with pytest.warns(NotStoredWarning, match="ZeroDivisionError"):
        assert spot.engine.run(request).value == 8


def test_frozen_says_no_whatever_the_database_does(make_spot, double):
    """Why nothing is stored is not worth another error."""
    spot = make_spot(BrokenDB("scan", error=OSError("the server is gone")), mode="frozen")
    with pytest.raises(CacheMissError):
        spot.mark(double)(4)


def test_a_decoder_that_fails_for_a_follower(make_spot, runs):
    """It runs the code itself: the value is not in the store yet, so nothing can be said of an entry."""
    spot = make_spot()
    made = [Odd]
    spot.register_type(Odd, 9, lambda _: b"", lambda _: made[0]())
    saved = threading.Event()
    put = spot.db.put
    spot.db.put = lambda entry: (saved.wait(30), put(entry))[1]

    @spot.mark(wait=False)
    def make(n: int) -> Odd:
        runs(n)
        return Odd()

    assert isinstance(make(1), Odd)
    made.clear()
    assert isinstance(make(1), Odd)
    saved.set()
    assert runs.count == 2


class Odd:
    """Can be encoded, not decoded."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Odd)


def test_warnings_that_never_repeat_come_to_an_end(make_spot, monkeypatch):
    """A cause that reads differently each time neither floods the screen nor fills the memory."""
    monkeypatch.setattr("beautyspot._engine.engine.MOST_WARNINGS", 3)
    spot = make_spot()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for number in range(5):
            spot.engine.warn(f"problem {number}")
    assert len(seen) == 3
