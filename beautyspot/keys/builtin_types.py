"""Parts of the builtin types that msgpack does not write itself."""

from __future__ import annotations

import sys
import types
from typing import Any

from beautyspot.keys import tags
from beautyspot.keys.dispatch import HANDLERS, Handler
from beautyspot.keys.refusal import Refusal

__all__: list[str] = []


def _big_int(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True)


def _complex(value: complex) -> object:
    return [value.real, value.imag]


def _range(value: range) -> object:
    return [value.start, value.stop, value.step]


def _slice(value: slice) -> object:
    return [value.start, value.stop, value.step]


def _singleton(value: object) -> object:
    return type(value).__name__


def _mapping_proxy(value: types.MappingProxyType[Any, Any]) -> object:
    return dict(value)


def _view(value: Any) -> object:
    return [type(value).__name__, list(value)]


def _alias(value: types.GenericAlias) -> object:
    return [value.__origin__, list(value.__args__)]


def _union(value: types.UnionType) -> object:
    return [None, list(value.__args__)]


_sentinels: dict[int, tuple[object, object]] = {}


def _sentinel(value: object) -> object:
    """A bare ``object()`` is nothing but its identity; the global name that it has is the same in every process.

    In a library the module belongs to the name: ``MISSING`` of two libraries are two sentinels. A user's may move.
    """
    known = _sentinels.get(id(value))
    if known is None:
        from beautyspot.keys.source_origin import is_user_module

        homes = [
            (home, name)
            for home, module in list(sys.modules.items())
            for name, item in list(getattr(module, "__dict__", {}).items())
            if item is value
        ]
        if not homes:
            raise Refusal(value, "a bare object() has no identity outside this process: give it a global name")
        libraries = [(home.count("."), home, name) for home, name in homes if not is_user_module(home)]
        found = list(min(libraries)) if libraries else min(name for _, name in homes)
        known = _sentinels[id(value)] = (value, found)  # kept for good: sentinels live as long as their modules
    return known[1]


def _fill() -> None:
    view_types: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))
    HANDLERS[tuple] = Handler(tags.TUPLE, list)
    HANDLERS[int] = Handler(tags.BIG_INT, _big_int)
    HANDLERS[complex] = Handler(tags.COMPLEX, _complex)
    HANDLERS[range] = Handler(tags.RANGE, _range)
    HANDLERS[slice] = Handler(tags.SLICE, _slice)
    HANDLERS[types.EllipsisType] = Handler(tags.SINGLETON, _singleton)
    HANDLERS[types.NotImplementedType] = Handler(tags.SINGLETON, _singleton)
    HANDLERS[types.MappingProxyType] = Handler(tags.MAPPING_PROXY, _mapping_proxy)
    HANDLERS[types.GenericAlias] = Handler(tags.ALIAS, _alias)
    HANDLERS[types.UnionType] = Handler(tags.ALIAS, _union)
    HANDLERS[object] = Handler(tags.SENTINEL, _sentinel)
    for kind in view_types:
        HANDLERS[kind] = Handler(tags.DICT_VIEW, _view)


_fill()
