"""Saves behind the caller's back: ``wait=False``, statistics, and the end of the program."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from beautyspot._engine.background import Background
from beautyspot.errors import NotStoredWarning, StoreError

PATIENCE = 30.0


@pytest.fixture
def held(make_spot):
    """A Spot whose saves wait for an event."""
    spot = make_spot()
    spot.may_save = threading.Event()
    put = spot.db.put
    spot.db.put = lambda entry: (spot.may_save.wait(PATIENCE), put(entry))[1]
    return spot


def test_the_caller_does_not_wait(held, mark, call, runs):
    """The value comes back before it is saved; `flush` waits."""

    def slow(n: int) -> list[int]:
        runs(n)
        return [n]

    marked = mark(held, slow, wait=False)
    assert call(marked, 1) == [1]
    assert held.db.get(marked.key(1)) is None
    held.may_save.set()
    held.flush()
    assert held.db.get(marked.key(1)) is not None
    assert call(marked, 1) == [1]
    assert runs.count == 1


def test_what_the_caller_changes_meanwhile_is_not_saved(held, runs):
    """The result is encoded before it is handed out, arrays included."""

    @held.mark(wait=False)
    def make(n: int) -> object:
        return {"list": [n], "array": np.full(50_000, float(n))}

    value = make(1)
    value["list"].append(2)
    value["array"][:] = -1
    held.may_save.set()
    held.flush()
    assert make(1)["list"] == [1]
    assert (make(1)["array"] == 1.0).all()


def test_a_save_that_fails_is_told(make_spot):
    """A warning, in strict mode an error at `flush`."""
    for strict in (False, True):
        spot = make_spot(strict=strict)

        def fail(_):
            raise StoreError("the disk is full")

        spot.db.put = fail
        marked = spot.mark(wait=False)(lambda n: n)
        if strict:
            marked(1)
            with pytest.raises(StoreError, match="full"):
                spot.flush()
            spot.flush()
        else:
            with pytest.warns(NotStoredWarning, match="full"):
                marked(1)
                spot.flush()


def test_close_waits_for_saves(held):
    """Leaving the with block commits."""
    marked = held.mark(wait=False)(lambda n: n)
    with held:
        marked(1)
        held.may_save.set()
    assert marked.is_cached(1)


def test_the_end_of_the_program_waits_for_saves(tmp_path):
    """Nothing is lost if nobody calls `flush`."""
    program = f"""
import beautyspot as bs
spot = bs.Spot("end", db={str(tmp_path / "end.db")!r}, storage={str(tmp_path / "blobs")!r})

@spot.mark(wait=False)
def double(n: int) -> int:
    return 2 * n

print([double(n) for n in range(50)] == [2 * n for n in range(50)])
"""
    command = [sys.executable, "-W", "error", "-c", program]
    runs = [subprocess.run(command, capture_output=True, text=True, check=False) for _ in "12"]
    assert [run.stdout for run in runs] == ["True\n", "True\n"]
    assert [run.stderr for run in runs] == ["", ""]
    assert [path.name for path in tmp_path.glob("end.db-[ws]*")] == []  # closed like a with block would close it
    import beautyspot as bs

    with bs.Spot("end", db=tmp_path / "end.db") as spot:
        (stats,) = spot.stats()
        assert (stats.misses, stats.hits, stats.entries) == (50, 50, 50)


def test_a_job_that_raises_does_not_stop_the_thread(monkeypatch):
    """What it raised is shown, and whoever waits for the others gets on."""
    shown = []
    monkeypatch.setattr(threading, "excepthook", lambda hook: shown.append(hook.exc_value))
    done = []
    background = Background(lambda: False)
    background.submit(lambda: 1 / 0)
    background.submit(lambda: done.append(1))
    background.drain()
    assert done == [1]
    assert isinstance(shown[0], ZeroDivisionError)


def test_warnings_as_errors_do_not_hang_the_flush(make_spot, monkeypatch):
    """A user who turns warnings into errors still gets the prompt back."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    spot = make_spot()

    def fail(_):
        raise StoreError("the disk is full")

    spot.db.put = fail
    marked = spot.mark(wait=False)(lambda n: n)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert marked(1) == 1
        spot.flush()


def test_jobs_run_in_order_and_only_once():
    """Also those that come while others run."""
    ran: list[int] = []
    background = Background(lambda: False)
    for number in range(100):
        background.submit(lambda number=number: ran.append(number))
    background.drain()
    assert ran == list(range(100))


def test_statistics_are_kept_until_they_are_saved(tmp_path, make_spot):
    """Hits are folded by function, in the database after `flush`, and `live` tells them at once."""
    spot = make_spot(str(tmp_path / "work.db"))
    double, triple = spot.mark(lambda n: 2 * n), spot.mark(lambda n: 3 * n)
    for _ in range(5):
        double(1)
    triple(1)
    live = spot.live()
    assert (live["hits"], live["misses"]) == (4, 2)
    spot.flush()
    assert {(stats.hits, stats.misses) for stats in spot.stats()} == {(4, 2)}
    (entry,) = [entry for entry in spot.records() if entry.cache_key == double.key(1)]
    assert entry.hits == 4
    assert entry.last_hit is not None


def test_the_thread_ends_with_its_spot(make_spot):
    """It does not linger behind a closed Spot; a later call starts another one."""
    spot = make_spot()
    double = spot.mark(wait=False)(lambda n: 2 * n)
    double(1)
    thread = spot.engine.background._thread
    spot.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    double(2)
    spot.flush()
    assert double.is_cached(2)
    assert spot.engine.background.active


def test_a_job_that_ends_its_thread(monkeypatch):
    """SystemExit out of a store of somebody's does not leave those who wait behind."""
    shown = []
    monkeypatch.setattr(threading, "excepthook", lambda args: shown.append(args.exc_type))
    background = Background(lambda: False)
    background.submit(sys.exit)
    done = threading.Event()
    background.submit(done.set)
    background.drain()
    assert done.is_set()
    assert shown == [SystemExit]


def test_a_flush_inside_a_save(make_spot):
    """A store that flushes the Spot it belongs to does not wait for itself."""
    spot = make_spot()
    put = spot.db.put
    flushed = threading.Event()
    spot.db.put = lambda entry: (put(entry), spot.flush(), flushed.set())[0]
    spot.mark(wait=False)(lambda n: n)(1)
    assert flushed.wait(PATIENCE)


def test_a_thread_that_was_started_twice():
    """The one that nobody knows ends (what starts it can be interrupted between start and note)."""
    background = Background(lambda: False)
    background.nudge()
    first = background._thread
    background.active = False
    background.nudge()
    first.join(PATIENCE)
    assert not first.is_alive()
    assert background._thread.is_alive()
    background.rest()
