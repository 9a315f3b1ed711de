"""Runs the blocks of a document as its reader would: code in one notebook shell, commands on the command line.

A ``text`` block below a code block is what the code prints and returns; ``...`` in it stands for anything. Lines that
start with ``$`` in a ``console`` block are commands; the lines below them are what they print.
"""

from __future__ import annotations

import contextlib
import doctest
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser
from traitlets.config import Config

import beautyspot_jupyter
from beautyspot.cli import main

REPOSITORY = Path(__file__).parents[2]
_SAME = doctest.OutputChecker()
_OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Reader:
    """Somebody who pastes one document, block by block, into a notebook and a terminal.

    Attributes:
        shown: What the last block printed and returned.
    """

    def __init__(self) -> None:
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        InteractiveShell.clear_instance()
        self.shell = InteractiveShell.instance(config=config)
        self.shell.displayhook.write_output_prompt = lambda: None
        self.shown: str | None = None

    def close(self) -> None:
        """Put the shell away."""
        beautyspot_jupyter.unload_ipython_extension(self.shell)
        InteractiveShell.clear_instance()

    def read(self, path: Path) -> None:
        """Run the blocks of a document from top to bottom.

        Raises:
            SybilFailure: A block raised, or showed something else than the document says.
        """
        parsers = [
            CodeBlockParser(language="python", evaluator=self.run_code),
            CodeBlockParser(language="ipython", evaluator=self.run_code),
            CodeBlockParser(language="text", evaluator=self.compare),
            CodeBlockParser(language="console", evaluator=self.run_commands),
        ]
        for example in Sybil(parsers=parsers, encoding="utf-8").parse(path).examples():
            example.evaluate()

    def run_code(self, example: Example) -> str | None:
        """Run a block in the shell; returns the traceback if it raised."""
        out, err = StringIO(), StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            result = self.shell.run_cell(example.parsed, store_history=True)
        self.shown = out.getvalue() + err.getvalue()
        error = result.error_before_exec or result.error_in_exec
        return self.shown if error is not None and not self._expected(example) else None

    @staticmethod
    def _expected(example: Example) -> bool:
        """Whether a block is there to show an error."""
        return "# raises" in example.parsed

    def compare(self, example: Example) -> str | None:
        """Compare a block of text with what the last block showed."""
        return _difference(str(example.parsed), self.shown)

    def run_commands(self, example: Example) -> str | None:
        """Run the commands of a console block, and compare what they print with what stands below them."""
        problems = []
        for command, printed in _commands(example.parsed):
            problem = _check(shlex.split(command, comments=True), printed)
            if problem is not None:
                problems.append(f"$ {command}\n{problem}")
        return "\n".join(problems) or None


def _difference(wanted: str, shown: str | None) -> str | None:
    if shown is None:
        return "no block was run before this text"
    if _SAME.check_output(wanted.rstrip() + "\n", shown.rstrip() + "\n", _OPTIONS):
        return None
    return f"expected:\n{wanted}\nshown:\n{shown}"


def _commands(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed


def _check(words: list[str], printed: str) -> str | None:
    """Run a command of beautyspot; of others see that what they name exists."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return None if set(words[1:]) <= set(targets) else "there is no such target"
    if words[:2] == ["pip", "install"]:
        extras = {extra for word in words for found in re.findall(r"\[(.*)\]", word) for extra in found.split(",")}
        return None if extras <= set(project["optional-dependencies"]) else "there is no such extra"
    if words[0] == "beautyspot" and words[1] != "ui":
        out = StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = main(words[1:])
        if code:
            return f"exit code {code}: {out.getvalue()}"
        return _difference(printed, out.getvalue()) if printed.strip() else None
    return None


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Return a reader in an empty project of their own."""
    work = tmp_path / "project"
    work.mkdir()
    (work / "pyproject.toml").touch()
    monkeypatch.chdir(work)
    monkeypatch.delenv("BEAUTYSPOT_HOME")
    monkeypatch.syspath_prepend(str(work))
    monkeypatch.setenv("COLUMNS", "100")
    loaded = set(sys.modules)
    reader = Reader()
    yield reader
    reader.close()
    for name in set(sys.modules) - loaded:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]
