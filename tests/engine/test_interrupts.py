"""Whatever breaks a call off, and wherever: nobody waits for it afterwards, and nothing is kept alive."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import sys
import threading
import warnings
import weakref
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from beautyspot._engine import claims, drivers, engine, flights, flow
from beautyspot._engine.claims import Claim
from beautyspot.db import MemoryTaskDB

PATIENCE = 30.0
FILES = frozenset(module.__file__ for module in (claims, drivers, engine, flights, flow))


def interrupted(function, number):
    """Raise KeyboardInterrupt where our `number`-th function begins; return whether it came to that."""
    begun = 0

    def trace(frame, event, _):
        nonlocal begun
        if event == "call" and frame.f_code.co_filename in FILES:
            begun += 1
            if begun == number:
                sys.settrace(None)
                raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("wait", [True, False])
def test_a_keyboard_interrupt_anywhere(wait, tmp_path, make_spot):
    """At the beginning of each of the engine's own functions: the next caller gets its value without waiting."""
    spot = make_spot(tmp_path / "a.db")

    @spot.mark(wait=wait)
    def double(n: int) -> int:
        return 2 * n

    double(0)
    number = 1
    with ThreadPoolExecutor(1) as others:
        while interrupted(lambda: double(number), number):  # noqa: B023  (called at once)
            assert others.submit(double, number).result(PATIENCE) == 2 * number
            number += 1
    spot.flush()
    assert number > 10
    assert spot.running() == []


class TrackedLeases(MemoryTaskDB):
    """A database that can fail to take a lease back."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__()
        self.failures = list(failures)

    def lease(self, key):
        lease = super().lease(key)
        return lease and Tracked(self, lease)


class Tracked:
    def __init__(self, db, lease) -> None:
        self.db, self.lease = db, lease

    def release(self) -> None:
        if self.db.failures:
            raise self.db.failures.pop()
        self.lease.release()


def test_a_lease_that_cannot_be_given_back(make_spot, mark, call, runs):
    """The caller gets the value and one warning; the lease is given back before the next one is taken."""
    spot = make_spot(TrackedLeases(OSError("the server is gone")))

    def numbered(n: int) -> int:
        return runs(n)

    marked = mark(spot, numbered)
    with pytest.warns(UserWarning, match="the server is gone"):
        assert call(marked, 1) == 1
    assert call(marked, 1) == 1
    marked.invalidate(1)
    assert call(marked, 1) == 2
    assert spot.db.lease(marked.key(1)) is not None


def test_a_recursion_that_was_too_deep_to_give_the_lease_back(make_spot, runs):
    """The same without a warning: the recursion itself is what its author hears of."""
    spot = make_spot(TrackedLeases(RecursionError("maximum recursion depth exceeded")))

    @spot.mark
    def marked(n: int) -> int:
        return runs(n)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        marked(1)
        marked.invalidate(1)
        assert marked(1) == 2


def test_a_lease_that_comes_after_the_call_was_cancelled():
    """A thread cannot be cancelled: what it gets goes back at once."""
    db = MemoryTaskDB()
    claim = Claim()
    claim.release()
    claim.take(db, "00")
    assert db.lease("00") is not None


def test_a_cancelled_call_gives_back_what_a_thread_takes_for_it(make_spot, runs):
    """Over a remote database the lease is asked for in a thread."""
    spot = make_spot()
    spot.db.remote = True
    asked, answer, given = threading.Event(), threading.Event(), threading.Event()
    take = spot.db.lease

    def slow(key):
        asked.set()
        assert answer.wait(PATIENCE)
        try:
            return take(key)
        finally:
            given.set()

    spot.db.lease = slow

    @spot.mark
    async def double(n: int) -> int:
        return 2 * n

    async def main() -> None:
        task = asyncio.create_task(double(1))
        await asyncio.to_thread(asked.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        answer.set()

    asyncio.run(main())
    assert given.wait(PATIENCE)
    spot.db.lease = take
    assert asyncio.run(asyncio.wait_for(double(1), PATIENCE)) == 2


class Big:
    """What a user's frame holds."""

    __spot_infrastructure__ = True


def test_a_failed_call_keeps_nothing_alive(make_spot):
    """As without the cache, the variables of a function that raised are gone once its error is."""
    seen: list[weakref.ref[Big]] = []
    spot = make_spot()

    def fail(n: int) -> None:
        big = Big()
        seen.append(weakref.ref(big))
        raise ValueError(n)

    async def fail_later(n: int) -> None:
        fail(n)

    async def main() -> None:
        with contextlib.suppress(ValueError):
            await spot.mark(fail_later)(1)
        assert seen.pop()() is None

    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            spot.mark(fail)(1)
        assert seen.pop()() is None
        asyncio.run(main())
    finally:
        gc.enable()


def test_a_coroutine_that_nobody_finishes(make_spot):
    """Closed in another context, as the garbage collector does it: quietly, and the key is free."""

    class Never:
        __spot_infrastructure__ = True

        def __await__(self):
            yield

    never = Never()

    @make_spot().mark
    async def hang(n: int) -> None:
        await never

    coroutine = hang(1)
    coroutine.send(None)
    contextvars.copy_context().run(coroutine.close)
    assert hang.__spot_core__.spot.running() == []


def test_a_follower_whose_loop_was_closed(caplog):
    """The flight ends without a word about loops that are gone."""
    ended: Future[None] = Future()

    async def follow() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(drivers._ended(ended), 0)
        waiter = asyncio.create_task(drivers._ended(ended))
        await asyncio.sleep(0)
        waiter.cancel()

    asyncio.run(follow())
    ended.set_result(None)
    assert caplog.records == []
