"""Who else holds an object: a variable inside itself, a closure, default, class, partial, method, generator or module.

What a run changed in place can be put back on a hit only where every holder is known: anybody else would keep the old.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from functools import partial
from types import (
    AsyncGeneratorType,
    BuiltinMethodType,
    CellType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any

from beautyspot_jupyter.graph import Tangled, map_inputs
from beautyspot_jupyter.namespace import is_hidden

__all__ = ["entangled"]

_HOLDERS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (CellType, "a function"),
    ((MethodType, BuiltinMethodType), "a method"),
    ((GeneratorType, CoroutineType, AsyncGeneratorType), "a generator"),
)


def entangled(namespace: Mapping[str, Any], value: object, *, only_parts: bool) -> str | None:
    """The name of another variable that holds a value, or mutable parts of it, inside itself.

    Args:
        namespace: All variables.
        value: What is going to be replaced.
        only_parts: Whether the value itself stays the same object, so that only its parts are replaced.
    """
    ident = id(value)  # comparing ids keeps the comprehensions from holding the value in a closure, see below
    wanted = [item for item in map_inputs({"value": value}).kept if not only_parts or id(item) != ident]
    if not wanted:
        return None
    others = {name: v for name, v in namespace.items() if id(v) != ident and not is_hidden(name)}
    others.update({f"Out[{n}]": v for n, v in namespace.get("_oh", {}).items() if id(v) != ident})
    try:
        found = map_inputs(others)
    except Tangled:
        return "another variable"
    for part in map(id, wanted):
        if part in found.paths:
            return found.paths[part][0]
        if part in found.opaque:
            return found.opaque[part]
    return _held_out_of_sight(wanted, namespace)


def _held_out_of_sight(wanted: list[object], namespace: Mapping[str, Any]) -> str | None:
    inside: list[object] = []  # tuples and dicts of which the owner tells what they are
    for holder in gc.get_referrers(*wanted):
        for kinds, name in _HOLDERS:
            if isinstance(holder, kinds):
                return name
        if type(holder).__name__.endswith("iterator"):
            return "an iterator"
        if type(holder) in (tuple, dict) and holder is not namespace:
            inside.append(holder)
    idents = {id(item) for item in inside}
    owners = gc.get_referrers(*inside) if inside else []
    return next((name for name in (_owner(owner, idents) for owner in owners) if name is not None), None)


def _owner(owner: object, idents: set[int]) -> str | None:
    """What an object is that has one of the tuples and dicts for its defaults, arguments or attributes."""
    if isinstance(owner, FunctionType) and idents & {id(owner.__defaults__), id(owner.__kwdefaults__)}:
        return f"the function {owner.__name__}"
    if isinstance(owner, type) and idents.intersection(map(id, gc.get_referents(owner))):
        return f"the class {owner.__name__}"
    if isinstance(owner, ModuleType) and id(vars(owner)) in idents:
        return f"the module {owner.__name__}"
    return "a partial" if isinstance(owner, partial) else None
