"""Short texts of values, for lists and messages.

Rules for everything in this file:

- Nothing of the user's is run: no ``__repr__``, ``__str__``, ``__len__``, ``__iter__``, ``__class__``, no properties.
  Only exact built-in types are read; known array and table types are recognised by identity in `sys.modules`, so that
  nothing is imported either. Everything else is the name of its type.
- Work is bounded by the length of the text, not by the size of the value: slice first, then repr.
- The text is one printable line; surrogates and control characters come out escaped.
- What looks like a secret by its name is masked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from itertools import islice
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final

__all__ = ["MASK", "is_secret", "summarise", "summarise_call", "summarise_error"]

MASK: Final = "•••"

_SECRET: Final = re.compile(
    "passw|passphrase|token|secret|api[_-]?key|private[_-]?key|access[_-]?key|authorization|credential|cookie",
    re.IGNORECASE,
)
# "max_tokens=256" is the commonest parameter of a language model and no secret; "access_tokens=[...]" is one.
_COUNT_OF_TOKENS: Final = re.compile("tokens", re.IGNORECASE)
_URL_USER: Final = re.compile(r"(://[^/@\s:]*:)[^/@\s]+(@)")
_URL_USER_CUT: Final = re.compile(r"(://[^/@\s:]*:)(?![0-9]{1,5}$)[^/@\s]+()$")
_URL_QUERY: Final = re.compile(
    r"([?&][^=&\s]*(?:passw|token|secret|api_?key|signature|credential)[^=&\s]*=)[^&#\s]+()", re.IGNORECASE
)

_DEPTH: Final = 4
_NAME: Final[Callable[[type], object]] = type.__dict__["__name__"].__get__
_MODULE: Final[Callable[[type], object]] = type.__dict__["__module__"].__get__
_ARGUMENTS: Final[Callable[[BaseException], tuple[object, ...]]] = BaseException.__dict__["args"].__get__
_MRO: Final[Callable[[type], tuple[type, ...]]] = type.__dict__["__mro__"].__get__


def summarise(value: object, limit: int = 60) -> str:
    """Write a value in one short line.

    Args:
        value: Anything.
        limit: Most characters of the text, at least 8.

    Returns:
        ``'abc…'``, ``[1, 2, … 1000 items]``, ``ndarray(float64, 10x10)``, ``DataFrame(1000 x 12)``, ``<Point>``.

    Example:
        >>> summarise(list(range(1000)), limit=30)
        '[0, 1, 2, 3, 4, … 1000 items]'
    """
    room = max(limit, 8)
    try:
        text = _text(value, room, _DEPTH)
    except Exception:
        # A container that another thread changes, a broken array: a preview must not break the call that it is for.
        text = _type_text(type(value))
    return text if len(text) <= room else text[: room - 1] + "…"


def summarise_call(values: Mapping[str, object], limit: int = 200) -> str:
    """Write the arguments of a call in one line.

    Args:
        values: Arguments by parameter name. Those whose name tells of a secret are masked.
        limit: Most characters of the text.

    Returns:
        ``text='abc…', n=3, df=DataFrame(1000 x 12)``.

    Example:
        >>> summarise_call({"n": 3, "api_key": "sk-123"})
        'n=3, api_key=•••'
    """
    parts: list[str] = []
    used = 0
    for name, value in values.items():
        part = f"{name}={MASK}" if is_secret(name, value) else f"{name}={summarise(value)}"
        used += len(part) + 2
        if used > limit + 2:
            left = limit - (used - len(part) - 2)
            parts.append(part[: left - 1] + "…" if left > len(name) + 2 else "…")
            break
        parts.append(part)
    text = ", ".join(parts)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def summarise_error(error: BaseException, limit: int = 200) -> str:
    """Write an exception in one line, as its repr would, without running the code of what it carries.

    Args:
        error: Any exception; its arguments may be values of the user, whose ``__repr__`` may fail.
        limit: Most characters of the text.

    Returns:
        ``ValueError('no such thing')``.

    Example:
        >>> summarise_error(KeyError("a", 1))
        "KeyError('a', 1)"
    """
    inside = ", ".join(summarise(part, limit) for part in _ARGUMENTS(error))
    text = f"{_type_text(type(error))[1:-1]}({inside})"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def is_secret(name: str, value: object = "") -> bool:
    """Return whether a parameter or key of this name holds a secret (by its name; numbers of tokens are none).

    Args:
        name: ``"api_key"``, ``"password"``, ``"Authorization"``.
        value: What it holds.
    """
    if _SECRET.search(name) is None:
        return False
    kind = type(value)
    if kind is int or kind is float or kind is bool:
        return _COUNT_OF_TOKENS.search(name) is None
    return value is not None


def _text(value: Any, room: int, depth: int) -> str:
    kind = type(value)
    read = _EXACT.get(kind)
    if read is not None:
        return read(value, room, depth)
    module, name = _MODULE(kind), _NAME(kind)
    if type(module) is str and type(name) is str:
        known = _KNOWN.get(name)
        if known is not None and module.partition(".")[0] in known[0]:
            home = sys.modules.get(module)
            if type(home) is ModuleType and vars(home).get(name) is kind:
                return known[1](value, room, depth)
    if type(kind) is not type:
        member = _enum_member(value, kind)
        if member:
            return member
    return _instance_text(value, kind)


def _type_text(kind: type) -> str:
    name = _NAME(kind)
    return f"<{name}>" if type(name) is str and name.isprintable() else "<object>"


def _instance_text(value: Any, kind: type) -> str:
    """Name a class itself, and of everything else the type."""
    if any(base is type for base in _MRO(kind)):
        return _class(value, 0, 0)
    return _type_text(kind)


def _enum_member(value: object, kind: type) -> str | None:
    enum = sys.modules.get("enum")
    if enum is None or not any(base is enum.Enum for base in _MRO(kind)):
        return None
    # Enum's own descriptor: a subclass may define a __dict__, or __getattribute__, of its own.
    name = enum.Enum.__dict__["__dict__"].__get__(value).get("_name_")
    return f"<{_type_text(kind)[1:-1]}.{_clean(name)}>" if type(name) is str else None


def _clean(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]


def _plain(value: object, room: int, depth: int) -> str:  # noqa: ARG001  # one signature for the whole table
    return repr(value)


def _int(value: int, room: int, depth: int) -> str:  # noqa: ARG001
    bits = value.bit_length()
    # Printing an int takes quadratic time, and above 4300 digits Python refuses.
    return repr(value) if bits <= 3 * room else f"<int of {bits} bits>"


def _str(value: str, room: int, depth: int) -> str:  # noqa: ARG001
    cut = len(value) > room - 2
    head = value[: room - 2] if cut else value
    if "://" in head:
        pattern = _URL_USER_CUT if cut else None
        head = _URL_QUERY.sub(rf"\1{MASK}\2", _URL_USER.sub(rf"\1{MASK}\2", head))
        head = pattern.sub(rf"\1{MASK}\2", head) if pattern else head
    return _quoted(head, room, cut=cut)


def _bytes(value: bytes, room: int, depth: int) -> str:  # noqa: ARG001
    return _quoted(value[: room - 2], room, cut=len(value) > room - 2)


def _bytearray(value: bytearray, room: int, depth: int) -> str:  # noqa: ARG001
    return f"bytearray({_quoted(bytes(value[: room - 2]), max(room - 11, 6), cut=len(value) > room - 2)})"


def _quoted(head: str | bytes, room: int, *, cut: bool) -> str:
    """Write as much of `head` as fits, never cutting through an escape sequence."""
    text = repr(head)
    if not cut and len(text) <= room:
        return text
    while len(text) >= room:
        head = head[: len(head) - max(1, (len(text) - room) // 10)]
        text = repr(head)
    return f"{text[:-1]}…{text[-1]}"


def _items(value: Any, room: int, depth: int, brackets: str = "[]") -> str:
    count = len(value)
    if depth == 0 and count:
        return f"{brackets[0]}…{brackets[-1]}"
    return _joined(islice(value, room // 2), count, room, brackets, lambda item, left: _text(item, left, depth - 1))


def _tuple(value: tuple[Any, ...], room: int, depth: int) -> str:
    if len(value) == 1:
        inside = _text(value[0], max(room - 3, 8), depth - 1) if depth else "…"
        return f"({inside},)"
    return _items(value, room, depth, "()")


def _set(value: set[Any], room: int, depth: int) -> str:
    return _items(value, room, depth, "{}") if value else "set()"


def _frozenset(value: frozenset[Any], room: int, depth: int) -> str:
    return f"frozenset({_items(value, max(room - 11, 8), depth, '{}') if value else ''})"


def _dict(value: dict[Any, Any], room: int, depth: int) -> str:
    count = len(value)
    if depth == 0 and count:
        return "{…}"

    def pair(item: tuple[Any, Any], left: int) -> str:
        key, inside = item
        text = _text(key, max(left - 10, 8), depth - 1)
        if type(key) is str and is_secret(key, inside):
            return f"{text}: {MASK}"
        return f"{text}: {_text(inside, max(left - len(text) - 2, 8), depth - 1)}"

    return _joined(islice(value.items(), room // 2), count, room, "{}", pair)


def _joined(items: Any, count: int, room: int, brackets: str, write: Callable[[Any, int], str]) -> str:
    tail = f"… {count} items" if count > 1 else "…"
    parts: list[str] = []
    left = room - 2
    for item in items:
        # All but the last one leave room to say how many there are; the first one is made short enough to.
        spare = len(tail) + 2 if len(parts) + 1 < count else 0
        text = write(item, max(left if parts else left - spare, 6))
        if len(text) + spare > left:
            break
        parts.append(text)
        left -= len(text) + 2
    if len(parts) < count:
        parts.append(tail if parts or len(tail) <= left else "…")
    return brackets[0] + ", ".join(parts) + brackets[-1]


def _function(value: Any, room: int, depth: int) -> str:  # noqa: ARG001
    name = value.__name__
    return f"<function {_clean(name)}>" if type(name) is str else "<function>"


def _module(value: ModuleType, room: int, depth: int) -> str:  # noqa: ARG001
    name = value.__dict__.get("__name__")
    return f"<module {_clean(name)}>" if type(name) is str else "<module>"


def _class(value: type, room: int, depth: int) -> str:  # noqa: ARG001
    return f"<class {_type_text(value)[1:-1]}>"


def _array(value: Any, room: int, depth: int) -> str:  # noqa: ARG001
    kind = value.dtype
    name = "structured" if kind.names is not None else kind.name
    return f"{_NAME(type(value))}({name}, {'x'.join(map(str, value.shape)) or '0-d'})"


def _tensor(value: Any, room: int, depth: int) -> str:  # noqa: ARG001
    return f"Tensor({str(value.dtype).rpartition('.')[2]}, {'x'.join(map(str, value.shape)) or '0-d'})"


def _scalar(value: Any, room: int, depth: int) -> str:
    plain = value.item()
    # A structured or 128-bit scalar has no exact built-in type.
    return _text(plain, room, depth) if type(plain) in {bool, int, float, complex} else _type_text(type(value))


def _frame(value: Any, room: int, depth: int) -> str:  # noqa: ARG001
    rows, columns = value.shape
    return f"{_NAME(type(value))}({rows} x {columns})"


def _series(value: Any, room: int, depth: int) -> str:  # noqa: ARG001
    kind = value.dtype
    module = _MODULE(type(kind))
    # pandas lets users bring column types of their own.
    known = type(module) is str and module.partition(".")[0] in {"numpy", "pandas", "polars"}
    return f"{_NAME(type(value))}({kind!s:.30}, {value.shape[0]})" if known else f"Series({value.shape[0]})"


def _image(value: Any, room: int, depth: int) -> str:  # noqa: ARG001
    return f"Image({value.mode}, {value.size[0]}x{value.size[1]})"


def _date(value: Any, room: int, depth: int) -> str:  # noqa: ARG001
    zone = getattr(value, "tzinfo", None)
    # Only the library's own zones may be asked: a user's tzinfo is the user's code.
    known = zone is None or any(
        type(zone) is getattr(sys.modules.get(module), name, None)
        for module, name in (("datetime", "timezone"), ("zoneinfo", "ZoneInfo"))
    )
    return f"{_NAME(type(value))}({value.isoformat()})" if known else _type_text(type(value))


def _named(value: Any, room: int, depth: int) -> str:
    return f"{_NAME(type(value))}({_str(str(value), max(room - 16, 12), depth)})"


def _path(value: Any, room: int, depth: int) -> str:
    return f"Path({_str(str(value), max(room - 6, 12), depth)})"


_Reader = Callable[[Any, int, int], str]

_EXACT: Final[dict[type, _Reader]] = {
    type(None): _plain,
    bool: _plain,
    int: _int,
    float: _plain,
    complex: _plain,
    str: _str,
    bytes: _bytes,
    bytearray: _bytearray,
    list: _items,
    tuple: _tuple,
    set: _set,
    frozenset: _frozenset,
    dict: _dict,
    range: lambda value, room, depth: (
        f"range({', '.join(_int(part, room, depth) for part in (value.start, value.stop, value.step))})"
    ),
    type(...): _plain,
    type: _class,
    FunctionType: _function,
    BuiltinFunctionType: _function,
    ModuleType: _module,
}

_NUMPY_SCALARS: Final = (
    *(
        "bool",
        "bool_",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "longlong",
        "ulonglong",
    ),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
# Type name -> the top-level packages that it is known of, and its reader.
_KNOWN: Final[dict[str, tuple[frozenset[str], _Reader]]] = {
    "ndarray": (frozenset({"numpy", "cupy"}), _array),
    "MaskedArray": (frozenset({"numpy"}), _array),
    "memmap": (frozenset({"numpy"}), _array),
    **{name: (frozenset({"numpy"}), _scalar) for name in _NUMPY_SCALARS},
    "DataFrame": (frozenset({"pandas", "polars"}), _frame),
    "Series": (frozenset({"pandas", "polars"}), _series),
    "Table": (frozenset({"pyarrow"}), _frame),
    "RecordBatch": (frozenset({"pyarrow"}), _frame),
    "Tensor": (frozenset({"torch"}), _tensor),
    "Image": (frozenset({"PIL"}), _image),
    "date": (frozenset({"datetime"}), _date),
    "datetime": (frozenset({"datetime"}), _date),
    "time": (frozenset({"datetime"}), _date),
    "timedelta": (frozenset({"datetime"}), _named),
    "Decimal": (frozenset({"decimal"}), _named),
    "UUID": (frozenset({"uuid"}), _named),
    "PosixPath": (frozenset({"pathlib"}), _path),
    "WindowsPath": (frozenset({"pathlib"}), _path),
}
