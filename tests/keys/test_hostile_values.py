"""Values whose own code raises, lies or has side effects: a typed error that names the parameter, and nothing else."""

import contextvars
import enum
import functools
import inspect
import sys
import threading
import tracemalloc
import types
import typing
from collections.abc import Mapping

import pytest

from beautyspot import Spot
from beautyspot.errors import KeyingError, UnhashableError
from beautyspot.keys import compile_key, digest, encode, file_content, file_stat

NEVER_CALLED = [
    "__eq__", "__hash__", "__getattr__", "__len__", "__iter__", "__bool__", "__repr__", "__str__",
    "__format__", "__sizeof__", "__dir__", "__call__", "__contains__", "__getitem__", "__float__", "__index__",
    "__fspath__", "__array__", "__class_getitem__", "__int__", "__bytes__", "__copy__", "__deepcopy__",
]  # fmt: skip
PICKLING = ["__reduce_ex__", "__reduce__", "__getstate__", "__getnewargs__", "__getnewargs_ex__", "__getattribute__"]


def f(x, y=1):
    """Do nothing."""


def class_with(name, calls):
    """A class with one method, which notes the call and raises."""

    def method(self, *args):
        calls.append(name)
        raise ValueError("boom")

    members = {name: method} if name != "__eq__" else {name: method, "__hash__": object.__hash__}
    return type("Hostile", (), members)


@pytest.mark.parametrize("name", NEVER_CALLED)
def test_methods_that_no_key_needs_are_not_called(name):
    """Equality, length, iteration, truth, representation ... of a value are never asked."""
    calls = []
    value = class_with(name, calls)()
    value.x = 1
    keys = compile_key(f)
    assert keys((value,), {}) == keys((value, 1), {})
    assert keys(([value, {"k": value}],), {}) != keys((value,), {})
    value.lock = threading.Lock()
    with pytest.raises(UnhashableError, match=r"argument 'x'\.lock"):
        keys((value,), {})
    assert calls == []


@pytest.mark.parametrize("name", PICKLING)
def test_an_error_while_reading_names_the_parameter(name):
    """What the value says about itself when pickled is asked; an error there never escapes as its own."""
    value = class_with(name, [])()
    keys = compile_key(f)
    for wrapped in (value, [value], {"a": (value,)}):
        with pytest.raises(UnhashableError, match=r"^argument 'x'.*Hostile.*ignore=\['x'\]"):
            keys((wrapped,), {})
    ring = [value]
    ring.append(ring)
    with pytest.raises(UnhashableError, match=r"argument 'x'\[0\] \("):
        keys((ring,), {})
    assert keys((2,), {}) == keys((2,), {})


def test_classes_whose_metaclass_raises():
    """A metaclass may break hashing, comparison or attribute access of its classes."""

    def raising(self, *args):
        raise ValueError("boom")

    for name in ("__hash__", "__eq__", "__getattribute__"):
        meta = type("Meta", (type,), {name: raising})
        value = meta("Broken", (), {})()
        with pytest.raises(UnhashableError, match="argument 'x'"):
            compile_key(f)((value,), {})


def test_the_search_for_the_refused_part_runs_no_code():
    """Properties, and the items of a mapping that loads them on demand, are not touched to write an error message."""
    calls = []

    class Lazy(Mapping):
        """Loads its items when asked."""

        def __init__(self):
            self.lock = threading.Lock()

        @property
        def args(self):
            """Have a side effect."""
            calls.append("args")

        def __getitem__(self, key):
            calls.append(key)

        def __iter__(self):
            calls.append("iter")
            return iter("ab")

        def __len__(self):
            calls.append("len")
            return 2

    with pytest.raises(UnhashableError, match=r"argument 'x'\.lock"):
        compile_key(f)((Lazy(),), {})
    assert calls == []


def test_an_iterator_is_not_used_up():
    """A refused generator still gives all its items to the function."""
    items = (number for number in range(3))
    with pytest.raises(UnhashableError, match="pass a list"):
        compile_key(f)(([items],), {})
    assert list(items) == [0, 1, 2]


def test_an_interrupt_passes_and_leaves_no_trace():
    """Ctrl-C while a value is read is no key problem, and the next key is as ever."""

    class Interrupted:
        """Is read when the user loses patience."""

        def __reduce__(self):
            raise KeyboardInterrupt

    before = digest([1, (2,)])
    with pytest.raises(KeyboardInterrupt):
        digest([(Interrupted(),)])
    assert digest([1, (2,)]) == before


def test_a_dict_that_grows_while_it_is_read():
    """Another thread's change in the middle is told as such."""
    table = {}

    class Grows:
        """Changes the dict that it is in."""

        def __reduce__(self):
            table[len(table)] = 1
            return int, ()

    table.update(a=Grows(), b=2)
    with pytest.raises(KeyingError, match="changed"):
        compile_key(f)((table,), {})


def test_sets_that_lead_back_to_themselves_are_refused():
    """There is no order to write their elements in; the message says what is the matter."""

    class Node:
        """Knows its children and its parent."""

    root, child = Node(), Node()
    root.children, child.parent = {child}, root
    with pytest.raises(UnhashableError, match="a set in it leads back"):
        encode(root)


def test_subclasses_of_sets_do_not_depend_on_order(run_python):
    """Another PYTHONHASHSEED gives the same digest; class, elements and attributes count."""
    program = """if True:
        from beautyspot.keys import digest
        class Tags(set): pass
        class Fixed(frozenset): __slots__ = ("note",)
        fixed = Fixed(["abc", "b", "c", "d"])
        fixed.note = {"x", "y", "z"}
        tags = Tags(["q", "r", "s", "t"])
        tags.note = 1
        print(digest([fixed, tags]).hex(), len({digest(v) for v in (tags, Tags(tags), Tags("qrs"), set(tags))}))
    """
    first = run_python(program, PYTHONHASHSEED="1")
    assert first == run_python(program, PYTHONHASHSEED="77")
    assert first.endswith(" 4")


def test_names_of_types():
    """New types, forward references and what they stand for."""
    number, text = typing.NewType("T", int), typing.NewType("T", str)
    assert encode(number) == encode(typing.NewType("T", int)) != encode(text)
    assert encode(typing.List["A"]) == encode(typing.List["A"]) != encode(typing.List["B"])  # noqa: F821, UP006  # names that nobody resolves
    assert encode(typing.Literal[1]) != encode(typing.Literal[True])


def test_a_context_variable_is_what_it_holds():
    """Code can read nothing else from it."""
    variable = contextvars.ContextVar("variable")
    unset = encode(variable)
    variable.set(1)
    one = encode(variable)
    variable.set(2)
    assert len({unset, one, encode(variable), encode(contextvars.ContextVar("other"))}) == 4


def test_functions_of_beautyspot_and_what_it_adds_to_a_marked_one():
    """Its own functions go by name; the methods that a marked function has are no obstacle."""
    assert encode(file_content) == encode(file_content) != encode(file_stat)

    def double(x):
        return 2 * x

    marked = Spot("marks").mark(double)
    assert encode(dict(vars(marked))) == encode(dict(vars(marked)))


def test_sentinels_of_equal_name(monkeypatch):
    """Two libraries may both have a bare object of that name; a user's keeps its key when it moves."""
    here, there = types.ModuleType("json.here"), types.ModuleType("csv.there")
    here.MISSING, there.MISSING = object(), object()
    mine, moved = types.ModuleType("mine_one"), types.ModuleType("mine_two")
    mine.MISSING, moved.MISSING = object(), object()
    for module in (here, there, mine, moved):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert len({encode(here.MISSING), encode(there.MISSING), encode(mine.MISSING)}) == 3
    assert encode(mine.MISSING) == encode(moved.MISSING)
    moved.borrowed = here.MISSING
    assert encode(moved.borrowed) == encode(here.MISSING)


def test_users_singletons_by_name_and_content():
    """An object that pickles as a global name is told apart by what it holds, too."""

    class Setting:
        """Pickles as a name."""

        def __init__(self, value):
            self.value = value

        def __reduce__(self):
            return "DEFAULT"

    assert encode(Setting(1)) == encode(Setting(1)) != encode(Setting(2))


def test_members_of_enumerations_and_partial_methods():
    """Combined flags, sentinels that are members, and partial methods are values too."""
    marks = enum.Enum("Marks", {"MISSING": object(), "UNSET": object()})
    assert encode(marks.MISSING) == encode(marks.MISSING) != encode(marks.UNSET)
    flag = enum.Flag("flag", ["A", "B"])
    assert encode(flag.A | flag.B) != encode(flag.A)
    assert encode(functools.partialmethod(int, 1)) != encode(functools.partialmethod(int, 2))


def test_memory_of_a_large_value_is_given_back():
    """What was needed to pack a large list is not kept for the next call."""
    keys = compile_key(f)
    keys(([0],), {})
    large = [12345] * 2_000_000
    tracemalloc.start()
    try:
        keys((large,), {})
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()


def test_recursion_near_the_limit_is_no_other_value():
    """The same value deep in the user's own recursion has the same digest."""
    value = {"a": [1, (2, (3,))]}
    expected = digest(value)

    def deep(levels):
        return deep(levels - 1) if levels else digest(value)

    assert deep(sys.getrecursionlimit() - len(inspect.stack(0)) - 100) == expected
