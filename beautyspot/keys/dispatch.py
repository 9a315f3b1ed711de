"""Which parts make up a value, by its type.

Exact builtin types are looked up in one table. Everything else is settled once per class, in this order:
registered hashes and ``__spot_hash__``, beautyspot's own objects, types that no key may depend on, classes and
functions, the libraries that beautyspot knows, and at last plain instances.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from beautyspot.keys import tags

__all__ = ["HANDLERS", "Handler", "find", "register"]


class Handler(NamedTuple):
    """How values of one type are encoded.

    Attributes:
        code: One of `tags`.
        parts: From the value to what stands for it: any value, which is packed in its turn.
        heavy: Worth remembering while one value is packed (the same object may occur many times in it).
    """

    code: int
    parts: Callable[[Any], object]
    heavy: bool = False


HANDLERS: dict[type, Handler] = {}
"""Exact types. Filled by `builtin_types` and `canonical`."""

_found: WeakKeyDictionary[type, Handler] = WeakKeyDictionary()
_registered: dict[type, Callable[[Any], object]] = {}

_LIBRARIES = {
    **dict.fromkeys(
        ("array", "collections", "datetime", "decimal", "fractions", "pathlib", "re", "uuid", "zoneinfo"),
        "beautyspot.keys.stdlib_types",
    ),
    "numpy": "beautyspot.keys.arrays",
    "scipy": "beautyspot.keys.arrays",
    "pandas": "beautyspot.keys.frames",
    "polars": "beautyspot.keys.polars_frames",
    "pyarrow": "beautyspot.keys.arrow",
    "PIL": "beautyspot.keys.images",
    "pydantic": "beautyspot.keys.models",
}


def register(kind: type, function: Callable[[Any], object]) -> None:
    """Let `function` stand for the values of `kind` and its subclasses."""
    _registered[kind] = function
    HANDLERS.pop(kind, None)
    _found.clear()


def find(kind: type) -> Handler:
    """The handler of a type that has no entry in `HANDLERS`."""
    try:
        handler = _found.get(kind)
    except TypeError:  # a metaclass that takes hashing away from its classes
        return _settle(kind)
    if handler is None:
        handler = _settle(kind)
        _found[kind] = handler
    return handler


def _settle(kind: type) -> Handler:
    mro = type.mro(kind) if kind is type else kind.__mro__
    for owner in mro:
        if owner in _registered:
            return _custom(kind, _registered[owner])
        if "__spot_hash__" in owner.__dict__:
            return _custom(kind, owner.__dict__["__spot_hash__"])
    if getattr(kind, "__spot_infrastructure__", False) is True:
        return Handler(tags.INFRASTRUCTURE, _nothing)
    from beautyspot.keys import objects

    special = objects.special_handler(kind)
    if special is not None:
        return special
    for owner in mro:
        module = _LIBRARIES.get(str(owner.__module__).partition(".")[0])
        if module is not None:
            known: Handler | None = importlib.import_module(module).handler_for(owner, kind)
            if known is not None:
                return known
    return objects.instance_handler()


def _nothing(value: object) -> None:  # every handler takes the value
    """All of beautyspot's own objects are the same to a key."""


def _custom(kind: type, function: Any) -> Handler:
    name = kind.__qualname__.replace("<locals>.", "")
    call = getattr(function, "__func__", function)  # a staticmethod or classmethod object found in the class body

    def parts(value: Any) -> object:
        return [name, call(value)]

    return Handler(tags.CUSTOM, parts, heavy=True)


def loaded(module: str) -> Any:
    """A module if the program has imported it, else None: nobody can pass an object of a module that is not loaded."""
    return sys.modules.get(module)
