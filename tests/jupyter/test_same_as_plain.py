"""Cells give what they would give without the magic: at the first run, at a hit, and after anything has changed."""

from __future__ import annotations

import io
import os
import pickle
import random
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beautyspot_jupyter.namespace import is_hidden

from .state import describe, describe_process

CASES = Path(__file__).parent
pytestmark = pytest.mark.filterwarnings("ignore")


def read_cases(file: str) -> dict[str, dict[str, str]]:
    """Read the parts of every case of a file; those without a title are under ``setup``."""
    found: dict[str, dict[str, str]] = {}
    for block in re.split(r"^== ", (CASES / file).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        name, _, text = block.partition("\n")
        parts = re.split(r"^-- (\w+)\n", "setup\n" + text, flags=re.MULTILINE)
        parts[0] = parts[0].removeprefix("setup\n")
        found[name] = {"setup": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}
    return found


@pytest.fixture
def reset() -> Any:
    """Give every shell the process as it was: a real restart would."""
    import decimal
    import logging

    import IPython.core.completer  # noqa: F401  # the first import changes the warning filters
    import matplotlib as mpl
    import numpy as np
    import pandas as pd
    import sklearn.linear_model  # noqa: F401  # the first import changes the environment

    mpl.use("agg")
    kept = (
        dict(os.environ),
        Path.cwd(),
        dict(mpl.rcParams),
        random.getstate(),
        np.random.get_state(),  # noqa: NPY002  # cells use the global generator
        warnings.filters[:],
    )

    def put_back() -> None:
        os.environ.clear()
        os.environ.update(kept[0])
        os.chdir(kept[1])
        mpl.rcParams.update(kept[2])
        random.setstate(kept[3])
        np.random.set_state(kept[4])  # noqa: NPY002
        warnings.filters[:] = kept[5]
        np.set_printoptions(precision=8)
        pd.reset_option("display.max_rows")
        decimal.getcontext().prec = 28
        logging.disable(logging.NOTSET)

    yield put_back
    put_back()


def outcome(lab: Any, reset: Any, parts: dict[str, str], *, magic: bool) -> tuple[str, dict[str, Any]]:
    """Run one case in a new shell; returns the badge and all that can be noticed afterwards."""
    reset()
    lab.restart()
    for part in ("setup", "change"):
        if parts.get(part, "").strip():
            lab.run(parts[part], check=part == "setup")
    ran = lab.run("%%spot\n" * magic + parts["cell"], check=False)
    variables = {name: value for name, value in lab.ns.items() if not isinstance(value, io.IOBase) or not value.closed}
    return ran.badge, {
        "variables": describe(variables, is_hidden),
        "process": describe_process(),
        "shown": [plain(ran.out), plain(ran.err).split(), [plain(repr(data)) for data in ran.displays]],
        "history": {number: plain(repr(value)) for number, value in lab.ns["_oh"].items()},
        "last": plain(repr(lab.ns.get("_"))),
        "error": type(ran.error).__name__,
    }


def aside(function: Callable[[], Any]) -> Any:
    """Call a function in a forked child and return what it returned: cells change their process as they like."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            result = (None, function())
        except BaseException:
            result = (traceback.format_exc(), None)
        with os.fdopen(write, "wb") as pipe:
            pickle.dump(result, pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    os.waitpid(pid, 0)
    assert content, "the child died"
    failed, result = pickle.loads(content)
    assert failed is None, failed
    return result


def plain(text: str) -> str:
    """Leave out addresses, places of cells and ids of displays, which differ from shell to shell."""
    text = re.sub(r"0x[0-9a-fA-F]+|[0-9a-f]{32}", "0x", text)
    return re.sub(r"<ipython-input-[^>]*>(:\d+)?", "<cell>", text)


def without_ids(found: dict[str, Any]) -> dict[str, Any]:
    """Leave out what libraries put into the process when they are imported, and ids."""
    return {**found, "variables": {name: plain(text) for name, text in found["variables"].items()}}


CELLS = read_cases("cells.txt")


@pytest.mark.parametrize("name", CELLS)
def test_a_cell(lab: Any, name: str, reset: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Plain, first run and hit leave the same behind."""

    def run() -> list[Any]:
        _, alone = outcome(lab, reset, CELLS[name], magic=False)
        lab.empty_folder()
        return [("", alone), *(outcome(lab, reset, CELLS[name], magic=True) for _ in range(2))]

    (_, alone), (badge, first), (second_badge, second) = aside(run)
    assert without_ids(first) == without_ids(alone), badge
    assert without_ids(second) == without_ids(alone), second_badge
    assert second_badge.startswith("◆ spot " + name.rpartition(" · ")[2])
    capfd.readouterr()


CHANGES = read_cases("changes.txt")


@pytest.mark.parametrize("name", CHANGES)
def test_a_change(lab: Any, name: str, reset: Any) -> None:
    """What was stored before a change is not used where it would make a difference."""
    parts = CHANGES[name]

    def run() -> list[Any]:
        outcome(lab, reset, {**parts, "change": ""}, magic=True)
        found = outcome(lab, reset, parts, magic=True)
        lab.empty_folder()
        return [found, outcome(lab, reset, parts, magic=False)]

    (badge, cached), (_, alone) = aside(run)
    for part in ("variables", "history", "error") if cached["error"] != "NoneType" else cached.keys() - {"process"}:
        assert without_ids(cached)[part] == without_ids(alone)[part], badge


def test_all_libraries_are_there() -> None:
    """The cases mean what they say only if the libraries can be imported."""
    assert {"numpy", "pandas", "matplotlib"} <= sys.modules.keys()
