"""Instances: of the user's classes by class digest and attributes, of library classes by what pickle would be told.

Nothing is pickled. ``__reduce_ex__`` names a constructor, its arguments and a state; these are encoded as values.
Objects that stand for something outside the process, or that are used up by being read, are refused.
"""

from __future__ import annotations

import copyreg
import enum
import functools
from collections.abc import Mapping
from typing import Any

from beautyspot.keys import tags
from beautyspot.keys.dispatch import Handler
from beautyspot.keys.identity import class_token, code_handler
from beautyspot.keys.refusal import REMEDY, Refusal
from beautyspot.keys.source_origin import is_user_code, library_name

__all__ = ["instance_handler", "special_handler"]

_PICKLING = ("__reduce__", "__reduce_ex__", "__getstate__")
_newobj: Any = copyreg.__newobj__  # type: ignore[attr-defined]  # what object.__reduce_ex__ names as the constructor


def special_handler(kind: type) -> Handler | None:  # noqa: PLR0911  # one per kind
    """Handlers that are chosen by what a class is, before its library is asked."""
    code = code_handler(kind)
    if code is not None:
        return code
    remedy = _refusal(kind)
    if remedy is not None:
        return Handler(0, _refuse(remedy))
    if issubclass(kind, enum.Enum):
        return Handler(tags.ENUM, _enum)
    if (
        issubclass(kind, tuple)
        and isinstance(getattr(kind, "_fields", None), tuple)
        and not _private_words(kind, tuple)
    ):
        return Handler(tags.NAMED_TUPLE, _named_tuple)
    for native in (set, frozenset):
        if issubclass(kind, native) and kind is not native and not _private_words(kind, native):
            return Handler(tags.SET_INSTANCE, _set_instance, heavy=True)
    if issubclass(kind, functools.partial):
        return Handler(tags.PARTIAL, _partial)
    parts = _BY_NAME.get((kind.__module__, kind.__qualname__))
    return None if parts is None else Handler(*parts)


def _refuse(remedy: str) -> Any:
    def parts(value: object) -> object:
        raise Refusal(value, remedy)

    return parts


def _refusal(kind: type) -> str | None:
    """Why no value of this class can be in a key; None if there is no such reason."""
    modules = {str(owner.__module__) for owner in kind.__mro__}
    if "unittest.mock" in modules:
        return f"a mock has no value of its own; {REMEDY}"
    if hasattr(kind, "read") and ("_io" in modules or "tempfile" in modules):
        return f"pass the file's path or its content; or {REMEDY}"
    if hasattr(kind, "__next__"):
        return f"an iterator is used up by reading it: pass a list; or {REMEDY}"
    if hasattr(kind, "__await__") or hasattr(kind, "cr_code"):
        return f"await it and pass the result; or {REMEDY}"
    if modules & {"weakref", "_weakref"} or kind.__name__ in ("weakref", "ReferenceType", "frame", "traceback"):
        return f"pass the object itself; or {REMEDY}"
    return None


def _enum(value: enum.Enum) -> object:
    bare = type(value.value) is object  # ``MISSING = object()``: nothing but its identity, for which the name stands
    return [class_token(type(value)), value.name, None if bare else value.value]


def _named_tuple(value: Any) -> object:
    return [class_token(type(value)), list(value._fields), list(value), _extra(value)]


def _partial(value: Any) -> object:
    return [class_token(type(value)), value.func, value.args, value.keywords, _extra(value)]


def _set_instance(value: Any) -> object:
    plain = frozenset(frozenset.__iter__(value) if isinstance(value, frozenset) else set.__iter__(value))
    return [class_token(type(value)), plain, _slots(value), _extra(value)]


def _slots(value: Any) -> object:
    """Values of slots by name, None if no class has any."""
    state = object.__reduce_ex__(value, 2)[2]
    return _ordered_state(state[1]) if type(state) is tuple else None


def _extra(value: Any) -> object:
    return _ordered_state(getattr(value, "__dict__", None) or None)


def _cached(value: Any) -> object:
    return [value.__wrapped__]


def _new_type(value: Any) -> object:
    return ["NewType", value.__name__, value.__supertype__]


def _type_alias(value: Any) -> object:
    return ["type", value.__name__, value.__value__]


def _forward(value: Any) -> object:
    return ["forward", value.__forward_arg__]


def _context_variable(value: Any) -> object:
    """Its name and what it holds here and now, which is all that code can read from it."""
    try:
        return [value.name, value.get()]
    except LookupError:
        return [value.name]


_BY_NAME: dict[tuple[str, str], tuple[Any, ...]] = {
    ("functools", "_lru_cache_wrapper"): (tags.MARKED, _cached),
    ("typing", "NewType"): (tags.ALIAS, _new_type, True),
    ("typing", "TypeAliasType"): (tags.ALIAS, _type_alias, True),
    ("typing", "ForwardRef"): (tags.ALIAS, _forward),
    ("annotationlib", "ForwardRef"): (tags.ALIAS, _forward),
    ("_contextvars", "ContextVar"): (tags.CONTEXT_VARIABLE, _context_variable),
}


def _private_words(kind: type, native: type) -> bool:
    """Whether some class above the native base says in its own words what its value is."""
    ours = [owner for owner in kind.__mro__ if owner not in (object, native)]
    return any(name in owner.__dict__ for owner in ours for name in _PICKLING)


def instance_handler() -> Handler:
    """The handler of an instance of a class that nothing else is known about."""
    return Handler(tags.REDUCED, _reduced, heavy=True)


def _reduced(value: Any) -> object:
    """What ``__reduce_ex__`` says about the value, as values."""
    kind = type(value)
    try:
        reduced = _dispatched(value) if kind in copyreg.dispatch_table else value.__reduce_ex__(4)
    except Exception as error:  # "cannot pickle '_thread.lock' object" and the like: it has no value to speak of
        raise Refusal(value) from error
    if isinstance(reduced, str):
        return _named(value, reduced)
    if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:  # what pickle accepts
        raise Refusal(value)
    function, arguments, state, items, pairs, setter = (*reduced, None, None, None, None)[:6]
    if function is _newobj and arguments == (kind,):
        function = arguments = None
    return [
        class_token(kind),
        function,
        arguments,
        _ordered_state(state),
        None if items is None else list(items),
        None if pairs is None else [list(pair) for pair in pairs],
        setter,
    ]


def _named(value: Any, name: str) -> object:
    """A global object: where its library offers it, or what it holds if it is the user's."""
    found = library_name(value)
    if found is not None:
        return [class_token(type(value)), *found]
    own = getattr(value, "__dict__", None) if is_user_code(type(value)) else None
    return [class_token(type(value)), name, *([_ordered_state(own)] if own else [])]


def _dispatched(value: Any) -> Any:
    return copyreg.dispatch_table[type(value)](value)


def _ordered_state(state: Any) -> object:
    """A state with attribute names in a fixed order."""
    if type(state) is dict:
        return {name: state[name] for name in sorted(state, key=str)}
    if type(state) is tuple and len(state) == 2:
        return tuple(_ordered_state(part) if isinstance(part, Mapping) else part for part in state)
    return state
