"""Options are part of the key: the same value under another option is another call."""

import functools
import operator
import sqlite3

import pytest

from beautyspot.errors import ConfigurationError, KeyingError
from beautyspot.keys import compile_key, file_content, file_stat

CONNECTION = sqlite3.connect(":memory:")
UNIT = 10


def f(a, b=1):
    """Take two arguments."""
    return a, b


def key(call, /, **options):
    """Key of a call of `f` with the given options."""
    return compile_key(f, **options)(call, {})


def rounded(value):
    """Use a global."""
    return value // UNIT


def test_another_ignored_parameter_is_another_key():
    """`f(1, 2)` without `a` is not `f(2, 1)` without `b`."""
    assert key((1, 2), ignore=["a"]) != key((2, 1), ignore=["b"])
    assert key((1, 2), ignore=["a"]) == key((7, 2), ignore="a") == key((1, 2), ignore=("a",))
    assert len({key((1, 2)), key((1, 2), ignore=["a"]), key((1, 2), ignore=["a", "b"]), key((), key=lambda: 2)}) == 4


def variable(a, *rest, b=1, **more):
    """Take anything."""
    return a, rest, b, more


def test_variable_parameters_are_left_out_as_a_whole():
    """`ignore=` and `rules=` take the names of `*args` and `**kwargs` like any other."""
    keys = compile_key(variable, ignore=["rest", "more"])
    assert keys((1, 2, 3), {"c": object()}) == keys((1,), {}) != keys((1,), {"b": 2})
    by_length = compile_key(variable, rules={"rest": len, "more": sorted})
    assert by_length((1, 2, 3), {"c": 1}) == by_length((1, 4, 5), {"c": 2}) != by_length((1, 2), {"c": 1})
    with pytest.raises(ConfigurationError, match="'c', but the parameters of variable are 'a', 'rest', 'b', 'more'"):
        compile_key(variable, ignore=["c"])


def test_another_rule_is_another_key(monkeypatch):
    """10 stands for 100 to 109 under one rule and for 1000 to 1099 under another."""
    tens, hundreds = {"a": lambda v: v // 10}, {"a": lambda v: v // 100}
    assert key((100,), rules=tens) == key((109,), rules=tens) != key((1000,), rules=hundreds)
    assert key((100,), rules=tens) == key((100,), rules={"a": lambda v: v // 10})
    before = key((100,), rules={"a": rounded})
    assert before == key((100,), rules={"a": rounded})
    monkeypatch.setitem(globals(), "UNIT", 100)
    assert key((1000,), rules={"a": rounded}) != before


def test_another_key_function_is_another_key():
    """What one function calls 1 is not what another one calls 1."""
    assert key((1, 2), key=lambda a, b: a) != key((2, 1), key=lambda a, b: b)
    assert key((1, 2), key=lambda a, b: a) == key((1, 3), key=lambda a, b: a)


def test_rules_of_any_kind(tmp_path):
    """Builtins, partials, methods, beautyspot's own rules, and rules that use what has no hash."""
    rules = [
        str, repr, operator.neg, functools.partial(round, ndigits=1), functools.partial(round, ndigits=2), abs,
        lambda v: CONNECTION.execute("SELECT ?", [v]).fetchall(), lambda v: [CONNECTION, v][1], UNIT.__mul__,
    ]  # fmt: skip
    keys = [key((5,), rules={"a": rule}) for rule in rules]
    assert len(set(keys)) == len(keys)
    assert keys == [key((5,), rules={"a": rule}) for rule in rules]
    path = tmp_path / "data.csv"
    path.write_text("x")
    assert key((path,), rules={"a": file_content}) != key((path,), rules={"a": file_stat})


def test_the_parts_name_the_options():
    """What changed can be told from the components."""
    keys = compile_key(f, rules={"a": rounded})
    parts = keys.describe((100,), {})
    assert parts.key == keys((100,), {})
    assert {"arg:a", "arg:b", "code", "rule:a"} <= set(parts.components)
    assert "key function" in compile_key(f, key=lambda a: a).describe((1,), {}).components


def test_errors_of_rules_and_key_functions_say_where_they_come_from():
    """An exception of the user's own code is told with its parameter, and kept as the cause."""
    with pytest.raises(KeyingError, match="the rule of parameter 'b' failed with ZeroDivisionError") as caught:
        key((1, 0), rules={"b": lambda b: 1 // b})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(KeyingError, match="the key= function failed with AttributeError"):
        key((1, 2), key=lambda a, b: a.name)
    with pytest.raises(KeyingError, match=r"(?i)no such file"):
        key(("/nowhere/at/all",), rules={"a": file_content})
