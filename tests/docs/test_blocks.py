"""Every block of code in the documents runs, and shows what the document says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.example import SybilFailure
from sybil.parsers.markdown import CodeBlockParser

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_blocks(path: Path, reader: Any) -> None:
    """Run one document from top to bottom."""
    reader.read(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```python\n1 / 0\n```", "ZeroDivisionError"),
        ("```python\nprint(1)\n```\n```text\n2\n```", "expected:"),
        ("```text\n2\n```", "no block was run"),
        ("```console\n$ make nothing\n```", "no such target"),
        ('```console\n$ pip install "beautyspot[nothing]"\n```', "no such extra"),
        ("```console\n$ beautyspot ls nothing.db\n```", "exit code 1"),
    ],
)
def test_wrong_blocks_are_found(text: str, complaint: str, reader: Any, tmp_path: Path) -> None:
    """What a document claims is compared with what happens."""
    path = tmp_path / "wrong.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SybilFailure, match=complaint):
        reader.read(path)


def test_first_taste_as_a_script(tmp_path: Path) -> None:
    """The first code of the README, saved as a script, prints the same twice and runs the function once."""
    blocks = CodeBlockParser(language="python", evaluator=lambda _: None)
    document = Sybil(parsers=[blocks], encoding="utf-8").parse(REPOSITORY / "README.md")
    script = tmp_path / "taste.py"
    script.write_text(next(iter(document.examples())).parsed, encoding="utf-8")
    (tmp_path / "pyproject.toml").touch()
    command = [sys.executable, "-W", "error", script.name]
    runs = [subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True) for _ in range(2)]
    assert "computing" in runs[0].stdout
    assert "computing" not in runs[1].stdout
    assert runs[0].stdout.replace("computing\n", "") == runs[1].stdout
