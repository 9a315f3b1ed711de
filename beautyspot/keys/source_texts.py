"""The texts that live code may have been made from, and what compiling a part of them gives.

Never trust the disk: a file may have been edited after it was imported. So every text that was seen is kept, and which
of them a function came from is decided by comparing bytecode.

Texts come from what was registered (the notebook extension registers each cell), the file, and ``linecache`` (IPython
puts the transformed text of every cell there).
"""

from __future__ import annotations

import ast
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

from beautyspot.keys.parsing import compile_module, parse

__all__ = [
    "Definition",
    "Text",
    "cell_names",
    "first_line",
    "note_file",
    "register_source",
    "register_tree",
    "texts_of",
]

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
_FUTURE_FLAGS = 0x1FE0000  # every ``from __future__`` feature that CPython has had; they change the bytecode
_KEPT_PER_FILE = 8
_KEPT_FILES = 4096

_lock = threading.Lock()  # replaced in a forked child, where nobody would release it
_texts: dict[str, list[Text]] = {}  # newest last
_file_stamps: dict[str, tuple[int, int]] = {}


class Text:
    """One version of a source, parsed when it is first needed."""

    __slots__ = ("_compiled", "_imports", "_index", "_tree", "text")

    def __init__(self, text: str | None, tree: ast.Module | None = None) -> None:
        self.text = text
        self._tree = tree
        self._imports: ast.Import | None = None
        self._index: dict[str, list[ast.stmt]] | None = None
        self._compiled: dict[tuple[int, int, bool], list[CodeType]] = {}

    @property
    def statements(self) -> list[ast.stmt]:
        """The top-level statements, none if the text is no Python."""
        if self._tree is None and self.text is not None:
            try:
                self._tree = parse(self.text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                self.text = None
        return self._tree.body if self._tree is not None else []

    def near(self, line: int) -> Iterator[ast.stmt]:
        """Yield the top-level statements that cover a line."""
        for statement in self.statements:
            if first_line(statement) <= line <= (statement.end_lineno or 0):
                yield statement

    def defining(self, name: str) -> Sequence[ast.stmt]:
        """Return the top-level statements in which something of that name is defined."""
        if self._index is None:
            index: dict[str, list[ast.stmt]] = {}
            for statement in self.statements:
                for found in {_name(node) for node in ast.walk(statement)}:
                    index.setdefault(found, []).append(statement)
            self._index = index
        return self._index.get(name, ())

    def compiled(self, statement: ast.stmt, flags: int) -> Iterator[CodeType]:
        """Yield every code object that a top-level statement gives, compiled in its module and by itself.

        Both are needed: CPython 3.11 compiles ``math.sin(x)`` in another way where the same module imports ``math``,
        and IPython compiles the statements of a cell one by one.

        Args:
            statement: One of `statements`.
            flags: Flags of the live code object; its ``__future__`` features are used.
        """
        for in_module in (True, False):
            key = (id(statement), flags & _FUTURE_FLAGS, in_module)
            known = self._compiled.get(key)
            if known is None:
                if self._imports is None:
                    self._imports = _imports(self.statements)
                body = [self._imports, statement] if in_module and self._imports.names else [statement]
                known = self._compiled[key] = _compile(body, flags & _FUTURE_FLAGS)
            yield from known


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Lambda):
        return "<lambda>"
    return node.name if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else ""


def _imports(statements: list[ast.stmt]) -> ast.Import:
    """Return one import statement that binds every name that the statements import at module level."""
    names: set[str] = set()
    pending: list[ast.AST] = list(statements)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif not _name(node) and isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            pending.extend(ast.iter_child_nodes(node))
    aliases = [ast.alias(name, lineno=1, col_offset=0) for name in sorted(names - {"*"})]
    return ast.Import(aliases, lineno=1, col_offset=0)


def _compile(body: list[ast.stmt], flags: int) -> list[CodeType]:
    for extra in (0, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):  # a notebook cell may await
        try:
            module = compile_module(ast.Module(body, []), "<beautyspot>", flags | extra)
        except (SyntaxError, ValueError, RecursionError):
            continue
        return list(_nested(module))
    return []


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _nested(constant)


def first_line(node: ast.AST) -> int:
    """Return the line of the first decorator, as code objects do."""
    decorators = getattr(node, "decorator_list", None)
    line: int = getattr(node, "lineno", 0)
    return min(line, decorators[0].lineno) if decorators else line


def register_source(filename: str, text: str) -> None:
    """Remember the text that code with this file name is about to be compiled from.

    Several texts may be registered under one name: live code tells which of them it came from.
    """
    _remember(filename, Text(text))


def register_tree(filename: str, tree: ast.Module) -> None:
    """Remember a syntax tree that is about to be compiled under this file name."""
    _remember(filename, Text(None, tree))


def _forked() -> None:
    global _lock  # noqa: PLW0603  # there is one registry
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _remember(filename: str, text: Text) -> None:
    with _lock:
        known = _texts.pop(filename, [])
        known = [old for old in known if old.text != text.text or old.text is None]
        _texts[filename] = [*known, text][-_KEPT_PER_FILE:]  # popped and set again: newest files are last
        while len(_texts) > _KEPT_FILES:
            del _texts[next(iter(_texts))]


def texts_of(filename: str) -> Iterator[Text]:
    """Yield the known texts of a file name, newest first."""
    return reversed(_texts.get(filename, ()))


def note_file(filename: str, namespace: dict[str, Any] | None = None) -> None:
    """Read the file (or linecache entry) behind `filename` if this version of it was not seen yet."""
    try:
        status = Path(filename).stat()
    except (OSError, ValueError):
        _note_linecache(filename, namespace)
        return
    stamp = (status.st_mtime_ns, status.st_size)
    if _file_stamps.get(filename) == stamp:
        return
    import tokenize

    try:
        with tokenize.open(filename) as file:
            text = file.read()
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return
    _remember(filename, Text(text))
    _file_stamps[filename] = stamp


def _note_linecache(filename: str, namespace: dict[str, Any] | None) -> None:
    import linecache

    try:
        lines = linecache.getlines(filename, namespace)
    except Exception:  # a loader of the user's may raise anything; then there is no text, and bytecode is used
        return
    if lines:
        text = "".join(lines)
        if not any(known.text == text for known in _texts.get(filename, ())):
            _remember(filename, Text(text))


def cell_names() -> list[str]:
    """Return the file names of notebook cells and registered sources, newest first."""
    import linecache

    cells = [name for name, entry in list(linecache.cache.items()) if len(entry) == 4 and entry[1] is None]
    return list(dict.fromkeys([*reversed(list(_texts)), *reversed(cells)]))
