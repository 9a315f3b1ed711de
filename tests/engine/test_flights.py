"""One execution between threads and tasks, and what happens to those who wait."""

from __future__ import annotations

import asyncio
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from beautyspot.errors import NotStoredWarning

PATIENCE = 30.0


class Gate:
    """Holds a run up until the test lets it go."""

    __spot_infrastructure__ = True

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.entered.release()
        assert self.opened.wait(PATIENCE)


class Outside:
    """Things that a function uses and that are no part of its key."""

    __spot_infrastructure__ = True

    def __init__(self, **things) -> None:
        vars(self).update(things)


def _followers(spot, key: str) -> int:
    """How many callers wait for the flight of `key` (one future, any number of waiters)."""
    flight = spot.engine.flights._by_key.get(key)
    return 0 if flight is None or flight.done is None else len(flight.done._done_callbacks) + _waiters(flight.done)


def _waiters(future) -> int:
    return len(future._condition._waiters)


def _until(condition) -> None:
    """Spin until something is true: the interpreter offers no event for a thread that starts to wait."""
    pause = threading.Event()
    for _ in range(30_000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("it did not come to pass")


def test_many_threads_run_a_missing_key_once(db, make_spot, runs):
    """All of them get equal values, none of them the same object."""
    spot, start = make_spot(db), threading.Barrier(16)

    @spot.mark
    def slow(n: int) -> list[int]:
        runs(n)
        return [n]

    def work(_: int) -> list[int]:
        start.wait()
        return slow(7)

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(work, range(16)))
    assert runs.count == 1
    assert results == [[7]] * 16
    assert len({id(result) for result in results}) == 16


def test_many_tasks_run_a_missing_key_once(db, make_spot, runs):
    """The same in one event loop, while the leader is suspended."""
    spot = make_spot(db)

    @spot.mark
    async def slow(n: int) -> list[int]:
        runs(n)
        await asyncio.sleep(0)
        return [n]

    async def main() -> list[list[int]]:
        return await asyncio.gather(*(slow(7) for _ in range(50)))

    assert asyncio.run(main()) == [[7]] * 50
    assert runs.count == 1


def test_event_loops_in_two_threads_share_a_flight(make_spot, runs):
    """A follower in one loop waits for a leader in another."""
    spot, gate = make_spot(), Gate()

    @spot.mark
    async def slow(n: int) -> int:
        runs(n)
        await asyncio.to_thread(gate)
        return n

    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(lambda: asyncio.run(slow(1)))
        assert gate.entered.acquire(timeout=PATIENCE)
        follower = pool.submit(lambda: asyncio.run(slow(1)))
        _until(lambda: _followers(spot, slow.key(1)) > 0)
        gate.opened.set()
        assert [leader.result(PATIENCE), follower.result(PATIENCE)] == [1, 1]
    assert runs.count == 1


def test_an_exception_reaches_all_and_is_not_stored(make_spot, runs):
    """Leader and followers see it; the next call runs again."""
    spot, gate = make_spot(), Gate()

    @spot.mark
    def fails(n: int) -> int:
        if runs(n) == 1:
            gate()
            raise ZeroDivisionError(n)
        return n

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(fails, 1)]
        assert gate.entered.acquire(timeout=PATIENCE)
        futures += [pool.submit(fails, 1) for _ in range(2)]
        _until(lambda: _followers(spot, fails.key(1)) >= 2)
        gate.opened.set()
        for future in futures:
            with pytest.raises(ZeroDivisionError):
                future.result(PATIENCE)
    assert fails(1) == 1
    assert runs.count == 2


def test_a_cancelled_leader_is_succeeded(make_spot, runs):
    """A follower takes over, nothing of the broken run is stored."""
    spot = make_spot()

    async def main() -> int:
        outside = Outside(blocked=asyncio.Event())

        @spot.mark
        async def slow(n: int) -> int:
            if runs(n) == 1:
                outside.blocked.set()
                await asyncio.Event().wait()
            return n

        leader = asyncio.create_task(slow(1))
        await outside.blocked.wait()
        followers = [asyncio.create_task(slow(1)) for _ in range(3)]
        await asyncio.sleep(0)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        assert await asyncio.gather(*followers) == [1, 1, 1]
        return runs.count

    assert asyncio.run(main()) == 2


def test_a_cancelled_follower_disturbs_nobody(make_spot, runs):
    """The others and the leader get their value."""
    spot = make_spot()

    async def main() -> list[int]:
        outside = Outside(go=asyncio.Event())

        @spot.mark
        async def slow(n: int) -> int:
            runs(n)
            await outside.go.wait()
            return n

        tasks = [asyncio.create_task(slow(1)) for _ in range(4)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.sleep(0)
        outside.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())
    assert [results[0], results[1], results[3]] == [1, 1, 1]
    assert isinstance(results[2], asyncio.CancelledError)
    assert runs.count == 1


def test_a_keyboard_interrupt_stores_nothing(make_spot, runs, mark, call):
    """It goes through untouched, and the next call runs."""
    spot = make_spot()

    def stopped(n: int) -> int:
        if runs(n) == 1:
            raise KeyboardInterrupt
        return n

    marked = mark(spot, stopped)
    with pytest.raises(KeyboardInterrupt):
        call(marked, 1)
    assert not marked.is_cached(1)
    assert call(marked, 1) == 1
    assert spot.running() == []


def test_a_function_that_calls_itself_with_the_same_arguments(make_spot):
    """It does not wait for itself; the inner value is right and only the outer one is stored."""
    spot = make_spot()
    outside = Outside(depth=iter(range(3)))

    @spot.mark
    def again(n: int) -> int:
        return n if next(outside.depth) == 2 else again(n) + 1

    assert again(5) == 7
    assert again(5) == 7


def test_recursion_over_other_arguments_is_cached_at_each_step(make_spot, runs):
    """The naive Fibonacci runs once for each number."""
    spot = make_spot()

    @spot.mark
    def fibonacci(n: int) -> int:
        runs(n)
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert fibonacci(30) == 832040
    assert runs.count == 31


def test_two_flights_that_need_each_other_do_not_wait_for_ever(make_spot):
    """Thread one computes a and needs b, thread two computes b and needs a."""
    spot = make_spot()
    outside = Outside(both=threading.Barrier(2, timeout=PATIENCE), deep=threading.local())

    @spot.mark
    def one(n: int) -> int:
        if hasattr(outside.deep, "on"):
            return n
        outside.deep.on = True
        outside.both.wait()
        return two(n) + 1

    @spot.mark
    def two(n: int) -> int:
        if hasattr(outside.deep, "on"):
            return n
        outside.deep.on = True
        outside.both.wait()
        return one(n) + 1

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(one, 1), pool.submit(two, 1)]
        values = {future.result(PATIENCE) for future in results}
    assert values <= {2, 3}


def test_a_result_that_cannot_be_stored_is_computed_by_each(make_spot, runs):
    """A value that has no copy is not shared between callers."""
    spot, gate = make_spot(), Gate()

    @spot.mark
    def opaque(n: int) -> object:
        if runs(n) == 1:
            gate()
        return threading.Lock()

    with pytest.warns(NotStoredWarning, match="cannot be stored"), ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(opaque, 1)]
        assert gate.entered.acquire(timeout=PATIENCE)
        futures.append(pool.submit(opaque, 1))
        _until(lambda: _followers(spot, opaque.key(1)) > 0)
        gate.opened.set()
        first, second = (future.result(PATIENCE) for future in futures)
    assert first is not second
    assert runs.count == 2


def test_followers_count_as_hits(make_spot, runs):
    """Statistics: one miss, the others are hits."""
    spot, gate = make_spot(), Gate()

    @spot.mark
    def slow(n: int) -> int:
        runs(n)
        gate()
        return n

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(slow, 1)]
        assert gate.entered.acquire(timeout=PATIENCE)
        futures += [pool.submit(slow, 1) for _ in range(3)]
        _until(lambda: _followers(spot, slow.key(1)) >= 3)
        gate.opened.set()
        assert {future.result(PATIENCE) for future in futures} == {1}
    (stats,) = [each for each in spot.stats() if each.func_name.endswith("slow")]
    assert (stats.hits, stats.misses) == (3, 1)


def test_a_thread_that_waits_sees_the_value_before_a_slow_save(make_spot, runs):
    """With wait=False a follower gets its own copy while the save is still on its way."""
    spot, saving = make_spot(), threading.Event()
    put = spot.db.put
    spot.engine.db.put = lambda entry: (saving.wait(PATIENCE), put(entry))[1]

    @spot.mark(wait=False)
    def quick(n: int) -> list[int]:
        runs(n)
        return [n]

    first, second = quick(1), quick(1)
    assert first == second == [1]
    assert first is not second
    assert runs.count == 1
    saving.set()
    spot.flush()
    assert quick.is_cached(1)


def test_a_shared_exception_does_not_collect_tracebacks(make_spot):
    """Each caller sees its own frames and those of the user's code, not those of all the others."""

    async def main() -> None:
        begun, proceed = asyncio.Event(), asyncio.Event()

        class Gates:
            __spot_infrastructure__ = True

            async def __call__(self) -> None:
                begun.set()
                await proceed.wait()

        wait = Gates()

        @make_spot().mark
        async def fail(n: int) -> None:
            await wait()
            raise ValueError(n)

        tasks = [asyncio.create_task(fail(1)) for _ in range(6)]
        await begun.wait()
        proceed.set()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert len({id(error) for error in errors}) == 1
        names = [frame.name for frame in traceback.extract_tb(errors[0].__traceback__)]
        assert names.count("run_async") == 1
        assert names[-1] == "fail"

    asyncio.run(main())
