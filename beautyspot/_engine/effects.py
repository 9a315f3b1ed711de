"""What the flow may ask of its driver. Closed: both drivers end in ``assert_never``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Blocking", "Effect", "Invoke", "Join", "Raised", "Returned", "Sleep"]


@dataclass(slots=True)
class Blocking:
    """Call a store and send back what it returns. A `slow` call would hold up an event loop: a network, a big file."""

    call: Callable[[], Any]
    slow: bool


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Join:
    """Wait until somebody else's flight has ended. Its result is read from the flight, not sent back."""

    future: Future[None]


@dataclass(frozen=True, slots=True)
class Invoke:
    """Run the user's code and send back `Returned` or `Raised`."""


Effect: TypeAlias = Blocking | Sleep | Join | Invoke


@dataclass(slots=True)
class Returned:
    """The user's code returned."""

    value: Any


@dataclass(slots=True)
class Raised:
    """The user's code raised an `Exception`; as a value, because a generator changes a StopIteration."""

    error: Exception
