"""One definition in a module, a script and a notebook: one digest. Live code, never the disk."""

from __future__ import annotations

import ast
import json
import linecache
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from beautyspot.keys.source import class_digest, code_identity, register_source, register_tree

DEFINITIONS = '''
import enum
import functools
import math
from collections import namedtuple
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Optional, Protocol, TypeVar

import pydantic

K = 3
T = TypeVar("T")
Pair = namedtuple("Pair", "a b")

class Colour(enum.Enum):
    RED = K
    BLUE = "b"

    def shout(self):
        return self.name.upper()

class Bare:
    x = 1

class Shape(Protocol):
    def area(self) -> float: ...

class Box(Generic[T]):
    def __init__(self, item: T):
        self.item = item

class Named(NamedTuple):
    a: int = 1

    def total(self):
        return self.a + K

@dataclass
class Point:
    """A point."""

    x: int
    tags: list[str] = field(default_factory=list)

    def norm(self):
        return math.hypot(self.x, K)

class Sub(Point):
    def norm(self):
        return super().norm() + 1

class Model(pydantic.BaseModel):
    n: int = 1
    point: Optional[Named] = None

    @pydantic.field_validator("n")
    @classmethod
    def check(cls, v):
        return v + K

    @property
    def double(self):
        return self.n * 2

def helper(x, n=2):
    return x * K + n

def twice(g):
    @functools.wraps(g)
    def w(*args):
        return 2 * g(*args)
    return w

@twice
def wrapped(x):
    return x

add = lambda v: v + 1

def f(x):
    """Use everything."""
    data = [helper(i) for i in range(x)]
    classes = Point(1).norm(), Colour.RED, Bare.x, Box(1), Named(), Pair(1, 2), Model(), Sub, Shape
    return data, classes, wrapped(1), add(1)

async def g(x):
    return f"{x!r:>{K}}"
'''
FUNCTIONS = ["f", "g", "helper", "wrapped", "add"]
SUBJECTS = [*FUNCTIONS, "Colour", "Bare", "Shape", "Box", "Named", "Point", "Sub", "Model", "Pair"]
REPORT = """
import json
from beautyspot.keys.source import class_digest, code_identity
def report(names, space):
    found = {}
    for n in names.split():
        o = space[n]
        found[n] = (class_digest(o) if isinstance(o, type) else code_identity(o).digest()).hex()
    found["portable"] = code_identity(space["f"]).portable
    return json.dumps(found)
"""


def _run(args, cwd, **env):
    done = subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env={**os.environ, "IPYTHONDIR": str(cwd), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Digests of the subjects as (a) module, (b) script, (c) notebook cells."""
    folder = tmp_path_factory.mktemp("places")
    names = " ".join(SUBJECTS)
    (folder / "defined.py").write_text(DEFINITIONS)
    (folder / "report.py").write_text(REPORT)
    (folder / "module.py").write_text(f"import defined, report\nprint(report.report({names!r}, vars(defined)))\n")
    (folder / "script.py").write_text(f"{DEFINITIONS}\nimport report\nprint(report.report({names!r}, globals()))\n")
    cells = [ast.unparse(s) for s in ast.parse(DEFINITIONS).body]
    (folder / "notebook.py").write_text(
        textwrap.dedent(f"""
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance()
        for cell in {cells!r}:
            assert shell.run_cell(cell, store_history=True).success
        import report
        print(report.report({names!r}, shell.user_ns))
        """)
    )
    return {
        "module": _run(["module.py"], folder),
        "script": _run(["script.py"], folder, PYTHONHASHSEED="7"),
        "notebook": _run(["notebook.py"], folder),
    }


@pytest.mark.parametrize("name", [*SUBJECTS, "portable"])
def test_equal_in_notebook_script_and_module(places, name):
    """Where a definition stands does not enter its digest, in other processes with other hash seeds."""
    assert places["module"][name] == places["script"][name] == places["notebook"][name]


def test_all_of_it_is_portable(places):
    """Source text was found for everything."""
    assert places["notebook"]["portable"] is True


def _executed(text, filename="<made>"):
    space = {"__name__": "made_by_exec"}
    exec(compile(text, filename, "exec"), space)
    return space


def test_edited_but_not_loaded_again_is_unchanged(load):
    """The text that was noted at decoration counts, not what the disk says now."""
    module = load("def h(): return 1\ndef f(): return h()")
    identity = code_identity(module.f)
    Path(module.__file__).write_text("# moved\n\ndef h(): return 22\ndef f(): return h() + 1")
    digest = identity.digest()
    assert identity.portable
    assert digest == code_identity(load("def h(): return 1\ndef f(): return h()").f).digest()


def test_edited_before_anyone_looked(load):
    """No known text gives the live bytecode: bytecode it is, and not the wrong text."""
    module = load("def f(): return 1")
    Path(module.__file__).write_text("def f(): return 22222\n")
    identity = code_identity(module.f)
    assert not identity.portable
    assert identity.digest() != code_identity(load("def f(): return 22222").f).digest()


def test_moved_within_an_edited_file(load):
    """A function that only moved in an edited file is found by its code."""
    module = load("def f(): return 1")
    Path(module.__file__).write_text("import os\n\n\ndef other(): return 5\n\n\ndef f(): return 1\n")
    identity = code_identity(module.f)
    assert identity.portable
    assert identity.digest() == code_identity(load("def f(): return 1").f).digest()


def test_loaded_again_is_seen(load):
    """After a reload the new code counts."""
    module = load("def f(): return 1", "loaded_again")
    first = code_identity(module.f).digest()
    module = load("def f(): return 2000", "loaded_again")
    assert code_identity(module.f).digest() != first
    assert code_identity(module.f).portable


def test_exec_without_text_falls_back_to_bytecode():
    """Code without text still tells functions, constants, globals and helpers apart."""
    texts = ["def f(): return 1", "def f(): return 1.0", "def f(): return 2", "def h(): return 1\ndef f(): return h()"]
    texts += ["def h(): return 2\ndef f(): return h()", "K = 1\ndef f(): return K", "K = 2\ndef f(): return K"]
    texts += ["def f(): return [K for _ in 'a']\nK = 1", "def f(): return [K for _ in 'a']\nK = 2"]
    found = [code_identity(_executed(text)["f"]) for text in texts]
    assert len({i.digest() for i in found}) == len(texts)
    assert not any(i.portable for i in found)
    assert code_identity(_executed(texts[0])["f"]).digest() == found[0].digest()


def test_two_registered_texts_under_one_name():
    """Cells that share a file name are told apart by their code."""
    found = []
    for text in ("def f(): return 1", "def f(): return 2"):
        register_source("<cell>", text)
        found.append(_executed(text, "<cell>")["f"])
    identities = [code_identity(f) for f in found]
    assert all(i.portable for i in identities)
    assert identities[0].digest() != identities[1].digest()


def test_registered_tree():
    """A syntax tree can be registered instead of a text."""
    tree = ast.parse("def f(): return 'tree'\nclass A:\n    x = 'tree'")
    register_tree("<tree cell>", tree)
    space = {"__name__": "made_from_tree"}
    exec(compile(tree, "<tree cell>", "exec"), space)
    assert code_identity(space["f"]).portable
    register_source("<text cell>", "class A:\n    x = 'tree'")
    other = {"__name__": "made_from_text"}
    exec(compile("class A:\n    x = 'tree'", "<text cell>", "exec"), other)
    assert class_digest(space["A"]) == class_digest(other["A"])


def test_lambdas_on_one_line_by_position(load):
    """Lambdas on one line that differ only in what bytecode forgets keep their own text."""
    module = load("f, g = (lambda v: v + (1 + 1)), (lambda v: v + 2)")
    digests = [code_identity(x).digest() for x in (module.f, module.g)]
    alone = [code_identity(load(f"f = lambda v: v + {n}").f).digest() for n in ("(1 + 1)", "2")]
    assert digests == alone


def test_linecache_alone_is_enough():
    """A text in linecache (where IPython puts cells) is found."""
    text = "def f(x):\n    return x + 'linecache'\n"
    linecache.cache["<linecached>"] = (len(text), None, text.splitlines(True), "<linecached>")
    assert code_identity(_executed(text, "<linecached>")["f"]).portable


def test_future_annotations_of_an_earlier_cell(load):
    """Compiler flags that the text does not show do not hide it."""
    import __future__

    text = "def f(x: 'Later'):\n    def g(y: int): return y\n    return g(x)"
    register_source("<flagged>", text)
    space = {"__name__": "flagged"}
    exec(compile(text, "<flagged>", "exec", __future__.annotations.compiler_flag), space)
    assert code_identity(space["f"]).portable


def test_name_registration_is_not_required_for_top_level_await():
    """A function in a cell with `await` at the top level is found."""
    text = "def f(): return 'awaiting'\nx = await f()"
    register_source("<awaiting>", text)
    space = {"__name__": "awaiting"}
    exec(compile("def f(): return 'awaiting'", "<awaiting>", "exec"), space)
    assert code_identity(space["f"]).portable
