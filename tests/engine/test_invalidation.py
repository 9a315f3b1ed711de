"""What is invalidated while it is on its way does not come back."""

from __future__ import annotations

import threading

import pytest

PATIENCE = 30.0


class Gate:
    """Lets a test stop a function half way."""

    __spot_infrastructure__ = True

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def pass_through(self) -> None:
        self.reached.set()
        assert self.open.wait(PATIENCE)


@pytest.fixture
def gate():
    """A gate, closed."""
    return Gate()


INVALIDATIONS = {
    "the call": lambda spot, marked: marked.invalidate(1),
    "the function": lambda spot, marked: marked.clear(),
    "the key": lambda spot, marked: spot.invalidate(key=marked.key(1)),
    "a name": lambda spot, marked: spot.invalidate(function="numbered"),
    "a tag": lambda spot, marked: spot.invalidate(tag="old"),
}


@pytest.mark.parametrize("invalidate", INVALIDATIONS.values(), ids=INVALIDATIONS)
def test_a_run_that_was_under_way_is_not_stored(invalidate, db, make_spot, runs, gate):
    """Its caller gets the value; the next call runs again."""
    spot = make_spot(db)

    @spot.mark(tags=["old"])
    def numbered(n: int) -> int:
        number = runs(n)
        if number == 1:
            gate.pass_through()
        return number

    got: list[int] = []
    thread = threading.Thread(target=lambda: got.append(numbered(1)))
    thread.start()
    assert gate.reached.wait(PATIENCE)
    invalidate(spot, numbered)
    gate.open.set()
    thread.join(PATIENCE)
    assert got == [1]
    assert not numbered.is_cached(1)
    assert numbered(1) == 2
    assert numbered(1) == 2


def test_a_call_after_the_invalidation_does_not_follow_the_run_before_it(db, make_spot, runs, gate):
    """It starts at once, beside the old run, and its own result stays."""
    spot = make_spot(db)

    @spot.mark
    def numbered(n: int) -> int:
        number = runs(n)
        if number == 1:
            gate.pass_through()
        return number

    thread = threading.Thread(target=numbered, args=(1,))
    thread.start()
    assert gate.reached.wait(PATIENCE)
    numbered.invalidate(1)
    assert numbered(1) == 2
    gate.open.set()
    thread.join(PATIENCE)
    assert numbered(1) == 2


@pytest.mark.parametrize("invalidate", INVALIDATIONS.values(), ids=INVALIDATIONS)
def test_a_save_behind_the_callers_back_does_not_bring_it_back(invalidate, db, make_spot, runs, gate):
    """The value was returned, its row is not there yet, and is not wanted any more."""
    spot = make_spot(db)
    drain = spot.engine.background.drain
    spot.engine.background.submit(gate.pass_through)

    @spot.mark(wait=False, tags=["old"])
    def numbered(n: int) -> int:
        return runs(n)

    assert numbered(1) == 1
    invalidate(spot, numbered)
    gate.open.set()
    drain()
    assert not numbered.is_cached(1)
    assert numbered(1) == 2


def test_other_results_on_their_way_are_stored(make_spot, runs, gate):
    """Only what was chosen is dropped."""
    spot = make_spot()
    spot.engine.background.submit(gate.pass_through)

    @spot.mark(wait=False)
    def numbered(n: int) -> int:
        return runs(n)

    numbered(1)
    numbered(2)
    numbered.invalidate(1)
    gate.open.set()
    spot.flush()
    assert not numbered.is_cached(1)
    assert numbered.is_cached(2)


def test_a_function_may_invalidate_itself(make_spot, runs):
    """While it runs: it does not wait for itself, and is not stored."""
    spot = make_spot()

    @spot.mark
    def again(n: int) -> int:
        spot.invalidate(function="again")
        return runs(n) if n == 0 else again(0)

    again(1)
    assert spot.records() == []


def test_a_new_result_is_asked_for_while_an_old_run_is_under_way(db, make_spot, runs, gate):
    """A call that refreshes does not take what began before it."""
    spot = make_spot(db)

    def numbered(n: int) -> int:
        number = runs(n)
        if number == 1:
            gate.pass_through()
        return number

    got: list[int] = []
    threads = [
        threading.Thread(target=lambda mode=mode: got.append(spot.mark(mode=mode)(numbered)(1)))
        for mode in ("on", "refresh")
    ]
    threads[0].start()
    assert gate.reached.wait(PATIENCE)
    waits = threading.Event()
    ended = spot.engine.flights.ended
    spot.engine.flights.ended = lambda flight: (ended(flight), waits.set())[0]
    threads[1].start()
    assert waits.wait(PATIENCE)
    gate.open.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(got) == [1, 2]
    assert spot.mark(numbered)(1) == 2


def test_another_spot_of_the_same_file(tmp_path, make_spot, runs, gate):
    """As there is one after a notebook's first cell was run again: what the older one still saves is dropped."""
    old, new = make_spot(tmp_path / "a.db"), make_spot(tmp_path / "a.db")
    old.engine.background.submit(gate.pass_through)

    @old.mark(wait=False)
    def numbered(n: int) -> int:
        return runs(n)

    numbered(1)
    new.invalidate(function="numbered")
    gate.open.set()
    old.flush()
    assert new.records() == []
