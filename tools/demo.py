"""What ``make demo`` runs: the quickstart notebook twice, each time in a fresh kernel, over one throw-away workspace.

Prints what ran and what hit, with times. The exit code is 1 if the second run computed anything anew, save for the
cells whose tag says that they cannot be cached.
"""
# ruff: noqa: INP001, T201  (a script that prints)

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from beautyspot import SQLiteTaskDB
from beautyspot.report.text import columns
from beautyspot.units import format_seconds

__all__ = ["Calls", "Run", "badges", "calls", "execute", "main", "observe", "problems"]

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "quickstart.ipynb"
NEVER = "not-cached"  # tag of cells that show what cannot be cached


@dataclass(frozen=True, slots=True)
class Calls:
    """How often something ran and hit, in one run or in all."""

    ran: int = 0
    hit: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of the notebook.

    Attributes:
        calls: By name of a function or cell, what happened in this run.
        seconds: By name, how long the notebook cell took that defines and calls it.
        total: Seconds of the whole, the start of the kernel included.
        never: Names of the cells that cannot be cached.
        cells: Number of ``%%spot`` cells by what their badge says, of those that can be cached.
    """

    calls: Mapping[str, Calls]
    seconds: Mapping[str, float] = field(default_factory=dict)
    total: float = 0.0
    never: frozenset[str] = frozenset()
    cells: Mapping[str, int] = field(default_factory=dict)


def execute(home: Path) -> tuple[Any, float]:
    """Execute the notebook in a fresh kernel.

    Args:
        home: The workspace.

    Returns:
        The notebook with its outputs, and the seconds it took, the start of the kernel included.

    Raises:
        CellExecutionError: A cell raised.
    """
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("BEAUTYSPOT_")}
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=300,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    started = time.perf_counter()
    client.execute(env={**theirs, "BEAUTYSPOT_HOME": str(home)})
    return notebook, time.perf_counter() - started


def calls(home: Path) -> dict[str, Calls]:
    """Read what happened in a workspace until now, by function or cell."""
    with SQLiteTaskDB(home / "quickstart.db", read_only=True) as db:
        return {row.func_name: Calls(row.misses, row.hits) for row in db.stats()}


def observe(home: Path, before: Mapping[str, Calls]) -> Run:
    """Execute the notebook and gather what happened in this run alone.

    Args:
        home: The workspace.
        before: What had happened there until now.
    """
    notebook, total = execute(home)
    run_calls = {
        name: Calls(count.ran - before.get(name, Calls()).ran, count.hit - before.get(name, Calls()).hit)
        for name, count in calls(home).items()
    }
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return Run(run_calls, {name: _seconds(name, cells) for name in run_calls}, total, _never(cells), badges(cells))


def _label(cell: Any) -> str | None:
    match = re.match(r"%%spot (\w+)(?!.*(?:--explain|-n\b))", cell.source)
    return match[1] if match else None


def _never(cells: list[Any]) -> frozenset[str]:
    return frozenset(_label(cell) or "cell" for cell in cells if NEVER in cell.metadata.get("tags", ()))


def badges(cells: list[Any]) -> dict[str, int]:
    """Count the ``%%spot`` cells that can be cached by what stands below them."""
    found: dict[str, int] = {}
    for cell in cells:
        if _label(cell) is not None and NEVER not in cell.metadata.get("tags", ()):
            texts = [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
            texts = "\n".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
            badge = re.search(r"^◆ spot (hit|miss|not cached|off)\b", texts, re.MULTILINE)
            kind = badge[1] if badge else "no badge"
            found[kind] = found.get(kind, 0) + 1
    return found


def _seconds(name: str, cells: list[Any]) -> float:
    """How long the cell took that defines and calls something."""
    place = re.compile(rf"%%spot {re.escape(name)}\b|def {re.escape(name)}\(|run\({re.escape(name)}\b")
    for cell in cells:
        if place.search(cell.source):
            times = cell.metadata["execution"]
            return (_time(times["shell.execute_reply"]) - _time(times["iopub.execute_input"])).total_seconds()
    return 0.0


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def problems(second: Run) -> list[str]:
    """Say what is wrong with a second run: everything should have hit.

    Example:
        >>> problems(Run({"load": Calls(hit=1), "fit": Calls(ran=1)}))
        ['fit ran again']
    """
    found = [f"{name} ran again" for name, count in second.calls.items() if count.ran and name not in second.never]
    found += [f"{name} was not called" for name, count in second.calls.items() if count == Calls()]
    found += [f"{number} cells say: {kind}" for kind, number in second.cells.items() if kind != "hit"]
    return found if second.calls else ["nothing was called"]


def _table(first: Run, second: Run) -> str:
    head = ["", "1st run", "ran", "hit", "2nd run", "ran", "hit", ""]
    rows = []
    for name in sorted(second.calls, key=lambda name: -first.seconds.get(name, 0.0)):
        row = [name]
        for run in (first, second):
            count = run.calls.get(name, Calls())
            row += [format_seconds(run.seconds.get(name, 0.0)), str(count.ran or "–"), str(count.hit or "–")]
        rows.append([*row, "cannot be cached, and says why" if name in second.never else ""])
    rows.append(["whole notebook", format_seconds(first.total), "", "", format_seconds(second.total), "", "", ""])
    return columns(head, rows, "<>>>>>><", width=110)


def main() -> int:
    """Run the demonstration; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="beautyspot-demo-") as home:
        print(f"Executing {NOTEBOOK.parent.name}/{NOTEBOOK.name} in a fresh kernel …", flush=True)
        first = observe(Path(home), {})
        print("… and again in another one, as after a restart …\n", flush=True)
        second = observe(Path(home), first.calls)
    print(_table(first, second))
    wrong = problems(second)
    if wrong:
        print("\nThe second run should have hit everywhere, but:", *wrong, sep="\n  ")
        return 1
    print("\nThe second run hit everywhere. Now open the notebook in Jupyter, and run it twice yourself.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
