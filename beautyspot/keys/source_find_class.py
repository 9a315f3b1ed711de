"""The statement of a live class, which `inspect.getsource` cannot find in a notebook.

A statement fits if every method that was written in it still compiles to the live bytecode. A class without methods
fits if it has the fields and constants of the statement.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from beautyspot.keys.source_find import same_code
from beautyspot.keys.source_texts import Text, cell_names, note_file, texts_of

__all__ = ["find_class", "own_functions"]


def find_class(cls: type) -> ast.ClassDef | None:
    """Return the class statement that made `cls`, None if no known text fits it."""
    methods = [f for f in own_functions(cls) if f.__code__.co_qualname.startswith(cls.__qualname__ + ".")]
    module = sys.modules.get(cls.__module__)
    if methods:
        filenames = list(dict.fromkeys(f.__code__.co_filename for f in methods))
    else:
        file = vars(module).get("__file__") if module else None
        filenames = [file] if file else []
        if cls.__module__ == "__main__" or not file:
            filenames += cell_names()
    for filename in filenames:
        note_file(filename, vars(module) if module else None)
        for text in texts_of(filename):
            found = _class_in(text, cls, methods)
            if found is not None:
                return found
    return None


def own_functions(cls: type) -> Iterator[FunctionType]:
    """Yield the functions that the members of a class consist of."""
    for value in vars(cls).values():
        for part in (value, *(getattr(value, name, None) for name in ("__func__", "fget", "fset", "fdel", "func"))):
            if isinstance(part, FunctionType):
                yield part


def _class_in(text: Text, cls: type, methods: list[FunctionType]) -> ast.ClassDef | None:
    path = cls.__qualname__.replace("<locals>.", "").split(".")
    for statement in reversed(text.defining(cls.__name__)):
        for node in reversed(list(_classes(statement, path))):
            if _fits(text, statement, node, cls, methods):
                return node
    return None


def _classes(node: ast.AST, path: list[str]) -> Iterator[ast.ClassDef]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        if node.name != path[0]:
            return
        path = path[1:]
        if not path:
            if isinstance(node, ast.ClassDef):
                yield node
            return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.stmt, ast.ExceptHandler)):
            yield from _classes(child, path)


def _fits(text: Text, statement: ast.stmt, node: ast.ClassDef, cls: type, methods: list[FunctionType]) -> bool:
    if methods:
        compiled = list(text.compiled(statement, methods[0].__code__.co_flags))
        return all(any(same_code(code, method.__code__) for code in compiled) for method in methods)
    return _has_members(node, cls)


def _has_members(node: ast.ClassDef, cls: type) -> bool:
    """Return whether a class without methods has the fields and plain values that the statement gives it."""
    members = vars(cls)
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            if not _annotated(cls, item.target.id):
                return False
        elif isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            name = item.targets[0].id
            if name not in members and not name.startswith("__"):
                return False
            if isinstance(item.value, ast.Constant) and not _holds(members.get(name), item.value.value):
                return False
    return not (
        set(_annotations(cls))
        - {i.target.id for i in ast.walk(node) if isinstance(i, ast.AnnAssign) and isinstance(i.target, ast.Name)}
    )


def _annotations(cls: type) -> dict[str, Any]:
    try:
        found = vars(cls).get("__annotations__") or (cls.__annotations__ if "__annotate_func__" in vars(cls) else {})
    except Exception:  # lazily evaluated annotations may raise anything
        return {}
    return dict(found)


def _annotated(cls: type, name: str) -> bool:
    return name in _annotations(cls)


def _holds(live: object, constant: object) -> bool:
    import enum

    if isinstance(live, enum.Enum):
        live = live.value
    if hasattr(type(live), "__get__") or live is None:
        return True  # descriptors and members that a decorator or metaclass replaced say nothing
    return type(live) is not type(constant) or live == constant
