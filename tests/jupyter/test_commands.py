"""The line magic, completion, and what badges say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.error import UsageError

from beautyspot_jupyter.badge import Badge
from beautyspot_jupyter.magics import complete_cell, complete_line


def test_status_list_show_explain(lab: Any) -> None:
    """What is stored can be looked at."""
    lab.run("n = 2")
    lab.run("%%spot 集計 --tag weekly\n値 = n * 2")
    assert "1 cell stored" in lab.run("%spot").out
    assert "集計" in lab.run("%spot list").out
    assert "値" in lab.run("%spot list --tag weekly").out
    assert "no cells" in lab.run("%spot list --tag other").out
    assert "値 = n * 2" in lab.run("%spot show 集計").out
    assert "read:n" in lab.run("%spot explain").out


def test_invalidate_and_clear(lab: Any) -> None:
    """Results can be deleted by label, the last one, or all after a confirmation."""
    lab.run("%%spot a\nx = 1")
    lab.run("%%spot b\nx = 2")
    lab.run("%%spot c\nx = 3")
    assert "deleted 1" in lab.run("%spot invalidate a").out
    assert "deleted 1" in lab.run("%spot invalidate --last").out
    assert "would delete 1" in lab.run("%spot clear").out
    assert "would delete 0" in lab.run("%spot clear --older 1h").out
    assert "deleted 1" in lab.run("%spot clear --yes").out
    assert lab.run("%%spot b\nx = 2").kind == "miss"


def test_times_are_those_of_the_body(lab: Any) -> None:
    """Lists, statistics and badges tell the same: what the body took, not what was done around it."""
    lab.run("import beautyspot as bs\nspot = bs.Spot('times', db='memory://')")
    lab.run("%%spot timed\nx = sum(range(100_000))")
    (entry,) = lab.ns["spot"].records()
    (stats,) = lab.ns["spot"].stats()
    assert entry.duration == entry.meta["seconds"] == stats.ran > 0


def test_mode(lab: Any) -> None:
    """The mode holds for all cells of the notebook."""
    lab.run("%%spot\ntick()")
    lab.run("%spot mode force")
    assert lab.run("%%spot\ntick()").ran == 1
    lab.run("%spot mode off")
    assert lab.run("%%spot\ntick()").kind == "off"
    lab.run("%spot mode quiet")
    assert lab.run("%%spot\ntick()").badge == ""
    lab.run("%spot mode frozen")
    assert lab.run("%%spot\nx = 99", check=False).error is not None
    lab.run("%spot mode on")
    assert lab.run("%%spot\ntick()").kind == "hit"


@pytest.mark.parametrize(
    "line", ["nonsense", "mode sometimes", "use", "show nothing-like-it", "invalidate", "clear --now", "list x"]
)
def test_wrong_commands(lab: Any, line: str) -> None:
    """What is not understood is a usage error."""
    assert isinstance(lab.run(f"%spot {line}", check=False).error, UsageError)


def test_help_names_every_command(lab: Any) -> None:
    """Help lists commands and options."""
    told = lab.run("%spot help").out
    assert "%spot invalidate" in told
    assert "--allow-effects" in told


def test_completion(lab: Any) -> None:
    """Options, variables and commands are completed."""
    lab.run("frame = 1")
    notebook = lab.shells[-1]._beautyspot_notebook
    cell, line = complete_cell(notebook), complete_line(notebook)
    assert "--ttl" in cell(None, SimpleNamespace(line="%%spot load --t", symbol="--t"))
    assert "frame" in cell(None, SimpleNamespace(line="%%spot --ignore ", symbol=""))
    assert cell(None, SimpleNamespace(line="%%spot\nx", symbol="x")) == []
    assert "dashboard" in line(None, SimpleNamespace(line="%spot d", symbol="d"))
    assert "frozen" in line(None, SimpleNamespace(line="%spot mode ", symbol=""))


def test_reasons(lab: Any) -> None:
    """Every miss after the first says why."""
    lab.run("x = 1\ndef helper(a):\n    return a")
    assert "first run" in lab.run("%%spot load\ny = helper(x)").badge
    lab.run("x = 2")
    assert "because x changed" in lab.run("%%spot load\ny = helper(x)").badge
    lab.run("def helper(a):\n    return a + K\nK = 1")
    told = lab.run("%%spot load\ny = helper(x)").badge
    assert "helper() changed" in told
    lab.run("K = 2")
    assert "because K changed" in lab.run("%%spot load\ny = helper(x)").badge
    assert "the cell's text changed" in lab.run("%%spot load\ny = helper(x) + 1").badge
    assert "an option changed" in lab.run("%%spot load --strict\ny = helper(x) + 1").badge


def test_badges_escape_what_comes_from_data() -> None:
    """A label or a name cannot bring markup or control characters."""
    badge = Badge("miss", ("<script>\x1b[31m",))
    assert "<script>" not in badge.html()
    assert "&lt;script&gt;" in badge.html()
    assert "\x1b" not in badge.html() + badge.text()
