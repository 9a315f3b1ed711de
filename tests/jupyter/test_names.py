"""What the text of a cell reads and binds."""

from __future__ import annotations

import ast
import builtins

import pytest

from beautyspot_jupyter.names import find_names

READS = [
    ("y = x", {"x"}),
    ("x = 1; y = x", set()),
    ("y = [a * i for i in xs if i > k]", {"a", "xs", "k"}),
    ("y = {i: j for i, j in pairs}", {"pairs"}),
    ("y = (n := f()) + n", {"f"}),
    ("x += 1", {"x"}),
    ("x.append(1)", {"x"}),
    ("d['k'] = v", {"d", "v"}),
    ("a.b = 1", {"a"}),
    ("del x", set()),
    ("del d['k']", {"d"}),
    ("x: int", set()),
    ("x: T = 1", {"T"}),
    ("if c: x = 1\nelse: x = 2\ny = x", {"c"}),
    ("if c: x = 1\ny = 2", {"c"}),
    ("if c: raise E\nelse: x = 1\nx", {"c", "E"}),
    ("try:\n    x = f()\nexcept E as e:\n    x = e\nx", {"f", "E"}),
    ("with o(p) as f:\n    d = f.read()\n", {"o", "p"}),
    ("def f(a, b=K):\n    return a + G\nf(1)", {"K", "G"}),
    ("def f():\n    return G", set()),
    ("def main():\n    return helper()\ndef helper():\n    return K\nmain()", {"K"}),
    ("def main():\n    return helper()\nz = early()\ndef helper():\n    return 1", {"helper", "early"}),
    ("def f(n):\n    return f(n - 1)\nf(2)", set()),
    ("g = lambda q: q + K\ng(1)", {"K"}),
    ("sorted(xs, key=lambda q: q + K)", {"xs", "K"}),
    ("any(i in s for i in xs)", {"s", "xs"}),
    ("class A(B):\n    k = K\n    def m(self):\n        return L", {"B", "K", "L"}),
    ("class A:\n    def m(self):\n        return L", set()),
    ("class A:\n    def m(self):\n        return L\nA().m()", {"L"}),
    ("@deco(arg)\ndef f(): pass", {"deco", "arg"}),
    ("f'{x!r:>{w}}'", {"x", "w"}),
    ("match v:\n    case [a, b]:\n        y = a\n    case K.x:\n        y = 2", {"v", "K"}),
    ("import numpy as np\nnp.zeros(n)", {"n"}),
    ("for i in xs:\n    s = s + i", {"xs", "s"}),
    ("while n > 0:\n    n -= 1", {"n"}),
    ("for i in range(3):\n    pass\nelse:\n    y = 1\ny", set()),
    ("x = x if c else d", {"x", "c", "d"}),
    ("lambda: (yield)", set()),
    ("async def f():\n    return await g()\nawait f()", {"g"}),
]


@pytest.mark.parametrize(("text", "reads"), READS)
def test_reads(text: str, reads: set[str]) -> None:
    """Names that may be loaded before the cell binds them are read, no others."""
    found = find_names(ast.parse(text)) if "await f" not in text else find_names(_top_level_await(text))
    assert {name for name in found.hard if not hasattr(builtins, name)} == reads


def _top_level_await(text: str) -> ast.Module:
    return compile(text, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize(
    ("text", "soft"),
    [
        ("for i in xs:\n    t = i\nprint(t, i)", {"t", "i"}),
        ("for i in xs:\n    if i:\n        s = 1\n    print(s)", {"s"}),
        ("with o() as f:\n    d = f.read()\nprint(d)", {"d"}),
        ("if c:\n    x = 1\nprint(x)", {"x"}),
    ],
)
def test_soft_reads(text: str, soft: set[str]) -> None:
    """A name that the cell binds on some path before the load counts only if it was there before."""
    assert find_names(ast.parse(text)).soft == soft


def test_a_missing_name_that_may_be_caught_is_a_hard_read() -> None:
    """Where a NameError may go unnoticed, the absence of a name changes the result."""
    found = find_names(ast.parse("if c:\n    x = 1\ntry:\n    y = x\nexcept NameError:\n    y = 0"))
    assert "x" in found.hard


@pytest.mark.parametrize(
    ("text", "definite"),
    [
        ("x = 1", {"x"}),
        ("if c: x = 1", set()),
        ("for i in xs: x = 1", set()),
        ("if c: x = 1\nelse: raise E", {"x"}),
        ("try: x = 1\nexcept E: pass", set()),
        ("try: x = 1\nfinally: y = 2", {"x", "y"}),
        ("with o() as f: x = 1", {"f"}),
        ("import a.b, c as d\ndef e(): pass\nclass G: pass", {"a", "d", "e", "G"}),
        ("match v:\n    case 1: x = 1\n    case _: x = 2", {"x"}),
        ("match v:\n    case 1: x = 1", set()),
        ("x = 1\ndel x", set()),
    ],
)
def test_definite_bindings(text: str, definite: set[str]) -> None:
    """A name is definitely bound if every path to the end binds it."""
    assert find_names(ast.parse(text)).definite == definite


def test_attribute_chains() -> None:
    """Attribute chains are kept, so that of a user's module only what is used counts."""
    found = find_names(ast.parse("cfg.model.lr + cfg.seed; f(obj); np.random.x = 1"))
    assert found.chains["cfg"] == {("model", "lr"), ("seed",)}
    assert found.chains["obj"] == {()}
    assert found.attributes_set == {("np", "random", "x")}
