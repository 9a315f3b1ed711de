"""Parsing and compiling that several threads may do at once.

CPython counts the depth of all syntax trees that are being converted in one place. If a garbage collection in the
middle of one switches to a thread that converts another, both counts are off, and a ``SystemError`` says so. One lock
keeps our own threads apart; what collides with a thread of somebody else is done once more.
"""

from __future__ import annotations

import ast
import os
import threading
from collections.abc import Callable
from types import CodeType
from typing import TypeVar

__all__ = ["compile_module", "parse"]

T = TypeVar("T")

_lock = threading.RLock()  # a finaliser may parse, too


def parse(text: str) -> ast.Module:
    """Return the syntax tree of `text`.

    Raises:
        SyntaxError: It is no Python.

    Example:
        >>> len(parse("a = 1; b = 2").body)
        2
    """
    return _apart(lambda: ast.parse(text))


def compile_module(tree: ast.Module, filename: str, flags: int = 0) -> CodeType:
    """Return the code of a module, with these compiler flags and none of ours.

    Raises:
        SyntaxError: The tree is no valid program.
    """
    code: CodeType = _apart(lambda: compile(tree, filename, "exec", flags, dont_inherit=True))
    return code


def _apart(convert: Callable[[], T]) -> T:
    with _lock:
        try:
            return convert()
        except SystemError:
            return convert()


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603  # another thread of the parent may have held it
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
