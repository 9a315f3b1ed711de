"""What one function or class statement contributes by itself: its canonical text and the outside names it uses.

Computed once per code object (or class) and kept: the text of live code does not change, and keeping it makes an
edit of the file without reload harmless.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from beautyspot.keys.source_find import find_code
from beautyspot.keys.source_find_class import find_class, own_functions
from beautyspot.keys.source_graph import combine
from beautyspot.keys.source_names import Uses, bytecode_uses, syntax_uses
from beautyspot.keys.source_origin import is_infrastructure, static_attribute
from beautyspot.keys.source_texts import Definition
from beautyspot.keys.syntax import canonical_ast

__all__ = ["MISSING", "Described", "cells_of", "describe_class", "describe_code", "short_name"]

MISSING: Any = object()
_METHODS = frozenset({"mark", "limiter", "task"})
_Lookup = Callable[[str], object]


class Described(NamedTuple):
    """One definition by itself.

    Attributes:
        text: Digest of the canonical syntax (or of the bytecode if no syntax is known).
        uses: Names from outside.
        portable: False if `text` is a digest of bytecode.
        bound: For a class: names that its body binds.
    """

    text: bytes
    uses: Uses
    portable: bool
    bound: frozenset[str] = frozenset()


_codes: dict[int, tuple[weakref.ref[CodeType], Described]] = {}
_classes: weakref.WeakKeyDictionary[type, tuple[list[CodeType], Described | None]] = weakref.WeakKeyDictionary()


def short_name(qualname: str) -> str:
    """Return a qualified name without the ``<locals>`` steps."""
    return qualname.replace("<locals>.", "")


def cells_of(function: FunctionType) -> dict[str, Any]:
    """Return the closure cells of a function by variable name."""
    return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))


def describe_code(function: FunctionType) -> Described:
    """Describe the definition of a live function."""
    code = function.__code__
    known = _codes.get(id(code))
    if known is not None and known[0]() is code:
        return known[1]
    node = find_code(code, function.__globals__)
    if node is None:
        described = Described(combine("bytecode", _bytecode(code)), bytecode_uses(code), portable=False)
    else:
        described = _describe(node, _lookup(function.__globals__, cells_of(function)), _owner(code.co_qualname))
    ident = id(code)
    _codes[ident] = (weakref.ref(code, lambda _: _codes.pop(ident, None)), described)
    return described


def _owner(qualname: str) -> str:
    """Return the innermost class around a function, after which Python mangles ``__private`` names."""
    steps = qualname.split(".")
    classes = [step for step, inner in itertools.pairwise(steps) if "<locals>" not in (step, inner)]
    return classes[-1] if classes else ""


def describe_class(cls: type, namespace: Mapping[str, object], cells: Mapping[str, Any]) -> Described | None:
    """Describe the statement of a live class; None if no known text fits it."""
    codes = [function.__code__ for function in own_functions(cls)]
    known = _classes.get(cls)
    if known is not None and list(map(id, known[0])) == list(map(id, codes)):  # else a reloader put new methods in
        return known[1]
    node = find_class(cls)
    described = None
    if node is not None:
        described = _describe(node, _lookup(namespace, cells), "")._replace(bound=frozenset(_bound(node)))
    _classes[cls] = codes, described
    return described


def _describe(node: Definition, lookup: _Lookup, owner: str) -> Described:
    skip = frozenset(_own_decorators(node, lookup))
    return Described(combine("text", [canonical_ast(node, skip=skip)]), syntax_uses(node, skip=skip, owner=owner), True)


def _lookup(namespace: Mapping[str, object], cells: Mapping[str, Any]) -> _Lookup:
    def find(name: str) -> object:
        if name in cells:
            try:
                return cells[name].cell_contents
            except ValueError:  # not assigned yet
                return MISSING
        return namespace.get(name, getattr(builtins, name, MISSING))

    return find


def _own_decorators(node: Definition, lookup: _Lookup) -> Iterator[int]:
    """Yield ``id()`` of the decorators that are beautyspot's own."""
    for inner in ast.walk(node):
        for decorator in getattr(inner, "decorator_list", ()):
            root, last = _root(decorator)
            if root is None:
                continue
            value = lookup(root)
            if value is MISSING:
                # A Spot in a local variable of an enclosing function is out of sight, though it did decorate.
                if inner is node and last in _METHODS:
                    yield id(decorator)
            elif is_infrastructure(value) or _made_by_module(decorator, value):
                yield id(decorator)


def _made_by_module(decorator: ast.expr, value: object) -> bool:
    """Return whether the decorator reaches a Spot through a user's module: ``cfg.spot.mark``."""
    steps: list[str] = []
    while not isinstance(decorator, ast.Name):
        if isinstance(decorator, ast.Attribute):
            steps.append(decorator.attr)
            decorator = decorator.value
        elif isinstance(decorator, ast.Call):
            decorator = decorator.func
        else:
            return False
    for step in reversed(steps):
        value = static_attribute(value, step)
        if value is None:
            return False
        if is_infrastructure(value):
            return True
    return False


def _root(expression: ast.expr) -> tuple[str | None, str]:
    """Return the name that a decorator expression starts from and the last attribute of it."""
    last = ""
    while True:
        if isinstance(expression, ast.Call):
            expression = expression.func
        elif isinstance(expression, ast.Attribute):
            last = last or expression.attr
            expression = expression.value
        else:
            return (expression.id if isinstance(expression, ast.Name) else None), last


def _bound(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        for inner in ast.walk(statement):
            if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
                yield inner.id
            elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield inner.name


def _bytecode(code: CodeType) -> Iterator[bytes | str]:
    """Yield what tells two code objects of one Python version apart."""
    yield code.co_code
    yield f"{code.co_argcount},{code.co_posonlyargcount},{code.co_kwonlyargcount},{code.co_flags},{code.co_name}"
    for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
        yield "\0".join(names)
    for constant in code.co_consts:
        yield from _constant(constant)


def _constant(constant: object) -> Iterator[bytes | str]:
    if isinstance(constant, CodeType):
        yield combine("bytecode", _bytecode(constant))
    elif isinstance(constant, (tuple, frozenset)):
        items = [combine("item", _constant(item)) for item in constant]
        yield f"{type(constant).__name__}{len(items)}"
        yield from (items if isinstance(constant, tuple) else sorted(items))
    else:
        yield f"{type(constant).__name__}:{constant!r}"
