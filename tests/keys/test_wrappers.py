"""Functions behind decorators that take anything: never a wrong key, never an error that the call would not raise."""

import functools
import threading

import pytest

from beautyspot.errors import KeyingError, UnhashableError
from beautyspot.keys import compile_key


def wrapping(change):
    """Make a decorator that changes arguments in some way and looks transparent."""

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            args, kwargs = change(args, dict(kwargs))
            return function(*args, **kwargs)

        return wrapper

    return decorate


def load(path, limit=1, verbose=False):
    """Return the arguments."""
    return path, limit, verbose


same = wrapping(lambda args, kwargs: (args, kwargs))(load)
other_default = wrapping(lambda args, kwargs: (args, {"limit": 5, **kwargs}))(load)
injecting = wrapping(lambda args, kwargs: (("session", *args), kwargs))(load)
own_option = wrapping(lambda args, kwargs: (args, {k: v for k, v in kwargs.items() if k != "retries"}))(load)

CALLS = [
    ((), {}), ((1,), {}), ((1, 1), {}), ((1, 1, False), {}), ((1,), {"limit": 1}), ((1,), {"limit": 5}),
    ((1,), {"verbose": False}), ((), {"path": 1}), ((1,), {"retries": 3}), ((1,), {"retries": 4}), ((2,), {}),
    ((1, 2), {"verbose": True}), ((), {"path": 1, "limit": 2}), (((1,), {}), {}), ((1, (1,), {}), {}),
]  # fmt: skip


@pytest.mark.parametrize("function", [same, other_default, injecting, own_option])
def test_equal_keys_mean_equal_results(function):
    """Two calls with one key return the same, whatever the wrapper does with its arguments."""
    keys = compile_key(function)
    results = {}
    for args, kwargs in CALLS:
        key = keys(args, kwargs)
        try:
            result = function(*args, **kwargs)
        except TypeError:
            continue
        assert results.setdefault(key, result) == result


def test_names_still_go_by_the_wrapped_signature():
    """Positional or by keyword, and left out with `ignore=`."""
    keys = compile_key(same, ignore=["verbose"])
    assert keys((1,), {}) == keys((), {"path": 1}) == keys((1,), {"verbose": True}) != keys((2,), {})
    assert keys((1,), {"limit": 3}) == keys((1, 3), {})


def test_options_of_the_wrapper_are_arguments():
    """A call that the shown signature would refuse is keyed as it was made, with `ignore=` and `rules=` in force."""
    keys = compile_key(own_option, ignore=["verbose"], rules={"limit": lambda limit: limit % 10})
    call = keys((1,), {"retries": 3, "limit": 2})
    assert call == keys((1,), {"retries": 3, "limit": 12, "verbose": True})
    assert len({call, keys((1,), {"retries": 4, "limit": 2}), keys((1,), {"retries": 3, "limit": 3})}) == 3
    parts = keys.describe((1,), {"retries": 3})
    assert parts.key == keys((1,), {"retries": 3})
    assert "retries" in parts.arguments
    assert keys.bind((1,), {}) == {"path": 1}


def test_what_cannot_be_hashed_is_named():
    """In a call that fits by its parameter, in one that does not by its place."""
    keys = compile_key(own_option)
    with pytest.raises(UnhashableError, match=r"^argument 'path' .*ignore=\['path'\]"):
        keys((threading.Lock(),), {})
    with pytest.raises(UnhashableError, match=r"^argument '\*args'\[0\]") as caught:
        keys((threading.Lock(),), {"retries": 3})
    assert "ignore=" not in caught.value.remedy


def test_a_rule_that_raises_is_no_misfit():
    """An error of a rule is the rule's."""

    def broken(value):
        raise TypeError("boom")

    with pytest.raises(KeyingError, match="the rule of parameter 'path' failed with TypeError: boom"):
        compile_key(same, rules={"path": broken})((1,), {})


def test_methods_behind_wrappers():
    """Bound methods leave `self` out of the shown signature."""

    class Loader:
        """Has a decorated method."""

        load = wrapping(lambda args, kwargs: (args, {k: v for k, v in kwargs.items() if k != "retries"}))(
            lambda self, path: path
        )

    keys = compile_key(Loader().load)
    assert keys((1,), {}) == keys((), {"path": 1}) != keys((1,), {"retries": 1})
    assert keys((1,), {"retries": 1}) == compile_key(Loader().load)((1,), {"retries": 1})


def test_wrappers_that_tell_no_signature_or_pass_everything_on():
    """`functools.lru_cache` passes on what it gets, so defaults count; a wrapper around a builtin has its own."""
    keys = compile_key(functools.lru_cache(load))
    assert keys((1,), {}) == keys((1, 1), {}) == keys((), {"path": 1, "verbose": False}) != keys((2,), {})
    around_builtin = functools.wraps(map)(lambda *args, **kwargs: (args, kwargs))
    assert compile_key(around_builtin)((1, 2), {}) != compile_key(around_builtin)((1, 3), {})


def test_a_signature_between_two_wrappers_counts():
    """What the inner decorator takes is what the outer one shows."""

    @functools.wraps(load)
    def inner(path, **options):
        return load(path, **options)

    keys = compile_key(wrapping(lambda args, kwargs: (args, kwargs))(inner))
    assert keys.names == ("path", "options")
