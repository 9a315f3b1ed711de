"""The arithmetic of pacing (GCRA): plain numbers in, plain numbers out, no clock and no lock.

Rules for everything in this file:

- Time is seconds on one clock that never steps back; `steady` makes one of a clock that does.
- A granted request of ``cost`` tokens occupies the slot ``[start, start + cost / rate)`` of the timeline. Slots never
  overlap, so between any two moments T seconds apart at most ``rate * T`` tokens and one more request are granted.
- ``tat`` (theoretical arrival time) is where the last slot ends. Idle time is not saved up: a slot never starts in the
  past. ``burst`` tokens may be granted ahead of their slots, and add to the bound above; with 0 every request waits for
  the start of its slot.
- A slot that is given back leaves a hole. A later request that fits may fill it; nobody who already waits moves,
  neither forwards (the wait was announced) nor backwards (that would be unfair).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import NamedTuple

__all__ = ["Holes", "Slot", "ahead", "fill", "free", "grant_at", "reserve", "steady"]


class Slot(NamedTuple):
    """A piece of the timeline, in seconds.

    Attributes:
        start: Where it begins.
        end: Where the next slot may begin.
    """

    start: float
    end: float


Holes = tuple[Slot, ...]
"""Slots that were given back: in order, apart from each other, all before ``tat``."""


def reserve(tat: float, now: float, cost: float, rate: float, burst: float = 0.0) -> tuple[float, float]:
    """Take the next slot at the end of the queue.

    Args:
        tat: Where the last slot ends.
        now: The present.
        cost: Tokens, zero or more; zero takes no slot.
        rate: Tokens a second.
        burst: Tokens that may be granted ahead of their slots.

    Returns:
        The new ``tat`` and the seconds to wait from now.

    Example:
        >>> reserve(tat=10.0, now=4.0, cost=1, rate=0.5)
        (12.0, 6.0)
    """
    if cost == 0:
        return tat, 0.0
    start = max(tat, now)
    return start + cost / rate, grant_at(start, now, rate, burst) - now


def grant_at(start: float, now: float, rate: float, burst: float = 0.0) -> float:
    """Return the moment at which the request whose slot begins at `start` may go."""
    return max(now, start - burst / rate)


def ahead(holes: Holes, now: float) -> Holes:
    """Return the holes, or parts of holes, that lie ahead of now."""
    if not holes or holes[0].start >= now:
        return holes
    holes = holes[bisect_right(holes, now, key=attrgetter("end")) :]
    if holes and holes[0].start < now:
        return (Slot(now, holes[0].end), *holes[1:])
    return holes


def fill(holes: Holes, now: float, length: float) -> tuple[Holes, Slot | None]:
    """Take a slot from the first hole that is long enough.

    Args:
        holes: Slots that were given back.
        now: The present; what lies before it is gone.
        length: Seconds that the slot needs.

    Returns:
        The holes that are left, and the slot, or None if no hole is long enough.
    """
    holes = ahead(holes, now)
    # A request that costs what the hole was left by must fit, whatever the rounding of start + length.
    slack = 4 * math.ulp(holes[-1].end) if holes else 0.0
    for index, (start, end) in enumerate(holes):
        if end - start >= length - slack:
            if start + length >= end - slack:
                return holes[:index] + holes[index + 1 :], Slot(start, end)
            rest = Slot(start + length, end)
            return (*holes[:index], rest, *holes[index + 1 :]), Slot(start, rest.start)
    return holes, None


def free(tat: float, holes: Holes, slot: Slot) -> tuple[float, Holes]:
    """Give a slot back.

    Args:
        tat: Where the last slot ends.
        holes: Slots that were given back before.
        slot: The one to give back now.

    Returns:
        The new ``tat``, which moves back if the slot was the last, and the new holes.
    """
    index = bisect_left(holes, slot)
    before, after = list(holes[:index]), holes[index:]
    if before and before[-1].end == slot.start:
        slot = Slot(before.pop().start, slot.end)
    if after and after[0].start == slot.end:
        slot, after = Slot(slot.start, after[0].end), after[1:]
    if slot.end == tat:
        return slot.start, tuple(before)
    return tat, (*before, slot, *after)


def steady(reading: float, seen: float, offset: float) -> tuple[float, float]:
    """Make a clock that never steps back of one that may.

    A step back counts as no time passed: slots keep their distance from now, so nobody waits longer than the pacing
    justifies, and nothing is granted early.

    Args:
        reading: What the clock says.
        seen: What it said last.
        offset: What was to be added to it so far.

    Returns:
        The present, and what is to be added to the clock's readings from now on.

    Example:
        >>> steady(reading=40.0, seen=100.0, offset=0.0)
        (100.0, 60.0)
    """
    offset += max(0.0, seen - reading)
    return reading + offset, offset
