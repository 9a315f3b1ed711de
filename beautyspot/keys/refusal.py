"""How a value is refused, and where in the argument it sits.

While a value is packed nobody keeps track of the path to it: that would cost every call that succeeds. A refusal
carries the refused object, and `place_of` searches the way to it afterwards.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

__all__ = ["REMEDY", "Refusal", "TooDeepError", "children", "place_of", "type_name"]

REMEDY = "leave it out with ignore=[...], make the key yourself with key=, or teach its hash with bs.register_hash"
_BUILTIN = ("__dict__", "__self__", "args")
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


def unreadable(value: object, error: Exception) -> Refusal:
    """The refusal of a value whose own code failed while it was read."""
    return Refusal(value, f"reading it failed with {type(error).__name__}: {error}; {REMEDY}")


class TooDeepError(Exception):
    """Nested deeper than the fast encoder goes, or cyclic: the slow encoder takes over."""


def type_name(value: object) -> str:
    """Qualified name of the value's type without ``builtins.``, e.g. ``sqlite3.Connection``."""
    module, name = (type.__getattribute__(type(value), part) for part in ("__module__", "__qualname__"))
    return str(name) if module in ("builtins", "__main__") else f"{module}.{name}"


def children(value: Any) -> Iterator[tuple[str, object]]:
    """The parts of a value as a reader would write the way to them."""
    kind = type(value)
    if issubclass(kind, dict):
        for key, item in list(dict.items(value)):
            yield f"[{key!r}]" if isinstance(key, (str, int, bytes)) else f"[<{type_name(key)}>]", item
            yield " key", key
    elif issubclass(kind, (list, tuple)):
        items = list.__iter__(value) if issubclass(kind, list) else tuple.__iter__(value)
        yield from ((f"[{position}]", item) for position, item in enumerate(items))
    elif issubclass(kind, (set, frozenset)):
        elements = set.__iter__(value) if issubclass(kind, set) else frozenset.__iter__(value)
        yield from ((" element", item) for item in list(elements))
    if not issubclass(kind, type):
        yield from _attributes(value)


def _attributes(value: Any) -> Iterator[tuple[str, object]]:
    """Stored attributes: those in ``__dict__`` and in slots. No code of the value runs."""
    for owner in type.__dict__["__mro__"].__get__(type(value)):
        for name, found in list(type.__dict__["__dict__"].__get__(owner).items()):
            if type(found) is MemberDescriptorType or (type(found) is GetSetDescriptorType and name in _BUILTIN):
                try:
                    item = found.__get__(value)
                except AttributeError:  # a slot that is not set
                    continue
                if name == "__dict__":
                    yield from ((f".{own}", part) for own, part in list(item.items()))
                else:
                    yield f".{name}", item


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
