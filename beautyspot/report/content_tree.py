"""Nested values as a bounded tree. Never calls ``repr`` or a property of a class that it does not know."""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from beautyspot.report import human
from beautyspot.report.blocks import Node

__all__ = ["short", "tree"]

_CHILDREN = 100
_DEPTH = 12
_NODES = 1500
_TEXT = 300

# Their text forms run no code of the user's and are small.
_PLAIN_MODULES = frozenset({"builtins", "datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid", "zoneinfo"})

_SCALAR_LIBRARIES = frozenset({"numpy", "pandas"})  # datetime64, Timestamp, NaT, ...


class _Budget:
    """How many more nodes may be made: a wide and deep value must not become a million rows."""

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes

    def take(self) -> bool:
        self.nodes -= 1
        return self.nodes >= 0


def tree(value: object) -> Node:
    """Make the tree of a value, bounded in depth, width and text.

    Example:
        >>> tree({"a": [1, 2]}).children[0].text
        '2 items'
    """
    return _node("", value, _DEPTH, _Budget(_NODES))


def short(value: Any, limit: int = _TEXT) -> str:
    """Return one line for a value, at most `limit` characters, without calling code of unknown classes.

    Example:
        >>> short({"a": 1}), short("x")
        ('1 item', "'x'")
    """
    return human.clip(_line(value, limit), limit)


def _line(value: Any, limit: int) -> str:  # noqa: PLR0911  (one return per kind of value)
    kind = type(value)
    if kind in (str, bytes, bytearray):
        cut = value[:limit]
        return repr(cut if kind is not bytearray else bytes(cut)) + (
            f"… ({human.count(len(value))})" if len(value) > limit else ""
        )
    if kind is int and value.bit_length() > 4 * limit:
        return f"int of {human.count(value.bit_length())} bits"
    if isinstance(value, enum.Enum):
        return human.plain(f"{kind.__name__}.{enum.Enum.__dict__['name'].__get__(value)}")
    shape = _shape(value)
    if shape:
        return shape
    if isinstance(value, (Mapping, Sequence, AbstractSet)) and not isinstance(value, (str, bytes, range)):
        return human.counted(len(value), "item")
    if value is None or kind.__module__ in _PLAIN_MODULES or _root(kind) in _SCALAR_LIBRARIES:
        return human.plain(str(value))
    return kind.__name__


def _shape(value: Any) -> str:
    kind = type(value)
    root = _root(kind)
    if root == "numpy" and hasattr(value, "dtype") and getattr(value, "shape", None):
        return f"{value.dtype} {'×'.join(map(str, value.shape))}"
    if root in {"pandas", "polars", "pyarrow"} and hasattr(value, "shape"):
        return "×".join(human.count(n) for n in value.shape)
    if root == "PIL" and hasattr(value, "size"):
        return f"{value.size[0]}×{value.size[1]} px"
    return ""


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _node(label: str, value: Any, depth: int, budget: _Budget) -> Node:
    children: list[Node] = []
    total = 0
    pairs = _children(value)
    if pairs is not None:
        total, items = pairs
        if depth > 0:
            for name, item in itertools.islice(items, _CHILDREN):
                if not budget.take():
                    break
                children.append(_node(name, item, depth - 1, budget))
    return Node(
        label=label,
        type=human.clip(human.plain(type(value).__name__), 80),
        text=short(value),
        children=tuple(children),
        more=total - len(children),
    )


def _children(value: Any) -> tuple[int, Iterable[tuple[str, Any]]] | None:
    if isinstance(value, (str, bytes, bytearray, memoryview, range)):
        return None
    fields = getattr(type(value), "_fields", None)
    if isinstance(value, tuple) and isinstance(fields, tuple) and len(fields) == len(value):
        return len(value), zip(map(str, fields), value, strict=True)
    if isinstance(value, Mapping):
        return len(value), ((_label(name), item) for name, item in value.items())
    if isinstance(value, (Sequence, AbstractSet)):
        return len(value), ((str(i), item) for i, item in enumerate(value))
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        held = getattr(value, "__dict__", {})
        return len(names), ((name, held[name]) for name in names if name in held)
    return None


def _label(name: object) -> str:
    return human.clip(human.plain(name), 80) if isinstance(name, str) else short(name, 80)
