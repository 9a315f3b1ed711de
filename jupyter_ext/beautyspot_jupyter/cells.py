"""The text of a cell, analysed once: its digest, what it reads and binds, what to execute again on a hit."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass

from blake3 import blake3

from beautyspot.keys.source import canonical_ast
from beautyspot_jupyter.definitions import Definitions, find_definitions
from beautyspot_jupyter.hazards import Hazards, find_hazards, magic_call
from beautyspot_jupyter.names import Names, bound_names, find_names

__all__ = ["FUTURE_FLAGS", "Cell", "analyse"]

SCHEMA = 1  # raised whenever the meaning of a cell's key or of what is stored for it changes
FUTURE_FLAGS = 0x1FE0000  # every ``from __future__`` feature that changes compiled code
_ANNOTATIONS = 0x1000000
_CODE_MAGICS = frozenset({"time", "timeit", "prun"})
_SWITCHES = re.compile(r"\s*(?:-[a-zA-Z]\s*\d*\s+)+")


@dataclass(frozen=True, slots=True)
class Cell:
    """One analysed text.

    Attributes:
        body: The text as written, without the ``%%spot`` line.
        source: The text as Python.
        tree: Its statements, with line numbers of `source`.
        code: Digest of what the text means, in hexadecimal digits.
        quiet: Whether it ends with a semicolon.
        is_async: Whether it awaits at its top level.
        names: What it reads and binds.
        definitions: Imports, functions and classes.
        hazards: What cannot be followed.
    """

    body: str
    source: str
    tree: ast.Module
    code: str
    quiet: bool
    is_async: bool
    names: Names
    definitions: Definitions
    hazards: Hazards


def analyse(body: str, transform: Callable[[str], str], flags: int = 0, interactivity: str = "last_expr") -> Cell:
    """Analyse a cell.

    Args:
        body: The text below the ``%%spot`` line.
        transform: Turns IPython's syntax into Python's (``InteractiveShell.transform_cell``).
        flags: Future features that earlier cells switched on.
        interactivity: The shell's ``ast_node_interactivity``.

    Raises:
        SyntaxError: The text is no Python.
    """
    return _analyse(body, transform(body), flags & FUTURE_FLAGS, interactivity)


@functools.lru_cache(maxsize=256)
def _analyse(body: str, source: str, flags: int, interactivity: str) -> Cell:
    tree = _parse(source, flags)
    seen = _Unfolded().visit(_parse(source, flags))
    ast.fix_missing_locations(seen)
    quiet = ends_with_semicolon(source)
    lazy = bool(flags & _ANNOTATIONS) or _future_annotations(seen)
    facts = [str(SCHEMA), str(flags), str(quiet), interactivity]
    code = blake3("\0".join(facts).encode() + b"\0" + canonical_ast(seen.body)).hexdigest(24)
    return Cell(
        body=body,
        source=source,
        tree=tree,
        code=code,
        quiet=quiet,
        is_async=_awaits(tree, flags),
        names=find_names(seen, lazy_annotations=lazy),
        definitions=find_definitions(seen),
        hazards=find_hazards(seen),
    )


def _parse(source: str, flags: int) -> ast.Module:
    allow = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(source, "<cell>", "exec", flags | ast.PyCF_ONLY_AST | allow, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def _awaits(tree: ast.Module, flags: int) -> bool:
    code = compile(tree, "<cell>", "exec", flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return bool(code.co_flags & inspect.CO_COROUTINE)


def _future_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(a.name == "annotations" for a in node.names)
        for node in tree.body
    )


def ends_with_semicolon(source: str) -> bool:
    """Whether the last token of a text is a semicolon, which keeps IPython from showing the last value."""
    import io
    import tokenize

    ignored = {tokenize.ENDMARKER, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.DEDENT, tokenize.INDENT}
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type not in ignored:
                last = token.string
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return False
    return last == ";"


class _Unfolded(ast.NodeTransformer):
    """Puts the code inside ``%time``, ``%%time`` and the like in the place of the magic's call, for reading only."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:  # the name ast asks for
        inner = self._inner(node.value)
        if inner is None:
            return self.generic_visit(node)
        marker = ast.copy_location(ast.Expr(ast.Constant(inner[0])), node)
        return [marker, *inner[1]]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        inner = self._inner(node)
        if inner is None or len(inner[1]) != 1 or not isinstance(inner[1][0], ast.Expr):
            return self.generic_visit(node)
        return ast.copy_location(ast.Tuple([ast.Constant(inner[0]), inner[1][0].value], ast.Load()), node)

    def _inner(self, node: ast.expr) -> tuple[str, list[ast.stmt]] | None:
        magic = magic_call(node)
        if magic is None or magic[0] not in {"run_line_magic", "run_cell_magic"}:
            return None
        texts = [arg.value if isinstance(arg, ast.Constant) else None for arg in magic[1]]
        if not texts or texts[0] not in _CODE_MAGICS or not all(isinstance(text, str) for text in texts):
            return None
        line, code = ("", str(texts[1])) if magic[0] == "run_line_magic" else (str(texts[1]), str(texts[-1]))
        switches = _SWITCHES.match(code) if magic[0] == "run_line_magic" else None
        if switches is not None:
            line, code = switches[0], code[switches.end() :]
        try:
            body = ast.parse(_transformed(code.strip() if magic[0] == "run_line_magic" else code)).body
        except SyntaxError:  # options such as ``%prun -s cumtime f()``: no Python, and the magic stays a hazard
            return None
        if texts[0] == "timeit" and any(True for _ in bound_names(body)):
            return None  # what it binds are variables of the timing function, not of the notebook
        for statement in body:
            for part in ast.walk(statement):
                ast.copy_location(part, node)
        return f"%{texts[0]} {line}", [self.visit(statement) for statement in body]


def _transformed(text: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    return str(TransformerManager().transform_cell(text))  # type: ignore[no-untyped-call,unused-ignore]
