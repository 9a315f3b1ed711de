"""Canonical form of syntax."""

from __future__ import annotations

import ast
import itertools
import time

import pytest

from beautyspot.keys.syntax import canonical_ast


def canon(text: str) -> bytes:
    return canonical_ast(ast.parse(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1  # one", "x=1"),
        ("def f():\n    'doc'\n    return 1", "def f():\n  return 1"),
        ("class A:\n    'doc'\n    x = 1", "class A:\n    x = 1"),
        ("f(a,\n  b)", "f(a, b)"),
        ("x = 'a' 'b'", 'x = "ab"'),
        ("x = u'a'", "x = 'a'"),
        ("x = 0x10", "x = 16"),
        ("x = 1_000", "x = 1000"),
        ("x = (1)", "x = 1"),
        ("x = f'a' f'{b}' 'c'", "x = f'a{b}c'"),
        ("x = f'{b:}'", "x = f'{b}'"),
        ("for x in y:  # type: ignore\n    pass", "for x in y:\n    pass"),
    ],
)
def test_layout_is_not_code(one, other):
    """Comments, docstrings, layout and spelling of literals do not count."""
    assert canon(one) == canon(other)


CONSTANTS = [
    "1",
    "True",
    "1.0",
    "'1'",
    "b'1'",
    "0.0",
    "0",
    "-0.0",
    "1j",
    "0j",
    "None",
    "...",
    "False",
    "''",
    "b''",
    "2**70",
    "1" * 30,
]
CONSTANTS += ["1e400", "(1,)", "[1]", "{1}", "{1: 1}", "f'1'", "f'{1}'"]


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(CONSTANTS, 2)))
def test_constants_keep_their_type(one, other):
    """Constants of different type or value differ."""
    assert canon(one) != canon(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(): pass", "async def f(): pass"),
        ("def f(a): pass", "def f(*a): pass"),
        ("def f(a, /): pass", "def f(a): pass"),
        ("def f(*, a): pass", "def f(a): pass"),
        ("def f(*, a=1, b): pass", "def f(*, a, b=1): pass"),
        ("def f(a: int): pass", "def f(a): pass"),
        ("@d\ndef f(): pass", "def f(): pass"),
        ("{**a, b: c}", "{a: b, **c}"),
        ("{**a}", "{None: a}"),
        ("def f(*, a): pass", "def f(*, a=None): pass"),
        ("lambda *, a, b=1: 0", "lambda *, a=None, b=1: 0"),
        ("x = 'doc'\n'text'", "x = 'doc'"),
        ("def f(): 'doc'", "def f(): pass"),
        ("f('a', 'b')", "f('ab')"),
        ("f'{x!r}'", "f'{x!s}'"),
        ("f'{x:>3}'", "f'{x}'"),
        ("f'{x}{y}'", "f'{x}'"),
        ("import a.b", "from a import b"),
        ("from . import a", "from .. import a"),
        ("[x for x in y]", "(x for x in y)"),
        ("a < b < c", "(a < b) < c"),
        ("x, y = 1, 2", "[x, y] = 1, 2"),
        ("match x:\n  case None: pass", "match x:\n  case True: pass"),
        ("try:\n  a\nexcept:\n  b", "try:\n  a\nexcept* E:\n  b"),
    ],
)
def test_different_code_differs(one, other):
    """Every difference in meaning shows."""
    assert canon(one) != canon(other)


def test_cell_statements_keep_their_first_string():
    """A cell's first string is an expression; a module's docstring can be left out."""
    tree = ast.parse("'text'\nx = 1")
    assert canonical_ast(tree.body) != canonical_ast(tree.body[1:])
    assert canonical_ast(tree, module_docstring=False) == canon("x = 1")


def test_fstring_parts_as_other_parsers_make_them():
    """Python 3.12 splits text parts and adds empty ones: same bytes."""
    tree = ast.parse("f'ab{x:>{w}}'", mode="eval")
    joined = tree.body
    split = [ast.Constant("a"), ast.Constant(""), ast.Constant("b"), joined.values[1], ast.Constant("")]
    assert canonical_ast(ast.JoinedStr(split)) == canonical_ast(joined)
    spec = joined.values[1].format_spec
    spec.values = [*spec.values, ast.Constant("")]
    assert canonical_ast(joined) == canonical_ast(ast.parse("f'ab{x:>{w}}'", mode="eval").body)


def test_fields_of_later_pythons_count_only_when_used():
    """An empty `type_params` (3.12) or a missing one give the same bytes."""
    node = ast.parse("def f(): pass").body[0]
    before = canonical_ast(node)
    node.type_params = []
    assert canonical_ast(node) == before


def test_known_bytes():
    """The form is a stored format: it may not drift."""
    assert canon("f(x, 'é')") == (
        b"(Module body=[(Expr value=(Call args=[(Name id=1:x)'2:\xc3\xa9]func=(Name id=1:f)))])"
    )


def test_deep_expressions():
    """An expression deeper than the recursion limit is encoded."""
    assert canon(" + ".join("a" * 900)) != canon(" + ".join("a" * 901))


def test_skipped_decorators():
    """Decorators can be left out by identity."""
    node = ast.parse("@spot.mark\n@other\ndef f(): pass").body[0]
    bare = ast.parse("@other\ndef f(): pass").body[0]
    assert canonical_ast(node, skip={id(node.decorator_list[0])}) == canonical_ast(bare)


def test_speed():
    """A module of 1,000 lines takes well below 100 ms."""
    tree = ast.parse("def f(a, b=1):\n    x = g(a, b)[0] + 1\n    return h(x, key=a.b)\n\n" * 250)
    best = min(_seconds(tree) for _ in range(5))
    assert best < 0.1


def _seconds(tree: ast.AST) -> float:
    start = time.perf_counter()
    canonical_ast(tree)
    return time.perf_counter() - start
