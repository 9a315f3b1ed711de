"""Binding arguments: the values of a call's parameters, and Python's own errors."""

import functools
import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beautyspot.errors import KeyingError
from beautyspot.keys import compile_binder

MARKER = object()


def plain(text, size=2, *, unit="m"):
    return text, size, unit


def full(a, b=MARKER, /, c=3, *rest, d, e=5, **others):
    return a, b, c, rest, d, e, others


def positional_only(a, b=2, /):
    return a, b


def nothing():
    return ()


def rule_1(rule_2, values=1, *, args=2, _d0=3):
    return rule_2, values, args, _d0


class Thing:
    def method(self, x, y=1):
        return x, y

    @classmethod
    def make(cls, x):
        return x

    @staticmethod
    def free(x, y):
        return x, y

    def __call__(self, z, *, w=0):
        return z, w

    def __private(self, __hidden=1):  # noqa: PYI063  # a name that Python mangles is the point
        return __hidden


FUNCTIONS = [plain, full, positional_only, nothing, rule_1, lambda x, y=2: (x, y)]
CALLS = [
    ((), {}), ((1,), {}), ((1, 2), {}), ((1, 2, 3), {}), ((1, 2, 3, 4, 5), {"d": 6}), ((1,), {"d": 6, "x": 7, "y": 8}),
    ((1,), {"text": 2}), ((), {"text": 1, "unit": 2}), ((), {"a": 1}), ((1,), {"b": 1}), ((1,), {"nope": 1}),
    ((1,), {"d": 1, "a": 2}), ((), {"rule_2": 1, "_d0": 4}), ((1, 2, 3), {"unit": 1}),
]  # fmt: skip


def outcome(function, args, kwargs):
    """What a call returns, or the text of its TypeError."""
    try:
        return "value", function(*args, **kwargs)
    except TypeError as error:
        return "error", str(error)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("call", CALLS, ids=str)
def test_binding_is_what_the_call_itself_would_do(function, call):
    """The same values or the same error, text for text."""
    args, kwargs = call
    assert outcome(compile_binder(function), args, kwargs) == outcome(function, args, kwargs)


def test_names_are_the_parameters_in_order():
    """Variable parameters have one name each."""
    assert compile_binder(full).names == ("a", "b", "c", "rest", "d", "e", "others")
    assert compile_binder(nothing).names == ()


def test_defaults_are_the_live_objects():
    """A default value is the object itself, no copy."""
    assert compile_binder(full)(1, d=2)[1] is MARKER


def test_methods_take_self_as_an_argument_unless_bound():
    """An unbound method has a first parameter; bound ones, class and static methods do not."""
    thing = Thing()
    assert compile_binder(Thing.method).names == ("self", "x", "y")
    assert compile_binder(Thing.method)(thing, 1) == (thing, 1, 1)
    assert compile_binder(thing.method).names == ("x", "y")
    assert compile_binder(thing.method)(1) == (1, 1)
    assert compile_binder(Thing.make)(1) == (1,)
    assert compile_binder(Thing.free)(y=2, x=1) == (1, 2)
    assert compile_binder(Thing._Thing__private)(thing) == (thing, 1)


@pytest.mark.parametrize("function", [Thing().method, Thing.make, Thing(), Thing.free])
def test_errors_of_bound_callables_count_like_python(function):
    """Arguments in the message are counted as the call itself would."""
    for args in ((), (1, 2, 3, 4)):
        with pytest.raises(TypeError) as expected:
            function(*args)
        with pytest.raises(TypeError) as caught:
            compile_binder(function)(*args)
        assert str(caught.value) == str(expected.value)


def test_callables_of_every_kind():
    """Objects with `__call__`, partials, classes and builtins bind by their signatures."""
    assert compile_binder(Thing())(1, w=2) == (1, 2)
    assert compile_binder(functools.partial(plain, "x")).names == ("size", "unit")
    assert compile_binder(functools.partial(plain, size=5))("x") == ("x", 5, "m")
    assert compile_binder(functools.partial(full, 1, d=7))()[-3:] == (7, 5, {})
    assert compile_binder(len)([1]) == ([1],)
    assert compile_binder(sorted)([2], reverse=True) == ([2], None, True)
    assert compile_binder(Thing).names == ()


def test_wrapped_functions_bind_by_what_they_wrap():
    """A transparent decorator does not hide the parameters; one with parameters of its own has these."""

    def transparent(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    def injecting(function):
        @functools.wraps(function)
        def wrapper(text, **kwargs):
            return function(text, 1, **kwargs)

        return wrapper

    assert compile_binder(transparent(plain)).names == ("text", "size", "unit")
    assert compile_binder(injecting(plain)).names == ("text", "kwargs")


def test_callables_without_signature_are_refused_with_the_remedy():
    """There is nothing to bind by; `key=` helps."""
    with pytest.raises(KeyingError, match="key="):
        compile_binder(map)


parameter_lists = st.lists(st.tuples(st.sampled_from(["po", "pk", "ko"]), st.booleans()), max_size=6).map(
    lambda kinds: sorted(kinds, key=lambda kind: (["po", "pk", "ko"].index(kind[0]), kind[0] != "ko" and kind[1]))
)


def made(kinds, variable):
    """A function with the given kinds of parameters that returns its arguments."""
    optional, parts, names = False, [], []
    for position, (kind, has_default) in enumerate(kinds):
        name = f"p{position}"
        optional = has_default or (optional and kind != "ko")
        if kind == "ko" and "*" not in "".join(parts):
            parts.append("*rest" if variable else "*")
            names += ["rest"] if variable else []
        parts.append(name + ("='default'" if optional else ""))
        names.append(name)
        if kind == "po" and (position + 1 == len(kinds) or kinds[position + 1][0] != "po"):
            parts.append("/")
    if variable:
        parts.append("**others")
        names.append("others")
    namespace = {}
    exec(f"def f({', '.join(parts)}): return ({''.join(name + ', ' for name in names)})", namespace)
    return namespace["f"]


@settings(max_examples=150, deadline=None)
@given(
    parameter_lists,
    st.booleans(),
    st.lists(st.integers(), max_size=6),
    st.dictionaries(st.sampled_from([f"p{n}" for n in range(7)]), st.integers(), max_size=4),
)
def test_any_signature_binds_like_the_call(kinds, variable, args, kwargs):
    """For generated signatures and calls: the same values or the same error."""
    function = made(kinds, variable)
    assert list(compile_binder(function).names) == list(inspect.signature(function).parameters)
    assert outcome(compile_binder(function), args, kwargs) == outcome(function, args, kwargs)
