"""What kind of thing is bound to a name: plain data, a wrapper around functions, or a library's object."""

from __future__ import annotations

import functools
import io
import sys
import types
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

from beautyspot.keys.source_graph import Node, combine
from beautyspot.keys.source_origin import (
    binary_digest,
    is_user_code,
    library_name,
    own_attribute,
    static_attribute,
    top_level,
)

__all__ = ["enum_members", "functions_in", "is_generated", "is_immutable", "library_node", "parts_of", "underlying"]

Part = tuple[str, Callable[[Any], object], Any]

_ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None), type(...), type(NotImplemented), range})
_IMMUTABLE_NAMES = frozenset(
    {
        *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")),
        *(
            f"pathlib{m}.{n}"
            for m in ("", "._local")
            for n in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
        ),
        *(f"numpy.{kind}{size}" for kind in ("int", "uint", "float") for size in (8, 16, 32, 64)),
        "decimal.Decimal",
        "fractions.Fraction",
        "numpy.bool",
        "numpy.bool_",
        "re.Pattern",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
    }
)
# What these hold never reaches a result: they only order or run threads and tasks, or write for the user's eyes.
_EFFECTLESS = frozenset(
    {
        "_thread.RLock",
        "_thread.lock",
        "asyncio.locks.BoundedSemaphore",
        "asyncio.locks.Condition",
        "asyncio.locks.Lock",
        "asyncio.locks.Semaphore",
        "concurrent.futures.process.ProcessPoolExecutor",
        "concurrent.futures.thread.ThreadPoolExecutor",
        "ipykernel.iostream.OutStream",
        "rich.console.Console",
        "threading.BoundedSemaphore",
        "threading.Condition",
        "threading.Semaphore",
    }
)
_DEEPEST = 50  # tuples in tuples; what is deeper counts as mutable, which costs time and is never wrong
_WRAPPED = ("__wrapped__", "py_func", "pyfunc")
_BUILTIN_METHODS = (types.BuiltinFunctionType, types.MethodWrapperType)


def is_immutable(value: object, depth: int = 0) -> bool:
    """Return whether a value can never change in place, so that its identity vouches for its digest."""
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is tuple or kind is frozenset:
        return depth < _DEEPEST and all(is_immutable(item, depth + 1) for item in value)  # type: ignore[attr-defined]
    return f"{kind.__module__}.{kind.__qualname__}" in _IMMUTABLE_NAMES


def underlying(value: object) -> Any:
    """Return the function inside an object that ``spot.mark`` or ``spot.limiter`` made, None for anything else."""
    if isinstance(value, FunctionType):
        if not value.__dict__:
            return None
        found = own_attribute(value, "__spot_marked__") or own_attribute(value, "__spot_limited__")
        if found is None and top_level(str(value.__globals__.get("__name__"))) == "beautyspot":
            return value.__dict__.get("__wrapped__")
        return found
    if isinstance(value, (type, ModuleType)):
        return None
    return static_attribute(value, "__spot_marked__") or static_attribute(value, "__spot_limited__")


def functions_in(value: object) -> Iterator[FunctionType]:
    """Yield the Python functions that a class member consists of."""
    if isinstance(value, FunctionType):
        yield value
        return
    if isinstance(value, type):
        return
    for name in ("__func__", "fget", "fset", "fdel", "func", "__wrapped__"):
        part = static_attribute(value, name)
        if isinstance(part, FunctionType):
            yield part
        elif isinstance(part, (staticmethod, classmethod, property, functools.partial)):
            yield from functions_in(part)


def is_generated(function: FunctionType, cls: type) -> bool:
    """Return whether a method was written by dataclasses, attrs or namedtuple from the fields of the class."""
    code = function.__code__
    return (
        code.co_qualname.startswith("__create_fn__.")
        or code.co_filename.startswith("<attrs generated")
        or (function.__name__ == "__new__" and issubclass(cls, tuple) and code.co_filename.startswith("<string>"))
    )


def enum_members(cls: Any) -> dict[str, object]:
    """Return the values of an enumeration's members by name, empty for other classes."""
    enum = sys.modules.get("enum")
    if enum is None or not issubclass(cls, enum.Enum):
        return {}
    return {name: member._value_ for name, member in cls.__members__.items()}


def parts_of(value: object) -> list[Part] | None:
    """Return label and getter of the parts of a composite that leads to user code; None if it is none.

    Composites are partials, bound methods, properties, static and class methods, generic aliases, and what library
    decorators leave behind: lru_cache, singledispatch, jit dispatchers, wrappers with ``__wrapped__``.
    """
    for kind, parts in _PARTS:
        if isinstance(value, kind):
            found = parts(value)
            return [*found, *_own_parts(value)] if found and is_user_code(type(value)) else found
    if isinstance(value, (type, ModuleType)):
        return None
    return _alias_parts(value) if type(value).__module__ == "typing" else _wrapper_parts(value)


def _own_parts(value: object) -> Iterator[Part]:
    """Yield what a user's subclass of such a composite adds: its class, and attributes of the instance."""
    yield "class", lambda _: type(value), None
    own = static_attribute(value, "__dict__")
    if own:
        yield "attributes", lambda _: dict(own), None


def _partial_parts(value: Any) -> list[Part]:
    items = [(f"argument:{i}", value.args.__getitem__, i) for i in range(len(value.args))]
    named = [(f"argument:{k}", value.keywords.get, k) for k in sorted(value.keywords)]
    return [("function", lambda _: value.func, None), *items, *named]


def _method_parts(value: Any) -> list[Part] | None:
    if library_name(value) is not None and not is_user_code(value.__func__):
        return None
    return [("function", lambda _: value.__func__, None), ("self", lambda _: value.__self__, None)]


def _static_parts(value: Any) -> list[Part]:
    return [("function", lambda _: value.__func__, None)]


def _property_parts(value: Any) -> list[Part]:
    return _attributes(value, ("fget", "fset", "fdel"))


def _attributes(value: object, names: tuple[str, ...]) -> list[Part]:
    found = ((name, static_attribute(value, name)) for name in names)
    return [(name, lambda _, part=part: part, None) for name, part in found if part is not None]  # type: ignore[misc]


def _alias_parts(value: Any) -> list[Part] | None:
    origin = getattr(value, "__origin__", None)
    args = getattr(value, "__args__", None)
    if isinstance(args, tuple):
        items: list[Part] = [(f"item:{i}", args.__getitem__, i) for i in range(len(args))]
        return [("origin", lambda _: origin, None), *items]
    supertype = getattr(value, "__supertype__", None)
    if supertype is not None:  # NewType
        return [("name", lambda _: value.__name__, None), ("supertype", lambda _: supertype, None)]
    name = getattr(value, "__name__", None) or getattr(value, "_name", None)
    return [("name", lambda _: str(name), None)]


def _wrapper_parts(value: Any) -> list[Part] | None:
    parts: list[Part] = []
    own = static_attribute(value, "__dict__")
    if not is_user_code(value) or isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001
        for name in _WRAPPED:
            part = static_attribute(value, name)
            if callable(part):
                parts += [("wrapped", lambda _, part=part: part, None), *_settings(value, part)]  # type: ignore[misc]
                break
        for name in ("func", "dispatcher"):
            part = static_attribute(value, name)
            if (
                isinstance(part, FunctionType)
                and hasattr(type(value), "__get__")
                and not isinstance(value, FunctionType)
            ):
                parts.append((name, lambda _, part=part: part, None))  # type: ignore[misc]
    registry = own.get("registry") if isinstance(own, dict) else None
    if isinstance(registry, types.MappingProxyType):
        names = {kind: getattr(kind, "__qualname__", str(kind)) for kind in registry}
        parts += [
            (f"implementation:{names[kind]}", registry.get, kind) for kind in sorted(registry, key=names.__getitem__)
        ]
    if isinstance(value, FunctionType) and not parts and value.__closure__ and not _is_public(value):
        names_of_cells = zip(value.__code__.co_freevars, value.__closure__, strict=True)
        parts = [(f"closure:{name}", _cell_getter(cell), None) for name, cell in names_of_cells]
    if not parts:
        return None
    return [("library", lambda _: type(value).__qualname__, None), *parts]


def _settings(value: object, wrapped: object) -> Iterator[Part]:
    """Yield what a library's decorator was told: constants, code and the user's objects, not its caches and locks."""
    if not isinstance(value, FunctionType) or "registry" in value.__dict__:  # a dispatcher's are settings of its own
        return
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        try:
            held = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
        code = isinstance(held, (FunctionType, type)) and is_user_code(held)
        if held is not wrapped and (code or is_immutable(held) or is_user_code(type(held))):
            yield f"closure:{name}", _cell_getter(cell), None


def _cell_getter(cell: Any) -> Callable[[Any], object]:
    return lambda _: cell.cell_contents


def _is_public(function: FunctionType) -> bool:
    """Return whether a library function can be reached by its name, so that the name says what it is."""
    found = library_name(function)
    if found is None:
        return False
    owner: Any = sys.modules.get(found[0])
    for step in found[1].split("."):
        owner = getattr(owner, "__dict__", {}).get(step)
    return owner is function


_PARTS: tuple[tuple[Any, Callable[[Any], list[Part] | None]], ...] = (
    ((functools.partial, functools.partialmethod), _partial_parts),
    (MethodType, _method_parts),
    ((staticmethod, classmethod), _static_parts),
    (property, _property_parts),
    ((types.GenericAlias, types.UnionType), _alias_parts),
)


def _is_standard_stream(value: object) -> bool:
    return isinstance(value, io.TextIOWrapper) and static_attribute(value, "name") in {"<stdout>", "<stderr>"}


def library_node(value: object) -> Node | None:
    """Return the node of a library's module, class, function or other named object; None for data."""
    if isinstance(value, ModuleType):
        name = {"posixpath": "os.path", "ntpath": "os.path"}.get(value.__name__, value.__name__)
        return Node("library", name, combine("module", [name]))
    kind = type(value)
    type_name = f"{kind.__module__}.{kind.__qualname__}"
    if (
        type_name in _EFFECTLESS
        or _is_standard_stream(value)
        or any(f"{b.__module__}.{b.__name__}" == "logging.Logger" for b in kind.__mro__)
    ):
        return Node("library", top_level(kind.__module__), combine("effectless", [kind.__qualname__]))
    if not callable(value) or (is_user_code(kind) and not isinstance(value, type)):
        return None
    if isinstance(value, _BUILTIN_METHODS):
        owner = value.__self__
        if owner is not None and not isinstance(owner, (ModuleType, type)) and library_name(value) is None:
            return None
    found = library_name(value)
    if found is None and isinstance(
        value, (*_BUILTIN_METHODS, types.MethodDescriptorType, types.WrapperDescriptorType)
    ):
        found = ("builtins", str(static_attribute(value, "__qualname__")))
    if found is None:
        return None
    subject = value if isinstance(value, type) else None
    binary = binary_digest(found[0])
    return Node("library", found[0], combine("library", found if binary is None else [*found, binary]), subject)
