"""Instances, classes, functions and library objects as parts of a key; what is refused, and how it is said."""

import asyncio
import collections
import copy
import dataclasses
import enum
import functools
import io
import operator
import random
import re
import socket
import sqlite3
import threading
import types
import typing
import unittest.mock
import weakref

import pydantic
import pytest

from beautyspot.errors import ConfigurationError, UnhashableError
from beautyspot.keys import digest, encode, register_hash

_MISSING = object()
_UNSET = object()


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


class Slotted:
    __slots__ = ("_Slotted__z", "__weakref__", "x", "y")

    def __init__(self, x):
        self.x = x


class Other:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def method(self):
        return self.x


@dataclasses.dataclass(frozen=True)
class Config:
    name: str
    sizes: tuple[int, ...] = ()


class Colour(enum.Enum):
    RED = 1
    BLUE = "1"


class Shade(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Pair(typing.NamedTuple):
    a: int
    b: int


class Couple(typing.NamedTuple):
    a: int
    b: int


class Model(pydantic.BaseModel):
    a: int = 1
    b: list[int] = []


class Special(dict):
    label = ""


class Number(int):
    pass


class Text(str):
    __slots__ = ()


class Node:
    def __init__(self, value):
        self.value = value
        self.next = None


def outer(n):
    def inner(v):
        return v + n

    return inner


def test_instances_are_their_attributes():
    """Equal attributes agree in whatever order they were set; another value, name or class differs."""
    one = Point(1, 2)
    late = Point.__new__(Point)
    late.y, late.x = 2, 1
    assert encode(one) == encode(Point(1, 2)) == encode(late)
    different = [one, Point(1, 3), Point(1.0, 2), Other(1, 2), {"x": 1, "y": 2}, Point]
    late.extra = None
    assert len({encode(value) for value in [*different, late]}) == 7


def test_slots_count():
    """Attributes in slots are content, unset ones included."""
    full, half = Slotted(1), Slotted(1)
    full.y = None
    assert encode(Slotted(1)) == encode(half)
    assert len({encode(value) for value in (full, half, Slotted(2))}) == 3


def test_a_method_edit_in_the_class_changes_its_instances():
    """The class's code is part of an instance's digest."""
    namespaces = []
    for text in ("return self.x", "return self.x + 1", "return self.x  # a comment"):
        namespace = {"__name__": "__main__"}
        exec(f"class P:\n    def __init__(self): self.x = 1\n    def get(self):\n        {text}\n", namespace)
        namespaces.append(namespace["P"])
    first, edited, commented = (encode(cls()) for cls in namespaces)
    assert first != edited
    assert first == commented


def test_kinds_of_records_stay_apart():
    """Dataclass, namedtuple, enum, pydantic model and their look-alikes all differ."""
    values = [
        Config("a"), Config("a", (1,)), ("a", ()), {"name": "a", "sizes": ()}, Pair(1, 2), Couple(1, 2), (1, 2),
        [1, 2],
        Colour.RED, Colour.BLUE, Shade.RED, Level.LOW, 1, "1", Model(), Model(a=1), Model(a=2), {"a": 1, "b": []},
        Special(a=1), {"a": 1}, Number(1), Text("1"), re.RegexFlag.IGNORECASE, collections.UserDict(a=1),
    ]  # fmt: skip
    assert len({encode(value) for value in values}) == len(values)
    for value in values:
        assert encode(copy.deepcopy(value)) == encode(value)


def test_container_subclasses_keep_items_and_attributes():
    """A dict subclass is its items, in order, and its attributes."""
    labelled = Special(a=1)
    labelled.label = "x"
    assert len({encode(v) for v in (Special(a=1), labelled, Special(a=2), Special(b=1), Special(a=1, b=2))}) == 5
    assert encode(Special(a=1, b=2)) != encode(Special(b=2, a=1))


def test_functions_are_their_code_and_closure():
    """Lambdas, closures, partials and bound methods differ exactly where their behaviour does."""
    plus = [lambda v: v + 1, lambda v: v + 2]
    values = [
        *plus, outer(1), outer(2), functools.partial(outer, 1), functools.partial(outer, 2),
        functools.partial(outer, n=1),
        Other(1, 2).method, Other(2, 2).method, Other.method, print, operator.itemgetter(1), operator.itemgetter(2),
        functools.lru_cache(outer), str.join, "".join, "a".join, Point, Other, int,
    ]  # fmt: skip
    assert len({encode(value) for value in values}) == len(values)
    assert encode(outer(1)) == encode(outer(1))
    assert encode(functools.partial(outer, 1)) == encode(functools.partial(outer, 1))


REGISTRY = {}


def uses_registry(x):
    return REGISTRY[x]


def test_function_and_value_that_refer_to_each_other_end():
    """A registry that holds the function which reads it has a digest."""
    REGISTRY["f"] = uses_registry
    first = digest(uses_registry)
    assert digest(uses_registry) == first
    REGISTRY["k"] = 1
    try:
        assert digest(uses_registry) != first
    finally:
        REGISTRY.clear()


def test_linked_objects():
    """Cyclic and very long chains of objects encode by form."""

    def ring(*values):
        nodes = [Node(value) for value in values]
        for node, following in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
            node.next = following
        return nodes[0]

    assert encode(ring(1, 2, 3)) == encode(ring(1, 2, 3))
    assert len({encode(ring(*values)) for values in [(1,), (1, 1), (1, 2), (2, 1), (1, 1, 1)]}) == 5
    chain = None
    for _ in range(3000):
        link = Node(0)
        link.next, chain = chain, link
    assert encode(chain) == encode(copy_of_chain(chain))


def copy_of_chain(chain):
    values = []
    while chain is not None:
        values.append(chain.value)
        chain = chain.next
    for value in reversed(values):
        link = Node(value)
        link.next, chain = chain, link
    return chain


def test_parts_that_are_shared_many_times_do_not_explode():
    """Sixty doublings of the same two objects are sixty steps, not 2**60."""
    value = Point(1, 1)
    for _ in range(60):
        value = Point(value, value)
    assert len(digest(value)) == 24


def test_random_generators_are_their_state():
    """Generators of the standard library agree exactly if they would produce the same numbers."""
    one, other = random.Random(1), random.Random(1)
    assert encode(one) == encode(other)
    other.random()
    assert encode(one) != encode(other)


def test_library_classes_go_by_name_and_state(run_python):
    """Instances of library classes have digests that another process computes too."""
    program = """if True:
        import collections, ipaddress, string, types, datetime
        from beautyspot.keys import digest
        values = [ipaddress.ip_address("1.2.3.4"), string.Template("a"), types.SimpleNamespace(a={1}),
        ValueError("x"),
                  collections.UserList([1]), datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)]
        print([digest(v).hex() for v in values])
    """
    assert run_python(program, PYTHONHASHSEED="7") == run_python(program, PYTHONHASHSEED="8")


def test_sentinels_go_by_their_global_name():
    """Named bare objects agree with themselves and differ from each other; nameless ones are refused."""
    assert encode(_MISSING) == encode(_MISSING) != encode(_UNSET)
    with pytest.raises(UnhashableError, match="global name"):
        encode(object())


async def coroutine():
    return 1


def generator():
    yield 1


def refused_values(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("x")
    left, right = socket.socketpair()
    coro = coroutine()
    opened = path.open()
    yield from [
        opened, left, generator(), iter([1]), map(str, [1]), coro, threading.Lock(), threading.RLock(),
        threading.Event(),
        threading.current_thread(), sqlite3.connect(":memory:"), weakref.ref(Point), io.BytesIO(b"x"),
        io.StringIO("x"),
        unittest.mock.Mock(), unittest.mock.MagicMock(), weakref.WeakValueDictionary(), random.SystemRandom(),
        asyncio.new_event_loop(),
    ]  # fmt: skip
    coro.close()
    opened.close()
    left.close()
    right.close()


def test_what_has_no_value_is_refused(tmp_path):
    """Files, sockets, generators, locks, connections, mocks ... are refused alone and inside other values."""
    for value in refused_values(tmp_path):
        for wrapped in (value, [1, {"k": (value,)}], Point(value, 1)):
            with pytest.raises(UnhashableError) as caught:
                encode(wrapped, "argument 'it'")
            assert caught.value.where.startswith("argument 'it'")
            assert caught.value.remedy
        for name in ("close",):
            if hasattr(value, name) and not isinstance(value, unittest.mock.NonCallableMock):
                getattr(value, name)()


def test_the_refusal_names_the_place():
    """The path to the refused part reads like Python."""
    lock = threading.Lock()
    cases = {
        "argument 'cfg'": lock,
        "argument 'cfg'['db']": {"db": lock},
        "argument 'cfg'['db'][1]": {"db": (0, lock)},
        "argument 'cfg'.x": Point(lock, 1),
        "argument 'cfg'['a'].y[0]": {"a": Point(1, [lock])},
        "argument 'cfg'.x['q']": Point({"q": lock}, 1),
    }
    for place, value in cases.items():
        with pytest.raises(UnhashableError) as caught:
            encode(value, "argument 'cfg'")
        assert (caught.value.where, caught.value.type_name) == (place, "_thread.lock")


def test_a_property_that_raises_becomes_a_refusal():
    """Foreign code that fails while a value is read never escapes as its own error."""

    class Broken:
        def __reduce__(self):
            raise OSError("disk on fire")

    with pytest.raises(UnhashableError, match="Broken"):
        encode([Broken()])


def test_spot_hash_comes_first():
    """`__spot_hash__` stands for the value, in subclasses too."""

    class Client:
        def __init__(self, url):
            self.url, self.lock = url, threading.Lock()

        def __spot_hash__(self):
            return self.url

    class Sub(Client):
        pass

    assert encode(Client("a")) == encode(Client("a")) != encode(Client("b"))
    assert encode(Sub("a")) != encode(Client("a"))
    assert encode(Client("a")) != encode("a")
    assert encode(Client)


def test_registered_hashes():
    """`register_hash` applies to subclasses; the nearest class wins; the last registration counts."""

    class Session:
        def __init__(self, name):
            self.name, self.lock = name, threading.Lock()

    class Child(Session):
        pass

    with pytest.raises(UnhashableError):
        encode(Session("a"))
    register_hash(Session, lambda session: session.name)
    assert encode(Session("a")) == encode(Session("a")) != encode(Session("b"))
    assert encode(Child("a")) == encode(Child("a"))
    register_hash(Child, lambda _: "constant")
    assert encode(Child("a")) == encode(Child("b"))
    assert encode(Session("a")) != encode(Session("b"))


@pytest.mark.parametrize("kind", [list, dict, str, bytes, object, bool, "Session", 3])
def test_fixed_hashes_cannot_be_registered(kind):
    """Types that msgpack writes itself, and what is no class, are refused at registration."""
    with pytest.raises(ConfigurationError, match="register_hash"):
        register_hash(kind, str)


def test_a_registered_function_must_be_callable():
    """The second argument is checked at once."""
    with pytest.raises(ConfigurationError, match="function of the value"):
        register_hash(Point, "x")


def test_infrastructure_is_constant():
    """Objects of beautyspot's own do not influence keys."""

    class Store:
        __spot_infrastructure__ = True

        def __init__(self, path):
            self.path = path

    assert encode(Store("a")) == encode(Store("b"))


def test_namespaces_and_modules():
    """A user's module is its content, a library its name."""
    one, other = types.ModuleType("mine"), types.ModuleType("mine")
    one.K, other.K = 1, 1
    assert encode(one) == encode(other)
    other.K = 2
    assert encode(one) != encode(other)
    assert encode(re) != encode(io)
