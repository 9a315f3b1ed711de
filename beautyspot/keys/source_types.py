"""The classes that a function's results may be made of: what its annotations name, then what its code refers to."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any

from beautyspot.keys.source_graph import Node
from beautyspot.keys.source_origin import is_user_code, static_attribute
from beautyspot.keys.source_values import underlying

__all__ = ["known_classes"]


def known_classes(nodes: Iterable[Node]) -> dict[str, type]:
    """Return qualified name -> class, return annotations first.

    Included are user classes, and library classes that are dataclasses, enumerations, named tuples or pydantic models,
    with the classes of their fields.
    """
    nodes = list(nodes)
    found: dict[str, type] = {}
    pending: list[Any] = []
    for node in nodes:
        subject = node.subject
        if isinstance(subject, FunctionType):
            pending.extend(_annotations(subject))
    pending.extend(
        node.subject if isinstance(node.subject, type) else type(node.subject)
        for node in nodes
        if node.subject is not None
    )
    seen: set[int] = set()
    for item in pending:  # grows while it is walked
        for cls in _classes_in(item):
            if id(cls) in seen or not _is_wanted(cls):
                continue
            seen.add(id(cls))
            found.setdefault(cls.__qualname__, cls)
            pending.extend(_annotations(cls))
            pending.extend(base for base in cls.__bases__ if is_user_code(base))
    return found


def _is_wanted(cls: type) -> bool:
    if cls.__module__ == "builtins" or underlying(cls) is not None:
        return False
    if is_user_code(cls):
        return True
    if static_attribute(cls, "__dataclass_fields__") is not None or static_attribute(cls, "__pydantic_fields__"):
        return True
    enum = sys.modules.get("enum")
    if enum is not None and issubclass(cls, enum.Enum):
        return bool(vars(cls).get("_member_map_"))
    return issubclass(cls, tuple) and static_attribute(cls, "_fields") is not None


def _annotations(owner: Any) -> Iterator[Any]:
    """Yield the resolved annotations of a function or class, the return annotation first; what fails is left out."""
    try:
        raw = dict(vars(owner).get("__annotations__") or {}) if isinstance(owner, type) else dict(owner.__annotations__)
        if isinstance(owner, type) and not raw:
            raw = dict(getattr(owner, "__annotations__", {}))
    except Exception:  # Python 3.14 evaluates annotations here, and their names may be unknown
        return
    for name in sorted(raw, key=lambda name: name != "return"):
        yield from _resolved(raw[name], owner)


def _resolved(annotation: Any, owner: Any) -> Iterator[Any]:
    if not isinstance(annotation, str):
        yield annotation
        return
    namespace = getattr(owner, "__globals__", None)
    if namespace is None:
        namespace = vars(sys.modules.get(owner.__module__, sys))
        for member in vars(owner).values():
            if (
                isinstance(member, FunctionType)
                and member.__module__ == owner.__module__
                and "__name__" in member.__globals__
            ):
                namespace = member.__globals__
    local = {}
    if isinstance(owner, FunctionType):
        from beautyspot.keys.source_define import cells_of

        for name, cell in cells_of(owner).items():
            try:
                local[name] = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
    else:
        local[owner.__name__] = owner

    class _Carrier:
        __annotations__ = {"value": annotation}

    import typing

    try:
        yield typing.get_type_hints(_Carrier, namespace, local)["value"]
    except Exception:  # an annotation may name anything; the classes it names are then not known from it
        return


def _classes_in(annotation: Any) -> Iterator[type]:
    """Yield every class in an annotation: ``dict[str, list[Point] | None]`` names Point."""
    import typing

    pending = [annotation]
    seen: set[int] = set()
    while pending:
        item = pending.pop(0)
        if id(item) in seen:
            continue
        seen.add(id(item))
        origin = typing.get_origin(item)
        if origin is not None:
            pending[:0] = [*([origin] if isinstance(origin, type) else []), *_arguments(item)]
        elif isinstance(item, (list, tuple)):
            pending[:0] = list(item)
        elif isinstance(item, typing.TypeVar):
            pending[:0] = [*item.__constraints__, *([item.__bound__] if item.__bound__ else [])]
        elif hasattr(item, "__supertype__"):
            pending.insert(0, item.__supertype__)
        elif hasattr(item, "__value__") and type(item).__name__ == "TypeAliasType":
            pending.insert(0, item.__value__)
        elif isinstance(item, type):
            yield item


def _arguments(item: Any) -> list[Any]:
    import typing

    arguments = typing.get_args(item)
    if typing.get_origin(item) is typing.Annotated:
        return [arguments[0]]
    if typing.get_origin(item) is typing.Literal:
        return [type(value) for value in arguments]
    return list(arguments)
