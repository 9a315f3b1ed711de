"""The arithmetic of pacing, on plain numbers."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beautyspot.limits.gcra import Slot, fill, free, grant_at, reserve, steady

COSTS = st.floats(min_value=0.01, max_value=60)
GAPS = st.floats(min_value=0, max_value=120)


def test_first_request_goes_at_once():
    """A fresh limiter has no start-up delay."""
    assert reserve(-math.inf, 5.0, 3, 0.5) == (11.0, 0.0)


def test_requests_are_spaced_by_their_own_cost():
    """Each request holds the next one back for as long as its tokens take."""
    tat, waits = -math.inf, []
    for cost in (1, 2, 3):
        tat, wait = reserve(tat, 100.0, cost, 1.0)
        waits.append(wait)
    assert waits == [0.0, 1.0, 3.0]
    assert tat == 106.0


def test_idle_time_is_not_saved_up():
    """After an hour of silence two requests are still paced."""
    tat, _ = reserve(-math.inf, 0.0, 1, 1.0)
    tat, first = reserve(tat, 3600.0, 1, 1.0)
    _, second = reserve(tat, 3600.0, 1, 1.0)
    assert (first, second) == (0.0, 1.0)


def test_free_requests_take_no_place():
    """Cost 0 neither waits nor makes others wait."""
    assert reserve(500.0, 100.0, 0, 1.0) == (500.0, 0.0)


def test_burst_goes_ahead_of_the_pace_and_is_bounded():
    """With a burst of 2, three requests go at once and the fourth waits."""
    tat, waits = -math.inf, []
    for _ in range(5):
        tat, wait = reserve(tat, 10.0, 1, 1.0, burst=2)
        waits.append(wait)
    assert waits == [0.0, 0.0, 0.0, 1.0, 2.0]


def test_last_slot_given_back_moves_the_end():
    """Nothing remembers the last slot once it is given back."""
    assert free(12.0, (), Slot(11.0, 12.0)) == (11.0, ())


def test_middle_slot_given_back_leaves_a_hole_that_one_that_fits_may_fill():
    """The hole goes to a request that is short enough; what is left of it stays."""
    tat, holes = free(20.0, (), Slot(12.0, 15.0))
    assert (tat, holes) == (20.0, ((12.0, 15.0),))
    assert fill(holes, 10.0, 4.0) == (holes, None)
    holes, slot = fill(holes, 10.0, 2.0)
    assert slot == (12.0, 14.0)
    assert fill(holes, 10.0, 1.0) == ((), (14.0, 15.0))


def test_holes_pass_with_time():
    """Only the part of a hole that lies ahead can be used."""
    holes = (Slot(1.0, 2.0), Slot(3.0, 6.0))
    assert fill(holes, 5.0, 2.0) == (((5.0, 6.0),), None)
    assert fill(holes, 7.0, 0.1) == ((), None)


def test_neighbouring_holes_join_and_join_the_end():
    """Slots given back in any order leave what giving them back in order would have left."""
    tat, holes = free(5.0, (), Slot(1.0, 2.0))
    tat, holes = free(tat, holes, Slot(3.0, 4.0))
    tat, holes = free(tat, holes, Slot(2.0, 3.0))
    assert (tat, holes) == (5.0, ((1.0, 4.0),))
    assert free(tat, holes, Slot(4.0, 5.0)) == (1.0, ())


def test_clock_that_steps_back_is_held():
    """A step back counts as no time passed, and time goes on from there."""
    now, offset = steady(100.0, -math.inf, 0.0)
    assert (now, offset) == (100.0, 0.0)
    now, offset = steady(40.0, 100.0, offset)
    assert (now, offset) == (100.0, 60.0)
    assert steady(41.0, 40.0, offset) == (101.0, 60.0)


@given(
    st.lists(st.tuples(GAPS, COSTS), max_size=40), st.floats(min_value=0.01, max_value=100), st.sampled_from([0, 5.0])
)
def test_pace_is_never_exceeded(arrivals, rate, burst):
    """In any window of T seconds at most rate * T tokens, the burst, and one more request are granted."""
    now, tat, grants = 0.0, -math.inf, []
    for gap, cost in arrivals:
        now += gap
        tat, wait = reserve(tat, now, cost, rate, burst)
        assert wait >= 0
        grants.append((now + wait, cost))
    assert [moment for moment, _ in grants] == sorted(moment for moment, _ in grants)
    for first in range(len(grants)):
        tokens = 0.0
        for moment, cost in grants[first:]:
            assert tokens <= rate * (moment - grants[first][0]) + burst + 1e-6
            tokens += cost


@given(st.lists(st.tuples(GAPS, COSTS), max_size=40))
def test_nobody_waits_longer_than_what_is_ahead_takes(arrivals):
    """A wait is exactly the time that the unfinished requests ahead still need."""
    now, tat, ahead = 0.0, -math.inf, 0.0
    for gap, cost in arrivals:
        now += gap
        ahead = max(0.0, ahead - gap)
        tat, wait = reserve(tat, now, cost, 2.0)
        assert wait == pytest.approx(ahead, abs=1e-6)
        ahead += cost / 2.0


@given(st.permutations(range(12)), st.sets(st.integers(0, 11)))
def test_giving_everything_back_leaves_nothing(order, kept):
    """Whatever is given back, in whatever order, holes and kept slots tile the timeline up to the end."""
    slots = [Slot(float(index), float(index + 1)) for index in range(12)]
    tat, holes = 12.0, ()
    for index in order:
        if index not in kept:
            tat, holes = free(tat, holes, slots[index])
    assert tat == max((slots[index].end for index in kept), default=0.0)
    covered = sum(hole.end - hole.start for hole in holes)
    assert covered == tat - len(kept)
    assert all(left.end < right.start for left, right in pairwise(holes))


def test_grants_never_lie_in_the_past():
    """A burst can't move a grant before now."""
    assert grant_at(10.0, 9.0, 1.0, burst=50) == 9.0
