"""Cells in real kernels, as Run-All executes them."""

from __future__ import annotations

import concurrent.futures
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError

from .kernels import Shown, Ticks, run_kernel

pytestmark = [pytest.mark.kernel, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

# Kind of the badge in a second kernel, and the cell. "" means: a cell without the magic.
NOTEBOOK = [
    ("", "n = 3\nshared = [1]\nalias = shared\ngone = 1\nimport pandas as pd\nimport numpy as np\nnp.random.seed(4)"),
    ("", "open('data.txt', 'w').write('1')\ndef helper(k):\n    return k + 1"),
    ("hit", """%%spot 表示
import sys
from IPython.display import HTML, Markdown, display
tick('show')
print('前')
print('warned', file=sys.stderr)
display(HTML('<b>bold</b>'))
print('後')
値 = [n, os.getpid()]
値"""),
    ("", "print(値, _ is 値, Out[4] is 値)"),
    ("hit", "%%spot figure\nimport matplotlib.pyplot as plt\ntick('figure')\nplt.plot([1, 2, n])\nplt.title('題');"),
    ("hit", "%%spot frame\ntick('frame')\ndf = pd.DataFrame({'a': [1, n], '名': ['x', None]})\ndf"),
    ("hit", "%%spot quiet\ntick('quiet')\n1 + n;"),
    ("hit", "%%spot update\ntick('update')\nh = display('one', display_id=True)\nh.update('two')\nprint('end')"),
    ("", "h.update('three')"),
    ("hit", """%%spot clear
from IPython.display import clear_output
tick('clear')
print('a')
clear_output()
print('b')"""),
    ("hit", "%%spot wait\nimport asyncio\ntick('wait')\nanswer = await asyncio.sleep(0, os.getpid())\nanswer"),
    ("", "%%capture caught\n%%spot captured\ntick('captured')\nprint('inner')"),
    ("", "print(repr(caught.stdout))"),
    ("hit", "%%time\n%%spot timed\ntick('timed')\nz = n * 2"),
    ("hit", "%%spot inside\ntick('inside')\n%time w = n * 3"),
    ("not cached", "%%spot unhashable\ntick('unhashable')\nit = iter([n])\nnext(it)"),
    ("hit", "%%spot mutated\ntick('mutated')\nshared.append(n)"),
    ("", "print(shared, alias is shared)"),
    ("hit", "%%spot aliases\ntick('aliases')\nb = shared\nc = d = [0]"),
    ("", "print(b is shared, c is d)"),
    ("hit", "%%spot deleted\ntick('deleted')\ndel gone"),
    ("", "print('gone' in globals())"),
    ("hit", """%%spot defines
tick('defines')
import math as m
class P:
    k = 2
def g(v):
    return v * P.k
y = g(n)"""),
    ("", "print(g(5), P.k, m.pi, y)"),
    ("hit", "%%spot helped\ntick('helped')\nr = helper(n)"),
    ("hit", "%%spot random\ntick('random')\nx = np.random.rand(2)"),
    ("", "print(x, np.random.rand())"),
    ("hit", "%%spot file\ntick('file')\nwith open('data.txt') as f:\n    t = f.read()"),
    ("hit", """%%spot threads
import threading
tick('threads')
thread = threading.Thread(target=print, args=('inside',))
thread.start()
thread.join()
del thread"""),
    ("hit", "%%spot bar\ntick('bar')\nfor i in range(3):\n    sys.stderr.write(f'\\r{i}/3')\n    sys.stderr.flush()"),
    ("hit", "%%spot long\ntick('long')\nfor i in range(50_000):\n    print(i, 'x' * 20)"),
    ("hit", "%%spot \"<script>alert('名')</script>\"\ntick('hostile')\nok = 1"),
]  # fmt: skip


@pytest.fixture
def ticks():
    """Return the receiver of what bodies say when they run."""
    found = Ticks()
    yield found
    found.socket.close()


def same(before: Shown, after: Shown) -> bool:
    """Whether two cells show the same: progress bars as they stand at the end."""
    first, second = before.comparable(), after.comparable()
    return [(kind, text.rpartition("\r")[2]) for kind, text in first] == second or first == second


def test_a_notebook_after_a_restart(tmp_path: Path, ticks: Ticks) -> None:
    """The second kernel runs no body, and every cell shows what it showed in the first one, in the same order."""
    cells = [text for _, text in NOTEBOOK]
    first = run_kernel(tmp_path, *cells, ticks=ticks)
    ran = ticks.take()
    second = run_kernel(tmp_path, *cells, ticks=ticks)
    wrong = [
        (cells[i], after.badge, before.comparable(), after.comparable())
        for i, (before, after) in enumerate(zip(first, second, strict=True))
        if after.kind != NOTEBOOK[i][0] or before.count != after.count
        or not (same(before, after) or NOTEBOOK[i][0] == "not cached" or cells[i].startswith("%%spot long"))
    ]  # fmt: skip
    assert wrong == [], wrong
    assert len(ran) == sum("tick(" in text for text in cells)
    assert ticks.take() == ["unhashable"]
    assert "True True" in second[3].text
    assert first[2].comparable() == second[2].comparable()
    assert [kind for kind, _ in second[2].comparable()] == [
        "stdout",
        "stderr",
        "display_data",
        "stdout",
        "execute_result",
    ]
    assert "characters were not stored" in "".join(output.text for output in second[-2].outputs)
    assert "<script>" not in second[-1].html
    assert "&lt;script&gt;" in second[-1].html
    assert "color:#808080" in second[-1].html


def test_what_changed_is_named(tmp_path: Path) -> None:
    """A miss says why: a variable, a helper, a file."""
    setup = "n = {}\nopen('data.txt', 'w').write('{}')\ndef helper(k):\n    return k + {}"
    cells = ("%%spot a\nx = n", "%%spot b\ny = helper(1)", "%%spot c\nwith open('data.txt') as f:\n    t = f.read()")
    run_kernel(tmp_path, setup.format(1, 1, 1), *cells)
    again = run_kernel(tmp_path, setup.format(2, 2, 2), *cells)
    assert ["because n changed" in again[1].badge, "because helper() changed" in again[2].badge,
            "because data.txt changed" in again[3].badge] == [True] * 3  # fmt: skip


def test_errors(tmp_path: Path, ticks: Ticks) -> None:
    """Errors are shown once, at the user's own line, and never stored; after the repair the cell is cached."""
    cells = (
        "%%spot boom\ntick('boom')\n\nx / 0",
        "x = 1",
        "%%spot boom\ntick('boom')\n\nx / 0",
        "%%spot --nonsense\ntick('never')",
        "%%spot stop\ntick('stop')\nimport signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time\ntime.sleep(5)",
        "%%spot stop\ntick('stop')\nv = 1",
        "%%spot later\nimport asyncio\nawait asyncio.sleep(0)\n1 / 0",
        "%%spot asks\ntick('asks')\nv = input()",
    )
    shown = run_kernel(tmp_path, *cells, ticks=ticks)
    assert "NameError" in shown[0].text
    assert "ZeroDivisionError" in shown[2].text
    assert "----> 4 x / 0" in shown[2].text
    assert "line 4" in shown[2].text
    assert "beautyspot" not in shown[2].text
    assert len(shown[2].outputs) == 1
    assert "UsageError" in shown[3].text
    assert "KeyboardInterrupt" in shown[4].text
    assert shown[5].kind == "miss"
    assert "----> 4 1 / 0" in shown[6].text
    assert "engine" not in shown[6].text
    assert "StdinNotImplementedError" in shown[7].text
    assert [cell.kind for cell in shown] == ["", "", "", "", "", "miss", "", ""]
    assert ticks.take() == ["boom", "boom", "stop", "stop", "asks"]


def test_run_all_stops_at_an_error(tmp_path: Path) -> None:
    """An exception inside a cell ends the run, as without the magic."""
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run_kernel(tmp_path, "%%spot\n1 / 0", allow_errors=False)


def test_two_kernels_on_one_store(tmp_path: Path, ticks: Ticks) -> None:
    """Two kernels that run the same cell at once run it once, and both have the result."""
    text = "%%spot slow\nimport time\ntick('slow')\ntime.sleep(1.5)\nwho = os.getpid()"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: run_kernel(tmp_path, text, "who", ticks=ticks), range(2)))
    assert ticks.take() == ["slow"]
    assert sorted(run[0].kind for run in runs) == ["hit", "miss"]
    assert runs[0][1].text == runs[1][1].text


def test_a_damaged_store(tmp_path: Path, ticks: Ticks) -> None:
    """A row that cannot be read makes the cell run, with the right result and one sentence; the store is repaired."""
    cells = ("%%spot data\ntick('data')\nx = list(range(5))", "x")
    run_kernel(tmp_path, *cells, ticks=ticks)
    [path] = tmp_path.rglob("*.db")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE tasks SET result_data = x'00' WHERE cache_key IN (SELECT cache_key FROM tasks)")
    db.close()
    again = run_kernel(tmp_path, *cells, ticks=ticks)
    assert ticks.take() == ["data", "data"]
    assert again[0].kind == "miss"
    assert "could not be read" in again[0].badge
    assert "0, 1, 2, 3, 4" in again[1].text
    assert run_kernel(tmp_path, *cells)[0].kind == "hit"


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    """The cell runs and says that nothing was stored."""
    broken = tmp_path / "file"
    broken.write_text("no folder")
    shown = run_kernel(tmp_path, f"import beautyspot as bs\nspot = bs.Spot('s', db={str(broken / 'x.db')!r})",
                       "%%spot\nx = 1\nx")  # fmt: skip
    assert shown[1].kind == "not cached" or "not stored" in shown[1].badge
    assert ("execute_result", "[('text/plain', '1')]{}") in shown[1].comparable()


def test_clear_and_autoreload(tmp_path: Path, ticks: Ticks) -> None:
    """``%spot clear`` makes cells run again; an edited module is followed under autoreload."""
    cell = "%%spot helped\ntick('helped')\nimport helpers\ny = helpers.f()"
    edit = "import pathlib, importlib\npathlib.Path('helpers.py').write_text('def f():\\n    return {}\\n' + '# ' * {})"
    start = "%load_ext autoreload\n%autoreload 2"
    before = (start, edit.format(1, 1), cell, cell, edit.format(22, 9), cell, "y")
    shown = run_kernel(tmp_path, *before, "%spot clear --yes", cell, "%spot list", ticks=ticks)
    kinds = [shown[i].kind for i in (2, 3, 5, 8)]
    assert kinds == ["miss", "hit", "miss", "miss"]
    assert "22" in shown[6].text
    assert "deleted 2" in shown[7].text
    assert "helped" in shown[9].text


SCRIPT = """%load_ext beautyspot
%%spot
print('body ran')
x = 41 + 1
"""


def terminal(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run IPython in a terminal."""
    command = [sys.executable, "-m", "IPython", "--colors=NoColor", "--HistoryManager.enabled=False", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_terminal_ipython(tmp_path: Path) -> None:
    """In terminals the badge is a line on stderr; ``ipython -c`` and ``ipython file.ipy`` share the store."""
    (tmp_path / "job.ipy").write_text(
        "%load_ext beautyspot\nget_ipython().run_cell_magic('spot', 'job', 'print(\"shown\")\\nx = 42\\n')\nprint(x)\n"
    )
    first = terminal(tmp_path, "job.ipy")
    assert "42" in first.stdout, first
    assert first.stderr.count("◆ spot miss · job") == 1
    again = terminal(tmp_path, "job.ipy")
    assert again.stdout == first.stdout
    assert again.stderr.count("◆ spot hit · job") == 1
    inline = "%load_ext beautyspot\nget_ipython().run_cell_magic('spot', 'job', 'print(\"shown\")\\nx = 42\\n')"
    assert "◆ spot hit · job" in terminal(tmp_path, "-c", inline).stderr


def test_papermill(tmp_path: Path) -> None:
    """Papermill runs notebooks with cached cells; parameters are part of the key."""
    import nbformat

    cells = [nbformat.v4.new_code_cell(text) for text in ("n = 1", "%load_ext beautyspot", "%%spot\ny = n * 2\ny")]
    cells[0].metadata["tags"] = ["parameters"]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "in.ipynb")
    found = []
    for n in ("5", "5", "6"):
        command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "-p", "n", n, "--no-progress-bar"]
        subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=True)
        text = (tmp_path / "out.ipynb").read_text(encoding="utf-8")
        found.append(re.findall(r"◆ spot (\w+) ·.*?(because n changed)?(?:\\n)?\"", text)[-1][0])
    assert found == ["miss", "hit", "miss"]
