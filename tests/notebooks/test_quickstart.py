"""The quickstart, executed twice in fresh kernels over one workspace: the second run hits and shows the same."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nbformat
import pytest

REPOSITORY = Path(__file__).parents[2]
TIMES = re.compile(r"\b\d+(?:\.\d+)? ?(?:µs|ms|s|min)\b")
kernel = [
    pytest.mark.kernel,
    pytest.mark.xdist_group("quickstart"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def load(path: Path) -> ModuleType:
    """Import a script that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


demo = load(REPOSITORY / "tools" / "demo.py")
NOTEBOOK = nbformat.read(demo.NOTEBOOK, as_version=4)
CODE = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Execute the notebook twice; what happened, by run."""
    home = tmp_path_factory.mktemp("home")
    first, _ = demo.execute(home)
    after_first = demo.calls(home)
    second, _ = demo.execute(home)
    return SimpleNamespace(first=first, second=second, after_first=after_first, after_second=demo.calls(home))


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: Any) -> list[tuple[str, Any]]:
    """What stands below a cell, without badges and times; text that came in pieces is joined."""
    found: list[tuple[str, Any]] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            text = TIMES.sub("<time>", output.text)
            if found and found[-1][0] == output.name:
                text = found.pop()[1] + text
            found.append((output.name, text))
        elif "beautyspot-badge" not in output.get("data", {}).get("text/html", ""):
            found.append((output.output_type, dict(output.data)))
    return found


@pytest.mark.usefixtures("twice")
class TestTwice:
    pytestmark = kernel

    def test_second_run_runs_nothing_anew(self, twice: SimpleNamespace) -> None:
        """Every function and cell that ran in the first kernel only hits in the second."""
        never = {"remember"}
        again = {
            name: count.ran - twice.after_first[name].ran
            for name, count in twice.after_second.items()
            if count.ran != twice.after_first[name].ran
        }
        assert again == dict.fromkeys(never, 1)
        assert all(count.hit > 0 for name, count in twice.after_second.items() if name not in never)

    def test_badges(self, twice: SimpleNamespace) -> None:
        """The cells say miss the first time and hit the second."""
        assert demo.badges(code_cells(twice.first)) == {"miss": 4}
        assert demo.badges(code_cells(twice.second)) == {"hit": 4}

    def test_what_cannot_be_cached_says_why(self, twice: SimpleNamespace) -> None:
        """The cell that is tagged so shows a reason and its result."""
        (cell,) = [cell for cell in code_cells(twice.second) if "not-cached" in cell.metadata.get("tags", ())]
        texts = [output.data["text/plain"] for output in cell.outputs]
        assert "(42,)" in texts
        assert any("not cached" in text and "sqlite3.Connection" in text for text in texts)

    @pytest.mark.parametrize("number", range(len(CODE)))
    def test_same_outputs(self, twice: SimpleNamespace, number: int) -> None:
        """Cell by cell the second run shows what the first showed; live views show the same kinds of output."""
        first, second = code_cells(twice.first)[number], code_cells(twice.second)[number]
        if "live" in first.metadata.get("tags", ()):
            assert [kind for kind, _ in shown(first)] == [kind for kind, _ in shown(second)]
            assert shown(second)
        else:
            assert shown(first) == shown(second)

    def test_pictures_are_there(self, twice: SimpleNamespace) -> None:
        """The figure and the image come back as images."""
        pictures = [
            output.data["image/png"]
            for cell in code_cells(twice.second)
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        ]
        assert len(pictures) == 2
        assert all(len(picture) > 1000 for picture in pictures)


def test_stored_without_outputs() -> None:
    """The notebook in the repository holds no outputs and no execution counts, and its cells have stable names."""
    nbformat.validate(NOTEBOOK)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in CODE)
    assert all(cell.id.startswith("quickstart-") for cell in NOTEBOOK.cells)


def test_data_come_from_the_script(repository: Path) -> None:
    """The CSV in the repository is what the script beside it makes."""
    made = load(repository / "notebooks" / "make_rides.py").make()
    assert (repository / "notebooks" / "data" / "rides.csv").read_text(encoding="utf-8") == made
    assert len(made.encode()) < 300_000


def test_demo_finds_what_ran_again() -> None:
    """A second run with a miss, an uncalled function or a cell that did not hit is a failure."""
    hit, ran = demo.Calls(hit=1), demo.Calls(ran=1)
    assert (
        demo.problems(demo.Run({"load": hit, "remember": ran}, never=frozenset({"remember"}), cells={"hit": 1})) == []
    )
    assert demo.problems(demo.Run({"load": ran}, cells={"miss": 1})) == ["load ran again", "1 cells say: miss"]
    assert demo.problems(demo.Run({"load": demo.Calls()})) == ["load was not called"]
    assert demo.problems(demo.Run({})) == ["nothing was called"]


def test_demo_prints_and_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The table names every function of both runs, and the exit code tells a failed second run from a good one."""
    runs = [demo.Run({"load": demo.Calls(ran=1)}, {"load": 1.5}, 3.0)]
    monkeypatch.setattr(demo, "observe", lambda _home, _before: runs[0])
    assert demo.main() == 1
    assert "load ran again" in capsys.readouterr().out
    runs[0] = demo.Run({"load": demo.Calls(hit=2)}, {"load": 0.01}, 1.0, cells={"hit": 1})
    assert demo.main() == 0
    assert "hit everywhere" in capsys.readouterr().out
