"""Single flight: at most one execution of a key at a time in this process.

Rules:

- The first caller of a key leads; the others follow: they wait for the flight's end and then look at how it ended.
- A flight ends once. A leader that dies (KeyboardInterrupt, cancellation) abandons it, and a follower leads next.
- What is invalidated while it is on its way is dropped: it leaves the board at once, and nothing of it is stored.
- A caller never waits for a flight that waits, directly or through others, for one that the caller leads.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from enum import Enum, auto
from threading import RLock
from types import TracebackType

from beautyspot._engine.claims import Claim
from beautyspot.codecs import Payload

__all__ = ["Ending", "Flight", "Flights", "begin", "finish"]


class Ending(Enum):
    """How a flight ended, as its followers see it."""

    LANDED = auto()  # the result is in the store, or in `Flight.payload` while it is on its way there
    FAILED = auto()  # the user's code raised `Flight.error`
    UNSTORED = auto()  # the leader has a value that cannot be shared: followers run the code themselves
    ABANDONED = auto()  # no result: a follower leads next


@dataclass(eq=False, slots=True)
class Flight:
    """One execution on its way, or a caller's wish to start one.

    Attributes:
        key: Of the result.
        name: Function or cell.
        tags: Labels that its entry will have.
        fresh: Whether it runs whatever is stored; only then may a call that wants a new result follow it.
        claim: Its cross-process lease.
        started_at: UTC seconds since the epoch.
        done: Made for the first follower: most flights have none.
        ending: How it ended, or None.
        payload: The result, while it is on its way to the store.
        error: What the user's code raised.
        trace: Its traceback when it came out of that code: each caller who raises it adds frames of its own.
        waits_for: Flights that code below this one is waiting for.
        saving: Whether a background save has taken over: it ends flight and claim.
        dropped: Whether it was invalidated: nothing of it may be stored.
        guard: Held while its row is written, so that an invalidation comes before or after that.
    """

    key: str
    name: str
    tags: tuple[str, ...] = ()
    fresh: bool = False
    claim: Claim = field(default_factory=Claim)
    started_at: float = 0.0
    done: Future[None] | None = None
    ending: Ending | None = None
    payload: Payload | None = None
    error: Exception | None = None
    trace: TracebackType | None = None
    waits_for: list[Flight] = field(default_factory=list)
    saving: bool = False
    dropped: bool = False
    guard: RLock = field(default_factory=RLock)


_led: ContextVar[tuple[Flight, ...]] = ContextVar("beautyspot_led", default=())


def begin(flight: Flight) -> Token[tuple[Flight, ...]]:
    """Mark what runs from now on, and the tasks that it starts, as running under `flight`."""
    return _led.set((*_led.get(), flight))


def finish(token: Token[tuple[Flight, ...]]) -> None:
    """Take back what `begin` did."""
    with suppress(ValueError):  # a coroutine that nobody finished is closed in another context than its own
        _led.reset(token)


_circles = RLock()  # guards `Flight.waits_for`: circles may lead through the flights of several stores
_boards: weakref.WeakSet[Flights] = weakref.WeakSet()


class Flights:
    """The flights of one store."""

    def __init__(self) -> None:
        self.forget()
        _boards.add(self)

    def forget(self) -> None:
        """Start with an empty board: in a forked child, where the threads that led the flights do not exist."""
        # A signal handler or a finaliser may make a call in the middle of one of ours.
        self._lock = RLock()
        self._by_key: dict[str, Flight] = {}

    def enter(self, flight: Flight) -> Flight | None:
        """Put `flight` on the board, unless there is one of its key already: then return that one.

        The caller makes the flight beforehand and ends it whatever happens: a KeyboardInterrupt may come in here, too.
        """
        with self._lock:
            other = self._by_key.get(flight.key)
            if other is None:
                flight.started_at = time.time()
                self._by_key[flight.key] = flight
            return other

    def drop(self, matches: Callable[[Flight], bool]) -> list[Flight]:
        """Make flights that are on their way now store nothing and return them; later calls start new ones."""
        with self._lock:
            dropped = [flight for flight in self._by_key.values() if matches(flight)]
            for flight in dropped:
                del self._by_key[flight.key]
        for flight in dropped:
            with flight.guard:
                flight.dropped = True
        return dropped

    def end(self, flight: Flight, ending: Ending, *, error: Exception | None = None) -> None:
        """Take the flight off the board and wake its followers. A second end does nothing."""
        with self._lock:
            if self._by_key.get(flight.key) is flight:
                del self._by_key[flight.key]
            if flight.ending is not None:
                return
            flight.ending, flight.error = ending, error
            flight.trace = None if error is None else error.__traceback__
            done = flight.done
        if done is not None:
            done.set_result(None)

    def land_early(self, flight: Flight, payload: Payload) -> None:
        """Let followers have `payload` while it is still being saved; the flight stays on the board until `end`."""
        with self._lock:
            flight.ending, flight.payload = Ending.LANDED, payload
            done = flight.done
        if done is not None:
            done.set_result(None)

    def ended(self, flight: Flight) -> Future[None]:
        """Return a future that is done when the flight has ended."""
        with self._lock:
            if flight.done is None:
                flight.done = Future()
                if flight.ending is not None:
                    flight.done.set_result(None)
            return flight.done

    def own(self, key: str) -> bool:
        """Whether this very caller runs below a flight of `key`: waiting for it would never end."""
        return any(flight.key == key and flight.ending is None for flight in _led.get())

    @contextmanager
    def waiting(self, target: Flight) -> Iterator[bool]:
        """Note that the caller's flights wait for `target`. Yields False, noting nothing, if that closed a circle."""
        led = [flight for flight in _led.get() if flight.ending is None]
        with _circles:
            circular = bool(led) and _reaches(target, led)
            if not circular:
                for flight in led:
                    flight.waits_for.append(target)
        try:
            yield not circular
        finally:
            if not circular:
                with _circles:
                    for flight in led:
                        flight.waits_for.remove(target)

    def running(self) -> list[Flight]:
        """The flights that have not ended, oldest first."""
        with self._lock:
            flights = [flight for flight in self._by_key.values() if flight.ending is None]
        return sorted(flights, key=lambda flight: flight.started_at)


def _reaches(start: Flight, goals: list[Flight]) -> bool:
    """Whether `start` waits for one of `goals`."""
    seen: set[int] = set()
    stack = [start]
    while stack:
        flight = stack.pop()
        if any(flight is goal for goal in goals):
            return True
        if id(flight) not in seen:
            seen.add(id(flight))
            stack.extend(flight.waits_for)
    return False


def _forget_all() -> None:
    global _circles  # noqa: PLW0603  # another thread of the parent may have held it
    _circles = RLock()
    for board in list(_boards):
        board.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
