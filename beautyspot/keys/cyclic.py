"""Values that contain themselves, or are nested deeper than the fast encoder goes.

An explicit stack takes the place of recursion, and every node is written with its kind, so that the bytes can be
read in one way only. A reference back to an object that is still open is written as that object's depth, so two cycles
of the same form agree. Where objects refer to each other in all directions, the number of paths explodes; then every
object that was met before is written by its number instead, which takes linear time but tells shared objects apart
from equal ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from beautyspot.errors import KeyingError
from beautyspot.keys import canonical, tags
from beautyspot.keys.buffers import LARGE, digest_bytes
from beautyspot.keys.dispatch import HANDLERS, find
from beautyspot.keys.refusal import Refusal, TooDeepError, unreadable

__all__ = ["encode_graph"]

_PATHS = b"\xc1p"
_NUMBERS = b"\xc1n"
_SLACK = 1_000
_GROWTH = 8  # visits per object before the number of paths counts as exploding
_LEAVES = frozenset({type(None), bool, int, float, str, bytes, bytearray, memoryview})


class _ExplodedError(Exception):
    """Far more paths than objects."""


def encode_graph(value: object) -> bytes:
    """Canonical bytes of a cyclic or very deep value.

    Raises:
        Refusal: Some part has no canonical form.
        TooDeepError: Sets inside sets without end.
    """
    try:
        return _PATHS + _Writer(numbered=False).write(value)
    except _ExplodedError:
        return _NUMBERS + _Writer(numbered=True).write(value)


def _parts(value: Any) -> tuple[int, object]:
    """Tag and parts of a value that is neither plain data nor a list or dict."""
    kind = type(value)
    try:
        handler = HANDLERS.get(kind) or find(kind)
        return handler.code, handler.parts(value)
    except (Refusal, TooDeepError, KeyingError, RecursionError):
        raise
    except Exception as error:  # foreign code may raise anything: then there is no safe key
        raise unreadable(value, error) from error


class _Writer:
    def __init__(self, *, numbered: bool) -> None:
        self.numbered = numbered
        self.out = bytearray()
        self.open: dict[int, int] = {}
        self.met: dict[int, object] = {}
        self.visits = 0

    def write(self, root: object) -> bytes:
        stack: list[tuple[Iterator[Any], int]] = [(iter((root,)), 0)]
        while stack:
            children, owner = stack[-1]
            for child in children:
                opened = self._node(child)
                if opened is not None:
                    stack.append((opened, id(child)))
                    break
            else:
                stack.pop()
                if not self.numbered:
                    self.open.pop(owner, None)
        return bytes(self.out)

    def _node(self, value: Any) -> Iterator[Any] | None:
        """Write the head of one node; its children if it has any."""
        kind = type(value)
        if kind in _LEAVES and not (kind is int and value.bit_length() > 63):
            self._leaf(value)
            return None
        reference = self.open.get(id(value))
        if reference is not None:
            self.out += b"r%d;" % reference
            return None
        self.open[id(value)] = len(self.open)
        self.met[id(value)] = value  # also keeps temporaries alive, so that no id comes twice
        self.visits += 1
        if not self.numbered and self.visits > _SLACK + _GROWTH * len(self.met):
            raise _ExplodedError
        if kind is list:
            self.out += b"l%d;" % len(value)
            return iter(list(value))
        if kind is dict:
            self.out += b"d%d;" % len(value)
            return iter([part for pair in value.items() for part in pair])
        code, parts = _parts(value)
        self.out += b"x%d;" % code
        return iter([parts])

    def _leaf(self, value: Any) -> None:
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogatepass")
            mark = b"s"
        else:
            mark = b"v"
        if isinstance(value, bytes) and len(value) >= LARGE:
            value = tags.tagged(tags.LARGE_BYTES, digest_bytes(value))
        data = canonical.pack(value)
        self.out += mark + b"%d;" % len(data) + data
