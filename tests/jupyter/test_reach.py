"""What functions do that a cell can call, beyond what their digests say."""

from __future__ import annotations

from typing import Any

import pytest

from beautyspot_jupyter.reach import attributes_digest, reach


def found(text: str, *names: str) -> Any:
    """Run a text as a notebook would, and look from the names."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "<cell>", "exec"), namespace)
    return reach([namespace[name] for name in names], namespace)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("def f():\n    global x\n    x = 1", "f"),
        ("def f():\n    global x\n    del x", "f"),
        ("def g():\n    global x\n    x = 1\ndef f(): g()", "f"),
        ("def g():\n    global x\n    x = 1\nf = [{'k': g}]", "f"),
        ("class f:\n    def m(self):\n        global x\n        x = 1", "f"),
        ("class C:\n    def m(self):\n        global x\n        x = 1\nf = C()", "f"),
        ("class C:\n    def m(self):\n        global x\n        x = 1\nf = C().m", "f"),
        ("def g():\n    global x\n    x = 1\nimport functools\nf = functools.partial(g)", "f"),
        ("def g():\n    global x\n    x = 1\ndef f(a=g): a()", "f"),
        ("def mk(g):\n    def inner(): g()\n    return inner\ndef g():\n    global x\n    x = 1\nf = mk(g)", "f"),
        ("def f():\n    def inner():\n        global x\n        x = 1\n    inner()", "f"),
    ],
)
def test_names_that_functions_bind(text: str, name: str) -> None:
    """Through helpers, containers, classes, instances, methods, partials, defaults and closures."""
    assert found(text, name).stores == {"x"}


@pytest.mark.parametrize("call", ["eval('x')", "exec('x')", "globals()['x']", "get_ipython().user_ns['x']"])
def test_blind_spots(call: str) -> None:
    """They are named with the function that has them."""
    [hazard] = found(f"def helper(): return {call}", "helper").hazards
    assert hazard.text.startswith("helper() ")
    assert not hazard.effect


def test_methods_that_are_called_like_blind_spots() -> None:
    """``model.eval()`` is no ``eval()``, and a function of the user's own is what it is."""
    assert found("def f(model): return model.eval()", "f").hazards == []
    assert found("def eval(t): return t\ndef f(): return eval(1)", "f").hazards == []


def test_texts_that_are_looked_up() -> None:
    """The names inside the text of a query are words to depend on."""
    reached = found("def f(df): return df.query('a > @limit')", "f")
    assert reached.reads_texts
    assert {"a", "limit"} <= reached.words


def test_attributes_of_functions() -> None:
    """They count by value; without any there is nothing."""
    plain, counted = found("def f(): pass", "f"), found("def f(): pass\nf.calls = 1", "f")
    assert attributes_digest(plain.functions) is None
    first = attributes_digest(counted.functions)
    counted.functions[0].calls = 2
    assert first != attributes_digest(counted.functions)
