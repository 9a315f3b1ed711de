"""What stands for code: classes, functions, methods, modules.

The user's own code enters by the digest of what it does, a library's by its public name.
"""

from __future__ import annotations

import types
from typing import Any
from weakref import WeakKeyDictionary

from beautyspot.keys import tags
from beautyspot.keys.dispatch import Handler

__all__ = ["class_token", "code_handler", "public_name"]

_library_classes: WeakKeyDictionary[type, list[object]] = WeakKeyDictionary()


def class_token(cls: type) -> list[object]:
    """Digest of a user's class, public name of a library's."""
    known = _library_classes.get(cls)
    if known is not None:
        return known
    from beautyspot.keys.source import class_digest, is_user_code

    if is_user_code(cls):
        return [class_digest(cls)]
    token = _library_classes[cls] = list(public_name(cls))
    return token


def public_name(value: Any) -> tuple[object, object]:
    """Module and qualified name under which a library offers an object."""
    from beautyspot.keys.source_origin import library_name

    found = library_name(value)
    return found or (getattr(value, "__module__", None), getattr(value, "__qualname__", type(value).__qualname__))


def _function(value: types.FunctionType) -> object:
    """The digest of a user's function. One that is being computed already comes back as a reference to itself."""
    from beautyspot.keys.source import code_identity

    return code_identity(value).digest()


def _library_function(value: types.FunctionType) -> object:
    """The name of a library's function; what it was made with, if it is one of many of that name."""
    module, name = public_name(value)
    if value.__closure__ is None and "<" not in str(name):
        return [module, name]
    cells = [_cell(cell) for cell in value.__closure__ or ()]
    code = value.__code__
    return [
        [module, name, code.co_code, [c for c in code.co_consts if not isinstance(c, types.CodeType)], code.co_names],
        [cells, value.__defaults__, value.__kwdefaults__],
    ]


def _cell(cell: types.CellType) -> object:
    try:
        return [cell.cell_contents]
    except ValueError:  # not bound yet
        return []


def _marked(value: Any) -> object:
    """A function that beautyspot wrapped: the function inside and what changes its results."""
    own = value.__dict__
    inner = own.get("__spot_marked__", own.get("__spot_limited__", own.get("__wrapped__")))
    if inner is None:  # one of beautyspot's own
        return [value.__module__, value.__qualname__]
    return [inner, list(own.get("__spot_semantics__", ()))]


def _method(value: types.MethodType) -> object:
    return [value.__func__, value.__self__]


def _builtin(value: Any) -> object:
    owner = getattr(value, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType):
        return list(public_name(value))
    return [value.__name__, owner]


def _descriptor(value: Any) -> object:
    return [type(value).__name__, value.__objclass__, value.__name__]


def _wrapped(value: Any) -> object:
    return [type(value).__name__, value.__func__]


def _property(value: property) -> object:
    return ["property", value.fget, value.fset, value.fdel]


def _module(value: types.ModuleType) -> object:
    """A library by name; a user's module by everything that is defined in it."""
    from beautyspot.keys.source import is_user_code

    if not is_user_code(value):
        return value.__name__
    names = sorted(name for name in value.__dict__ if not (name.startswith("__") and name.endswith("__")))
    return {name: value.__dict__[name] for name in names}


_EXACT: dict[type, Handler] = {
    types.MethodType: Handler(tags.METHOD, _method),
    types.BuiltinFunctionType: Handler(tags.BUILTIN, _builtin),
    types.MethodWrapperType: Handler(tags.BUILTIN, _builtin),
    types.MethodDescriptorType: Handler(tags.DESCRIPTOR, _descriptor),
    types.WrapperDescriptorType: Handler(tags.DESCRIPTOR, _descriptor),
    types.ClassMethodDescriptorType: Handler(tags.DESCRIPTOR, _descriptor),
    types.GetSetDescriptorType: Handler(tags.DESCRIPTOR, _descriptor),
    types.MemberDescriptorType: Handler(tags.DESCRIPTOR, _descriptor),
    staticmethod: Handler(tags.DESCRIPTOR, _wrapped),
    classmethod: Handler(tags.DESCRIPTOR, _wrapped),
    property: Handler(tags.DESCRIPTOR, _property),
}


def _any_function(value: types.FunctionType) -> object:
    from beautyspot.keys.source import is_user_code

    if str(value.__globals__.get("__name__")).partition(".")[0] == "beautyspot":
        return [tags.MARKED, _marked(value)]
    if is_user_code(value):
        own = {name: value.__dict__[name] for name in sorted(value.__dict__) if not name.startswith("__")}
        return [tags.FUNCTION, _function(value), *([own] if own else [])]
    return [tags.LIBRARY_FUNCTION, _library_function(value)]


def code_handler(kind: type) -> Handler | None:
    """The handler of classes, functions, methods and modules; None for everything else."""
    if issubclass(kind, type):
        return Handler(tags.CLASS, class_token)
    if kind is types.FunctionType:
        return Handler(tags.FUNCTION, _any_function, heavy=True)
    if issubclass(kind, types.ModuleType):
        return Handler(tags.MODULE, _module, heavy=True)
    return _EXACT.get(kind)
