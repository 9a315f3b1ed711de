"""Spots over every kind of database, functions of both colours, and a counter that is no part of any key."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import beautyspot as bs


class Runs:
    """Counts how often a function's body ran."""

    __spot_infrastructure__ = True

    def __init__(self) -> None:
        self.arguments: list[Any] = []
        self._lock = threading.Lock()

    def __call__(self, argument: Any = None) -> int:
        with self._lock:
            self.arguments.append(argument)
            return len(self.arguments)

    @property
    def count(self) -> int:
        return len(self.arguments)


@pytest.fixture
def runs() -> Runs:
    """A counter."""
    return Runs()


@pytest.fixture(params=["memory", "sqlite"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """What to give to a Spot as `db`."""
    return "memory://" if request.param == "memory" else str(tmp_path / "work.db")


@pytest.fixture
def make_spot(tmp_path: Path):
    """A function that makes Spots and closes them in the end."""
    made: list[bs.Spot] = []

    def make(db: Any = "memory://", **options: Any) -> bs.Spot:
        options.setdefault("storage", str(tmp_path / "blobs"))
        made.append(bs.Spot("test", db=db, **options))
        return made[-1]

    yield make
    for spot in made:
        spot.close()


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Call a function of either colour: ``call(make, *args)``, where `make` takes the decorator to use.

    In the asynchronous colour the plain function is turned into a coroutine function before it is marked.
    """
    if request.param == "sync":
        return lambda marked, *args, **kwargs: marked(*args, **kwargs)

    def run(marked: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        assert inspect.iscoroutinefunction(marked)
        return asyncio.run(marked(*args, **kwargs))

    run.is_async = True  # type: ignore[attr-defined]
    return run


@pytest.fixture
def mark(call: Callable[..., Any]) -> Callable[..., Any]:
    """``mark(spot, function, **options)`` in the colour of `call`."""

    def decorate(spot: bs.Spot, function: Callable[..., Any], **options: Any) -> Any:
        if not hasattr(call, "is_async"):
            return spot.mark(**options)(function)

        async def coloured(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        coloured.__name__ = coloured.__qualname__ = function.__name__
        coloured.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return spot.mark(**options)(coloured)

    return decorate
