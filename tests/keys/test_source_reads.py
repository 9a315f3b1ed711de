"""Everything that a function can read from outside, and that changes behind its back."""

import builtins

import pytest

from beautyspot.keys.source import code_identity


def digest(module):
    """Digest of the function `f` of a module."""
    return code_identity(module.f).digest()


DATACLASS = "import dataclasses\nC = dataclasses.make_dataclass('C', {})\ndef f(): return C"
CLASS = "C = type('C', (), {})\ndef f(): return C"
DESCRIPTOR = """
class D:
    def __init__(self, n): self.n = n
    def __get__(self, *a): return self.n
class C: pass
C.d = D({})
def f(): return C.d
"""
DECORATOR = """
import contextlib
class A(contextlib.ContextDecorator):
    def __init__(self, n): self.n = n
    def __enter__(self): pass
    def __exit__(self, *args): pass
def h(): return 1
g = A({})(h)
def f(): return g()
"""
COMPUTED = """
import sys, types
made = types.ModuleType("computed_module")
def answer(name):
    if name != "anything":
        raise AttributeError(name)
    return {}
made.__getattr__ = answer
sys.modules["computed_module"] = made
import computed_module
def f(): return computed_module.anything
"""
REGISTERED = """
import functools
class A: k = {}
@functools.singledispatch
def f(x): return 1
@f.register
def _(x: A): return 2
"""
READS = {
    "function attribute": ("def h(): pass\nh.k = {}\ndef f(): return h.k", "1", "2"),
    "function attribute in a helper": ("def h(): return h.k\nh.k = {}\ndef f(): return h()", "1", "2"),
    "own attribute": ("def f(): return f.k[0]\nf.k = [{}]", "1", "2"),
    "attribute of a function in a container": ("def h(): pass\nh.k = {}\nH = [h]\ndef f(): return H[0].k", "1", "2"),
    "globals()[...]": ("K = {}\ndef f(): return globals()['K']", "1", "2"),
    "globals().get": ("K = {}\ndef f(): return globals().get('K')", "1", "2"),
    "eval": ("K = {}\ndef f(): return eval(' K + 1')", "1", "2"),
    "exec": ("K = {}\ndef f():\n    d = dict()\n    exec('y = K', globals(), d)\n    return d", "1", "2"),
    "module docstring": ("'''{}'''\ndef f(): return __doc__", "one", "two"),
    "function docstring": ("def h(): '''{}'''\ndef f(): return h.__doc__", "one", "two"),
    "class docstring": ("class C: '''{}'''\ndef f(): return C.__doc__", "one", "two"),
    "new type": ("import typing\nC = typing.NewType('C', {})\ndef f(): return C", "int", "str"),
    "typed dict": ("import typing\nC = typing.TypedDict('C', {{'a': {}}})\ndef f(): return C", "int", "str"),
    "context variable": ("import contextvars\nC = contextvars.ContextVar('C', default={})\ndef f(): C.get()", "1", "2"),
    "fields": (DATACLASS, "['x']", "['y']"),
    "order of fields": (DATACLASS, "['x', 'y']", "['y', 'x']"),
    "default of a field": (DATACLASS, "[('x', int, dataclasses.field(default=1))]",
                           "[('x', int, dataclasses.field(default=2))]"),
    "factory of a field": (DATACLASS, "[('x', list, dataclasses.field(default_factory=lambda: [1]))]",
                           "[('x', list, dataclasses.field(default_factory=lambda: [2]))]"),
    "compare of a field": (DATACLASS, "[('x', int, dataclasses.field(compare=True))]",
                           "[('x', int, dataclasses.field(compare=False))]"),
    "options of a dataclass": (DATACLASS, "['x'], order=True", "['x'], order=False"),
    "private member": (CLASS, "{'_k': [1]}", "{'_k': [2]}"),
    "slots": (CLASS, "{'__slots__': ('a',)}", "{'__slots__': ('b',)}"),
    "library method": (CLASS, "{'m': __import__('json').loads}", "{'m': __import__('json').dumps}"),
    "model field": ("import pydantic\nC = pydantic.create_model('C', x=({}))\ndef f(): return C", "int, 1", "int, 2"),
    "type of a model field": ("import pydantic\nC = pydantic.create_model('C', x=({}, ...))\ndef f(): return C",
                              "int", "float"),
    "attrs class": ("import attrs\nC = attrs.make_class('C', dict(x=attrs.field(default={})))\ndef f(): return C",
                    "1", "2"),
    "setting of a library's decorator": (DECORATOR, "1", "2"),
    "annotation of a decorated function": (
        "def d(f): return lambda: f.__annotations__['x'].k\nclass A: k = {}\n@d\ndef f(x: A): pass", "1", "2"),
    "annotation of a registered function": (REGISTERED, "1", "2"),
    "private name in a function of a method": (
        "_C__k = {}\nclass C:\n    def m(self):\n        def g(): return __k\n        return g\nf = C().m()", "1", "2"),
    "subclass of a partial": (
        "from functools import partial\nclass P(partial):\n    def __call__(self): return {}\np = P(int)\ndef f(): p()",
        "1", "2"),
    "attribute of a property": (
        "class P(property): pass\np = P(len)\np.k = {}\ndef f(): return p.k", "1", "2"),
    "attribute that a module computes": (COMPUTED, "1", "2"),
    "list set on a class": ("class C: pass\nC.xs = [{}]\ndef f(): return C.xs", "1", "2"),
    "private name set on a class": ("class C: pass\nC._x = {}\ndef f(): return C._x", "1", "2"),
    "set on an abstract class": ("import abc\nclass C(abc.ABC): pass\nC._x = [{}]\ndef f(): return C._x", "1", "2"),
    "set by the user's base": (
        "class A:\n    def __init_subclass__(cls, k): cls._k = [k]\nN = {}\nclass C(A, k=N): pass\ndef f(): return C",
        "1", "2"),
    "descriptor set on a class": (DESCRIPTOR, "1", "2"),
}  # fmt: skip


@pytest.mark.parametrize("case", READS)
def test_what_is_read_counts(load, case):
    """The two versions of a module give two digests, and each of them the same one again."""
    text, one, other = READS[case]
    first, second = (text.replace("{}", part, 1).replace("{{", "{").replace("}}", "}") for part in (one, other))
    assert digest(load(first)) == digest(load(first)) != digest(load(second))


UNREAD = {
    "how Python 3.14 makes annotations": (
        "class C: pass\nC.__annotate__ = lambda format: {}\ndef f(): return C()",
        "1",
        "2",
    ),
    "executor": (
        "from concurrent.futures import ThreadPoolExecutor\nE = ThreadPoolExecutor({})\ndef f(): E.submit(print)",
        "1",
        "2",
    ),
    "standard stream": ("import sys\nS = sys.__{}__\ndef f(): print(1, file=S)", "stdout", "stderr"),
    "annotation of a property": (
        "class A: k = {}\nclass C:\n    @property\n    def p(self) -> A: return 1\ndef f(): return C().p",
        "1",
        "2",
    ),
    "function attribute": ("def h(): return 1\nh.k = {}\ndef f(): return h()", "1", "2"),
    "shadowed eval": ("K = {}\ndef f(eval): return eval(1)", "1", "2"),
    "text that is no code": ("K = {}\ndef f(): return print('K'), exec('not code')", "1", "2"),
    "docstring": ("def h(): '''{}'''\ndef f(): return h()", "one", "two"),
}


@pytest.mark.parametrize("case", UNREAD)
def test_what_is_not_read_does_not_count(load, case):
    """Another value of something unused is no other code."""
    text, one, other = UNREAD[case]
    assert digest(load(text.replace("{}", one))) == digest(load(text.replace("{}", other)))


BASES = """
class A:
    def r(self): return 1
class B:
    def r(self): return 2
class C(A): pass
def f(): return C().r()
"""
PARTIAL = "import functools\ndef g(**k): return k\np = functools.partial(g, a=1)\ndef f(): return p()"
HANDLER = "import functools\n@functools.singledispatch\ndef h(x): return 1\ndef f(x): return h(x)"
INSTANCE = "class C:\n    def r(self): return 1\nc = C()\ndef f(): return c.r()"
CHANGES = {
    "bases": (BASES, lambda m: setattr(m.C, "__bases__", (m.B,))),
    "keyword of a partial": (PARTIAL, lambda m: m.p.keywords.update(b=2)),
    "value in a partial": (PARTIAL, lambda m: m.p.keywords.update(a=2)),
    "attribute of a function": ("def h(): pass\nh.k = 1\ndef f(): return h.k", lambda m: setattr(m.h, "k", 2)),
    "new attribute of a function": ("def h(): pass\ndef f(): return h.k", lambda m: setattr(m.h, "k", 2)),
    "list on a function": ("def h(): pass\nh.k = [1]\ndef f(): return h.k", lambda m: m.h.k.append(2)),
    "registered handler": (HANDLER, lambda m: m.h.register(int)(lambda x: 2)),
    "method of an instance's class": (INSTANCE, lambda m: setattr(m.C, "r", lambda self: 2)),
    "method on an instance": (INSTANCE, lambda m: setattr(m.c, "r", lambda: 2)),
    "class of an instance": (INSTANCE, lambda m: setattr(m.c, "__class__", type("D", (), {}))),
    "new member of a class": (INSTANCE, lambda m: setattr(m.C, "s", [1])),
    "nested list": ("K = {'a': [[1]]}\ndef f(): return K", lambda m: m.K["a"][0].append(2)),
    "list in a tuple": ("K = ([1],)\ndef f(): return K", lambda m: m.K[0].append(2)),
    "method put in by a reloader": (
        "class C:\n    def m(self): return 1\ndef f(): return C().m()",
        lambda m: setattr(m.C.m, "__code__", (lambda self: 2).__code__),
    ),
    "class list": ("class C: xs = [1]\ndef f(): return C.xs", lambda m: m.C.xs.append(2)),
    "array": ("import numpy as np\nK = np.zeros(3)\ndef f(): return K", lambda m: m.K.__setitem__(1, 5)),
    "default list of a helper": (
        "def h(x=[1]): return x\ndef f(): return h()",
        lambda m: m.h.__defaults__[0].append(2),
    ),
    "wrapped function": (
        "import functools\n@functools.lru_cache\ndef h(): return K\nK = 1\ndef f(): return h()",
        lambda m: setattr(m, "K", 2),
    ),
    "redefinition": ("def h(): return 1\ndef f(): return h()", lambda m: exec("def h(): return 2", vars(m))),
    "deletion": ("K = 1\ndef f(): return K", lambda m: delattr(m, "K")),
    "shadowed builtin": ("def f(x): return len(x)", lambda m: setattr(m, "len", lambda x: 1)),
}


@pytest.mark.parametrize("case", CHANGES)
def test_changes_between_two_calls_are_seen(load, case):
    """A digest that was computed before is not given again."""
    text, change = CHANGES[case]
    module = load(text)
    before = digest(module)
    assert digest(module) == before
    change(module)
    assert digest(module) != before
    assert digest(module) == digest(module)


def test_an_object_at_the_place_of_a_dead_one(load):
    """Ids are used again; what is remembered goes by the object itself."""
    module = load("K = [1]\ndef h(): return 1\ndef f(): return K, h()")
    seen = {digest(module)}
    for number in range(2, 60):
        del module.K, module.h
        exec(f"K = [{number}]\ndef h(): return {number}", vars(module))
        seen.add(digest(module))
    assert len(seen) == 59


def test_a_name_that_a_program_put_among_the_builtins(load, monkeypatch):
    """It is data like a global, and a builtin that is replaced for the whole program is seen."""
    module = load("def f(x): return spot_test_name, len(x)")
    absent = digest(module)
    monkeypatch.setattr(builtins, "spot_test_name", [1], raising=False)
    one = digest(module)
    builtins.spot_test_name.append(2)
    two = digest(module)
    original = builtins.len
    monkeypatch.setattr(builtins, "len", lambda x: 3)
    patched = digest(module)
    monkeypatch.setattr(builtins, "len", original)
    assert len({absent, one, two, patched}) == 4
    assert digest(module) == two


def test_very_deep_global_data(load):
    """A tuple that is nested deeper than the recursion limit is data like any other."""
    module = load("T = ()\nfor _ in range(5000):\n    T = (T,)\ndef f(): return T")
    before = digest(module)
    module.T = (module.T,)
    assert digest(module) != before
