"""Running the statements of a cell as IPython would, under the outer cell's file name and line numbers.

Not by a nested ``run_cell``: that would report a failed cell as ok, fire events twice, lose the semicolon, not await.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import Any

from beautyspot.errors import SpotError
from beautyspot.keys.source import register_tree
from beautyspot_jupyter.cells import Cell

__all__ = ["Place", "execute", "execute_async", "find_place", "show_only_body"]

_OURS = ("IPython", "ipykernel", "beautyspot_jupyter", "beautyspot", "decorator", "traitlets")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cell stands.

    Attributes:
        namespace: The variables it reads and writes.
        filename: File name of the outer cell, as tracebacks and the debugger know it.
        offset: Number of lines of the outer cell above the first line of the transformed body.
        awaited: Whether the caller awaits what the magic returns.
    """

    namespace: dict[str, Any]
    filename: str
    offset: int
    awaited: bool


def find_place(shell: Any, raw_cell: str | None, cell: Cell) -> Place:
    """Find the frame that the magic was called from.

    Args:
        shell: The shell.
        raw_cell: The outer cell as it was sent, if known.
        cell: The body.
    """
    frame = _calling_frame(shell)
    if frame is None:
        return Place(shell.user_ns, "<spot>", 0, awaited=False)
    awaited = bool(frame.f_code.co_flags & inspect.CO_COROUTINE)
    filename = frame.f_code.co_filename
    offset = 0
    is_cell = filename in getattr(shell.compile, "_filename_map", {}) and frame.f_globals is shell.user_ns
    if raw_cell is not None and is_cell and "%%spot" in raw_cell:
        offset = _lines_above(raw_cell, cell)
        _publish_source(filename, raw_cell, cell, offset)
    elif frame.f_lineno:
        offset = frame.f_lineno - 1  # a script that calls the magic: the call's own line
    return Place(frame.f_globals, filename, offset, awaited)


def _calling_frame(shell: Any) -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # there is no public way to a caller's frame but inspect's slow one
    while frame is not None:
        if frame.f_globals is shell.user_ns:
            return frame
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _OURS:
            return frame
        frame = frame.f_back
    return None


def _lines_above(raw_cell: str, cell: Cell) -> int:
    lines = raw_cell.splitlines()
    magic = next((i for i, line in enumerate(lines) if line.lstrip().startswith("%%spot")), 0)
    body = cell.body.splitlines()
    blank = next((i for i, line in enumerate(body) if line.strip()), 0)
    return magic + 1 + blank  # IPython drops empty first lines


def _publish_source(filename: str, raw_cell: str, cell: Cell, offset: int) -> None:
    """Give linecache the cell as text that parses: tracebacks, pdb and inspect read it from there."""
    above = ["# " + line if line.strip() else "" for line in raw_cell.splitlines()[:offset]]
    text = "\n".join([*above, cell.source])
    linecache.cache[filename] = (len(text), None, [line + "\n" for line in text.splitlines()], filename)


def compile_cell(shell: Any, cell: Cell, place: Place) -> list[CodeType]:
    """Compile statement by statement, the shown expression in the mode that calls the display hook.

    Raises:
        SyntaxError: A statement does not stand where it may stand.
    """
    flags = shell.compile.flags | ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(cell.source, place.filename, "exec", flags, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    ast.increment_lineno(tree, place.offset)
    tree = shell.transform_ast(tree)
    register_tree(place.filename, tree)
    codes = []
    for node, mode in _modes(tree.body, shell.ast_node_interactivity, cell.quiet):
        wrapped = ast.Module([node], []) if mode == "exec" else ast.Interactive([node])
        with shell.compile.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if shell.autoawait else 0):
            codes.append(shell.compile(wrapped, place.filename, mode))
    return codes


def _modes(body: list[ast.stmt], interactivity: str, quiet: bool) -> Iterator[tuple[ast.stmt, str]]:
    nodes = list(body)
    if interactivity == "last_expr_or_assign" and nodes:
        target = _assigned(nodes[-1])
        if target is not None:
            shown = ast.Expr(ast.Name(target, ast.Load()))
            nodes.append(ast.fix_missing_locations(ast.copy_location(shown, nodes[-1])))
    for index, node in enumerate(nodes):
        last = index == len(nodes) - 1
        if interactivity == "all":
            shows = True
        elif interactivity == "last":
            shows = last
        elif interactivity == "none":
            shows = False
        else:
            shows = last and isinstance(node, ast.Expr)
        yield node, "single" if shows and not (quiet and last) else "exec"


def _assigned(node: ast.stmt) -> str | None:
    target: ast.expr | None = None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        target = node.target
    return target.id if isinstance(target, ast.Name) else None


def execute(shell: Any, cell: Cell, place: Place) -> None:
    """Run a cell that does not await."""
    for code in compile_cell(shell, cell, place):
        hook, sys.excepthook = sys.excepthook, shell.excepthook
        try:
            exec(code, place.namespace)  # noqa: S102  # it is the user's own cell
        finally:
            sys.excepthook = hook


async def execute_async(shell: Any, cell: Cell, place: Place) -> None:
    """Run a cell that awaits at its top level."""
    for code in compile_cell(shell, cell, place):
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, place.namespace)  # noqa: S307  # it is the user's own cell
        else:
            exec(code, place.namespace)  # noqa: S102


def show_only_body(shell: Any, error: BaseException) -> None:
    """Let IPython show the traceback from the cell's own line on, without the frames of the magic above it.

    Args:
        shell: The shell.
        error: What the cell, or the magic itself, raised.
    """
    found = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == __name__:
            found = trace.tb_next
        trace = trace.tb_next
    inner: TracebackType | None = found
    if hasattr(error, "_render_traceback_") or (inner is None and not isinstance(error, SpotError)):
        return

    def render() -> Any:
        if inner is None:  # the cell did not run, and the message says why: no frame would add to it
            return [f"{type(error).__name__}: {error}"]
        return shell.InteractiveTB.structured_traceback(type(error), error, inner, tb_offset=0)

    error._render_traceback_ = render  # type: ignore[attr-defined]  # the protocol that IPython asks exceptions for
