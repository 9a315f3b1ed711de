"""Notebooks without a kernel: shells in this process, where a restart is a new shell over the same store."""

from __future__ import annotations

import atexit
import contextlib
import importlib
import re
import shutil
import sys
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from IPython.core import async_helpers
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import beautyspot_jupyter


@dataclass
class Ran:
    """What one cell did."""

    out: str
    err: str
    badge: str
    displays: list[dict]
    error: BaseException | None
    value: Any
    ran: int

    @property
    def kind(self) -> str:
        """First words of the badge: hit, miss, not cached, off."""
        found = re.match(r"◆ spot (hit|miss|not cached|off)", self.badge)
        return found[1] if found else ""


@dataclass
class Lab:
    """Shells one after another over one store."""

    folder: Path
    shells: list[InteractiveShell] = field(default_factory=list)
    ticks: int = 0

    def empty_folder(self) -> None:
        """Remove the files that cells made."""
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def forget_modules(self) -> None:
        """Unload the modules that lie in the folder."""
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and Path(file).is_relative_to(self.folder):
                del sys.modules[name]
        importlib.invalidate_caches()

    def end(self) -> None:
        """Throw the shell away with all that it holds on to."""
        if self.shells:
            shell = self.shells.pop()
            beautyspot_jupyter.unload_ipython_extension(shell)
            atexit.unregister(shell.atexit_operations)
            shell.restore_sys_module_state()
            shell.user_ns.clear()
        InteractiveShell.clear_instance()
        loop = async_helpers._asyncio_event_loop
        if loop is not None:
            loop.close()
            async_helpers._asyncio_event_loop = None
        self.forget_modules()

    def restart(self) -> InteractiveShell:
        """Throw the shell away and start a new one."""
        self.end()
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        shell = InteractiveShell.instance(config=config)
        shell.user_ns["tick"] = self.counter()
        self.shells.append(shell)
        beautyspot_jupyter.load_ipython_extension(shell)
        return shell

    def counter(self) -> Any:
        """Return a function that counts the runs of a body and is no part of any key."""

        def tick() -> None:
            self.ticks += 1

        tick.__spot_infrastructure__ = True
        return tick

    @property
    def ns(self) -> dict[str, Any]:
        """The variables of the present shell."""
        return self.shells[-1].user_ns

    def run(self, text: str, *, check: bool = True) -> Ran:
        """Run one cell."""
        shell = self.shells[-1] if self.shells else self.restart()
        before, out, err = self.ticks, StringIO(), StringIO()
        displays: list[dict] = []
        publish = shell.display_pub.publish
        shell.display_pub.publish = lambda data, *a, **k: (displays.append(data), publish(data, *a, **k))[1]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                result = shell.run_cell(text, store_history=True)
        finally:
            del shell.display_pub.publish
        error = result.error_before_exec or result.error_in_exec
        if check and error is not None:
            raise error
        lines = err.getvalue().splitlines()
        badge = next((line for line in lines if line.startswith("◆ spot")), "")
        rest = "\n".join(line for line in lines if line != badge)
        return Ran(out.getvalue(), rest, badge, displays, error, result.result, self.ticks - before)

    def twice(self, text: str, *before: str) -> tuple[Ran, Ran]:
        """Run cells, restart, run them again; returns the two runs of the last one."""
        found = []
        for _ in range(2):
            self.restart()
            for cell in before:
                self.run(cell)
            found.append(self.run(text))
        return found[0], found[1]


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a fresh laboratory whose working directory is empty."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.syspath_prepend(str(work))
    lab = Lab(work)
    yield lab
    lab.end()
