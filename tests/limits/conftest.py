"""A clock that only moves when it is told to."""

import asyncio
from dataclasses import dataclass, field

import pytest


@dataclass
class ManualTime:
    """A clock, and ways to sleep on it that take no time."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def pause(self, seconds: float) -> None:
        """Sleep in a task: others may run first, and time only moves on for everybody together."""
        self.slept.append(seconds)
        until = self.now + seconds
        for _ in range(3):
            await asyncio.sleep(0)
        self.now = max(self.now, until)


@pytest.fixture
def clock() -> ManualTime:
    """Return a clock at 1000 s."""
    return ManualTime()
