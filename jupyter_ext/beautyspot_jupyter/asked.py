"""What a run asks the operating system: environment variables, the working directory, whether files are there.

No audit event tells of these. So the functions that answer are wrapped for the time of the run, and only what the
user's own code asks counts: libraries look at many variables and files that do not change results.
"""

# ruff: noqa: PTH109, PTH116  # these are the very functions that are wrapped

from __future__ import annotations

import contextlib
import functools
import os
import stat
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from beautyspot.keys.canonical import digest
from beautyspot.keys.source_origin import is_library_file

__all__ = ["GONE", "KINDS", "Asked", "state_of"]

KINDS = frozenset({"env", "cwd", "stat", "status"})
_CARRIERS = frozenset(
    {
        "os", "posixpath", "ntpath", "genericpath", "pathlib", "glob", "_collections_abc", "collections.abc", "shutil",
        "tempfile", __name__,
    }
)  # fmt: skip
_READERS = ("pandas.io", "pyarrow", "polars", "fsspec", "h5py", "tables", "xarray", "PIL", "imageio", "cv2", "torch")
_OWN = frozenset({"beautyspot", "beautyspot_jupyter"})
GONE = "gone"
_TIMES = frozenset({"getmtime", "getctime", "getatime", "stat"})  # whoever asks through these gets to know times


@dataclass(slots=True)
class Asked:
    """Use as a context manager around a run.

    Attributes:
        ignored: Whether a path is of no interest.
        answers: State by kind and name, as it was when it was first asked for.
        touched: Paths that libraries looked at: they may go on to read them where no audit event tells.
    """

    ignored: Callable[[str], bool]
    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    touched: dict[str, None] = field(default_factory=dict)
    _others: frozenset[int] = frozenset()
    _undo: list[Callable[[], None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        here = threading.get_ident()
        self._others = frozenset(thread.ident or 0 for thread in threading.enumerate()) - {here}
        self._wrap(os, "stat", self._note_stat)
        self._wrap(os, "getcwd", lambda _: self._note("cwd", ""))
        self._wrap(type(os.environ), "__getitem__", lambda _, __, name: self._note("env", str(name)))
        return self

    def __exit__(self, *_: object) -> None:
        while self._undo:
            self._undo.pop()()

    def _wrap(self, owner: Any, name: str, note: Callable[..., None]) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def asked(*args: Any, **kwargs: Any) -> Any:
            through = None if threading.get_ident() in self._others else _asked_through(sys._getframe(1))  # noqa: SLF001
            with contextlib.suppress(Exception):  # what cannot be noted must still be answered
                if through is not None:
                    note(through, *args)
                elif name == "stat" and isinstance(args[0], (str, os.PathLike)) and _reads(sys._getframe(1)):  # noqa: SLF001
                    self.touched[os.fsdecode(args[0])] = None
            return original(*args, **kwargs)

        setattr(owner, name, asked)

        def undo() -> None:
            if getattr(owner, name) is asked:  # else somebody wrapped it later: leave that alone
                setattr(owner, name, original)

        self._undo.append(undo)

    def _note_stat(self, through: set[str], path: Any) -> None:
        if not isinstance(path, int):
            text = os.fsdecode(path)
            if not self.ignored(text):
                self._note("stat" if through - _TIMES else "status", text)

    def _note(self, kind: str, name: str) -> None:
        if (kind, name) not in self.answers:
            self.answers[kind, name] = ""  # finding the answer may ask the same again
            self.answers[kind, name] = state_of(kind, name)

    def dependencies(self, known: set[str]) -> list[list[str]]:
        """What must hold for the result to count.

        Args:
            known: Paths on whose content the result depends anyway.
        """
        return [[kind, name, state] for (kind, name), state in self.answers.items()
                if kind != "stat" or name not in known]  # fmt: skip


def _asked_through(frame: Any) -> set[str] | None:
    """Names of the standard functions through which the user's code asks; None if a library asks."""
    through: set[str] = set()
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name not in _CARRIERS and not name.startswith("pathlib."):
            own = name.partition(".")[0] in _OWN or is_library_file(frame.f_code.co_filename)
            return None if own else through
        through.add(frame.f_code.co_name)
        frame = frame.f_back
    return None


def _reads(frame: Any) -> bool:
    """Whether it is a library that reads data files which asks."""
    while frame is not None and str(frame.f_globals.get("__name__", "")) in _CARRIERS:
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_READERS)


def state_of(kind: str, name: str) -> str:
    """The present answer to a question, without disclosing values.

    Args:
        kind: ``"env"``, ``"cwd"``, ``"stat"``, or ``"status"`` where times count too.
        name: A variable's name, or a path.
    """
    if kind == "env":
        return digest(os.environ.get(name)).hex()
    if kind == "cwd":
        return digest(os.getcwd()).hex()
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return GONE
    if kind == "status":
        return f"{status.st_mode:o} {status.st_size} {status.st_mtime_ns}"
    return "folder" if stat.S_ISDIR(status.st_mode) else f"file of {status.st_size} bytes"
