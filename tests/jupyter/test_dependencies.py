"""What a run discovers that its result depends on: files, folders, random number generators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

READ = "%%spot load\ntick()\nwith open('data.csv') as f:\n    data = f.read()"


def test_a_file_that_is_read(lab: Any) -> None:
    """Changed content is a miss with its name; the old content hits the old record."""
    path = Path("data.csv")
    path.write_text("1")
    assert lab.run(READ).kind == "miss"
    path.write_text("2")
    again = lab.run(READ)
    assert again.kind == "miss"
    assert "because data.csv changed" in again.badge
    path.write_text("1")
    assert lab.run(READ).kind == "hit"
    assert lab.ns["data"] == "1"
    path.unlink()
    assert lab.run(READ, check=False).kind == ""


def test_a_file_that_was_touched(lab: Any) -> None:
    """Only the content counts."""
    Path("data.csv").write_text("1")
    lab.run(READ)
    Path("data.csv").unlink()
    Path("data.csv").write_text("1")
    assert lab.run(READ).kind == "hit"


def test_files_off(lab: Any) -> None:
    """Files are not followed if the user says so."""
    Path("data.csv").write_text("1")
    text = READ.replace("load", "load --files off")
    lab.run(text)
    Path("data.csv").write_text("2")
    assert lab.run(text).kind == "hit"


def test_a_file_that_is_missing(lab: Any) -> None:
    """A file that appears changes what a cell finds."""
    text = "%%spot\ntry:\n    with open('maybe.txt') as f: d = f.read()\nexcept OSError:\n    d = None"
    assert [lab.run(text).kind for _ in range(2)] == ["miss", "hit"]
    Path("maybe.txt").write_text("x")
    assert lab.run(text).kind == "miss"
    assert lab.ns["d"] == "x"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_file_that_is_named_only(lab: Any) -> None:
    """A library may open a file out of sight: every text that names a file counts."""
    lab.run("def native(path): return 1\np = 'b.parquet'")
    Path("a.parquet").write_bytes(b"1")
    Path("b.parquet").write_bytes(b"1")
    for name in ("a.parquet", "b.parquet"):
        text = "%%spot\nx = native('a.parquet') + native(p)"
        assert lab.run(text).kind == "miss"
        assert lab.run(text).kind == "hit"
        Path(name).write_bytes(b"2")
        assert f"{name} changed" in lab.run(text).badge
        assert lab.run(text).kind == "hit"
        Path(name).write_bytes(b"3" + name.encode())


def test_a_file_that_is_written(lab: Any) -> None:
    """It must be there with the content that the cell gave it, or the cell writes it again."""
    text = "%%spot\nwith open('out.txt', 'w') as f:\n    n = f.write('done')"
    assert [lab.run(text).kind for _ in range(2)] == ["miss", "hit"]
    Path("out.txt").write_text("spoilt")
    again = lab.run(text)
    assert again.kind == "miss"
    assert "out.txt" in again.badge
    assert Path("out.txt").read_text() == "done"
    Path("out.txt").unlink()
    assert lab.run(text).kind == "miss"
    assert Path("out.txt").exists()


@pytest.mark.parametrize(
    "body",
    [
        "with open('log.txt', 'a') as f: f.write('x')",
        "with open('log.txt', 'r+') as f: f.write('x')",
        "import os; os.remove('log.txt')",
        "import os; os.rename('log.txt', 'other.txt')",
        "import shutil; shutil.move('log.txt', 'other.txt')",
        "import pathlib; pathlib.Path('log.txt').unlink()",
    ],
)
def test_changing_a_file_that_was_there_is_an_effect(lab: Any, body: str) -> None:
    """Running twice is not the same as running once: not cached, unless it is allowed."""
    Path("log.txt").write_text("before")
    assert lab.run(f"%%spot\n{body}").kind == "not cached"
    Path("log.txt").write_text("before")
    assert lab.run(f"%%spot --allow-effects\n{body}").kind == "miss"


def test_temporary_files_are_no_dependencies(lab: Any) -> None:
    """A file that the cell makes and removes leaves nothing to check."""
    text = (
        "%%spot\nimport tempfile\nwith tempfile.TemporaryFile() as f:\n    f.write(b'x')\n"
        "with tempfile.TemporaryDirectory() as d:\n    open(d + '/x', 'w').close()\n    x = open(d + '/x').close()"
    )
    assert [lab.run(text).kind for _ in range(2)] == ["miss", "hit"]


def test_a_folder_that_is_listed(lab: Any) -> None:
    """A new file in it is a miss."""
    text = "%%spot\nimport glob\nfound = sorted(glob.glob('*.txt'))"
    Path("a.txt").write_text("")
    assert [lab.run(text).kind for _ in range(2)] == ["miss", "hit"]
    Path("b.txt").write_text("")
    assert lab.run(text).kind == "miss"
    assert lab.ns["found"] == ["a.txt", "b.txt"]


def test_modules_of_the_user(lab: Any) -> None:
    """The code of a module counts, whether the cell imports it or uses it."""
    Path("helper_mod.py").write_text("K = 1\ndef f(x):\n    return x + K\n")
    text = "%%spot u\ntick()\nfrom helper_mod import f\ny = f(1)"
    assert [lab.run(text).kind for _ in range(2)] == ["miss", "hit"]
    import sys

    del sys.modules["helper_mod"]
    lab.restart()
    assert lab.run(text).kind == "hit"
    Path("helper_mod.py").write_text("K = 10\ndef f(x):\n    return x + K  # edited\n")
    assert lab.run(text).kind == "hit", "the live module is the old one"
    del sys.modules["helper_mod"]
    lab.restart()
    again = lab.run(text)
    assert (again.kind, lab.ns["y"]) == ("miss", 11)
    assert "imported module changed" in again.badge


def test_only_what_is_used_of_a_module_counts(lab: Any) -> None:
    """Another value in the same module changes nothing."""
    Path("settings_mod.py").write_text("a = 1\nb = 1\n")
    lab.run("import settings_mod")
    assert lab.run("%%spot\ny = settings_mod.a").kind == "miss"
    lab.run("settings_mod.b = 2")
    assert lab.run("%%spot\ny = settings_mod.a").kind == "hit"
    lab.run("settings_mod.a = 2")
    assert lab.run("%%spot\ny = settings_mod.a").kind == "miss"


class TestRandom:
    """Global random number generators."""

    @pytest.mark.parametrize(("module", "draw"), [("random", "random.random()"), ("numpy as np", "np.random.rand()")])
    def test_seeded_before(self, lab: Any, module: str, draw: str) -> None:
        """The state before is a dependency, the state after is restored."""
        seed = draw.replace("random()", "seed({})").replace("rand()", "seed({})")
        values = []
        for number in (1, 1, 2):
            lab.restart()
            lab.run(f"import {module}; {seed.format(number)}")
            ran = lab.run(f"%%spot\nx = {draw}")
            lab.run(f"y = {draw}")
            values.append((ran.kind, lab.ns["x"], lab.ns["y"]))
        assert [value[0] for value in values] == ["miss", "hit", "miss"]
        assert values[0][1:] == values[1][1:]
        assert values[2][1:] != values[1][1:]

    def test_seeded_inside(self, lab: Any) -> None:
        """The state before does not matter."""
        text = "%%spot\nimport random\nrandom.seed(5)\nx = random.random()"
        first = lab.run(text)
        after = lab.run("y = random.random()") and lab.ns["y"]
        assert (first.kind, lab.run(text).kind) == ("miss", "hit")
        lab.run("y = random.random()")
        assert lab.ns["y"] == after

    def test_unseeded(self, lab: Any) -> None:
        """The state says nothing; the badge says so."""
        text = "%%spot\nimport random\nx = random.random()"
        first, second = lab.twice(text)
        assert (first.kind, second.kind) == ("miss", "hit")
        assert "unseeded random" in first.badge
        assert "unseeded random" in second.badge
        assert lab.run(text.replace("%%spot", "%%spot --rng strict")).kind == "not cached"

    def test_ignored(self, lab: Any) -> None:
        """--rng ignore takes the first draw for all."""
        lab.run("import random; random.seed(1)")
        lab.run("%%spot --rng ignore\nx = random.random()")
        lab.run("random.seed(2)")
        assert lab.run("%%spot --rng ignore\nx = random.random()").kind == "hit"
