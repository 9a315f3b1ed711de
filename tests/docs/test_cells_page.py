"""The page about cells lists the options and commands that there are."""

from __future__ import annotations

import re
from pathlib import Path

from beautyspot_jupyter.commands import COMMANDS
from beautyspot_jupyter.options import FLAGS

PAGE = (Path(__file__).parents[2] / "docs" / "cells.md").read_text(encoding="utf-8")


def test_options() -> None:
    """Every option of ``%%spot``, and no other."""
    table = PAGE.partition("## Options")[2].partition("## Line magics")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {option for row in rows for option in re.findall(r"--[a-z-]+", row)} == set(FLAGS)


def test_commands() -> None:
    """Every command of ``%spot``, and no other."""
    table = PAGE.partition("## Line magics")[2].partition("## ")[0]
    assert set(re.findall(r"`%spot ([a-z]+)", table)) == set(COMMANDS)
