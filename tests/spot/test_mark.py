"""What `mark` makes of a function: signature, colours, methods, options, keys, look-ups."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import beautyspot as bs
from beautyspot.errors import ConfigurationError, UnitError


def test_bare_and_with_options(spot, runs):
    """Both spellings cache; so does an empty pair of parentheses."""
    for decorate in (spot.mark, spot.mark(), spot.mark(ttl="1d"), spot.mark(save_blob=True)):

        @decorate
        def double(n: int) -> int:
            runs()
            return 2 * n

        assert [double(4), double(4)] == [8, 8]
        assert runs.count == 1  # the same code each time: these options do not enter the key


def test_it_looks_like_the_function(spot):
    """Name, docstring, annotations, signature and the function itself are there."""

    def area(width: float, height: float = 1.0) -> float:
        """Width times height."""
        return width * height

    marked = spot.mark(area)
    assert (marked.__name__, marked.__doc__, marked.__module__) == ("area", "Width times height.", __name__)
    assert inspect.signature(marked) == inspect.signature(area)
    assert marked.__wrapped__ is area
    assert inspect.isfunction(marked)


def test_coroutine_functions_stay_coroutine_functions(spot, runs):
    """The awaited value is cached, not the coroutine."""

    @spot.mark
    async def double(n: int) -> int:
        runs()
        return 2 * n

    assert inspect.iscoroutinefunction(double)
    assert [asyncio.run(double(4)), asyncio.run(double(4))] == [8, 8]
    assert runs.count == 1


def test_equal_calls_have_one_key(spot, runs):
    """By position, by name, with a default written out or not."""

    @spot.mark
    def scale(value: int, factor: int = 3) -> int:
        runs()
        return value * factor

    assert {scale(2), scale(value=2), scale(2, 3), scale(factor=3, value=2)} == {6}
    assert runs.count == 1
    assert scale(2, 4) == 8
    assert scale(2.0) == 6.0
    assert isinstance(scale(2.0), float)
    assert runs.count == 3


def test_methods(spot, runs):
    """`self` is an argument by value; class and static methods work below their decorator."""

    class Scale:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        @spot.mark
        def apply(self, n: int) -> int:
            runs()
            return n * self.factor

        @staticmethod
        @spot.mark
        def double(n: int) -> int:
            return 2 * n

        @classmethod
        @spot.mark
        def name(cls) -> str:
            return cls.__name__

    assert [Scale(2).apply(4), Scale(2).apply(4), Scale(3).apply(4)] == [8, 8, 12]
    assert runs.count == 2
    assert Scale.apply.is_cached(Scale(2), 4)
    assert (Scale.double(4), Scale(1).double(4), Scale.name(), Scale.name()) == (8, 8, "Scale", "Scale")


def test_what_cannot_be_marked(spot):
    """The message says where the decorator belongs."""
    for thing, hint in [
        (staticmethod(len), "below @staticmethod"),
        (classmethod(len), "below @classmethod"),
        (property(len), "below @property"),
        (int, "@spot.mark takes a function"),
        (5, "@spot.mark takes a function"),
        ((lambda: (yield)), "generator"),
    ]:
        with pytest.raises(ConfigurationError, match=hint):
            spot.mark(thing)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tll": "1d"}, "mark.. has no option tll: there are .*ttl"),
        ({"ttl": "soon"}, "cannot read 'soon'"),
        ({"ttl": 0}, "not positive"),
        ({"ttl": dt.timedelta(0)}, "not positive"),
        ({"version": 2}, "version=2: expected text, for instance version='2'"),
        ({"ignore": 5}, "ignore=5: expected names"),
        ({"ignore": ["m"]}, "ignore= names 'm', but the parameters of .* are 'n'"),
        ({"tags": [1]}, "tags=.1.: expected names"),
        ({"key": "n"}, "key= takes a function"),
        ({"key": len, "ignore": ["n"]}, "key= replaces all arguments"),
        ({"rules": {"m": len}}, "rules= names 'm'"),
        ({"rules": len}, "rules=.*expected parameter names with functions"),
        ({"wait": "no"}, "wait='no': expected True or False"),
        ({"save_blob": "yes"}, "save_blob='yes': expected True or False"),
        ({"min_time": "long"}, "cannot read 'long'"),
    ],
)
def test_wrong_options_are_refused_at_decoration(options, message, spot):
    """Typed, and with the remedy."""
    with pytest.raises(ConfigurationError, match=message):
        spot.mark(**options)(lambda n: n)


def test_wrong_durations_are_unit_errors(spot):
    """They are ConfigurationErrors, and ValueErrors, too."""
    with pytest.raises(UnitError):
        spot.mark(ttl="7 parsecs")
    assert issubclass(UnitError, ValueError)


def test_ignored_parameters(spot, runs):
    """By name and by position; their values are not even looked at."""

    @spot.mark(ignore=["connection"])
    def load(name: str, connection: object = None) -> str:
        runs()
        return name

    assert {load("a"), load("a", iter(())), load("a", connection=object())} == {"a"}
    assert runs.count == 1


def test_a_key_of_ones_own(spot, runs):
    """What `key=` returns stands for all arguments."""

    @spot.mark(key=lambda text: text.lower())
    def shout(text: str) -> str:
        runs()
        return text.upper()

    assert {shout("Hi"), shout("hI")} == {"HI"}
    assert runs.count == 1


def test_rules_for_files(spot, runs, tmp_path):
    """A path stands for the file's content, not for its name."""
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("one")
    second.write_text("one")

    @spot.mark(rules={"path": bs.file_content})
    def size(path: Path) -> int:
        runs()
        return path.stat().st_size

    assert (size(first), size(second), runs.count) == (3, 3, 1)
    first.write_text("three")
    assert (size(first), runs.count) == (5, 2)


def test_version_and_code_enter_the_key(spot):
    """Another version or another body is another result."""

    def make(version, body):
        space = {"__name__": "__main__"}
        exec(f"def f(n):\n    return {body}\n", space)
        return spot.mark(version=version)(space["f"])

    keys = {make(version, body).key(1) for version in (None, "1", "2") for body in ("n", "n + 1")}
    assert len(keys) == 6
    assert make(None, "n").key(1) == make(None, "n  # the same").key(1)


def test_ttl(tmp_path, runs):
    """A result is used until its time is over, by the engine's clock."""
    with bs.Spot("test", db="memory://", storage=tmp_path) as spot:
        now = [1000.0]
        spot.engine.clock = lambda: now[0]

        @spot.mark(ttl="1min")
        def double(n: int) -> int:
            runs()
            return 2 * n

        double(1)
        now[0] += 59.9
        double(1)
        assert (runs.count, double.is_cached(1)) == (1, True)
        now[0] += 0.2
        assert not double.is_cached(1)
        assert double.explain(1).reason == "the stored result has expired"
        double(1)
        assert (runs.count, double.is_cached(1)) == (2, True)


def test_min_time(spot, runs):
    """A run that was quick is not stored, silently."""

    @spot.mark(min_time="1h")
    def quick(n: int) -> int:
        runs()
        return n

    assert [quick(1), quick(1)] == [1, 1]
    assert (runs.count, quick.is_cached(1)) == (2, False)


@pytest.mark.parametrize(("save_blob", "where"), [(True, "SPOT_BLOB"), (False, "SPOT"), (None, "SPOT")])
def test_where_small_results_go(save_blob, where, spot):
    """To the row, unless blob storage is forced."""
    marked = spot.mark(save_blob=save_blob)(lambda n: n)
    marked(1)
    assert spot.entry(marked.key(1)).result_type == where
    assert marked(1) == 1


@pytest.mark.parametrize(("save_blob", "where"), [(True, "SPOT_BLOB"), (False, "SPOT"), (None, "SPOT_BLOB")])
def test_where_large_results_go(save_blob, where, spot):
    """To blob storage, unless the row is forced."""
    marked = spot.mark(save_blob=save_blob)(lambda n: "x" * n)
    marked(200_000)
    assert spot.entry(marked.key(200_000)).result_type.startswith(where)
    assert marked(200_000) == "x" * 200_000


def test_the_threshold_can_be_set(tmp_path):
    """In bytes of the encoded result."""
    with bs.Spot("test", db="memory://", storage=tmp_path, offload_threshold=10) as spot:
        marked = spot.mark(lambda n: "x" * n)
        marked(5), marked(50)
        kinds = [spot.entry(marked.key(n)).result_type for n in (5, 50)]
        assert kinds == ["SPOT", "SPOT_BLOB"]


def test_explain_and_invalidate(spot, runs):
    """Explaining runs nothing; invalidating makes the next call run."""

    @spot.mark
    def add(left: int, right: int) -> int:
        runs()
        return left + right

    assert str(add.explain(1, 2)) == repr(add.explain(1, 2)) == "add: would run: first run"
    add(1, 2)
    assert add.explain(1, 2).would_hit
    told = add.explain(1, 3)
    assert (told.would_hit, told.changed, told.nearest) == (False, ("argument right changed",), add.key(1, 2))
    assert runs.count == 1
    assert add.invalidate(1, 2)
    assert not add.invalidate(1, 2)
    add(1, 2)
    assert runs.count == 2
    add(5, 5)
    assert add.clear() == 2
    assert not add.is_cached(1, 2)


def test_explain_names_the_helper_that_changed(spot):
    """Not just that the key is another one."""
    space = {"__name__": "__main__"}
    exec("K = 1\ndef helper(n):\n    return n\ndef f(n):\n    return helper(n) + K\n", space)
    marked = spot.mark(space["f"])
    marked(1)
    exec("def helper(n):\n    return n + 1\n", space)
    assert marked.explain(1).changed == ("helper() changed",)
    marked(1)
    space["K"] = 2
    assert marked.explain(1).changed == ("global K changed",)


def test_a_result_can_be_none(spot, runs):
    """None is a result like any other."""

    @spot.mark
    def nothing(n: int) -> None:
        runs()

    assert [nothing(1), nothing(1)] == [None, None]
    assert runs.count == 1


def test_what_the_caller_does_to_a_result_stays_with_it(spot):
    """Each call gets an object of its own."""

    @spot.mark
    def fresh(n: int) -> dict[str, list[int]]:
        return {"list": [n]}

    for _ in range(3):
        value = fresh(1)
        assert value == {"list": [1]}
        value["list"].append(99)


def test_two_names_for_one_result(spot, runs):
    """A marked function may call another one: each has entries of its own."""

    @spot.mark
    def inner(n: int) -> int:
        runs()
        return n

    @spot.mark
    def outer(n: int) -> int:
        return inner(n) + inner(n)

    assert (outer(2), inner(2), runs.count) == (4, 2, 1)
    assert {entry.func_name for entry in spot.records()} == {
        f"{test_two_names_for_one_result.__name__}.<locals>.{name}".rpartition("<locals>.")[2]
        for name in ("inner", "outer")
    }


MODULE = """
import beautyspot as bs
spot = bs.Spot("m", db={db!r}, storage={blobs!r})

@spot.mark
def double(n: int) -> int:
    return 2 * n
"""


def test_marked_functions_of_a_module_can_be_pickled(tmp_path, monkeypatch):
    """By name, as functions are: process pools can be given one."""
    text = MODULE.format(db=str(tmp_path / "m.db"), blobs=str(tmp_path / "blobs"))
    (tmp_path / "spot_module_for_pickle.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = __import__("spot_module_for_pickle")
    try:
        assert pickle.loads(pickle.dumps(module.double)) is module.double
        code = "import pickle, sys; print(pickle.loads(bytes.fromhex(sys.argv[1]))(21))"
        done = subprocess.run(
            [sys.executable, "-c", code, pickle.dumps(module.double).hex()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONPATH": str(tmp_path)},
        )
        assert done.stdout == "42\n"
        assert module.double.is_cached(21)
    finally:
        module.spot.close()
        del sys.modules["spot_module_for_pickle"]


def test_one_function_marked_by_two_spots(tmp_path):
    """Each has its own cache."""
    with bs.Spot("a", db="memory://", storage=tmp_path) as one, bs.Spot("b", db="memory://", storage=tmp_path) as two:

        def double(n: int) -> int:
            return 2 * n

        first, second = one.mark(double), two.mark(double)
        first(1)
        assert (first.is_cached(1), second.is_cached(1)) == (True, False)
        assert first.key(1) == second.key(1)


def test_the_key_of_a_function_does_not_depend_on_its_place(tmp_path, spot):
    """A function of a module, run as a script and as a module, has one key, whatever hash seed the process has."""
    (tmp_path / "places.py").write_text(
        "import beautyspot as bs\nK = {'a', 'b', 'c'}\nspot = bs.Spot('p', db='memory://')\n"
        "@spot.mark\ndef f(words: set) -> int:\n    return len(words | K)\n"
        "if __name__ == '__main__':\n    print(f.key({'x', 'y', 'z'}))\n"
    )
    commands = [["places.py"], ["-c", "import places; print(places.f.key({'z', 'y', 'x'}))"]]
    keys = {
        subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for command in commands
        for seed in ("1", "2")
    }
    assert len(keys) == 1


def test_parameters_may_be_called_anything(spot):
    """Also like parameters and attributes of ours."""

    @spot.mark
    def odd(self: int, args: int = 1, kwargs: int = 2, function: int = 3, key: int = 4, clear: int = 5) -> int:
        return self + args + kwargs + function + key + clear

    assert odd(self=1, function=3) == 16
    assert odd.is_cached(self=1, key=4)
    assert odd.key(self=1) == odd.key(1)
    assert odd.explain(self=1).would_hit
    assert odd.invalidate(self=1)
