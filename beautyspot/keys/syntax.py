"""One canonical byte form of Python syntax, equal for CPython 3.11 to 3.14.

Rules (all of them follow from: equal behaviour that a reader would call "the same code" gives equal bytes):

- Fields are written by name in alphabetical order; fields that are ``None`` or empty are left out, so a field that a
  later Python adds (``type_params``) changes nothing until it is used.
- A gap in a list is no ``None``: ``{**a}`` is not ``{None: a}``.
- Positions, ``ctx``, ``kind``, ``type_comment`` and ``type_ignores`` are left out.
- Docstrings of functions and classes are left out.
- Adjacent constants inside an f-string are merged and empty ones dropped: the parsers of 3.11 and 3.12 differ there.
- Constants carry their exact type: ``1``, ``True``, ``1.0``, ``'1'``, ``0.0`` and ``-0.0`` all differ.
- Everything is self-delimiting: names are length-prefixed, nodes and lists are bracketed.

The walk keeps its own stack: an expression that the parser accepts never ends in a ``RecursionError`` here.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Collection, Sequence

_DROPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_ABSENT = b"-"  # the key of ``{**a}``, the default of a keyword parameter that has none
_DEFINITIONS = frozenset({"FunctionDef", "AsyncFunctionDef", "ClassDef"})


def canonical_ast(
    node: ast.AST | Sequence[ast.stmt], *, skip: Collection[int] = (), module_docstring: bool = True
) -> bytes:
    """Encode syntax so that equal code has equal bytes under every supported Python.

    Args:
        node: A node, or the statements of a module or notebook cell.
        skip: ``id()`` of decorator nodes to leave out.
        module_docstring: Whether a first string of an ``ast.Module`` counts (a cell's first string is no docstring).

    Returns:
        Unambiguous bytes, to be hashed.

    Example:
        >>> import ast
        >>> canonical_ast(ast.parse("f(1)  # one")) == canonical_ast(ast.parse("f( 1 )"))
        True
        >>> canonical_ast(ast.parse("f(1)")) == canonical_ast(ast.parse("f(True)"))
        False
    """
    start: Any = node if hasattr(node, "_fields") else list(node)
    if not module_docstring and start.body and _is_docstring(start.body[0]):
        start = type(start)(start.body[1:], [])
    out: list[bytes] = []
    stack = [start]
    while stack:
        item = stack.pop()
        kind: Any = type(item)
        if kind is bytes:
            out.append(item)
        elif kind is list:
            out.append(b"[")
            stack.append(b"]")
            stack.extend([_ABSENT if part is None else part for part in reversed(item)])
        elif not hasattr(item, "_fields"):
            out.append(_text(item) if kind is str else _constant(item))
        elif kind.__name__ == "Constant":
            out.append(_constant(item.value))
        else:
            opening, fields = _plan(kind)
            out.append(opening)
            stack.append(b")")
            _push_fields(stack, item, fields, skip)
    return b"".join(out)


def _push_fields(stack: list[Any], node: Any, fields: tuple[tuple[str, bytes], ...], skip: Collection[int]) -> None:
    for field, label in fields:
        value = getattr(node, field, None)
        if value is None:
            continue
        if type(value) is list:
            value = _list_field(type(node).__name__, field, value, skip)
            if not value:
                continue
        elif field == "format_spec" and not _joined(getattr(value, "values", [value])):
            continue  # an empty one means the same as none
        stack.append(value)
        stack.append(label)


def _list_field(name: str, field: str, value: list[Any], skip: Collection[int]) -> list[Any]:
    """Return what counts of a list: no docstring, no skipped decorator, f-string parts merged."""
    if name in _DEFINITIONS:
        if field == "body":
            return value[1:] if _is_docstring(value[0]) else value
        if skip and field == "decorator_list":
            return [item for item in value if id(item) not in skip]
    return _joined(value) if name == "JoinedStr" else value


@cache
def _plan(kind: type) -> tuple[bytes, tuple[tuple[str, bytes], ...]]:
    """Return opening bytes and fields in reverse order (they go on a stack)."""
    name = kind.__name__
    fields = sorted((f for f in kind._fields if f not in _DROPPED), reverse=True)  # type: ignore[attr-defined]
    return b"(" + name.encode() + b" ", tuple((f, f.encode() + b"=") for f in fields)


def _is_docstring(statement: Any) -> bool:
    return (
        type(statement).__name__ == "Expr"
        and type(getattr(statement.value, "value", None)) is str
        and _is_constant(statement.value)
    )


def _is_constant(node: Any) -> bool:
    return type(node).__name__ == "Constant"


def _joined(values: list[Any]) -> list[Any]:
    """Merge adjacent text parts of an f-string and drop empty ones."""
    merged: list[Any] = []
    text = ""
    for value in values:
        if _is_constant(value) and type(value.value) is str:
            text += value.value
            continue
        if text:
            merged.append(b"'" + _text(text))
            text = ""
        merged.append(value)
    if text:
        merged.append(b"'" + _text(text))
    return merged


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(data), data)


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    str: lambda value: b"'" + _text(value),
    int: lambda value: b"i%x;" % value,
    bytes: lambda value: b"b%d:%b" % (len(value), value),
    float: lambda value: b"f%b;" % value.hex().encode(),
    complex: lambda value: b"j%b,%b;" % (value.real.hex().encode(), value.imag.hex().encode()),
    bool: lambda value: b"T" if value else b"F",
    type(None): lambda _: b"N",
    type(...): lambda _: b"E",
    # Only trees that an optimiser made hold these.
    tuple: lambda value: b"t%d:" % len(value) + b"".join(_constant(item) for item in value),
    frozenset: lambda value: b"z%d:" % len(value) + b"".join(sorted(_constant(item) for item in value)),
}


def _constant(value: object) -> bytes:
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise TypeError(f"{type(value).__name__} is no constant of Python syntax")
    return encoder(value)
