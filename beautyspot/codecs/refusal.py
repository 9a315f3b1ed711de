"""From a failure inside the encoder to an error that names the place in the result and the remedy.

Nothing here runs unless encoding failed, so paths cost nothing while all goes well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, time, tzinfo
from typing import Any

from beautyspot.codecs.state import MAX_DEPTH, Refused
from beautyspot.errors import CodecError, UnsupportedTypeError
from beautyspot.preview import summarise_error

__all__ = ["explain"]

_REGISTER = "call spot.register_type(type_, code, encoder, decoder), or return a plain value"
_DRAIN = "it can be read only once: return a list of its items"
_LIVE = "it belongs to this process: return what you read from it"
_CODE = "code is not stored: return what it computes"

_BY_TYPE: dict[str, str] = {
    "generator": _DRAIN,
    "async_generator": _DRAIN,
    "coroutine": "await it and return the result",
    "function": _CODE,
    "builtin_function_or_method": _CODE,
    "method": _CODE,
    "functools.partial": _CODE,
    "module": _CODE,
    "type": "classes are not stored: return its name",
    "map": _DRAIN,
    "filter": _DRAIN,
    "zip": _DRAIN,
    "enumerate": _DRAIN,
    "dict_keys": "return list(d)",
    "dict_values": "return list(d.values())",
    "dict_items": "return list(d.items())",
    "object": "return a plain value",
    "list_iterator": _DRAIN,
    "tuple_iterator": _DRAIN,
    "time.struct_time": "return tuple(value), or datetime.datetime(*value[:6])",
    "numpy.memmap": "return numpy.array(value), which is in memory",
    "polars.lazyframe.frame.LazyFrame": "return lazy_frame.collect()",
}
_BY_MODULE: dict[str, str] = {
    "matplotlib": "return the data, or the image: figure.savefig(buffer, format='png'), then buffer.getvalue()",
    "sklearn": f"return its predictions or parameters; for the estimator itself {_REGISTER},"
    " or trust this cache like code: Spot(pickle_types=(...))",
    "torch": "return tensor.numpy() or a state of arrays",
    "sqlite3": _LIVE,
    "_io": _LIVE,
    "io": "return buffer.getvalue()",
    "_thread": _LIVE,
    "threading": _LIVE,
    "socket": _LIVE,
    "requests": "return response.content, response.text or response.json()",
    "httpx": "return response.content, response.text or response.json()",
}
_HIDDEN = "\0"  # the step into what a reader of the message cannot see: there the path ends
_LIBRARIES = frozenset({"numpy", "pandas", "polars", "pyarrow", "PIL", "scipy"})
_BASES: tuple[tuple[type, str], ...] = (
    (tzinfo, "it cannot be found again by a name: use zoneinfo.ZoneInfo(name) or datetime.timezone"),
    (BaseException, "exceptions are not stored: raise it, or return its text"),
    (dict, "it would come back as a plain dict: return dict(value), or call spot.register_type(...)"),
    (list, "it would come back as a plain list: return list(value), or call spot.register_type(...)"),
    (str, "it would come back as a plain str: return str(value), or call spot.register_type(...)"),
    (tuple, "it would come back as a plain tuple: return tuple(value), or call spot.register_type(...)"),
    (bytes, "it would come back as plain bytes: return bytes(value), or call spot.register_type(...)"),
    (int, "it would come back as a plain int: return int(value), or call spot.register_type(...)"),
    (float, "it would come back as a plain float: return float(value), or call spot.register_type(...)"),
)


def explain(result: object, error: Exception) -> CodecError:
    """Return the error to raise for a result that could not be encoded.

    Args:
        result: What was to be encoded.
        error: What encoding it raised.
    """
    if isinstance(error, CodecError):
        return error
    if isinstance(error, Refused):
        where = _find(result, error.value) or "a part of the result"
        return UnsupportedTypeError(where, _type_name(error.value), error.remedy or _remedy(error.value))
    name = _type_name(result)
    if isinstance(error, RecursionError) or "recursion limit" in str(error):
        if (cycle := _cycle(result)) is not None:
            return UnsupportedTypeError(cycle[0], cycle[1], "it contains itself: return a value without cycles")
        return UnsupportedTypeError("result", name, f"it is nested too deeply (tuples, sets, objects: {MAX_DEPTH})")
    if isinstance(error, (ValueError, OverflowError)) and "too large" in str(error):
        return UnsupportedTypeError("result", name, "one text or bytes in it exceeds 4 GiB: return it in parts")
    return CodecError(f"result ({name}) cannot be stored: {summarise_error(error)}")


def _type_name(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _remedy(value: object) -> str:
    cls = type(value)
    if isinstance(value, type):
        return _BY_TYPE["type"]
    if found := _BY_TYPE.get(_type_name(value)) or _BY_MODULE.get(cls.__module__.partition(".")[0]):
        return found
    for base, remedy in _BASES:
        if issubclass(cls, base):
            return remedy
    return _REGISTER


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a value, with what a reader would write to reach them."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"[{_short(key)}]", item
            yield f" key {_short(key)}", key
    elif isinstance(value, (list, tuple, deque)):
        names = getattr(value, "_fields", None)
        for number, item in enumerate(value):
            yield (f".{names[number]}" if names else f"[{number}]"), item
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield f" item {_short(item)}", item
    elif isinstance(value, (str, bytes, int, float, type)):
        return
    elif isinstance(value, (datetime, time)):
        yield ".tzinfo", value.tzinfo
    else:
        yield from _library_children(value)
        yield from _attributes(value)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    library = type(value).__module__.partition(".")[0] in _LIBRARIES
    for name, item in dict(getattr(value, "__dict__", {})).items():
        yield _HIDDEN if library and name.startswith("_") else f".{name}", item
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if not name.startswith("__") and hasattr(value, name):
                yield f".{name}", getattr(value, name)


def _library_children(value: Any) -> Iterator[tuple[str, Any]]:
    root = type(value).__module__.partition(".")[0]
    if root == "numpy" and getattr(getattr(value, "dtype", None), "kind", "") == "O" and hasattr(value, "flat"):
        yield from ((f".flat[{number}]", item) for number, item in enumerate(value.flat))
    elif root == "pandas" and hasattr(value, "columns"):
        for position, label in enumerate(value.columns):
            yield f"[{_short(label)}]", value.iloc[:, position]
        yield ".index", value.index
        yield ".attrs", value.attrs
    elif root in {"pandas", "polars"} and hasattr(value, "dtype") and str(value.dtype) in {"object", "Object"}:
        yield from ((f"[{number}]", item) for number, item in enumerate(value))
    elif root == "polars" and hasattr(value, "columns"):
        yield from ((f"[{label!r}]", value[label]) for label in value.columns)


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # the repr of a user's class may fail, and must not hide why the value was refused
        return f"<{type(value).__qualname__}>"
    return text if len(text) <= 40 else text[:39] + "…"


def _find(result: object, wanted: object) -> str | None:
    """Return the path of an object inside the result, breadth first: the shortest one."""
    pending = deque([("result", result)])
    seen: set[int] = set()
    alive: list[object] = []  # ids stay unique only while the objects live
    fallback = None
    wanted_type = type(wanted)
    while pending:
        where, value = pending.popleft()
        if value is wanted:
            return where.removesuffix(_HIDDEN)
        if fallback is None and type(value) is wanted_type and not isinstance(value, (list, dict, tuple, set)):
            fallback = where.removesuffix(_HIDDEN)  # made anew on every access, as the cells of a column are
        if id(value) in seen:
            continue
        seen.add(id(value))
        alive.append(value)
        try:
            parts = list(_children(value))
        except Exception:  # a part that cannot be listed can't be searched; the others can
            parts = []
        pending.extend((where if where.endswith(_HIDDEN) else where + step, part) for step, part in parts)
    return fallback


def _cycle(result: object) -> tuple[str, str] | None:
    """Return the path and type name of the first object met that contains itself."""
    path: list[int] = []
    pending: list[tuple[str, Any, int]] = [("result", result, 0)]
    steps = 0
    while pending and steps < 100_000:
        steps += 1
        where, value, depth = pending.pop()
        del path[depth:]
        if id(value) in path:
            return where.partition(_HIDDEN)[0], _type_name(value)
        path.append(id(value))
        try:
            parts = list(_children(value))
        except Exception:  # see _find
            parts = []
        pending.extend((where + step, part, depth + 1) for step, part in parts)
    return None
