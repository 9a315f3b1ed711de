"""Objects with ``__call__`` are marked in the colour of that method."""

from __future__ import annotations

import asyncio
import functools
import inspect

import pytest

from beautyspot.errors import ConfigurationError


def test_objects_that_are_called_like_coroutine_functions(spot, runs):
    """What is awaited is cached, not the coroutine."""

    class Caller:
        async def __call__(self, n: int) -> int:
            runs()
            return 2 * n

    marked = spot.mark(Caller())
    partial = spot.mark(functools.partial(Caller(), n=3))
    assert inspect.iscoroutinefunction(marked)
    assert [asyncio.run(marked(2)), asyncio.run(marked(2)), asyncio.run(partial()), asyncio.run(partial())] == [
        4,
        4,
        6,
        6,
    ]
    assert runs.count == 2


def test_objects_that_are_called_like_generator_functions(spot):
    """They are refused as generator functions are."""

    class Numbers:
        def __call__(self, n: int):
            yield n

    with pytest.raises(ConfigurationError, match="generator"):
        spot.mark(Numbers())
