"""The syntax of a live function: a candidate counts only if compiling it gives the function's bytecode."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType
from typing import Any

from beautyspot.keys.source_texts import Definition, Text, first_line, note_file, texts_of

__all__ = ["find_code", "same_code"]


def find_code(code: CodeType, namespace: dict[str, Any] | None = None) -> Definition | None:
    """Return the definition that `code` was compiled from, None if no known text gives this bytecode.

    Args:
        code: Code object of a function or lambda.
        namespace: The function's globals, for loaders that serve source text from archives.
    """
    note_file(code.co_filename, namespace)
    for text in texts_of(code.co_filename):
        definition = _match(code, text)
        if definition is not None:
            return definition
    return None


def _match(code: CodeType, text: Text) -> Definition | None:
    """Return the definition at the same place if it fits, else the nearest one with the same bytecode."""
    line = code.co_firstlineno
    near = list(text.near(line))
    best: tuple[int, Definition] | None = None
    for distance, definition in _equal(code, text, near):
        if distance < 0:
            return definition
        if best is None or distance < best[0]:
            best = distance, definition
    if best is None:
        elsewhere = [s for s in text.defining(code.co_name) if s not in near]
        best = min(_equal(code, text, elsewhere), key=lambda item: item[0], default=None)
    return best[1] if best else None


def _equal(code: CodeType, text: Text, statements: list[ast.stmt]) -> Iterator[tuple[int, Definition]]:
    """Yield distance in lines (-1: exactly here) and definition of what has this bytecode."""
    for statement in statements:
        nodes: list[Definition] | None = None
        for candidate in text.compiled(statement, code.co_flags):
            if candidate.co_qualname != code.co_qualname or not same_code(candidate, code):
                continue
            nodes = nodes if nodes is not None else _definitions(statement, code.co_name)
            definition = _node_of(candidate, nodes)
            if definition is not None:
                distance = abs(candidate.co_firstlineno - code.co_firstlineno)
                yield (-1 if not distance and candidate.co_linetable == code.co_linetable else distance), definition


def _definitions(statement: ast.stmt, name: str) -> list[Definition]:
    if name == "<lambda>":
        return [n for n in ast.walk(statement) if isinstance(n, ast.Lambda)]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [n for n in ast.walk(statement) if isinstance(n, kinds) and n.name == name]


def _node_of(code: CodeType, nodes: list[Definition]) -> Definition | None:
    """Return the node that a code object compiled from the same tree stands for."""
    here = [n for n in nodes if first_line(n) == code.co_firstlineno]
    if len(here) < 2 or code.co_name != "<lambda>":
        return here[0] if here else None
    spans = [p for p in code.co_positions() if None not in p and p[2] != p[3]]
    inside = [n for n in here if isinstance(n, ast.Lambda) and all(_covers(n.body, p) for p in spans)]
    if spans and inside:
        return min(inside, key=lambda n: _extent(n.body))
    from beautyspot.keys.syntax import canonical_ast

    return here[0] if len({canonical_ast(n) for n in here}) == 1 else None


def _covers(node: ast.expr, position: tuple[int | None, ...]) -> bool:
    line, end_line, column, end_column = position
    start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    return start <= (line, column) and (end_line, end_column) <= end


def _extent(node: ast.expr) -> tuple[int, int]:
    return ((node.end_lineno or 0) - node.lineno, (node.end_col_offset or 0) - node.col_offset)


def same_code(a: CodeType, b: CodeType) -> bool:
    """Return whether two code objects do the same, wherever they stand."""
    if (
        a.co_code != b.co_code
        or a.co_names != b.co_names
        or a.co_varnames != b.co_varnames
        or a.co_freevars != b.co_freevars
        or a.co_cellvars != b.co_cellvars
        or a.co_flags != b.co_flags
        or a.co_argcount != b.co_argcount
        or a.co_posonlyargcount != b.co_posonlyargcount
        or a.co_kwonlyargcount != b.co_kwonlyargcount
        or a.co_name != b.co_name
        or len(a.co_consts) != len(b.co_consts)
    ):
        return False
    return all(_same_constant(x, y) for x, y in zip(a.co_consts, b.co_consts, strict=True))


def _same_constant(x: object, y: object) -> bool:
    if isinstance(x, CodeType):
        return isinstance(y, CodeType) and same_code(x, y)
    if type(x) is not type(y):
        return False
    if isinstance(x, tuple):
        assert isinstance(y, tuple)
        return len(x) == len(y) and all(_same_constant(i, j) for i, j in zip(x, y, strict=True))
    if isinstance(x, frozenset):
        assert isinstance(y, frozenset)
        return {(type(i), repr(i)) for i in x} == {(type(i), repr(i)) for i in y}
    return repr(x) == repr(y) if isinstance(x, (float, complex)) else x == y
