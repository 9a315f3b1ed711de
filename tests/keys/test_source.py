"""Digest of a function's code and of what it depends on: one test per rule."""

from __future__ import annotations

import functools
import sys
import textwrap

import pytest

from beautyspot.errors import UnhashableError
from beautyspot.keys.source import class_digest, code_identity, is_user_code


@pytest.fixture
def digest(load):
    """Digest of the function `f` of a text."""
    return lambda text: code_identity(load(text).f).digest()


SAME = {
    "comment": ("def f(x):\n    return x + 1", "def f(x):  # adds\n\n    return (x\n        + 1)"),
    "docstring": ("def f(x):\n    return x", "def f(x):\n    'doc'\n    return x"),
    "position": ("def f(x): return x", "import os\n\n\ndef f(x): return x"),
    "unused helper": ("def g(): return 1\ndef f(x): return x", "def g(): return 2\ndef f(x): return x"),
    "helper comment": ("def g(): return 1\ndef f(): return g()", "def g(): return 1  # one\ndef f(): return g()"),
    "order of helpers": (
        "def g(): return 1\ndef h(): return 2\ndef f(): return g() + h()",
        "def h(): return 2\ndef g(): return 1\ndef f(): return g() + h()",
    ),
    "unused global": ("K = 1\ndef f(x): return x", "K = 2\ndef f(x): return x"),
    "local of the same name": (
        "K = 1\ndef f():\n    K = 5\n    return K",
        "K = 2\ndef f():\n    K = 5\n    return K",
    ),
    "comprehension variable": ("i = 1\ndef f(x): return [i for i in x]", "i = 2\ndef f(x): return [i for i in x]"),
    "argument annotation's class": (
        "class A:\n    x = 1\ndef f(a: A): return 1",
        "class A:\n    x = 2\ndef f(a: A): return 1",
    ),
    "module name": ("def f(): return __name__", "def f(): return __name__"),
    "logger": (
        "import logging\nlog = logging.getLogger(__name__)\ndef f(): log.info('x')",
        "import logging\nlog = logging.getLogger('b')\ndef f(): log.info('x')",
    ),
    "lock": ("import threading\nL = threading.Lock()\ndef f():\n    with L: return 1",) * 2,
    "class attribute in class scope": (
        "x = 1\ndef f():\n    class A:\n        x = 5\n        y = x\n    return A",
        "x = 2\ndef f():\n    class A:\n        x = 5\n        y = x\n    return A",
    ),
    "library import form": ("import math as m\ndef f(): return m.pi",) * 2,
    "equal helpers as two objects": (
        "def make():\n    def h(): return 1\n    return h\na = make()\nb = a\ndef f(): return a(), b()",
        "def make():\n    def h(): return 1\n    return h\na = make()\nb = make()\ndef f(): return a(), b()",
    ),
    "two shells of one recursion": (
        "def make():\n    def h(n): return h(n - 1)\n    return h\na = make()\nb = a\ndef f(): return a(1), b(1)",
        "def make():\n    def h(n): return h(n - 1)\n    return h\na = make()\nb = make()\ndef f(): return a(1), b(1)",
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_same(digest, case):
    """What does not change behaviour does not change the digest."""
    one, other = SAME[case]
    assert digest(one) == digest(other)


WRAPS = """
import functools
def twice(g):
    @functools.wraps(g)
    def w(*a): return {n} * g(*a)
    return w
@twice
def f(x): return x + {k}
"""

DISPATCH = """
import functools
@functools.singledispatch
def g(x): ...
@g.register
def _(x: int): return {}
def f(x): return g(x)
"""

BOUND = """
class A:
    def __init__(self, n): self.n = n
    def m(self): return self.n
b = A({}).m
def f(): return b()
"""

DIFFERENT = {
    "constant": ("def f(x): return x + 1", "def f(x): return x + 2"),
    "constant's type": ("def f(x): return x + 1", "def f(x): return x + 1.0"),
    "name": ("def f(x): return x", "def g(x): return x\nf = g"),
    "default": ("def f(x, n=2): return x", "def f(x, n=3): return x"),
    "default by name": ("N = 2\ndef f(x, n=N): return x", "N = 3\ndef f(x, n=N): return x"),
    "keyword default": ("def f(*, n=2): return n", "def f(*, n=3): return n"),
    "helper": ("def g(): return 1\ndef f(): return g()", "def g(): return 2\ndef f(): return g()"),
    "helper default": ("def g(n=2): return n\ndef f(): return g()", "def g(n=3): return n\ndef f(): return g()"),
    "helper's helper": (
        "def h(): return 1\ndef g(): return h()\ndef f(): return g()",
        "def h(): return 2\ndef g(): return h()\ndef f(): return g()",
    ),
    "global": ("K = 1\ndef f(): return K", "K = 2\ndef f(): return K"),
    "global's type": ("K = 1\ndef f(): return K", "K = True\ndef f(): return K"),
    "global of helper": (
        "K = 1\ndef g(): return K\ndef f(): return g()",
        "K = 2\ndef g(): return K\ndef f(): return g()",
    ),
    "global list": ("K = [1]\ndef f(): return K", "K = [2]\ndef f(): return K"),
    "global absent": ("def f(): return K", "K = 2\ndef f(): return K"),
    "global shadows builtin": ("def f(): return len([])", "len = sum\ndef f(): return len([])"),
    "global augmented": ("K = 1\ndef f():\n    global K\n    K += 1", "K = 2\ndef f():\n    global K\n    K += 1"),
    "through nested function": (
        "K = 1\ndef f():\n    def g(): return K\n    return g()",
        "K = 2\ndef f():\n    def g(): return K\n    return g()",
    ),
    "through comprehension": ("K = 1\ndef f(): return [K for _ in 'a']", "K = 2\ndef f(): return [K for _ in 'a']"),
    "first iterable": ("K = [1]\ndef f(): return [K for K in K]", "K = [2]\ndef f(): return [K for K in K]"),
    "through lambda": ("K = 1\ndef f(): return (lambda: K)()", "K = 2\ndef f(): return (lambda: K)()"),
    "through lambda default": ("K = 1\ndef f(): return lambda k=K: k", "K = 2\ndef f(): return lambda k=K: k"),
    "through class body": (
        "K = 1\ndef f():\n    class A:\n        k = K\n    return A.k",
        "K = 2\ndef f():\n    class A:\n        k = K\n    return A.k",
    ),
    "class body reads before it binds": (
        "K = 1\ndef f():\n    class A:\n        K = K\n    return A.K",
        "K = 2\ndef f():\n    class A:\n        K = K\n    return A.K",
    ),
    "through f-string": ("K = 1\ndef f(): return f'{1:{K}}'", "K = 2\ndef f(): return f'{1:{K}}'"),
    "through decorator": (
        "K = 1\ndef d(k): return lambda g: g\n@d(K)\ndef f(): return 1",
        "K = 2\ndef d(k): return lambda g: g\n@d(K)\ndef f(): return 1",
    ),
    "private name": (
        "class A:\n    def m(self): return __k\n_A__k = 1\nf = A.m",
        "class A:\n    def m(self): return __k\n_A__k = 2\nf = A.m",
    ),
    "closure": (
        "def make(n):\n    def f(): return n\n    return f\nf = make(1)",
        "def make(n):\n    def f(): return n\n    return f\nf = make(2)",
    ),
    "closure function": (
        "def make(g):\n    def f(): return g()\n    return f\nf = make(lambda: 1)",
        "def make(g):\n    def f(): return g()\n    return f\nf = make(lambda: 2)",
    ),
    "nonlocal": (
        "def make(n):\n    def f():\n        nonlocal n\n        n += 1\n    return f\nf = make(1)",
        "def make(n):\n    def f():\n        nonlocal n\n        n += 1\n    return f\nf = make(2)",
    ),
    "lambda": ("f = lambda v: v + 1", "f = lambda v: v + 2"),
    "lambda on one line": (
        "f, g = (lambda v: v + 1), (lambda v: v + 2)",
        "g, f = (lambda v: v + 1), (lambda v: v + 2)",
    ),
    "async": ("def f(): return 1", "async def f(): return 1"),
    "generator": ("def f(): return [1]", "def f(): yield 1"),
    "wrapper": (WRAPS.format(n=2, k=1), WRAPS.format(n=3, k=1)),
    "wrapped": (WRAPS.format(n=2, k=1), WRAPS.format(n=2, k=2)),
    "recursion": ("def f(n): return f(n - 1) if n else 0", "def f(n): return f(n - 1) if n else 1"),
    "mutual recursion": (
        "def f(n): return n and g(n - 1)\ndef g(n): return n and f(n - 1)",
        "def f(n): return n and g(n - 1)\ndef g(n): return n and f(n - 2)",
    ),
    "partial": (
        "import functools\ndef g(a, b): return a\np = functools.partial(g, 1)\ndef f(): return p(2)",
        "import functools\ndef g(a, b): return a\np = functools.partial(g, 2)\ndef f(): return p(2)",
    ),
    "partial's function": (
        "import functools\ndef g(a): return a\np = functools.partial(g, 1)\ndef f(): return p()",
        "import functools\ndef g(a): return -a\np = functools.partial(g, 1)\ndef f(): return p()",
    ),
    "lru_cache": (
        "import functools\n@functools.lru_cache\ndef g(): return 1\ndef f(): return g()",
        "import functools\n@functools.lru_cache\ndef g(): return 2\ndef f(): return g()",
    ),
    "singledispatch default": (
        "import functools\n@functools.singledispatch\ndef g(x): return 1\ndef f(x): return g(x)",
        "import functools\n@functools.singledispatch\ndef g(x): return 2\ndef f(x): return g(x)",
    ),
    "singledispatch registry": (
        DISPATCH.format(1),
        DISPATCH.format(2),
    ),
    "contextmanager": (
        "import contextlib\n@contextlib.contextmanager\ndef g(): yield 1\ndef f():\n    with g() as x: return x",
        "import contextlib\n@contextlib.contextmanager\ndef g(): yield 2\ndef f():\n    with g() as x: return x",
    ),
    "handlers in a dict": (
        "def g(): return 1\nH = {'g': g}\ndef f(k): return H[k]()",
        "def g(): return 2\nH = {'g': g}\ndef f(k): return H[k]()",
    ),
    "bound method": (
        BOUND.format(1),
        BOUND.format(2),
    ),
    "library object": (
        "from math import sin as s\ndef f(): return s(1)",
        "from math import cos as s\ndef f(): return s(1)",
    ),
    "library module": ("import math as m\ndef f(): return m.x", "import cmath as m\ndef f(): return m.x"),
    "same name in two library modules": (
        "from os.path import join as j\ndef f(): return j",
        "from shlex import join as j\ndef f(): return j",
    ),
    "__file__": ("def f(): return __file__", "def f(): return __file__"),
    "type alias": ("A = list[int]\ndef f(): return A", "A = list[str]\ndef f(): return A"),
    "walrus in comprehension": (
        "def f(): return [y := 1 for _ in 'a'], y",
        "y = 2\ndef f(): return [(lambda: y)() for _ in 'a'], y",
    ),
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_different(digest, case):
    """What may change results changes the digest."""
    one, other = DIFFERENT[case]
    assert digest(one) != digest(other)


def test_order_of_entry_into_recursion_does_not_matter(load):
    """Mutual recursion: the digest of each function is the same whoever is asked first."""
    text = "def f(n): return n and g(n - 1)\ndef g(n): return n and f(n - 1)"
    one, other = load(text), load(text)
    first = code_identity(one.f).digest(), code_identity(one.g).digest()
    second = code_identity(other.g).digest(), code_identity(other.f).digest()
    assert first == second[::-1]
    assert first[0] != first[1]


def test_recursion_through_data(load):
    """A function in a global container that it reads itself ends, and gives one digest whatever came before."""
    text = "def g(n): return H\ndef f(n): return H[n](), g(n)\nH = [f, g]"
    one, other = load(text), load(text)
    code_identity(other.g).digest()
    a = [code_identity(one.f).digest() for _ in range(3)]
    b = [code_identity(other.f).digest() for _ in range(3)]
    assert len({*a, *b}) == 1
    one.H.append(1)
    assert code_identity(one.f).digest() != a[0]


def test_rebound_global_is_seen_at_the_next_call(load):
    """Globals are looked at when the digest is asked for, not when the function was made."""
    module = load("K = 1\ndef h(): return K\ndef f(): return h()")
    identity = code_identity(module.f)
    first = identity.digest()
    module.K = 2
    second = identity.digest()
    module.K = 1
    assert first != second
    assert identity.digest() == first


def test_mutated_global_is_seen(load):
    """A list or dict that is changed in place changes the digest."""
    module = load("K = {'a': [1]}\ndef f(): return K")
    identity = code_identity(module.f)
    first = identity.digest()
    module.K["a"].append(2)
    assert identity.digest() != first
    module.K["a"].pop()
    assert identity.digest() == first


def test_rebound_helper_and_code(load):
    """A helper that is defined again, and a replaced `__code__`, are seen."""
    module = load("def h(): return 1\ndef f(): return h()\ndef other(): return 3")
    identity = code_identity(module.f)
    first = identity.digest()
    module.h.__code__ = module.other.__code__
    second = identity.digest()
    module.h = lambda: 2
    assert len({first, second, identity.digest()}) == 3


def test_changed_defaults_and_closure(load):
    """Defaults set later, and a closure variable that moves on, are seen."""
    module = load(
        "def make():\n    n = 0\n    def f(k=1): return n\n    def up():\n"
        "        nonlocal n\n        n += 1\n    return f, up\nf, up = make()"
    )
    identity = code_identity(module.f)
    seen = [identity.digest()]
    module.up()
    seen.append(identity.digest())
    module.f.__defaults__ = (2,)
    seen.append(identity.digest())
    assert len(set(seen)) == 3


def test_shadowed_builtin_is_seen_later(load):
    """A builtin that is shadowed after the first digest counts, and a missing name that is bound later."""
    module = load("def f(x): return len(x), later")
    identity = code_identity(module.f)
    seen = [identity.digest()]
    module.len = lambda x: 0
    seen.append(identity.digest())
    module.later = None
    seen.append(identity.digest())
    assert len(set(seen)) == 3


def test_singledispatch_registered_later(load):
    """A new implementation of a dispatched function is seen."""
    module = load(
        "import functools\n@functools.singledispatch\ndef g(x): ...\ndef f(x): return g(x)\ndef impl(x): return 1"
    )
    identity = code_identity(module.f)
    first = identity.digest()
    module.g.register(int, module.impl)
    assert identity.digest() != first


def test_only_the_used_part_of_a_user_module_counts(load):
    """`util.helper` is followed, `util.other` is not; plain values behind a module likewise."""
    util = load("K = 1\nL = 1\ndef helper(): return 1\ndef other(): return 1", "util_used_parts")
    module = load("import util_used_parts as util\ndef f(): return util.helper() + util.K")
    identity = code_identity(module.f)
    first = identity.digest()
    util.L = 2
    util.other = lambda: 5
    assert identity.digest() == first
    util.K = 2
    second = identity.digest()
    util.helper = lambda: 3
    assert len({first, second, identity.digest()}) == 3


def test_a_module_used_as_a_whole_counts_as_a_whole(load):
    """`vars(cfg)` reads everything in `cfg`."""
    cfg = load("lr = 0.1", "cfg_as_a_whole")
    identity = code_identity(load("import cfg_as_a_whole as cfg\ndef f(): return vars(cfg)").f)
    first = identity.digest()
    cfg.lr = 0.2
    second = identity.digest()
    cfg.new = 1
    assert len({first, second, identity.digest()}) == 3


@pytest.mark.parametrize(
    "text", ["import util_in_f\n    return util_in_f.helper()", "from util_in_f import helper as h\n    return h()"]
)
def test_import_inside_a_function(load, text):
    """A user module that is imported inside the function is followed like a global one."""
    util = load("def helper(): return 1\ndef other(): return 1", "util_in_f")
    identity = code_identity(load(f"def f():\n    {text}").f)
    first = identity.digest()
    util.other = None
    assert identity.digest() == first
    util.helper = lambda: 2
    assert identity.digest() != first


def test_import_of_a_module_that_is_not_loaded(load, tmp_path, monkeypatch):
    """A module that only the call would import counts by its text, with what it imports; it is not imported."""
    (tmp_path / "lazy_inner.py").write_text("K = 1\n")
    (tmp_path / "lazy_outer.py").write_text("import json\nfrom lazy_inner import K\n")
    monkeypatch.syspath_prepend(tmp_path)
    identity = code_identity(load("def f():\n    import lazy_outer\n    return lazy_outer.K").f)
    first = identity.digest()
    (tmp_path / "lazy_inner.py").write_text("K = 1  # one\n")
    assert identity.digest() == first
    (tmp_path / "lazy_inner.py").write_text("K = 2000\n")
    assert identity.digest() != first
    assert "lazy_outer" not in sys.modules


def test_unhashable_global_is_named(load):
    """A global without a canonical digest is refused by name."""
    identity = code_identity(load("C = iter([1])\ndef f(): return C").f)
    with pytest.raises(UnhashableError, match="global 'C'"):
        identity.digest()


def test_decorated_again_by_wraps_keeps_identities_apart(load):
    """`functools.wraps` copies attributes; an identity belongs to one function all the same."""
    module = load("def f(): return 1")
    first = code_identity(module.f)

    @functools.wraps(module.f)
    def wrapper():
        return module.f() + 1

    assert code_identity(wrapper) is not first
    assert code_identity(wrapper).digest() != first.digest()
    assert code_identity(module.f) is first


def test_user_code():
    """Functions, classes and modules here are the user's; those of libraries are not."""
    assert is_user_code(test_user_code)
    assert not is_user_code(textwrap.dedent)
    assert not is_user_code(functools)
    assert not is_user_code(dict)
    assert not is_user_code(pytest.raises)
    assert not is_user_code(class_digest)


def test_methods_partials_and_instances(load):
    """Everything callable has an identity."""
    module = load(
        "import functools\nclass A:\n    def __init__(self, n): self.n = n\n"
        "    def __call__(self): return self.n\n    def m(self): return self.n\ndef g(a): return a\n"
    )
    makers = [module.A, lambda n: module.A(n).m, lambda n: functools.partial(module.g, n)]
    for make in makers:
        assert code_identity(make(1)).digest() == code_identity(make(1)).digest()
        assert code_identity(make(1)).digest() != code_identity(make(2)).digest()
