"""``spot.run``: functions that one cannot decorate."""

from __future__ import annotations

import asyncio
import functools


def test_run_caches_functions_that_cannot_be_decorated(spot, runs):
    """Options start with an underscore; the function's own parameters pass through."""

    def area(width: int, height: int = 1, *, version: str = "a") -> int:
        runs()
        return width * height

    assert spot.run(area, 2, height=3) == spot.run(area, 2, 3, version="a") == 6
    assert runs.count == 1
    assert spot.run(area, 2, 3, version="b") == 6
    assert spot.run(area, 2, 3, _version="2") == 6
    assert spot.run(area, 2, 3, _version="2", _save_blob=True) == 6
    assert runs.count == 3
    assert spot.run(max, [3, 1, 2], _key=lambda numbers: numbers) == 3  # its signature is not known
    assert spot.run(functools.partial(area, 2), 5) == 10


def test_run_with_a_coroutine_function(spot, runs):
    """It returns an awaitable."""

    async def double(n: int) -> int:
        runs()
        return 2 * n

    async def main() -> list[int]:
        return [await spot.run(double, 4), await spot.run(double, 4)]

    assert asyncio.run(main()) == [8, 8]
    assert runs.count == 1


def test_run_does_not_confuse_objects_that_change(spot):
    """A bound method or callable object is keyed by the state it has now."""

    class Counter:
        def __init__(self) -> None:
            self.n = 0

        def __call__(self, m: int) -> int:
            return self.n + m

    counter = Counter()
    assert spot.run(counter, 1) == 1
    counter.n = 10
    assert spot.run(counter, 1) == 11
    assert spot.run(counter.__call__, 1) == 11
