"""Cells in real kernels, as Run-All executes them."""

from __future__ import annotations

import concurrent.futures
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

LOAD = "%load_ext beautyspot\nimport os"


@dataclass
class Shown:
    """What stands below one cell."""

    cell: Any

    @property
    def kinds(self) -> list[str]:
        """Outputs in order: stream names, MIME types, error names."""
        found = []
        for output in self.cell.outputs:
            if output.output_type == "stream":
                found.append(output.name)
            elif output.output_type == "error":
                found.append(output.ename)
            else:
                found.append(f"{output.output_type}:{self._best(output.data)}")
        return found

    @staticmethod
    def _best(data: Any) -> str:
        return next(mime for mime in ("image/png", "text/html", "text/plain") if mime in data)

    @property
    def text(self) -> str:
        """All text, without the badge and without colours."""
        parts = []
        for output in self.cell.outputs:
            if output.output_type == "stream":
                parts.append(output.text)
            elif output.output_type == "error":
                parts.append("\n".join(output.traceback))
            elif "beautyspot-badge" not in output.data.get("text/html", ""):
                parts.append(output.data.get("text/plain", ""))
        return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(parts))

    @property
    def badge(self) -> str:
        """The badge's text."""
        for output in reversed(self.cell.outputs):
            if "beautyspot-badge" in output.get("data", {}).get("text/html", ""):
                return output.data["text/plain"]
        return ""


def execute(folder: Path, *cells: str, allow_errors: bool = True) -> list[Shown]:
    """Run a notebook in a kernel of its own; returns what stands below each cell but the first."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in (LOAD, *cells)])
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=120,
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    return [Shown(cell) for cell in notebook.cells[1:]]


SHOW = """%%spot show
import sys
from IPython.display import HTML, Markdown, display
print('pid', os.getpid())
print('warned', file=sys.stderr)
display(HTML('<b>bold</b>'))
print('後')
値 = [n, os.getpid()]
値"""
FIGURE = """%%spot figure
import matplotlib.pyplot as plt
plt.plot([1, 2, n])
plt.title('t');"""
AWAIT = """%%spot wait
import asyncio
answer = await asyncio.sleep(0, os.getpid())
async for_me = 1""".replace("\nasync for_me = 1", "")


def test_a_notebook_after_a_restart(tmp_path: Path) -> None:
    """Values, outputs in their order, Out, figures, top-level await: all as in the first kernel, without running."""
    cells = (
        "n = 3",
        SHOW,
        "print(値, _ is 値, Out[3] is 値)",
        FIGURE,
        "'matplotlib.pyplot' in __import__('sys').modules",
        AWAIT,
        "answer",
        "%%spot boom\nx = 1\n\nx / 0",
        "%%spot --nonsense\nx = 5",
    )
    first = execute(tmp_path, *cells)
    second = execute(tmp_path, *cells)
    assert [bool(re.search(r"spot miss", shown.badge)) for shown in first] == [0, 1, 0, 1, 0, 1, 0, 0, 0]
    assert [bool(re.search(r"spot hit", shown.badge)) for shown in second] == [0, 1, 0, 1, 0, 1, 0, 0, 0]
    for before, after in zip(first, second, strict=True):
        assert after.kinds == before.kinds
        assert after.text == before.text
    assert first[1].kinds == ["stdout", "stderr", "display_data:text/html", "stdout", "execute_result:text/plain",
                              "display_data:text/html"]  # fmt: skip
    assert second[1].cell.outputs[-2].execution_count == 3
    assert "True True" in second[2].text
    assert first[3].kinds == ["display_data:image/png", "display_data:text/html"]
    assert second[3].cell.outputs[0].data["image/png"] == first[3].cell.outputs[0].data["image/png"]
    assert "----> 4 x / 0" in second[7].text
    assert "beautyspot" not in second[7].text
    assert "UsageError" in second[8].text


def test_a_changed_input(tmp_path: Path) -> None:
    """The next kernel runs the cell and says why."""
    execute(tmp_path, "n = 3", SHOW)
    again = execute(tmp_path, "n = 4", SHOW)
    assert "because n changed" in again[1].badge


def test_run_all_stops_at_an_error(tmp_path: Path) -> None:
    """An exception inside a cell ends the run, as without the magic, and nothing is stored."""
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(tmp_path, "%%spot\n1 / 0", allow_errors=False)


def test_two_kernels_on_one_store(tmp_path: Path) -> None:
    """Two kernels that run the same cell at once run it once, and both have the result."""
    text = "%%spot slow\nimport time\ntime.sleep(1.5)\nwho = os.getpid()"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: execute(tmp_path, text, "who"), range(2)))
    kinds = sorted("hit" if "spot hit" in run[0].badge else "miss" for run in runs)
    assert kinds == ["hit", "miss"]
    assert runs[0][1].text == runs[1][1].text
