"""Which members of a user's class count: what the user made, not what Python, metaclasses and decorators add.

The text of a class says how it was made, the members say what it is now. Where no text is known (classes made by
calls: `type`, `make_dataclass`, `create_model`), the members have to say everything.

Defaults of fields are asked of the live class in any case. They are often no members, so a text that was edited since
the class was made would fit it as well as the right one.
"""

from __future__ import annotations

import sys
from abc import ABCMeta
from collections.abc import Callable, Iterator
from typing import Any

from beautyspot.keys.source_define import Described
from beautyspot.keys.source_origin import is_user_code
from beautyspot.keys.source_values import enum_members, functions_in, is_generated, is_immutable, underlying

__all__ = ["field_defaults", "members_of"]

Get = Callable[[Any], object]

_STRUCTURE = ("__annotations__", "__attrs_attrs__", "__match_args__", "__slots__", "__total__", "__pydantic_fields__")
_OF_NAMED_TUPLES = frozenset({"_asdict", "_field_defaults", "_fields", "_make", "_replace"})
_INTERNAL = frozenset({"_abc_impl", "__annotate__", "__annotate_func__"})


def members_of(cls: type, described: Described | None) -> Iterator[tuple[str, Get, Any]]:
    """Yield label, getter and key of the members of a class whose present value counts."""
    members = vars(cls)
    enumerated = enum_members(cls)
    for name in sorted(enumerated):
        yield name, enumerated.get, name
    for name in sorted(members):
        if name not in enumerated and name not in _INTERNAL and _counts(name, members[name], cls, described):
            yield name, members.get, name
    if described is None:
        yield from _structure(cls)


def _counts(name: str, value: object, cls: type, described: Described | None) -> bool:
    """Return whether the user made a class member, rather than Python, a metaclass or a class decorator."""
    free = described is None or _is_plain(cls)
    functions = list(functions_in(value))
    if functions:
        users = any(is_user_code(f) for f in functions)
        return (users or (free and not name.startswith("_"))) and not any(is_generated(f, cls) for f in functions)
    if underlying(value) is not None:
        return True
    if name.startswith("__") or (hasattr(type(value), "__get__") and not is_user_code(type(value))):
        return False
    if described is not None and name in described.bound:
        return True
    if name in _OF_NAMED_TUPLES and issubclass(cls, tuple):
        return False
    return free or (not name.startswith("_") and is_immutable(value))


def _is_plain(cls: type) -> bool:
    """Return whether no library's metaclass or ``__init_subclass__`` adds members of its own."""
    if type(cls) not in (type, ABCMeta):
        return False
    owner = next(base for base in cls.__mro__ if "__init_subclass__" in vars(base))
    return owner is object or owner.__module__ == "typing" or is_user_code(owner)


def _structure(cls: type) -> Iterator[tuple[str, Get, Any]]:
    """Yield what tells two classes without text apart beside their plain members."""
    members = vars(cls)
    for name in _STRUCTURE:
        # Whoever asks a class without annotations for them leaves an empty dictionary behind.
        if name in members and (members[name] or name != "__annotations__"):
            yield name, members.get, name
    if issubclass(cls, tuple) and "_fields" in members:
        yield "_fields", members.get, "_fields"


def field_defaults(cls: type) -> Iterator[tuple[str, object]]:
    """Yield the names of the members that tell a class's fields, and the defaults and options of these."""
    members = vars(cls)
    for name, parts in _FIELDS.items():
        if name in members:
            yield name, parts(cls)


def _dataclass_fields(cls: Any) -> object:
    missing = sys.modules["dataclasses"].MISSING
    fields = [
        [
            name,
            [field.init, field.repr, field.hash, field.compare, field.kw_only],
            *([part] if part is not missing else [] for part in (field.default, field.default_factory)),
        ]
        for name, field in cls.__dataclass_fields__.items()
    ]
    return [repr(cls.__dataclass_params__), fields]


def _model_fields(cls: Any) -> object:
    return [[name, field.default, field.default_factory] for name, field in cls.__pydantic_fields__.items()]


_FIELDS: dict[str, Callable[[Any], object]] = {
    "__attrs_attrs__": lambda cls: [[field.name, field.default] for field in cls.__attrs_attrs__],
    "__dataclass_fields__": _dataclass_fields,
    "__pydantic_fields__": _model_fields,
    "_field_defaults": lambda cls: cls._field_defaults,
}
