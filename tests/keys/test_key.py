"""Keys of calls: what they depend on, what they do not, and their parts."""

import functools
import re
import sqlite3
import threading

import numpy as np
import pytest

from beautyspot.errors import ConfigurationError, KeyingError, UnhashableError
from beautyspot.keys import compile_key

FACTOR = 2


def scale(value, by=1, *, unit="m"):
    return value * by, unit


def helper(x):
    return x * FACTOR


def uses_helper(x):
    return helper(x)


def variable(*args, **kwargs):
    return args, kwargs


class Model:
    def __init__(self, weight):
        self.weight = weight

    def predict(self, x):
        return x * self.weight


def key_of(function, *args, **kwargs):
    return compile_key(function)(args, kwargs)


def test_a_key_is_48_hexadecimal_digits():
    """Keys are texts of one form, the same for every maker of one function."""
    assert re.fullmatch("[0-9a-f]{48}", key_of(scale, 1))
    assert key_of(scale, 1) == key_of(scale, 1)


def test_spelling_of_a_call_does_not_count():
    """Positional, by keyword, default given or left out: one key."""
    assert len({key_of(scale, 1), key_of(scale, value=1), key_of(scale, 1, 1), key_of(scale, 1, unit="m", by=1)}) == 1


def test_values_count_by_type():
    """Look-alike arguments have keys of their own."""
    values = [1, True, 1.0, "1", b"1", (1,), [1], {1}, None, -0.0, 0.0, 0, np.float64(1), range(3), "range(0, 3)"]
    assert len({key_of(scale, value) for value in values}) == len(values)
    assert key_of(scale, 1, 2) != key_of(scale, 2, 1)


def test_variable_arguments_do_not_run_into_each_other():
    """`*args` and `**kwargs` are values of their own; order of keywords is visible to the function."""
    calls = [((1, 2), {}), (((1, 2),), {}), ((1,), {"a": 2}), ((), {"a": 1, "b": 2}), ((), {"b": 2, "a": 1}), ((), {})]
    assert len({compile_key(variable)(args, kwargs) for args, kwargs in calls}) == len(calls)


def test_code_counts():
    """Another function, lambda, closure value, partial or method owner has other keys."""

    def closure(n):
        return lambda v: v + n

    functions = [
        lambda v: v + 1,
        lambda v: v + 2,
        closure(1),
        closure(2),
        functools.partial(scale, by=2),
        functools.partial(scale, by=3),
        Model(1).predict,
        Model(2).predict,
        scale,
    ]
    assert len({key_of(function, 1) for function in functions}) == len(functions)
    assert key_of(Model.predict, Model(1), 2) != key_of(Model.predict, Model(2), 2)
    assert key_of(Model.predict, Model(1), 2) == key_of(Model.predict, Model(1), 2)


def test_a_global_behind_a_helper_counts(monkeypatch):
    """Data that only a helper reads is part of the key, at the time of the call."""
    keys = compile_key(uses_helper)
    before = keys((1,), {})
    monkeypatch.setitem(globals(), "FACTOR", 3)
    assert keys((1,), {}) != before
    monkeypatch.undo()
    assert keys((1,), {}) == before


def test_version_counts():
    """Another version text, or none, has other keys."""
    keys = {compile_key(scale, version=version)((1,), {}) for version in (None, "", "1", "2")}
    assert len(keys) == 4


def test_ignored_parameters_are_not_looked_at():
    """`ignore=` works however the argument is passed, even for values without a hash."""
    keys = compile_key(scale, ignore=["by"])
    lock = threading.Lock()
    assert keys((1, 2), {}) == keys((1,), {"by": lock}) == keys((1, lock), {}) == keys((1,), {})
    assert keys((2, 2), {}) != keys((1, 2), {})
    assert compile_key(scale, ignore="by")((1, lock), {}) == keys((1,), {})
    assert compile_key(variable, ignore=["args"])((lock,), {"a": 1})
    assert compile_key(scale, ignore=["value", "by", "unit"])((lock,), {})


def test_rules_stand_for_values():
    """A rule's result is hashed in place of the value, defaults included."""
    keys = compile_key(scale, rules={"value": str.lower, "unit": len})
    assert keys(("A",), {}) == keys(("a",), {"unit": "k"}) != keys(("b",), {})
    assert keys(("A",), {}) != keys(("A",), {"unit": "km"})


def test_a_key_function_replaces_all_arguments():
    """`key=` is called like the function and decides alone."""
    keys = compile_key(scale, key=lambda value, by=1, **_: (value["id"], by))
    conn = threading.Lock()
    assert keys(({"id": 1, "conn": conn},), {}) == keys(({"id": 1},), {"by": 1}) != keys(({"id": 2},), {})
    assert compile_key(map, key=lambda *args: len(args))((1, 2), {})
    with pytest.raises(UnhashableError, match="value of key="):
        compile_key(scale, key=lambda value: value)((conn,), {})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"ignore": ["conn"]}, "ignore= names 'conn', but the parameters of scale are 'value', 'by', 'unit'"),
        ({"rules": {"vaule": len}}, "rules= names 'vaule'"),
        ({"rules": {"value": "len"}}, "rules['value'] takes a function"),
        ({"ignore": ["by"], "rules": {"by": len}}, "'by' is both"),
        ({"key": "value"}, "key= takes a function"),
        ({"key": len, "ignore": ["by"]}, "key= replaces all arguments"),
        ({"key": len, "rules": {"by": len}}, "key= replaces all arguments"),
    ],
)
def test_wrong_options_fail_at_decoration(options, text):
    """Mistakes are told at once, with the valid names."""
    with pytest.raises(ConfigurationError, match=re.escape(text)):
        compile_key(scale, **options)


def test_a_refused_argument_is_named_with_the_remedy():
    """The message says which parameter it is, of what type, and what to do."""
    conn = sqlite3.connect(":memory:")
    with pytest.raises(UnhashableError) as caught:
        key_of(scale, 1, conn)
    assert str(caught.value).startswith("argument 'by' (sqlite3.Connection) cannot be part of a cache key: ")
    assert "ignore=['by']" in caught.value.remedy
    assert "key=" in caught.value.remedy
    assert "bs.register_hash" in caught.value.remedy
    with pytest.raises(UnhashableError, match=re.escape("argument 'value'['db'][0] (sqlite3.Connection)")):
        key_of(scale, {"db": [conn]})
    conn.close()


def test_wrong_calls_raise_the_functions_own_error():
    """A call that does not fit fails as without the cache."""
    with pytest.raises(TypeError, match=re.escape("scale() missing 1 required positional argument: 'value'")):
        key_of(scale)


def test_callables_without_signature_need_a_key_function():
    """The remedy is named."""
    with pytest.raises(KeyingError, match="key="):
        compile_key(map)


def test_describe_gives_the_same_key_and_its_parts():
    """Every argument that counts has a digest of its own; ignored ones are not mentioned."""
    keys = compile_key(scale, ignore=["unit"], version="2")
    args, kwargs = (np.arange(100_000), bytearray(b"x")), {"unit": threading.Lock()}
    parts = keys.describe(args, kwargs)
    assert parts.key == keys(args, kwargs)
    assert {"arg:value", "arg:by", "code", "version"} <= set(parts.components)
    assert "arg:unit" not in parts.components
    assert "unit" not in parts.arguments
    other = keys.describe((np.arange(100_000), bytearray(b"y")), kwargs)
    assert other.components["arg:value"] == parts.components["arg:value"]
    assert other.components["arg:by"] != parts.components["arg:by"]
    assert (other.code, other.input_id == parts.input_id) == (parts.code, False)


def test_describe_works_for_every_kind_of_document():
    """Cyclic arguments, no arguments and key functions have parts too."""
    loop = [1]
    loop.append(loop)
    keys = compile_key(scale)
    parts = keys.describe((loop,), {})
    assert parts.key == keys((loop,), {})
    assert "arg:value" in parts.components
    empty = compile_key(variable, ignore=["args", "kwargs"])
    assert empty.describe((1,), {}).key == empty((), {})
    custom = compile_key(scale, key=lambda value: value)
    assert custom.describe((1,), {}).key == custom((1,), {})
    assert "key" in custom.describe((1,), {}).components


def test_bind_gives_all_values_by_name():
    """Binding includes what is not part of the key."""
    assert compile_key(scale, ignore=["by"]).bind((1,), {}) == {"value": 1, "by": 1, "unit": "m"}


def test_large_bytes_have_the_same_key_by_every_way():
    """Large bytes as the only, first or nested argument keep type and content."""
    large = bytes(100_000)
    keys = compile_key(scale)
    assert keys((large,), {}) == keys.describe((large,), {}).key == keys((bytes(100_000),), {})
    assert len({keys((value,), {}) for value in (large, bytearray(large), [large], memoryview(large))}) == 4


def test_keys_from_many_threads_agree():
    """Makers are shared by threads."""
    keys = compile_key(scale)
    argument = {"a": (1, {2, 3}), "b": [b"x", bytearray(b"y"), np.arange(5)]}
    expected = keys((argument,), {})
    seen = []

    def work():
        seen.extend(keys((argument,), {}) for _ in range(200))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {expected}
    assert len(seen) == 800


def test_keys_agree_between_processes(run_python):
    """Another process with another hash seed and the code elsewhere makes the same key."""
    program = """if True:
        import types
        from beautyspot.keys import compile_key
        def f(x, tags=frozenset({"a", "b", "c"})): return x
        print(compile_key(f)(({"k": {"p", "q"}},), {}))
    """
    assert run_python(program, PYTHONHASHSEED="1") == run_python("\n\n" + program, PYTHONHASHSEED="2")


def test_importing_keys_is_light(run_python):
    """Neither the package nor a first key loads a library that the program does not use."""
    program = """if True:
        import sys
        from beautyspot.keys import compile_key
        def f(x): return x
        compile_key(f)(([(1, 2), {3}],), {})
        heavy = {"numpy", "pandas", "polars", "pyarrow", "PIL", "pydantic", "asyncio", "decimal", "fractions",
        "fsspec"}
        print(sorted(heavy.intersection(sys.modules)))
    """
    assert run_python(program) == "[]"
