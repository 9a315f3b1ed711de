"""Digest of classes, and the classes that a function's results may be made of."""

from __future__ import annotations

import pytest

from beautyspot.keys.source import class_digest, code_identity

METHOD = "class A:\n    {line}\n"
DATA = "from dataclasses import dataclass, field\n@dataclass{options}\nclass A:\n    x: {type} = {value}\n"
SAME = {
    "docstring": (METHOD.format(line="x = 1"), METHOD.format(line="'doc'\n    x = 1  # one")),
    "unused name": ("K = 1\nclass A: x = 1", "K = 2\nclass A: x = 1"),
    "lock": ("import threading\nclass A:\n    lock = threading.Lock()",) * 2,
    "dataclass": (DATA.format(options="", type="int", value="1"),) * 2,
    "dataclass factory": (DATA.format(options="(slots=True)", type="list", value="field(default_factory=list)"),) * 2,
    "abstract": ("import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def m(self): ...",) * 2,
    "protocol": ("from typing import Protocol\nclass A(Protocol):\n    def m(self) -> int: ...",) * 2,
    "generic": ("from typing import Generic, TypeVar\nT = TypeVar('T')\nclass A(Generic[T]): ...",) * 2,
    "namedtuple": ("from collections import namedtuple\nA = namedtuple('A', 'x y')",) * 2,
    "typed dict": ("from typing import TypedDict\nclass A(TypedDict):\n    x: int",) * 2,
    "functional enum": ("import enum\nA = enum.Enum('A', 'X Y')",) * 2,
    "unhashable attribute": ("class A:\n    x = iter([1])\n    def m(self): return 1",) * 2,
}


@pytest.mark.parametrize("case", SAME)
def test_same(load, case):
    """Equal classes in two modules have equal digests."""
    one, other = SAME[case]
    assert class_digest(load(one).A) == class_digest(load(other).A)


DIFFERENT = {
    "name": ("class A: x = 1", "class B: x = 1\nA = B"),
    "attribute": ("class A: x = 1", "class A: x = 2"),
    "method": ("class A:\n    def m(self): return 1", "class A:\n    def m(self): return 2"),
    "static method": (
        "class A:\n    @staticmethod\n    def m(): return 1",
        "class A:\n    @staticmethod\n    def m(): return 2",
    ),
    "property": (
        "class A:\n    @property\n    def m(self): return 1",
        "class A:\n    @property\n    def m(self): return 2",
    ),
    "cached property": (
        "import functools\nclass A:\n    @functools.cached_property\n    def m(self): return 1",
        "import functools\nclass A:\n    @functools.cached_property\n    def m(self): return 2",
    ),
    "base": ("class B: x = 1\nclass A(B): ...", "class B: x = 2\nclass A(B): ..."),
    "base method": (
        "class B:\n    def m(self): return 1\nclass A(B):\n    def m(self): return super().m()",
        "class B:\n    def m(self): return 2\nclass A(B):\n    def m(self): return super().m()",
    ),
    "name in a method": (
        "K = 1\nclass A:\n    def m(self): return K",
        "K = 2\nclass A:\n    def m(self): return K",
    ),
    "name in the body": ("K = 1\nclass A: x = K", "K = 2\nclass A: x = K"),
    "class of a field": (
        "class F: x = 1\nclass A:\n    f: F",
        "class F: x = 2\nclass A:\n    f: F",
    ),
    "default": ("class A:\n    def m(self, n=[1]): ...", "class A:\n    def m(self, n=[2]): ..."),
    "metaclass": (
        "class M(type):\n    x = 1\nclass A(metaclass=M): ...",
        "class M(type):\n    x = 2\nclass A(metaclass=M): ...",
    ),
    "dataclass option": (
        DATA.format(options="", type="int", value="1"),
        DATA.format(options="(order=True)", type="int", value="1"),
    ),
    "dataclass field": (
        DATA.format(options="", type="int", value="1"),
        DATA.format(options="", type="float", value="1"),
    ),
    "enum member": (
        "import enum\nclass A(enum.Enum):\n    X = 1",
        "import enum\nclass A(enum.Enum):\n    X = 2",
    ),
    "functional enum": ("import enum\nA = enum.Enum('A', 'X Y')", "import enum\nA = enum.Enum('A', 'X Z')"),
    "namedtuple": (
        "from collections import namedtuple\nA = namedtuple('A', 'x y')",
        "from collections import namedtuple\nA = namedtuple('A', 'y x')",
    ),
    "pydantic validator": tuple(
        "import pydantic\nclass A(pydantic.BaseModel):\n    n: int\n    @pydantic.field_validator('n')\n"
        f"    @classmethod\n    def check(cls, v): return v + {n}"
        for n in (1, 2)
    ),
    "nested class": ("class A:\n    class B:\n        x = 1", "class A:\n    class B:\n        x = 2"),
    "wrapped method": tuple(
        f"import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(self): return g(self) + {n}\n    return w\n"
        "class A:\n    @d\n    def m(self): return 1"
        for n in (1, 2)
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_different(load, case):
    """A class that may behave in another way has another digest."""
    one, other = DIFFERENT[case]
    assert class_digest(load(one).A) != class_digest(load(other).A)


CHANGES = {
    "method replaced": lambda cls, m: setattr(cls, "m", m.other),
    "method replaced by a lambda": lambda cls, m: setattr(cls, "m", lambda self: 7),
    "method added": lambda cls, m: setattr(cls, "new", m.other),
    "method removed": lambda cls, m: delattr(cls, "m"),
    "attribute set": lambda cls, m: setattr(cls, "x", 5),
    "attribute added": lambda cls, m: setattr(cls, "y", 5),
    "container mutated": lambda cls, m: cls.items.append(1),
    "code replaced": lambda cls, m: setattr(cls.m, "__code__", m.other.__code__),
}


@pytest.mark.parametrize("change", CHANGES)
def test_classes_changed_after_they_were_made(load, change):
    """A patched class differs, for itself and for functions that use it."""
    module = load(
        "class A:\n    x = 1\n    items = []\n    def m(self): return 1\n"
        "def other(self): return 2\ndef f(): return A().m()"
    )
    before = class_digest(module.A), code_identity(module.f).digest()
    CHANGES[change](module.A, module)
    after = class_digest(module.A), code_identity(module.f).digest()
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_method_edited_in_an_instances_class(load):
    """A global instance brings its class along."""
    text = "class A:\n    def m(self): return {}\na = A()\ndef f(): return a.m()"
    digests = [code_identity(load(text.format(n)).f).digest() for n in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_class_defined_in_a_function(load):
    """Local classes are found, with the variables their methods close over."""
    text = "def make(n):\n    class A:\n        def m(self): return n\n    return A\nA = make({})"
    digests = [class_digest(load(text.format(n)).A) for n in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_class_that_refers_to_itself(load):
    """A class whose methods name it, and one that holds an instance of itself, end."""
    text = (
        "class A:\n    def m(self): return A()\n    def __init__(self): self.x = 1\n"
        "A.default = A()\ndef f(): return A.default"
    )
    digests = {code_identity(load(text).f).digest() for _ in range(2)}
    assert len(digests) == 1


def test_two_classes_of_one_name(load):
    """A class that was defined twice in a file is matched by its methods."""
    module = load("class A:\n    def m(self): return 1\nB = A\nclass A:\n    def m(self): return 2\n")
    alone = [class_digest(load(f"class A:\n    def m(self): return {n}").A) for n in (1, 2)]
    assert [class_digest(module.B), class_digest(module.A)] == alone


ANNOTATED = """
{future}
import dataclasses, enum
from typing import Annotated, Literal, NamedTuple, Optional, TypeVar, Union
class Colour(enum.Enum):
    RED = 1
@dataclasses.dataclass
class Inner:
    colour: Optional[Colour]
@dataclasses.dataclass
class Point:
    inners: "dict[str, list[Inner]]"
class Pair(NamedTuple):
    a: int
class Argument: ...
class Local: ...
class Captured: ...
class Unrelated: ...
def helper(): return Local()
def make():
    c = Captured
    def f(a: Argument, b: "Missing") -> dict[str, Annotated[Point, 1] | Pair]:
        return helper(), c
    return f
f = make()
"""


@pytest.mark.parametrize("future", ["", "from __future__ import annotations"])
def test_classes_of_a_function(load, future):
    """Annotations (nested, as text, with unknown names), fields, code and closure name the classes."""
    text = ANNOTATED.format(future=future)
    module = load(text)
    found = code_identity(module.f).classes()
    expected = {"Point", "Inner", "Colour", "Pair", "Argument", "Local", "Captured"}
    assert set(found) == expected
    assert list(found)[:2] == ["Point", "Pair"]
    assert all(found[name] is getattr(module, name) for name in expected)


def test_classes_of_libraries(load):
    """Library classes count if they are dataclasses, enumerations, named tuples or models."""
    module = load(
        "import http, pathlib, urllib.parse\nfrom urllib.parse import SplitResult\n"
        "from pathlib import Path\ndef f(p: Path) -> http.HTTPStatus: return SplitResult"
    )
    assert set(code_identity(module.f).classes()) == {"HTTPStatus", "SplitResult"}


def test_classes_of_values(load):
    """The class of a global instance is known; the library's base classes of it are not results."""
    module = load("import enum\nclass A: ...\nclass E(enum.Enum):\n    X = 1\na = A()\ndef f(): return a, E")
    assert code_identity(module.f).classes() == {"A": module.A, "E": module.E}
