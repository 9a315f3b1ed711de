"""What each mode reads, runs and writes; for a Spot and for one function."""

from __future__ import annotations

import pytest

import beautyspot as bs
from beautyspot.errors import CacheMissError, ConfigurationError

MODES = {
    # mode: (runs of a call that is stored, whether a call that is not stored runs, whether it is stored then)
    "on": (0, True, True),
    "off": (1, True, False),
    "refresh": (1, True, True),
    "frozen": (0, False, False),
    "read-only": (0, True, False),
}


@pytest.fixture
def square(runs):
    """A function that counts its runs."""

    def square(n: int) -> int:
        runs(n)
        return n * n

    return square


@pytest.mark.parametrize("place", ["spot", "function"])
@pytest.mark.parametrize("mode", list(MODES))
def test_what_a_mode_does(mode, place, db, make_spot, mark, call, square, runs):
    """The table above, whether the mode is the Spot's or the function's own."""
    spot = make_spot(db)
    call(mark(spot, square), 1)
    again, runs_new, stores_new = MODES[mode]
    if place == "spot":
        spot.mode = mode
        marked = mark(spot, square)
    else:
        marked = mark(spot, square, mode=mode)
    before = runs.count
    assert call(marked, 1) == 1
    assert runs.count - before == again
    if runs_new:
        assert call(marked, 2) == 4
        assert runs.count - before == again + 1
    else:
        with pytest.raises(CacheMissError, match="not run"):
            call(marked, 2)
        assert runs.count - before == again
    spot.mode = "on"
    assert marked.is_cached(2) is stores_new


def test_the_mode_of_a_function_holds_while_the_spot_is_off(db, make_spot, mark, call, square, runs):
    """A function with a mode of its own has keys of its own even if the Spot needs none."""
    spot = make_spot(db, mode="off")
    marked = mark(spot, square, mode="on")
    assert [call(marked, n) for n in (1, 2, 1, 2)] == [1, 4, 1, 4]
    assert runs.arguments == [1, 2]


def test_a_mode_changes_functions_that_exist(make_spot, mark, call, square, runs):
    """`spot.mode = ...` is seen by the next call."""
    spot = make_spot()
    marked = mark(spot, square)
    call(marked, 1)
    spot.mode = "off"
    call(marked, 1)
    spot.mode = "on"
    call(marked, 1)
    assert runs.count == 2


def test_frozen_says_why(make_spot, mark, call, square):
    """The error names the function and what differs from the nearest entry, and is a LookupError."""
    spot = make_spot()
    marked = mark(spot, square)
    call(marked, 1)
    spot.mode = "frozen"
    with pytest.raises(LookupError, match=r"square is not cached .*argument n changed.*frozen"):
        call(marked, 2)


def test_modes_from_the_environment(monkeypatch, make_spot):
    """BEAUTYSPOT_MODE is the default; the argument wins."""
    monkeypatch.setenv("BEAUTYSPOT_MODE", "read-only")
    assert make_spot().mode == "read-only"
    assert make_spot(mode="on").mode == "on"


def test_unknown_modes_are_refused(make_spot):
    """At construction, at decoration, on assignment; the message lists what there is."""
    spot = make_spot()
    for attempt in (
        lambda: bs.Spot("x", db="memory://", mode="fast"),
        lambda: spot.mark(mode="fast"),
        lambda: setattr(spot, "mode", "fast"),
    ):
        with pytest.raises(ConfigurationError, match="on, off, refresh, frozen, read-only"):
            attempt()


def test_read_only_and_frozen_write_no_statistics(tmp_path, make_spot, square):
    """The file stays byte for byte what it was."""
    path = tmp_path / "work.db"
    first = make_spot(str(path))
    first.mark(square)(1)
    first.close()
    before = path.read_bytes()
    for mode in ("read-only", "frozen"):
        spot = make_spot(str(path), mode=mode)
        spot.mark(square)(1)
        spot.close()
    assert path.read_bytes() == before


def test_a_mode_that_changes_in_the_middle_of_a_call(make_spot, square):
    """A call that began without a key is not looked up or stored under none."""
    spot = make_spot()
    core = spot.mark(square).__spot_core__
    outcome = spot.engine.run(core.request("", (3,), {}))  # the mode was off a moment ago
    assert (outcome.value, outcome.status) == (9, "off")
    assert spot.records() == []
