"""The life of one call, written once: look up, join or lead, lease, run, encode, land.

Rules:

- The generator touches the world only through the effects it yields; it never sleeps, waits or calls user code itself.
- A problem of the cache never becomes a problem of the call: the user's code runs, its value is returned, a warning says
  what was not done. In strict mode the problem is raised instead, after the run.
- The row is written last: until it is there, nothing was promised. Leases and flights end in ``finally``.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from beautyspot._engine.effects import Blocking, Effect, Invoke, Join, Raised, Sleep
from beautyspot._engine.flights import Ending, Flight, leading
from beautyspot._engine.payloads import Restored, frozen, is_live, restore
from beautyspot._engine.plan import Outcome, Request, Unstored
from beautyspot.codecs import Payload
from beautyspot.db.base import Lease
from beautyspot.entry import LEGACY_TYPES, Entry, Row
from beautyspot.errors import CacheMissError, CodecError, NotStoredWarning, SpotError, StoreError

if TYPE_CHECKING:
    from beautyspot._engine.engine import Engine

__all__ = ["call"]

Flow: TypeAlias = Generator[Effect, Any, Outcome]

FIRST_PAUSE = 0.001  # seconds between two looks at a key that another process computes; doubles up to
LONGEST_PAUSE = 0.05


def call(engine: Engine, request: Request) -> Flow:
    """Take one call from its key to its outcome."""
    mode = request.options.mode or engine.mode
    if mode == "off":
        return (yield from _run(engine, request, status="off", reason="the mode is off"))
    if mode != "refresh":
        hit = yield from _look_up(engine, request)
        if hit is not None:
            return hit
    if mode == "frozen":
        raise CacheMissError(request.name, request.key)
    if engine.flights.own(request.key):
        return (yield from _run(engine, request, reason="the function called itself with the same arguments"))
    while True:
        flight, leads = engine.flights.enter(request.key, request.name)
        if leads:
            break
        followed = yield from _follow(engine, request, flight)
        if followed is not None:
            return followed
    try:
        return (yield from _lead(engine, request, flight, mode))
    finally:
        if flight.ending is None:
            engine.flights.end(flight, Ending.ABANDONED)


def _look_up(engine: Engine, request: Request) -> Generator[Effect, Any, Outcome | None]:
    """Return a hit, or None; whatever is wrong with the row or its blob is a miss and one warning."""
    started = time.perf_counter()
    try:
        row: Row | None = yield Blocking(partial(engine.db.get, request.key), engine.db.remote)
        if row is None:
            return (yield from _adopt(engine, request))
        if not is_live(row, engine.clock()):
            return None
        reads_blob = row.result_type in {"SPOT_BLOB", "FILE"}
        load = partial(restore, row, codec=engine.codec, storage=engine.storage, known=request.known())
        restored: Restored = yield Blocking(load, reads_blob and engine.storage.remote)
    except (StoreError, CodecError) as error:
        engine.warn(f"{request.name}: a stored result could not be used and is computed again: {error}")
        return None
    return _hit(engine, request, restored, row.duration, started)


def _hit(engine: Engine, request: Request, restored: Restored, duration: float, started: float) -> Outcome:
    engine.count_hit(request.name, request.key, duration)
    spent = time.perf_counter() - started
    return Outcome(
        restored.value, "hit", request.key, stored=True, seconds=duration, load_seconds=spent, size=restored.size
    )


def _adopt(engine: Engine, request: Request) -> Generator[Effect, Any, Outcome | None]:
    """Find the call among the rows of beautyspot 1.x and 2.x, and take such a row over under the new key."""
    if request.legacy_keys is None or not engine.has_legacy_rows():
        return None
    started = time.perf_counter()
    for key in request.legacy_keys():
        row: Row | None = yield Blocking(partial(engine.db.get, key), engine.db.remote)
        if row is None or row.result_type not in LEGACY_TYPES:
            continue
        load = partial(restore, row, codec=engine.codec, storage=engine.storage, known=request.known())
        restored: Restored = yield Blocking(load, engine.storage.remote)
        engine.warn(
            f"{request.name}: results that beautyspot 1.x or 2.x stored are used as they are; their keys say nothing "
            "about the code they came from. Spot(..., legacy=False) computes them anew"
        )
        if engine.may_write(request):
            payload = engine.codec.encode(restored.value, request.known())
            yield from _put(engine, request, payload, Entry(cache_key=request.key, func_name=request.name))
        return _hit(engine, request, restored, 0.0, started)
    return None


def _follow(engine: Engine, request: Request, flight: Flight) -> Generator[Effect, Any, Outcome | None]:
    """Wait for a flight of this process. None means: it was abandoned, try to lead."""
    started = time.perf_counter()
    with engine.flights.waiting(flight) as may_wait:
        if not may_wait:
            return (yield from _run(engine, request, reason="waiting for the other call would never end"))
        yield Join(flight.done)
    match flight.ending:
        case Ending.LANDED if flight.payload is not None:
            try:
                value = engine.codec.decode(flight.payload, request.known())
            except CodecError:
                return (yield from _run(engine, request, reason="the result cannot be shared"))
            return _hit(engine, request, Restored(value, 0), time.time() - flight.started_at, started)
        case Ending.LANDED:
            return (yield from _look_up(engine, request))
        case Ending.FAILED:
            return Outcome(None, "miss", request.key, error=flight.error)
        case Ending.UNSTORED:
            return (yield from _run(engine, request, reason="the result cannot be shared"))
        case _:
            return None


def _lead(engine: Engine, request: Request, flight: Flight, mode: str) -> Flow:
    lease: Lease | None = None
    if engine.may_write(request):
        got = yield from _obtain(engine, request, refresh=mode == "refresh")
        if isinstance(got, Outcome):
            engine.flights.end(flight, Ending.LANDED)
            return got
        lease = got
    release = True
    try:
        described = request.describe() if lease is not None else None
        outcome = yield from _run(engine, request, flight=flight)
        if outcome.error is not None:
            engine.flights.end(flight, Ending.FAILED, error=outcome.error)
            return outcome
        if lease is None or described is None or outcome.reason is not None:
            engine.flights.end(flight, Ending.UNSTORED)
            return _unstored(outcome, outcome.reason or "the store is not written to")
        draft = engine.draft(request, described, outcome)
        payload = engine.encode(request, outcome)
        if isinstance(payload, str):
            engine.flights.end(flight, Ending.UNSTORED)
            return _unstored(outcome, payload)
        if not request.options.wait:
            release = False
            payload = frozen(payload)
            engine.flights.land_early(flight, payload)
            engine.save_later(request, payload, draft, flight, lease)
            return _landed(outcome, payload)
        problem = yield from _put(engine, request, payload, draft)
        engine.flights.end(flight, Ending.UNSTORED if problem else Ending.LANDED)
        return _unstored(outcome, problem) if problem else _landed(outcome, payload)
    finally:
        if lease is not None and release:
            lease.release()


def _obtain(engine: Engine, request: Request, *, refresh: bool) -> Generator[Effect, Any, Lease | Outcome | None]:
    """Take the cross-process lease of the key, or the result that its holder committed meanwhile.

    Looking again after the lease was taken closes the gap between the first look and the claim.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            lease: Lease | None = yield Blocking(partial(engine.db.lease, request.key), engine.db.remote)
        except StoreError as error:
            engine.warn(f"{request.name}: no lease, the result will not be stored: {error}", NotStoredWarning)
            return None
        if not refresh:
            try:
                hit = yield from _look_up(engine, request)
            except BaseException:
                if lease is not None:
                    lease.release()
                raise
            if hit is not None:
                if lease is not None:
                    lease.release()
                return hit
        if lease is not None:
            return lease
        yield Sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _run(
    engine: Engine, request: Request, *, flight: Flight | None = None, status: Any = "miss", reason: str | None = None
) -> Flow:
    """Pass the rate limits and run the user's code."""
    for limit in request.limits:
        cost = limit.cost()
        pause = limit.limiter.reserve(cost)
        if pause > 0:
            try:
                yield Sleep(pause)
            except BaseException:
                limit.limiter.refund(cost)
                raise
    started = time.perf_counter()
    with leading(flight) if flight is not None else nullcontext():
        answer = yield Invoke()
    seconds = time.perf_counter() - started
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


def _put(engine: Engine, request: Request, payload: Payload, draft: Entry) -> Generator[Effect, Any, str | None]:
    """Write blob and row; return what went wrong, if anything did."""
    remote = engine.db.remote or engine.storage.remote
    try:
        yield Blocking(partial(engine.write, request, payload, draft), remote)
    except SpotError as error:
        return engine.not_stored(request.name, str(error), error)
    return None


def _landed(outcome: Outcome, payload: Payload) -> Outcome:
    size = len(payload.head) + sum(memoryview(buffer).nbytes for buffer in payload.buffers)
    return Outcome(
        outcome.value,
        outcome.status,
        outcome.key,
        stored=True,
        seconds=outcome.seconds,
        size=size,
        created_at=time.time(),
    )


def _unstored(outcome: Outcome, reason: str) -> Outcome:
    return Outcome(outcome.value, outcome.status, outcome.key, reason=reason, seconds=outcome.seconds)
