"""How a value is refused, and where in the argument it sits.

While a value is packed nobody keeps track of the path to it: that would cost every call that succeeds. A refusal
carries the refused object, and `place_of` searches the way to it afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["REMEDY", "Refusal", "TooDeepError", "children", "place_of", "type_name"]

REMEDY = "leave it out with ignore=[...], make the key yourself with key=, or teach its hash with bs.register_hash"
_STEPS = 100_000  # a refusal is an error path, but it must not take for ever in a huge structure


class Refusal(Exception):  # noqa: N818  # internal: becomes an UnhashableError once the path is known
    """A value without a canonical digest.

    Attributes:
        value: The refused object itself.
        remedy: What to do.
    """

    def __init__(self, value: object, remedy: str = REMEDY) -> None:
        super().__init__()
        self.value = value
        self.remedy = remedy


class TooDeepError(Exception):
    """Nested deeper than the fast encoder goes, or cyclic: the slow encoder takes over."""


def type_name(value: object) -> str:
    """Qualified name of the value's type without ``builtins.``, e.g. ``sqlite3.Connection``."""
    kind = type(value)
    module = kind.__module__
    return kind.__qualname__ if module in ("builtins", "__main__") else f"{module}.{kind.__qualname__}"


def children(value: Any) -> Iterator[tuple[str, object]]:
    """The parts of a value as a reader would write the way to them."""
    if isinstance(value, Mapping):
        for key, item in list(value.items()):
            yield f"[{key!r}]" if isinstance(key, (str, int, bytes)) else f"[<{type_name(key)}>]", item
            yield " key", key
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{position}]", item) for position, item in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((" element", item) for item in list(value))
    if not isinstance(value, type):
        yield from _attributes(value)


def _attributes(value: Any) -> Iterator[tuple[str, object]]:
    yield from ((f".{name}", item) for name, item in list(getattr(value, "__dict__", {}).items()))
    names = ["func", "args", "keywords", "__self__", "__func__"]
    for owner in type(value).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    for name in names:
        if name not in ("__dict__", "__weakref__") and hasattr(type(value), name) and hasattr(value, name):
            yield f".{name}", getattr(value, name)


def place_of(target: object, root: object, where: str) -> str:
    """The path from `root` to `target`, or `where` if the target is no stored part of it (a temporary, say)."""
    waiting: deque[tuple[str, object]] = deque([(where, root)])
    seen: set[int] = set()
    for _ in range(_STEPS):
        if not waiting:
            break
        path, value = waiting.popleft()
        if value is target:
            return path
        if id(value) in seen or isinstance(value, (str, bytes, int, float)):
            continue
        seen.add(id(value))
        try:
            waiting.extend((path + step, part) for step, part in children(value))
        except Exception:  # noqa: S112  # a property of a foreign object may raise anything; the error is told without it
            continue
    return where
