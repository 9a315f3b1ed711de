"""Other decorators around `mark` and `limiter`, and reloading."""

from __future__ import annotations

import functools
import gc
import importlib
import sys
import weakref

import pytest

import beautyspot as bs


def twice(function):
    """A user's decorator."""

    @functools.wraps(function)
    def wrapper(*args):
        return 2 * function(*args)

    return wrapper


def test_a_decorator_between_mark_and_limiter(spot):
    """It is not passed over, though `functools.wraps` copies our attributes to its wrapper."""

    @spot.mark
    @twice
    @spot.limiter(cost=1)
    def one(n: int) -> int:
        return n

    assert [one(3), one(3)] == [6, 6]
    assert spot.limiter_state()[0].granted == 1


def test_a_limiter_above_a_decorator_above_mark(spot, runs):
    """It limits the user's wrapper, which it cannot look into."""

    @spot.limiter(cost=1)
    @twice
    @spot.mark
    def one(n: int) -> int:
        runs()
        return n

    assert [one(3), one(3)] == [6, 6]
    assert runs.count == 1
    assert spot.limiter_state()[0].granted == 2


def test_marking_a_wrapper_of_a_marked_function(spot, runs):
    """Both are cached under keys of their own."""

    @spot.mark
    @twice
    @spot.mark
    def one(n: int) -> int:
        runs()
        return n

    assert [one(3), one(3)] == [6, 6]
    assert runs.count == 1
    assert sorted(spot.load(entry.cache_key) for entry in spot.records()) == [3, 6]


MODULE = """
import beautyspot as bs
spot = bs.Spot("reloaded", db="memory://")

@spot.mark
def answer(n: int) -> int:
    return {body}
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_autoreload_reaches_an_imported_function(tmp_path, monkeypatch):
    """What `from module import answer` gave runs the new code, and has its key."""
    from IPython.extensions.autoreload import superreload

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "spot_reloaded.py"
    file.write_text(MODULE.format(body="n + 1"))
    module = importlib.import_module("spot_reloaded")
    try:
        answer = module.answer
        assert (answer(1), answer(1)) == (2, 2)
        before = answer.key(1)
        file.write_text(MODULE.format(body="n + 100"))
        superreload(module, importlib.reload)
        assert (answer(1), answer(1)) == (101, 101)
        assert answer.key(1) != before
    finally:
        sys.modules.pop("spot_reloaded", None)


def test_functions_that_were_run_are_let_go(tmp_path, monkeypatch):
    """`run` remembers some functions, not all there ever were."""
    monkeypatch.setattr("beautyspot.marked.KEPT", 5)
    with bs.Spot("test", db="memory://", storage=tmp_path) as spot:
        seen = []
        for n in range(20):

            def add(m: int, n: int = n) -> int:
                return m + n

            seen.append(weakref.ref(add))
            assert spot.run(add, 1) == 1 + n
        del add
        gc.collect()
        assert sum(ref() is not None for ref in seen) <= 6
