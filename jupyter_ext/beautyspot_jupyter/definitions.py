"""Imports, functions and classes of a cell: never stored, but executed again from the cell's own text on a hit.

That is allowed for statements at the top level of the cell whose decorators, defaults and bases are made of things that
are there before anything is restored: builtins, names the cell only reads, imports and earlier definitions.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import FunctionType

from beautyspot_jupyter.names import bound_names, find_names

__all__ = ["Definitions", "changed_since", "find_definitions"]

_DEFS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(slots=True)
class Definitions:
    """What `find_definitions` found.

    Attributes:
        statements: The statements to execute again, in order.
        names: The names whose last binding is one of them.
        elsewhere: Names that a definition or import inside a block binds.
        refused: Why a definition cannot be executed again, by name.
    """

    statements: list[ast.stmt] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def find_definitions(tree: ast.Module) -> Definitions:
    r"""Find the definitions of a cell.

    Example:
        >>> found = find_definitions(ast.parse("import math\nx = 1\ndef f(): return x"))
        >>> sorted(found.names), len(found.statements)
        (['f', 'math'], 2)
    """
    found = Definitions()
    last: dict[str, bool] = {}
    data_names = {name for node in tree.body if not _is_definition(node) for name in bound_names([node])}
    for node in tree.body:
        defines = _is_definition(node)
        for name in bound_names([node]):
            last[name] = defines
        if defines:
            found.statements.append(node)
            for used in sorted(_eager(node) & data_names):
                for name in bound_names([node]):
                    found.refused[name] = f"{name} is defined with {used}, which the same cell computes"
        else:
            found.elsewhere.update(_hidden(node))
    found.names = {name for name, defines in last.items() if defines}
    return found


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, (*_DEFS, ast.ClassDef, ast.Import, ast.ImportFrom)) or _is_optional_import(node):
        return True
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Lambda)
        and all(isinstance(target, ast.Name) for target in node.targets)
    )


def _is_optional_import(node: ast.stmt) -> bool:
    """``try: import x`` with nothing but imports and constants in all its branches."""
    if not isinstance(node, ast.Try) or not any(isinstance(part, (ast.Import, ast.ImportFrom)) for part in node.body):
        return False
    handled = [part for handler in node.handlers for part in handler.body]
    return all(_is_harmless(part) for part in (*node.body, *handled, *node.orelse, *node.finalbody))


def _is_harmless(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return isinstance(node.value, ast.Constant) and all(isinstance(target, ast.Name) for target in node.targets)
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass))


def changed_since(
    statements: Sequence[ast.stmt], attributes_set: Iterable[tuple[str, ...]], name: str, value: object
) -> bool:
    """Whether a function or class is no longer what its definition makes: attributes set, mutable defaults changed."""
    if not isinstance(value, (FunctionType, type)):
        return False
    if any(chain[0] == name for chain in attributes_set):
        return True
    for node in statements:
        if isinstance(node, _DEFS) and node.name == name and isinstance(value, FunctionType):
            if not node.decorator_list and any(not key.startswith("__") for key in vars(value)):
                return True
            live = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
            written = (*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None))
            return len(live) == len(written) and any(map(_differs, written, live))
        if isinstance(node, ast.ClassDef) and node.name == name:
            return any(
                _differs(part.value, vars(value).get(part.targets[0].id))
                for part in node.body
                if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name)
            )
    return False


def _differs(written: ast.expr, live: object) -> bool:
    if type(live) not in (list, dict, set):
        return False
    try:
        return bool(ast.literal_eval(written) != live)
    except (ValueError, TypeError, SyntaxError):
        return False


def _eager(node: ast.stmt) -> set[str]:
    """The names that are loaded where the definition stands."""
    return {name for name in find_names(ast.Module([node], [])).hard if not hasattr(builtins, name)}


def _hidden(node: ast.stmt) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, (*_DEFS, ast.ClassDef)):
            yield inner.name
        elif isinstance(inner, (ast.Import, ast.ImportFrom)):
            yield from bound_names([inner])
