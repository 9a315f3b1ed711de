"""`spot.limiter` on functions: hits are free in either order of decorators, waits are refunded, costs are checked."""

from __future__ import annotations

import asyncio
import threading

import pytest

import beautyspot as bs
from beautyspot.errors import ConfigurationError, LimitError


@pytest.fixture
def paced(tmp_path):
    """A Spot of ten tokens a minute, which would make a second run wait for six seconds."""
    with bs.Spot("test", db="memory://", storage=tmp_path, tpm=10) as spot:
        yield spot


def granted(spot: bs.Spot) -> float:
    """Tokens handed out so far."""
    return spot.limiter_state()[0].granted


@pytest.mark.parametrize("above", [True, False])
def test_hits_cost_nothing(above, paced, runs):
    """Whether the limiter stands above `mark` or below it."""
    limit = paced.limiter(cost=4)

    def call(text: str) -> str:
        runs()
        return text.upper()

    marked = limit(paced.mark(call)) if above else paced.mark(limit(call))
    assert [marked("a") for _ in range(100)] == ["A"] * 100
    assert (runs.count, granted(paced)) == (1, 4)
    assert marked.is_cached("a")


@pytest.mark.parametrize("above", [True, False])
def test_hits_cost_nothing_in_a_coroutine_function(above, paced, runs):
    """The same for the other colour."""
    limit = paced.limiter(cost=4)

    async def call(text: str) -> str:
        runs()
        return text.upper()

    marked = limit(paced.mark(call)) if above else paced.mark(limit(call))

    async def main() -> list[str]:
        return [await marked("a") for _ in range(100)]

    assert asyncio.run(main()) == ["A"] * 100
    assert (runs.count, granted(paced)) == (1, 4)


def test_costs_from_the_arguments(paced):
    """The function sees the arguments of the call."""

    @paced.mark
    @paced.limiter(cost=lambda text, *, times=1: len(text) * times)
    def call(text: str, *, times: int = 1) -> str:
        return text * times

    assert call("ab", times=3) == "ababab"
    assert granted(paced) == 6


def test_without_mark(paced, runs):
    """A limited function that is not cached pays each time."""

    @paced.limiter(cost=0)
    def free() -> int:
        return runs()

    @paced.limiter(cost=3)
    def dear() -> int:
        return runs()

    assert [free(), free(), dear()] == [1, 2, 3]
    assert granted(paced) == 3


def test_runs_are_paced(tmp_path, monkeypatch):
    """Each run waits until its predecessor's tokens have passed; the sum of the waits is what the rate says."""
    waits: list[float] = []
    monkeypatch.setattr("beautyspot._engine.drivers.time.sleep", waits.append)
    with bs.Spot("test", db="memory://", storage=tmp_path, tpm=60) as spot:
        call = spot.mark(spot.limiter(cost=1)(lambda n: n))
        for n in range(5):
            call(n)
    assert len(waits) == 4
    assert [round(wait) for wait in waits] == [1, 2, 3, 4]  # nobody really slept, so the waits add up


@pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), True, "1", None, 11])
def test_costs_that_can_never_be_granted(cost, paced):
    """Refused at decoration where they are known then, and before the run where they are computed."""
    with pytest.raises(LimitError):
        paced.limiter(cost=cost)

    ran = []
    limited = paced.limiter(cost=lambda _: cost)(ran.append)
    with pytest.raises(LimitError):
        limited(1)
    with pytest.raises(LimitError):
        paced.mark(paced.limiter(cost=lambda n: cost)(lambda n: n))(1)
    assert ran == []
    assert granted(paced) == 0


def test_a_limiter_without_parentheses(paced):
    """The message says what to write."""

    @paced.limiter
    def call(n: int) -> int:
        return n

    with pytest.raises(ConfigurationError, match=r"write @spot.limiter\(cost=1\)"):
        call(3)


@pytest.mark.parametrize("tpm", [0, -5, float("nan"), "many"])
def test_wrong_rates(tpm):
    """They are refused when the Spot is made."""
    with pytest.raises(LimitError):
        bs.Spot("x", db="memory://", tpm=tpm)


def test_a_cancelled_wait_gives_its_place_back(paced):
    """The tokens of a run that never started are not spent."""

    @paced.mark
    @paced.limiter(cost=5)
    async def call(n: int) -> int:
        return n

    async def main() -> None:
        await call(1)
        waiting = asyncio.create_task(call(2))
        await asyncio.sleep(0)  # its first step takes it up to the wait
        assert paced.limiter_state()[0].waiting == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())
    state = paced.limiter_state()[0]
    assert (state.granted, state.waiting) == (5, 0)
    assert paced.running() == []


def test_a_failing_cost_function_spends_nothing(paced, runs):
    """Its error is the caller's; what other limits had reserved goes back."""

    @paced.mark
    @paced.limiter(cost=2)
    @paced.limiter(cost=lambda n: 1 // n)
    def call(n: int) -> int:
        return runs()

    with pytest.raises(ZeroDivisionError):
        call(0)
    assert (granted(paced), runs.count) == (0, 0)
    assert call(1) == 1
    assert granted(paced) == 3


def test_one_leader_pays_for_all(paced, runs):
    """Threads that ask for one missing key cost one run."""
    call = paced.mark(paced.limiter(cost=5)(lambda n: runs()))
    start = threading.Barrier(8)
    threads = [threading.Thread(target=lambda: (start.wait(), call(1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (runs.count, granted(paced)) == (1, 5)


@pytest.mark.parametrize("function", [staticmethod(len), property(len), int])
def test_what_cannot_be_limited(function, spot):
    """The message speaks of the decorator that was used."""
    with pytest.raises(ConfigurationError, match=r"@spot\.limiter"):
        spot.limiter(cost=1)(function)
