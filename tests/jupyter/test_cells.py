"""Cells in a shell: what a hit leaves behind is what the run left behind."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.error import UsageError

from beautyspot.errors import CacheMissError

HITS = {
    "a value": ("x = 1 + 1", (), {"x": 2}),
    "a loop": ("for i in range(3):\n    t = i", (), {"i": 2, "t": 2}),
    "an augmented name": ("n += 1", ("n = 1",), {"n": 2}),
    "a tuple of types": ("x = (1, 1.0, True, '1', b'1', {2}, None)", (), {"x": (1, 1.0, True, "1", b"1", {2}, None)}),
    "a function and what it made": ("def f(a):\n    return a * 2\ny = f(K)", ("K = 4",), {"y": 8}),
    "a lambda": ("g = lambda a: a + 1\ny = g(1)", (), {"y": 2}),
    "an import": ("import math as m\nr = m.floor(2.5)", (), {"r": 2}),
    "an optional import": ("try:\n    import nothing_like_this as q\nexcept ImportError:\n    q = None",
                           (), {"q": None}),
    "a file that was closed": ("with open(__import_me) as f:\n    d = f.read(0)",
                               ("import os; __import_me = os.devnull",), {"d": ""}),
    "Japanese names": ("値 = [数 * 2 for 数 in 数列]", ("数列 = [1, 2]",), {"値": [2, 4]}),
    "names in a query": ("big = df.query('a > @limit').a.tolist()",
                         ("import pandas as pd; df = pd.DataFrame({'a': [1, 2, 3]}); limit = 1",), {"big": [2, 3]}),
    "only output": ("print('hello')", (), {}),
    "nothing but a definition": ("def f():\n    return missing", (), {}),
    "a branch": ("if c:\n    x = 1\nelse:\n    y = 2", ("c = False",), {"y": 2}),
}  # fmt: skip


@pytest.mark.parametrize("name", HITS)
def test_a_hit_after_a_restart(lab: Any, name: str) -> None:
    """The same cell in a new shell does not run, and its variables are there."""
    text, before, variables = HITS[name]
    first, second = lab.twice(f"%%spot\ntick()\n{text}", *before)
    assert (first.kind, first.ran) == ("miss", 1), first.badge
    assert (second.kind, second.ran) == ("hit", 0), second.badge
    assert {key: lab.ns[key] for key in variables} == variables
    assert all(type(lab.ns[key]) is type(value) for key, value in variables.items())
    assert second.out == first.out


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("y = x", "x = 2"),
        ("y = x", "x = True"),
        ("y = f()", "def f(): return 2"),
        ("y = f()", "K = 2"),
        ("y = P().m()", "class P:\n    def m(self): return 2"),
        ("y = x", "del x"),
        ("y = _", "3"),
        ("y = eval_text.upper()", "eval_text = 'b'"),
    ],
)
def test_a_change_of_what_is_read_is_a_miss(lab: Any, text: str, changed: str) -> None:
    """Values, types, functions and what they use, classes, absence: each is part of the key."""
    setup = "x = 1; K = 1; eval_text = 'a'\ndef f(): return K\nclass P:\n    def m(self): return 1"
    lab.run(setup)
    assert lab.run(f"%%spot\n{text}").kind == "miss"
    lab.run(changed)
    after = lab.run(f"%%spot\n{text}", check=False)
    assert after.kind != "hit"


def test_an_edit_of_comments_and_layout_is_a_hit(lab: Any) -> None:
    """Only what the text means counts."""
    lab.run("%%spot\ntick()\ny = [1,\n 2]  # one")
    assert lab.run("%%spot other label\n".replace("other label", "other") + "# two\n\ntick()\ny = [1, 2]").kind == "hit"
    assert lab.run("%%spot\ntick()\ny = [1, 3]").kind == "miss"


def test_running_again_in_the_same_shell_is_a_hit(lab: Any) -> None:
    """What a cell leaves behind does not change its own key, not even loop variables."""
    text = "%%spot\ntick()\nfor i in range(3):\n    t = i\nprint(t)\nz = t"
    assert [lab.run(text).kind for _ in range(3)] == ["miss", "hit", "hit"]
    lab.run("t = 77")
    assert lab.run(text).kind == "hit"
    assert lab.ns["t"] == 2


def test_a_name_that_is_bound_on_some_paths_only(lab: Any) -> None:
    """Where it cannot be told whether the cell bound a name, its old value is a condition of the record."""
    text = "%%spot\nif flag:\n    x = None\ny = 1"
    lab.run("flag = False; x = None")
    assert lab.run(text).kind == "miss"
    lab.run("x = 5")
    assert lab.run(text).kind == "miss"
    assert lab.ns["x"] == 5


class TestInPlace:
    """Inputs that the cell changes."""

    @pytest.mark.parametrize(
        ("setup", "text", "expected"),
        [
            ("v = [1]", "v.append(2)", [1, 2]),
            ("v = {'a': 1}", "v['b'] = 2", {"a": 1, "b": 2}),
            ("v = {1}", "v.add(2)", {1, 2}),
            ("v = bytearray(b'a')", "v += b'b'", bytearray(b"ab")),
            ("from collections import deque; v = deque([1])", "v.appendleft(0)", "deque"),
            ("import numpy as np; v = np.arange(3)", "v *= 2", "array"),
        ],
    )
    def test_they_keep_their_identity(self, lab: Any, setup: str, text: str, expected: object) -> None:
        """A list that is known under another name, or lies in a container, is changed there too."""
        first, second = lab.twice(f"%%spot\ntick()\n{text}", setup, "alias = v; box = {'in': v}")
        assert (first.kind, second.kind, second.ran) == ("miss", "hit", 0), (first.badge, second.badge)
        assert lab.ns["alias"] is lab.ns["v"] is lab.ns["box"]["in"]
        if isinstance(expected, str):
            assert list(lab.ns["v"]) in ([0, 1], [0, 2, 4])
        else:
            assert lab.ns["v"] == expected

    def test_a_function_that_changes_a_global(self, lab: Any) -> None:
        """The list is not named in the cell; it is restored all the same."""
        first, second = lab.twice("%%spot\nadd(2)", "log = []\ndef add(x): log.append(x)")
        assert (first.kind, second.kind) == ("miss", "hit")
        assert lab.ns["log"] == [2]

    def test_frames_are_rebound_under_all_their_names(self, lab: Any) -> None:
        """A frame cannot be refilled, so every name of it gets the new one."""
        setup = "import pandas as pd; df = pd.DataFrame({'a': [1]}); other = df"
        first, second = lab.twice("%%spot\ndf['b'] = 2", setup)
        assert (first.kind, second.kind) == ("miss", "hit"), (first.badge, second.badge)
        assert lab.ns["other"] is lab.ns["df"]
        assert list(lab.ns["df"].columns) == ["a", "b"]

    def test_a_frame_inside_a_container_is_not_stored(self, lab: Any) -> None:
        """The container would keep the old one."""
        lab.run("import pandas as pd; df = pd.DataFrame({'a': [1]}); box = [df]")
        assert "box holds" in lab.run("%%spot\ndf['b'] = 2").badge

    def test_a_frame_in_a_container_at_the_time_of_the_hit(self, lab: Any) -> None:
        """The record was made without the container: with it, the cell runs."""
        setup = "import pandas as pd; df = pd.DataFrame({'a': [1]})"
        lab.run(setup)
        assert lab.run("%%spot\ntick()\ndf['b'] = 2").kind == "miss"
        lab.restart()
        lab.run(setup + "; box = [df]")
        again = lab.run("%%spot\ntick()\ndf['b'] = 2")
        assert again.ran == 1
        assert list(lab.ns["box"][0].columns) == ["a", "b"]


def test_aliases_come_back(lab: Any) -> None:
    """Aliases of inputs, of parts of inputs, and among outputs."""
    first, second = lab.twice(
        "%%spot\nb = a\nc = d = []\nrows = [r for r in recs if r]\nb", "a = [1]; recs = [{}, {'k': 1}]"
    )
    assert (first.kind, second.kind) == ("miss", "hit")
    ns = lab.ns
    assert ns["b"] is ns["a"] is second.value
    assert ns["c"] is ns["d"]
    assert ns["rows"][0] is ns["recs"][1]


def test_deletions_are_replayed(lab: Any) -> None:
    """Even of something that has no digest."""
    first, second = lab.twice("%%spot\ndel gone\nx = 1", "gone = (i for i in 'a')")
    assert (first.kind, second.kind) == ("miss", "hit")
    assert "gone" not in lab.ns


def test_classes_and_their_instances(lab: Any) -> None:
    """Instances of a class that the cell itself defines are of the class that it defines on the hit."""
    text = (
        "%%spot\nfrom dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int\n"
        "    def up(self):\n        return Point(self.x + 1)\np = Point(1)"
    )
    first, second = lab.twice(text)
    assert (first.kind, second.kind) == ("miss", "hit"), first.badge
    ns = lab.ns
    assert type(ns["p"]) is ns["Point"]
    assert ns["p"].up() == ns["Point"](2)
    assert ns["Point"].__dataclass_fields__["x"].type is int


NOT_CACHED = {
    "an unhashable read": ("x = conn", ("import sqlite3; conn = sqlite3.connect(':memory:')",),
                           "conn (sqlite3.Connection)", "--ignore conn"),
    "an unstorable variable": ("x = 1\ny = iter([])", (), "y (", "--writes=x"),
    "an unstorable part": ("y = {'k': iter([])}", (), "y['k']", ""),
    "a function made by a call": ("def make():\n    return lambda: 1\nf = make()",
                                  (), "f is a function made by a call", ""),
    "a program": ("!echo hi", (), "!echo", "--allow-effects"),
    "another cell magic": ("%%bash\necho hi", (), "%%bash", ""),
    "eval": ("y = eval('1')", (), "eval()", "--reads"),
    "globals": ("y = len(globals())", (), "globals()", ""),
    "a star import": ("from math import *", (), "import *", ""),
    "an environment variable": ("import os\nos.environ['SPOT_TEST'] = '1'", (), "environment variable", "own cell"),
    "the working directory": ("import os\nos.chdir('.')", (), "working directory", ""),
    "print options": ("set_them(precision=3)",
                      ("import numpy as np; set_them = np.set_printoptions; set_them(precision=8)",), "printed", ""),
    "an attribute of a module": ("math.spot = 1", ("import math",), "assigns math.spot", ""),
    "a changed default": ("def f(a=[]):\n    a.append(1)\nf()", (), "f was changed", ""),
    "a changed function": ("def f(): pass\nf.x = 1", (), "f was changed", ""),
    "a default from the same cell": ("k = 1\ndef f(a=k): pass", (), "which the same cell computes", ""),
    "shared memory": ("import numpy as np\na = np.arange(3)\nb = a[1:]", (), "share memory", ""),
    "a file that is changed": ("open_('here.txt', 'a').close()",
                               ("open('here.txt', 'w').close(); open_ = open",), "here.txt", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_CACHED)
def test_what_cannot_be_cached_runs_and_says_why(lab: Any, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The cell runs every time; the badge names the reason and what to do."""
    text, before, reason, remedy = NOT_CACHED[name]
    magic = text.startswith("%%")
    first, second = lab.twice(f"%%spot\n{text}" if magic else f"%%spot\n{text}\ntick()", *before)
    assert (first.kind, second.kind) == ("not cached", "not cached"), (first.badge, second.badge)
    assert magic or (first.ran, second.ran) == (1, 1)
    assert reason in second.badge
    assert remedy in second.badge
    lab.ns.get("os") and lab.ns["os"].environ.pop("SPOT_TEST", None)
    capfd.readouterr()


class TestErrors:
    """Exceptions are the user's own, once, and nothing is stored."""

    def test_the_traceback_starts_at_the_users_line(self, lab: Any) -> None:
        """No frame of the magic or the engine is shown, and the line number is that of the cell."""
        failed = lab.run("\n%%spot\n\n# comment\nx = 1\nx / 0", check=False)
        assert isinstance(failed.error, ZeroDivisionError)
        shown = failed.out + failed.err
        assert "line 6" in shown
        assert "----> 6 x / 0" in shown
        assert "beautyspot" not in shown
        assert "run_cell_magic" not in shown
        assert lab.ns["x"] == 1

    def test_nothing_is_stored(self, lab: Any) -> None:
        """The cell runs again."""
        for _ in range(2):
            assert lab.run("%%spot\ntick()\nraise KeyError", check=False).ran == 1

    def test_frames_below_the_cell_are_shown(self, lab: Any) -> None:
        """A helper's frame belongs to the traceback."""
        lab.run("def helper():\n    raise ValueError('inside')")
        shown = lab.run("%%spot\nhelper()", check=False).out
        assert "in helper()" in shown
        assert "inside" in shown

    @pytest.mark.filterwarnings("ignore:To exit")
    @pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit"])
    def test_interrupts_pass_through(self, lab: Any, error: str) -> None:
        """Ctrl-C and exit do what they do in any cell."""
        failed = lab.run(f"%%spot\ntick()\nraise {error}", check=False)
        assert type(failed.error).__name__ == error
        assert lab.run(f"%%spot\ntick()\nraise {error}", check=False).ran == 1

    def test_syntax_errors(self, lab: Any) -> None:
        """A body that is no Python fails as such."""
        assert isinstance(lab.run("%%spot\nx = = 1", check=False).error, SyntaxError)

    def test_wrong_options_run_nothing(self, lab: Any) -> None:
        """The body is not touched."""
        failed = lab.run("%%spot --nonsense\ntick()", check=False)
        assert isinstance(failed.error, UsageError)
        assert failed.ran == 0


class TestAsync:
    """Cells that await at their top level."""

    def test_await(self, lab: Any) -> None:
        """The result of awaiting is restored without awaiting."""
        text = "%%spot\ntick()\nimport asyncio\nx = await asyncio.sleep(0, 5)\nx"
        first, second = lab.twice(text)
        assert (first.kind, second.kind, second.value, second.ran) == ("miss", "hit", 5, 0)

    def test_async_for(self, lab: Any) -> None:
        """Loops over async generators work too."""
        setup = "async def numbers():\n    for i in range(3):\n        yield i"
        first, second = lab.twice("%%spot\nx = [i async for i in numbers()]\nasync for y in numbers(): pass", setup)
        assert (first.kind, second.kind, lab.ns["x"], lab.ns["y"]) == ("miss", "hit", [0, 1, 2], 2)

    def test_errors(self, lab: Any) -> None:
        """The traceback is the user's own."""
        failed = lab.run("%%spot\nimport asyncio\nawait asyncio.sleep(0)\n1 / 0", check=False)
        assert isinstance(failed.error, ZeroDivisionError)
        assert "----> 4 1 / 0" in failed.out
        assert "engine" not in failed.out

    def test_scripts(self, lab: Any) -> None:
        """A script that calls the magic has no event loop: the magic drives its own."""
        body = "import asyncio\nx = await asyncio.sleep(0, 7)\n"
        (lab.folder / "job.py").write_text(f"get_ipython().run_cell_magic('spot', 'job', {body!r})\nprint(x)\n")
        assert "7" in lab.run("%run -i job.py").out
        again = lab.run("%run -i job.py")
        assert "7" in again.out
        assert again.kind == "hit"


class TestOptions:
    """What the line asks for."""

    def test_writes(self, lab: Any) -> None:
        """Only the named variables are stored; the others are unbound on a hit, and named."""
        first, second = lab.twice("%%spot -w a\na = 1; b = 2")
        assert (first.kind, second.kind) == ("miss", "hit")
        assert lab.ns["a"] == 1
        assert "b" not in lab.ns
        assert "b not restored" in second.badge

    def test_ignore_and_also(self, lab: Any) -> None:
        """Reads can be taken from the key and added to it."""
        lab.run("x = 1; y = 1")
        assert lab.run("%%spot -i x --also y\nz = x").kind == "miss"
        lab.run("x = 2")
        assert lab.run("%%spot -i x --also y\nz = x").kind == "hit"
        lab.run("y = 2")
        assert lab.run("%%spot -i x --also y\nz = x").kind == "miss"

    def test_reads(self, lab: Any) -> None:
        """The named reads are all there are; so a cell with eval can be cached."""
        first, second = lab.twice("%%spot -r a\nz = eval('a')", "a = 3")
        assert (first.kind, second.kind) == ("miss", "hit")

    def test_force(self, lab: Any) -> None:
        """The cell runs and its result replaces the old one."""
        lab.run("%%spot\ntick()\nx = 1")
        forced = lab.run("%%spot -f\ntick()\nx = 1")
        assert (forced.kind, forced.ran) == ("miss", 1)
        assert "forced" in forced.badge
        assert lab.run("%%spot\ntick()\nx = 1").kind == "hit"

    def test_off(self, lab: Any) -> None:
        """Neither looked up nor stored."""
        assert [lab.run("%%spot --off\ntick()").ran for _ in range(2)] == [1, 1]
        assert lab.run("%%spot\ntick()").kind == "miss"

    def test_frozen(self, lab: Any) -> None:
        """A miss is an error that says why, and the body does not run."""
        failed = lab.run("%%spot --frozen\ntick()", check=False)
        assert isinstance(failed.error, CacheMissError)
        assert "first run" in str(failed.error)
        assert failed.out.strip() == f"CacheMissError: {failed.error}"
        assert failed.ran == 0
        lab.run("%%spot\ntick()")
        assert lab.run("%%spot --frozen\ntick()").kind == "hit"

    def test_explain(self, lab: Any) -> None:
        """The prediction says what would happen; nothing runs."""
        lab.run("x = 1")
        lab.run("%%spot load\ny = x\ntick()")
        assert "would hit" in lab.run("%%spot load -n\ny = x\ntick()").out
        lab.run("x = 2")
        told = lab.run("%%spot load --explain\ny = x\ntick()")
        assert "would run: because x changed" in told.out
        assert told.ran == 0

    def test_ttl(self, lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """An expired result is computed again, with the reason."""
        lab.run("import beautyspot as bs; spot = bs.Spot('timed')")
        now = [1000.0]
        lab.ns["spot"].engine.clock = lambda: now[0]
        assert lab.run("%%spot --ttl 1h\ntick()").kind == "miss"
        now[0] += 3599
        assert lab.run("%%spot --ttl 1h\ntick()").kind == "hit"
        now[0] += 2
        again = lab.run("%%spot --ttl 1h\ntick()")
        assert again.kind == "miss"
        assert "expired" in again.badge

    @pytest.mark.parametrize(
        "option", ["--version 2", "--env SPOT_TEST_ENV", "--pin numpy", "--dep data.txt", "--no-output"]
    )
    def test_options_in_the_key(self, lab: Any, option: str) -> None:
        """These make another result."""
        (lab.folder / "data.txt").write_text("1")
        assert lab.run("%%spot\nx = 1").kind == "miss"
        assert lab.run(f"%%spot {option}\nx = 1").kind == "miss"
        assert lab.run(f"%%spot {option}\nx = 1").kind == "hit"

    def test_dep(self, lab: Any) -> None:
        """The content of a file that is opened out of sight counts if it is named."""
        data = lab.folder / "data.txt"
        data.write_text("1")
        lab.run("%%spot --dep *.txt\nx = 1")
        data.write_text("2")
        assert "data.txt changed" in lab.run("%%spot --dep *.txt\nx = 1").badge

    def test_no_output(self, lab: Any) -> None:
        """Nothing is replayed."""
        first, second = lab.twice("%%spot --no-output\nprint('once')\nx = 1")
        assert ("once" in first.out, "once" in second.out, second.kind) == (True, False, "hit")

    def test_min_time(self, lab: Any) -> None:
        """A short run is not stored, and the badge says so."""
        assert "took less than" in lab.run("%%spot --min-time 1h\ntick()").badge
        assert lab.run("%%spot --min-time 1h\ntick()").ran == 1

    def test_quiet(self, lab: Any) -> None:
        """No badge for hits and misses, but always for what is not cached."""
        assert lab.run("%%spot -q\nx = 1").badge == ""
        assert lab.run("%%spot -q\nx = 1").badge == ""
        assert lab.run("%%spot -q\ny = eval('1')").kind == "not cached"

    def test_tags_and_blob(self, lab: Any) -> None:
        """The entry has the tag and lies in a file."""
        lab.run("import beautyspot as bs; spot = bs.Spot('tagged')")
        lab.run("%%spot load --tag weekly --blob\nx = 1")
        [entry] = lab.ns["spot"].records(tag="weekly")
        assert (entry.func_name, entry.kind, entry.result_type) == ("load", "cell", "SPOT_BLOB")

    def test_which_spot(self, lab: Any) -> None:
        """--spot, else %spot use, else the only one in sight, else one named notebook."""
        lab.run("%%spot\nx = 1")
        lab.run("import beautyspot as bs; only = bs.Spot('only')")
        lab.run("%%spot\nx = 2")
        lab.run("more = bs.Spot('more')\n%spot use more")
        lab.run("%%spot\nx = 3")
        lab.run("%%spot -s only\nx = 4")
        counts = {name: len(lab.ns["bs"].Spot(name).records()) for name in ("notebook", "only", "more")}
        assert counts == {"notebook": 1, "only": 2, "more": 1}


class TestOutput:
    """What is shown on a hit is what was shown on the run."""

    def test_text_result_and_history(self, lab: Any) -> None:
        """Text, the shown value, Out and _ are as after the run."""
        first, second = lab.twice("%%spot\nimport sys\nprint('a')\nsys.stderr.write('b\\n')\nx = [1]\nx")
        assert second.out == first.out
        assert (first.err.strip(), second.err.strip()) == ("b", "b")
        ns = lab.ns
        assert second.value is ns["x"] is ns["_"] is ns["Out"][1] is ns["_1"]

    def test_a_semicolon_hides_the_value(self, lab: Any) -> None:
        """Now as on the hit, and it is another cell than without."""
        first, second = lab.twice("%%spot\nx = 1\nx;")
        assert (first.out, second.out, second.value) == ("", "", None)
        assert lab.run("%%spot\nx = 1\nx").kind == "miss"

    def test_displays_and_updates(self, lab: Any) -> None:
        """An update is folded into its display; the handle updates the new one."""
        text = "%%spot\nfrom IPython.display import display\nh = display('one', display_id=True)\nh.update('two')"
        first, second = lab.twice(text)
        assert (first.kind, second.kind) == ("miss", "hit"), first.badge
        assert [data["text/plain"] for data in second.displays] == ["'two'"]
        assert type(lab.ns["h"]).__name__ == "DisplayHandle"

    def test_a_value_that_cannot_be_stored(self, lab: Any) -> None:
        """Its text is shown again; ``_`` stays what it was."""
        first, second = lab.twice("%%spot\nx = 1\niter([])", "'before'")
        assert (first.kind, second.kind) == ("miss", "hit"), first.badge
        assert "list_iterator" in second.out
        assert lab.ns["_"] == "before"

    def test_code_magics(self, lab: Any) -> None:
        """The code inside %%time and %time counts as code."""
        lab.run("k = 1")
        for text in ("%%time\nx = k  # one", "%time y = k"):
            assert lab.run(f"%%spot\n{text}").kind == "miss"
            again = lab.run(f"%%spot\n{text}".replace("one", "two"))
            assert again.kind == "hit"
            assert "Wall time" in again.out
        lab.run("k = 2")
        assert lab.run("%%spot\n%%time\nx = k").kind == "miss"

    def test_captured(self, lab: Any) -> None:
        """%%capture around the cell gets its output."""
        for _ in range(2):
            lab.run("%%capture out\n%%spot\nprint('inner')")
            assert lab.ns["out"].stdout == "inner\n"

    def test_badges_stand_on_their_own_line(self, lab: Any) -> None:
        """Text that does not end its line does not swallow the badge."""
        first, second = lab.twice("%%spot\nimport sys; sys.stderr.write('open');")
        assert (first.kind, second.kind) == ("miss", "hit")


def test_loading_twice_and_unloading(lab: Any) -> None:
    """%load_ext may be said again; after %unload_ext the shell is as before."""
    import random

    lab.run("%load_ext beautyspot")
    assert lab.run("%%spot\nx = 1").kind == "miss"
    seed = random.seed
    lab.run("%unload_ext beautyspot")
    assert isinstance(lab.run("%%spot\nx = 1", check=False).error, UsageError)
    assert random.seed is not seed
    lab.run("%load_ext beautyspot")
    assert lab.run("%%spot\nx = 1").kind == "hit"


def test_a_broken_store_never_breaks_a_cell(lab: Any) -> None:
    """With a database that cannot be read the cell runs, and the user is told."""
    broken = lab.folder / "broken.db"
    broken.write_text("this is no database, and it is long enough to be looked at as one" * 20)
    lab.run(f"import beautyspot as bs; spot = bs.Spot('broken', db={str(broken)!r})")
    lab.run("import warnings; warnings.simplefilter('ignore')")
    ran = lab.run("%%spot\ntick()\nx = 1")
    assert (ran.ran, lab.ns["x"]) == (1, 1)
    assert ran.kind != "hit"
    lab.ns["spot"].engine.recorder.discard()


def test_settings_that_are_set_again(lab: Any) -> None:
    """The second run changes nothing any more, but a later session would miss the change."""
    lab.run("import numpy as np; set_them = np.set_printoptions; set_them(precision=8)")
    try:
        assert [lab.run("%%spot\nset_them(precision=3)").kind for _ in range(2)] == ["not cached", "not cached"]
    finally:
        lab.run("set_them(precision=8)")
