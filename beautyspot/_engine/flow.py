"""The life of one call, written once: look up, join or lead, lease, run, encode, land.

Rules:

- The generator touches the world only through the effects it yields; it never sleeps, waits or runs the function.
- A problem of the cache never becomes a problem of the call: the user's code runs, its value is returned, a warning
  says what was not done. In strict mode the problem is raised instead: before the run if it is met before.
- The row is written last: until it is there, nothing was promised. Leases and flights end in ``finally``.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from beautyspot import codecs
from beautyspot._engine.adoption import adopt
from beautyspot._engine.effects import Blocking, Effect, Invoke, Join, Raised, Sleep
from beautyspot._engine.flights import Ending, Flight, begin, finish
from beautyspot._engine.payloads import Restored, frozen, is_live, restore
from beautyspot._engine.plan import Draft, Outcome, Request, Switch, Unstored
from beautyspot.codecs import Payload
from beautyspot.entry import Row
from beautyspot.errors import CacheMissError, NotStoredWarning
from beautyspot.keys.key import KeyParts
from beautyspot.limits.limiter import Limiter

if TYPE_CHECKING:
    from beautyspot._engine.engine import Engine

__all__ = ["call"]

Flow: TypeAlias = Generator[Effect, Any, Outcome]

FIRST_PAUSE = 0.001  # seconds between two looks at a key that another process computes; doubles up to
LONGEST_PAUSE = 0.05
SLOW_SIZE = 1 << 20  # payload bytes whose writing would hold up an event loop


def call(engine: Engine, request: Request) -> Flow:
    """Take one call from its key to its outcome."""
    switch = engine.switch_for(request.options.mode)
    if not switch.keyed or not request.key:  # the mode may have changed since the caller looked at it
        return (yield from _run(engine, request, status="off", reason="the mode is off"))
    if switch.reads:
        hit = yield from _find(engine, request, absent=request.absent)
        if hit is not None:
            return hit
    if switch.mode == "frozen":
        why = yield Blocking(partial(engine.why, request), engine.db.remote)
        raise CacheMissError(request.name, request.key, why)
    if engine.flights.own(request.key):
        return (yield from _run(engine, request, reason="the function called itself with the same arguments"))
    flight = Flight(request.key, request.name, request.options.tags, fresh=not switch.reads)
    try:
        while True:
            other = engine.flights.enter(flight)
            if other is None:
                return (yield from _lead(engine, request, flight, switch))
            followed = yield from _follow(engine, request, other, fresh=flight.fresh)
            if followed is not None:
                return followed
    finally:
        if not flight.saving:
            try:
                engine.let_go(flight)
            finally:
                engine.flights.end(flight, Ending.ABANDONED)


def _find(engine: Engine, request: Request, *, absent: bool = False) -> Generator[Effect, Any, Outcome | None]:
    """Return a hit, or None; whatever is wrong with the row or its blob is a miss and one warning."""
    started = time.perf_counter()
    row: Row | None = None
    try:
        if not absent:
            row = yield Blocking(partial(engine.db.get, request.key), engine.db.remote)
        if row is None:
            restored = yield from adopt(engine, request)
            return None if restored is None else _hit(engine, request, restored, 0.0, started)
        if not is_live(row, engine.clock()):
            return None
        load = partial(restore, row, codec=engine.codec, storage=engine.storage, known=request.known())
        restored = yield Blocking(load, row.result_type in {"SPOT_BLOB", "FILE"})
    except Exception as error:  # whatever the stores or the stored bytes do, the user's code can still run
        message = f"{request.name}: a stored result could not be used and is computed again: {error}"
        engine.problem(message, error, key=request.key if row is not None else None)
        return None
    return _hit(engine, request, restored, row.duration, started)


def _hit(engine: Engine, request: Request, restored: Restored, duration: float, started: float) -> Outcome:
    engine.count_hit(request.name, request.key, duration)
    spent = time.perf_counter() - started
    return Outcome(
        restored.value, "hit", request.key, stored=True, seconds=duration, load_seconds=spent, size=restored.size
    )


def _follow(engine: Engine, request: Request, flight: Flight, *, fresh: bool) -> Generator[Effect, Any, Outcome | None]:
    """Wait for a flight of this process. None means: it ended without a result for this call; try to lead."""
    started = time.perf_counter()
    with engine.flights.waiting(flight) as may_wait:
        if not may_wait:
            return (yield from _run(engine, request, reason="waiting for the other call would never end"))
        yield Join(engine.flights.ended(flight))
    found: Outcome | None = None
    if fresh and not flight.fresh:  # it may have begun, or found its result, before this call asked for a new one
        return None
    if flight.error is not None:
        found = Outcome(None, "miss", request.key, error=flight.error.with_traceback(flight.trace))
    elif flight.ending is Ending.UNSTORED:
        found = yield from _run(engine, request, reason="the result cannot be shared")
    elif flight.ending is Ending.LANDED and flight.payload is None:
        found = yield from _find(engine, request)
    elif flight.ending is Ending.LANDED:
        found = yield from _share(engine, request, flight, started)
    return found


def _share(engine: Engine, request: Request, flight: Flight, started: float) -> Flow:
    """Decode a copy of a result that is still on its way to the store."""
    try:
        value = engine.codec.decode(cast("Payload", flight.payload), request.known())
    except Exception:  # a decoder of the user's may raise anything; what it is will be told when the row is read
        return (yield from _run(engine, request, reason="the result cannot be shared"))
    return _hit(engine, request, Restored(value, 0), time.time() - flight.started_at, started)


def _lead(engine: Engine, request: Request, flight: Flight, switch: Switch) -> Flow:
    leased = False
    if switch.writes:
        got = yield from _obtain(engine, request, flight, switch)
        if isinstance(got, Outcome):
            engine.flights.end(flight, Ending.LANDED)
            return got
        leased = got
    parts = engine.describe(request) if leased else None
    outcome = yield from _run(engine, request, flight=flight)
    if outcome.error is not None:
        engine.flights.end(flight, Ending.FAILED, error=outcome.error)
        return outcome
    if parts is None or outcome.reason is not None:
        engine.flights.end(flight, Ending.UNSTORED)
        return _unstored(outcome, outcome.reason or "the store is not written to")
    return (yield from _land(engine, request, flight, parts, outcome))


def _land(engine: Engine, request: Request, flight: Flight, parts: KeyParts, outcome: Outcome) -> Flow:
    """Encode and store what a run returned, in the background if the caller does not wait."""
    prepared = engine.prepare(request, parts, outcome)
    if isinstance(prepared, str):
        engine.flights.end(flight, Ending.UNSTORED)
        return _unstored(outcome, prepared)
    payload, draft = prepared
    size = codecs.size(payload)
    if not request.options.wait:
        payload = frozen(payload)
        engine.flights.land_early(flight, payload)
        engine.save_later(request, payload, draft, flight)
        return _landed(outcome, draft, size)
    problem = yield from _put(engine, request, payload, draft, flight)
    if problem is None:
        engine.flights.end(flight, Ending.LANDED)
        return _landed(outcome, draft, size)
    engine.flights.end(flight, Ending.ABANDONED if flight.dropped else Ending.UNSTORED)
    return _unstored(outcome, problem)


def _obtain(engine: Engine, request: Request, flight: Flight, switch: Switch) -> Generator[Effect, Any, bool | Outcome]:
    """Take the cross-process lease of the key, or the result that its holder committed meanwhile.

    Looking again after the lease was taken closes the gap between the first look and the claim. It is left out if
    nothing at all was committed since.

    Returns:
        The result; or whether there is a lease: without one, nothing is stored.
    """
    pause = FIRST_PAUSE
    while True:
        if engine.owed:
            yield Blocking(engine.settle, engine.db.remote)
        try:
            granted: bool = yield Blocking(partial(flight.claim.take, engine.db, request.key), engine.db.remote)
        except Exception as error:  # the store is out of reach: run and return all the same
            message = f"{request.name}: no lease, the result will not be stored: {error}"
            engine.problem(message, error, NotStoredWarning)
            return False
        if switch.reads and not (request.absent and engine.unchanged_since(request.stamp)):
            hit = yield from _find(engine, request)
            if hit is not None:
                return hit
        if granted:
            return True
        yield Sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _run(
    engine: Engine, request: Request, *, flight: Flight | None = None, status: Any = "miss", reason: str | None = None
) -> Flow:
    """Pass the rate limits and run the user's code."""
    if request.limits:
        yield from _pass_limits(request)
    started = time.perf_counter()
    token = None if flight is None else begin(flight)
    try:
        answer = yield Invoke()
    finally:
        if token is not None:
            finish(token)
    seconds = time.perf_counter() - started if request.took is None else request.took()
    failed = isinstance(answer, Raised)
    engine.count_run(request.name, seconds, failed=failed)
    if isinstance(answer, Raised):
        return Outcome(None, status, request.key, seconds=seconds, error=answer.error)
    value = answer.value
    if isinstance(value, Unstored):
        value, reason = value.value, value.reason
    elif reason is None and seconds < request.options.min_time:
        reason = f"it took less than {request.options.min_time:g} s"
    return Outcome(value, status, request.key, reason=reason, seconds=seconds)


def _pass_limits(request: Request) -> Generator[Effect, Any, None]:
    """Wait for one limit after the other; whatever ends the wait gives all of them back."""
    costs: dict[Limiter, float] = {}
    for limit in request.limits:
        costs[limit.limiter] = costs.get(limit.limiter, 0.0) + limit.cost()
    reserved = []
    try:
        for limiter, cost in costs.items():
            reservation = limiter.reserve(cost)
            reserved.append((limiter, cost, reservation))
            pause = float(reservation)
            while True:
                if pause > 0:
                    yield Sleep(pause)
                pause = limiter.confirm(reservation)
                if pause == 0:
                    break
    except BaseException:
        for limiter, cost, reservation in reserved:
            limiter.refund(cost, reservation)
        raise


def _put(
    engine: Engine, request: Request, payload: Payload, draft: Draft, flight: Flight
) -> Generator[Effect, Any, str | None]:
    """Write blob and row; return why they are not stored, if they are not."""
    slow = engine.db.remote or engine.storage.remote or codecs.size(payload) > SLOW_SIZE
    try:
        stored = yield Blocking(partial(engine.write, request, payload, draft, flight), slow)
    except Exception as error:  # the caller gets the value whatever the stores do
        return engine.not_stored(request.name, str(error), error)
    return None if stored else "it was invalidated while it ran"


def _landed(outcome: Outcome, draft: Draft, size: int) -> Outcome:
    outcome.stored, outcome.size, outcome.created_at = True, size, draft.created_at
    return outcome


def _unstored(outcome: Outcome, reason: str) -> Outcome:
    outcome.reason = reason
    return outcome
