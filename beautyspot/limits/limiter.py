"""One process's rate limit, shared by all its threads, tasks and event loops.

Rules:

- A place in the queue is a slot of the timeline, fixed on arrival; see `gcra`.
- Places are left late: an event loop was blocked, the process was stopped, another limit was stricter. Then many waits
  are over at once. So who waited asks again (`confirm`), and goes only if that keeps the pace with those that went.
"""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from numbers import Integral, Real
from typing import Any, Self

from beautyspot.errors import LimitError
from beautyspot.limits.gcra import Holes, Slot, ahead, fill, free, grant_at, reserve, steady

__all__ = ["Limiter", "LimiterState", "Reservation", "evaluate_cost", "validate_cost"]


_LATENESS = 0.1  # seconds that a wake-up may be late before others have to make up for it


@dataclass(frozen=True, slots=True)
class LimiterState:
    """A limiter at one moment.

    Attributes:
        name: What the limiter is called.
        tpm: Tokens a minute.
        burst: Tokens that may go ahead of the pace.
        next_slot_in: Seconds until a request that arrives now would be granted.
        waiting: Requests that were told to wait and whose time has not come.
        granted: Tokens handed out so far, those of waiting requests included, refunded ones not.
    """

    name: str
    tpm: float
    burst: float
    next_slot_in: float
    waiting: int
    granted: float


class Reservation(float):
    """Seconds to wait, as a float that remembers its place in the queue, so that exactly this place can be refunded.

    Attributes:
        cost: Tokens that were reserved.
        grant: When they are granted, on the limiter's own clock.
        slot: The place in the queue; None for what is free.
        kept: Whether it was not refunded.
        place: Its slot among those that really went; None before it asked to go.
    """

    __slots__ = ("cost", "grant", "kept", "place", "slot")

    cost: float
    grant: float
    kept: bool
    place: Slot | None
    slot: Slot | None

    def __new__(cls, wait: float, cost: float = 0.0, grant: float = 0.0, slot: Slot | None = None) -> Self:
        """Make the float and hang the facts on it."""
        self = super().__new__(cls, wait)
        self.cost, self.grant, self.slot, self.place, self.kept = cost, grant, slot, None, True
        return self


class Limiter:
    """A steady rate of tokens a minute (GCRA).

    The first request goes at once. Each request then holds the next one back for as long as its own tokens take at the
    agreed rate, so that requests leave evenly spaced; idle time is not saved up for a burst. Waits are fixed on
    arrival, which makes the order of arrival the order of service.

    Args:
        tpm: Tokens a minute, above zero. No single request may cost more.
        burst: Tokens that may go ahead of the pace after idle time. 0 is strict pacing.
        clock: Seconds that pass. It may step back; but if it does so by less than the time since it was last read, and
            refunded places are being filled, one of those may meet the place behind it.
        sleep: How `acquire` waits.
        pause: How `acquire_async` waits; `asyncio.sleep` if not given.
        name: Shown in states and messages.

    Raises:
        LimitError: `tpm` or `burst` is no usable number.

    Example:
        >>> limiter = Limiter(tpm=60)
        >>> limiter.acquire(1)
        0.0
    """

    def __init__(
        self,
        tpm: float,
        *,
        burst: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        pause: Callable[[float], Awaitable[object]] | None = None,
        name: str = "default",
    ) -> None:
        self.name = name
        self.tpm = _number(tpm, f"tpm of limiter {name!r}")
        self.burst = _number(burst, f"burst of limiter {name!r}")
        self._rate = self.tpm / 60.0
        if self._rate == 0:
            raise LimitError(f"tpm of limiter {name!r} must be above zero, not {tpm!r}: leave the limiter out instead")
        self._clock = clock
        self._sleep = sleep
        self._pause = pause
        self._lock = threading.Lock()
        self._seen = -math.inf
        self._offset = 0.0
        self._tat = -math.inf  # where the last slot ends
        self._left = -math.inf  # where the last slot of those that really went ends
        self._gaps: Holes = ()  # what was given back of these
        self._holes: Holes = ()
        self._queue: list[tuple[float, int, Reservation]] = []  # by moment of grant; refunded ones go when they surface
        self._arrivals = 0
        self._waiting = 0
        self._granted = 0.0
        _LIMITERS.add(self)

    def check(self, cost: object) -> float:
        """Check that a cost can be granted, without reserving anything.

        Returns:
            The cost as float.

        Raises:
            LimitError: The cost is no usable number, or above `tpm`.
        """
        tokens = validate_cost(cost)
        if tokens > self.tpm:
            raise LimitError(
                f"a cost of {cost!r} is above the {self.tpm:g} tokens a minute of limiter {self.name!r}: "
                "it could never be granted; split the request or raise tpm"
            )
        return tokens

    def reserve(self, cost: float) -> Reservation:
        """Take a place in the queue.

        Args:
            cost: Tokens, zero or more. Zero is free and never waits.

        Returns:
            Seconds to wait from now; 0.0 means go. Hand it to `confirm` when they are over, to `refund` if the wait is
            broken off.

        Raises:
            LimitError: The cost is no usable number, or above `tpm`: it could never be granted.
        """
        tokens = self.check(cost)
        if tokens == 0:
            return Reservation(0.0)
        with self._lock:
            now = self._now()
            self._granted += tokens
            begin = self._begin(now)
            slot = None
            if self._holes:
                self._holes, slot = fill(self._holes, begin, tokens / self._rate)
            if slot is None:
                slot = Slot(max(self._tat, begin), reserve(self._tat, begin, tokens, self._rate)[0])
                self._tat = slot.end
            grant = grant_at(slot.start, now, self._rate, self.burst)
            reservation = Reservation(grant - now, tokens, grant, slot)
            if grant > now:
                self._enqueue(reservation)
            return reservation

    def confirm(self, reservation: float) -> float:
        """Ask, when the wait is over, whether the request may go.

        It may, at once, unless the wait took much longer than it was meant to.

        Args:
            reservation: What `reserve` returned.

        Returns:
            0.0 for go, or the seconds that are still to wait; then ask again.
        """
        if not isinstance(reservation, Reservation) or reservation.slot is None:
            return 0.0
        with self._lock:
            now = self._now()
            if reservation.place is not None and now <= reservation.grant + _LATENESS:
                return 0.0
            self._give_place_back(reservation, now)
            due = max(now, reservation.grant)
            start = max(self._left, due)
            self._left = start + reservation.cost / self._rate
            reservation.place = Slot(start, self._left)
            go = grant_at(start, due, self._rate, self.burst)
            # A wait that ended long before its time by this clock, which then stepped back, was not too long.
            if due - now > _LATENESS or go - due <= _LATENESS:
                return 0.0
            reservation.grant = go
            self._enqueue(reservation)
            return go - now

    def refund(self, cost: float, reservation: float | None = None) -> None:
        """Give the place of a wait that was broken off back; those who come next may have it.

        Args:
            cost: What was reserved.
            reservation: What `reserve` returned. Without it the place is only found if exactly one waiting request
                has this cost; otherwise it stays empty, because giving the wrong place away would break the pace.
        """
        tokens = validate_cost(cost)
        with self._lock:
            now = self._now()
            if reservation is None:
                waiting = [item for _, _, item in self._queue if item.kept and item.cost == tokens]
                if len(waiting) != 1:
                    return
                reservation = waiting[0]
            if isinstance(reservation, Reservation):
                self._release(reservation, now)

    def acquire(self, cost: float = 1.0) -> float:
        """Wait in this thread until `cost` tokens are granted.

        Returns:
            The seconds that were waited.

        Raises:
            LimitError: As in `reserve`.
        """
        reservation = self.reserve(cost)
        waited = 0.0
        try:
            for wait in self._waits(reservation):
                self._sleep(wait)
                waited += wait
        except BaseException:
            self.refund(cost, reservation)
            raise
        return waited

    async def acquire_async(self, cost: float = 1.0) -> float:
        """Wait in this task until `cost` tokens are granted; cancelling the task gives them back.

        Returns:
            The seconds that were waited.

        Raises:
            LimitError: As in `reserve`.
        """
        reservation = self.reserve(cost)
        waited = 0.0
        try:
            for wait in self._waits(reservation):
                await self._pausing()(wait)
                waited += wait
        except BaseException:
            self.refund(cost, reservation)
            raise
        return waited

    def state(self) -> LimiterState:
        """Return how things stand now."""
        with self._lock:
            now = self._now()
            begin = self._begin(now)
            self._holes = ahead(self._holes, begin)
            start = self._holes[0].start if self._holes else max(self._tat, begin)
            wait = grant_at(start, now, self._rate, self.burst) - now
            return LimiterState(self.name, self.tpm, self.burst, wait, self._waiting, self._granted)

    def __repr__(self) -> str:
        return f"Limiter(tpm={self.tpm:g}, burst={self.burst:g}, name={self.name!r})"

    def __reduce__(self) -> tuple[Callable[..., Limiter], tuple[float, float, str]]:
        # Another process has its own clock and its own queue: what travels is the agreement alone.
        return _rebuilt, (self.tpm, self.burst, self.name)

    def _now(self) -> float:
        """Read the clock, with the lock held; requests whose time has come are waiting no more."""
        reading = self._clock()
        if reading < self._seen:
            # Those who wait go by true time, of which an unknown part went by: a hole may lie beside where it was.
            self._holes = ()
        now, self._offset = steady(reading, self._seen, self._offset)
        self._seen = reading
        while self._queue and self._queue[0][0] <= now:
            self._waiting -= heappop(self._queue)[2].kept
        return now

    def _waits(self, reservation: Reservation) -> Iterator[float]:
        """Yield how long to wait until the request may go."""
        wait = float(reservation)
        while True:
            if wait > 0:
                yield wait
            wait = self.confirm(reservation)
            if wait == 0:
                return

    def _begin(self, now: float) -> float:
        """Return where slots may begin: not before those who were late have gone."""
        return max(now, self._left - _LATENESS)

    def _enqueue(self, reservation: Reservation) -> None:
        self._arrivals += 1
        self._waiting += 1
        heappush(self._queue, (reservation.grant, self._arrivals, reservation))

    def _give_place_back(self, reservation: Reservation, now: float) -> None:
        # Nobody moves up into a gap that this leaves: they were told when to ask again.
        place, reservation.place = reservation.place, None
        if place is not None:
            self._left, self._gaps = free(self._left, ahead(self._gaps, now), place)

    def _release(self, reservation: Reservation, now: float) -> None:
        if reservation.slot is None or not reservation.kept:
            return
        reservation.kept = False
        if reservation.grant > now:
            self._waiting -= 1
        self._give_place_back(reservation, now)
        self._granted -= reservation.cost
        self._tat, self._holes = free(self._tat, self._holes, reservation.slot)

    def _pausing(self) -> Callable[[float], Awaitable[object]]:
        if self._pause is not None:
            return self._pause
        import asyncio

        return asyncio.sleep


def validate_cost(cost: object) -> float:
    """Check a cost in tokens.

    Args:
        cost: A number, zero or more.

    Returns:
        The cost as float.

    Raises:
        LimitError: Negative, not finite, a bool, or no number.
    """
    return _number(cost, "a cost")


def evaluate_cost(
    cost: float | Callable[..., float], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
) -> float:
    """Work out what one call costs.

    Args:
        cost: Tokens, or a function of the call's arguments that returns them. What it raises is raised as it is.
        args: Positional arguments of the call.
        kwargs: Keyword arguments of the call.

    Returns:
        Tokens.

    Raises:
        LimitError: The function returned something else than a number, zero or more (a coroutine, say).
    """
    if not callable(cost):
        return validate_cost(cost)
    result: object = cost(*args, **(kwargs or {}))
    name = getattr(cost, "__qualname__", type(cost).__qualname__)
    if hasattr(type(result), "__await__"):
        close = getattr(result, "close", None)
        if callable(close):
            close()  # or Python would warn that it was never awaited
        raise LimitError(f"the cost function {name} returned an awaitable: it must be a plain function, not async")
    return _number(result, f"what the cost function {name} returned")


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise LimitError(f"{what} must be a number, not {type(value).__qualname__}")
    # An int beyond the range of a float can't even be printed in a message.
    if isinstance(value, Integral) and int(value).bit_length() > 1023:
        raise LimitError(f"{what} must be a finite number, not an integer of {int(value).bit_length()} bits")
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise LimitError(f"{what} must be a finite number, zero or more, not {value!r}")
    return number


def _rebuilt(tpm: float, burst: float, name: str) -> Limiter:
    return Limiter(tpm, burst=burst, name=name)


_LIMITERS: weakref.WeakSet[Limiter] = weakref.WeakSet()


def _unlock_in_child() -> None:
    """Replace locks that a thread of the parent may have held at the fork; nobody is left to release them."""
    for limiter in _LIMITERS:
        limiter._lock = threading.Lock()  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)
