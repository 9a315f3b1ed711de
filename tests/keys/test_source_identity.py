"""CodeIdentity: what spot's own decorators leave out, components, libraries, and the cost of a check."""

from __future__ import annotations

import copy
import functools
import pickle
import subprocess
import sys
import threading
import timeit

import pytest

from beautyspot.keys.source import code_identity

SPOT = """
import functools
class Spot:
    __spot_infrastructure__ = True
    def mark(self, function=None, **options):
        def decorate(function):
            @functools.wraps(function)
            def wrapper(*args): return function(*args)
            wrapper.__spot_marked__ = function
            wrapper.__spot_semantics__ = (options.get("version"),)
            return wrapper
        return decorate if function is None else decorate(function)
    limiter = mark
spot = Spot()
"""


@pytest.fixture
def spots(load):
    """A stand-in for the package: objects that carry the attributes of beautyspot's own."""
    return load(SPOT, "stand_in_spots")


@pytest.mark.parametrize(
    "decorated",
    [
        "@spot.mark\ndef f(x): return x",
        "@spot.mark(ttl=1)\ndef f(x): return x",
        "@spot.limiter(tpm=1)\n@spot.mark(save_blob=True)\ndef f(x): return x",
        "@Spot().mark()\ndef f(x): return x",
        "import stand_in_spots as cfg\n@cfg.spot.mark\ndef f(x): return x",
        "def f(x): return x\nf = spot.mark(f)",
    ],
)
def test_own_decorators_are_left_out(load, spots, decorated):
    """`@spot.mark(...)` is no part of the code that it marks."""
    module = load("from stand_in_spots import spot, Spot\n" + decorated)
    bare = load("def f(x): return x")
    function = module.f
    while hasattr(function, "__spot_marked__"):
        function = function.__spot_marked__
    assert code_identity(function).digest() == code_identity(bare.f).digest()


def test_spot_in_a_local_variable(load, spots):
    """The decorator's name may be out of sight."""
    text = (
        "from stand_in_spots import Spot\ndef make():\n    s = Spot()\n"
        "    {}\n    def f(x): return x\n    return f\nf = make()"
    )
    function = load(text.format("@s.mark(ttl=1)")).f.__spot_marked__
    assert code_identity(function).digest() == code_identity(load(text.format("...")).f).digest()


def test_decorators_of_others_stay(load):
    """A decorator that only looks like spot's counts."""
    text = "class App:\n    def mark(self, n): return lambda g: g\napp = App()\n@app.mark({})\ndef f(): return 1"
    assert code_identity(load(text.format(1)).f).digest() != code_identity(load(text.format(2)).f).digest()


@pytest.mark.parametrize("edit", ["return 2", "return K"])
def test_marked_helper_counts_as_what_it_wraps(load, spots, edit):
    """A marked helper enters by its own code and the options that mean another result."""
    text = "from stand_in_spots import spot\nK = 2\n@spot.mark({})\ndef h(): {}\ndef f(): return h()"
    digests = [
        code_identity(load(text.format(*case)).f).digest()
        for case in [("", "return 1"), ("ttl=5", "return 1"), ("version='2'", "return 1"), ("", edit)]
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_wrapper_around_a_marked_function_counts(load, spots):
    """`functools.wraps` copies the marks; the wrapper's own code counts all the same."""
    text = (
        "import functools\nfrom stand_in_spots import spot\ndef d(g):\n    @functools.wraps(g)\n"
        "    def w(): return g() + {}\n    return w\n@d\n@spot.mark\ndef h(): return {}\ndef f(): return h()"
    )
    digests = {code_identity(load(text.format(*case)).f).digest() for case in [(1, 1), (1, 1), (2, 1), (1, 2)]}
    assert len(digests) == 3


def test_spots_are_no_data(load, spots):
    """A function that names a Spot does not depend on it."""
    text = "from stand_in_spots import Spot\nspot = Spot()\nspot.name = {}\ndef f(): return spot.stats()"
    assert code_identity(load(text.format(1)).f).digest() == code_identity(load(text.format(2)).f).digest()


def test_marked_methods(load, spots):
    """Decorators inside a class statement are left out too."""
    from beautyspot.keys.source import class_digest

    text = "from stand_in_spots import spot\nclass A:\n    {}\n    def m(self): return {}"
    digests = [
        class_digest(load(text.format(*case)).A)
        for case in [("@spot.mark", 1), ("@spot.mark(ttl=1)", 1), ("@spot.mark", 2)]
    ]
    assert digests[0] == digests[1] != digests[2]


def test_components_name_what_changed(load):
    """The parts by themselves tell which one changed."""
    text = (
        "class P: x = {}\nK = {}\ndef helper(n={}): return K\ndef make(c):\n    def f(d=1): return helper(), P, c\n"
        "    return f\nf = make({})"
    )
    before = code_identity(load(text.format(1, 1, 1, 1)).f).components()
    expected = {"code", "class:P", "global:K", "code:helper", "default:n", "default:d", "closure:c", "attribute:P.x"}
    assert set(before) == expected
    changes = [{"class:P", "attribute:P.x"}, {"global:K"}, {"code:helper", "default:n"}, {"closure:c"}]
    for index, changed in enumerate(changes):
        after = code_identity(load(text.format(*[1 + (i == index) for i in range(4)])).f).components()
        assert {name for name in expected if after[name] != before[name]} == changed


def test_libraries_are_reported(load):
    """Distributions with versions, without the standard library."""
    module = load("import json\nimport numpy as np\nfrom PIL import Image\ndef f(): return np.sin(1), json, Image.open")
    assert set(code_identity(module.f).libraries()) == {"numpy", "pillow"}


def test_library_objects_count_by_name(load):
    """Library objects of many kinds are hashed by name, in any import form that the text allows."""
    names = ["from numpy import sin as s", "from numpy.linalg import norm as s", "from random import randint as s"]
    names += ["from random import random as s", "from math import sin as s", "from json import dumps as s"]
    names += [
        "from pathlib import Path as s",
        "from functools import partial as s",
        "s = str.join",
        "s = dict.fromkeys",
    ]
    names += ["from pandas import DataFrame as s", "from urllib.parse import quote as s", "import os.path as s"]
    digests = [[code_identity(load(f"{name}\ndef f(): return s").f).digest() for name in names] for _ in range(2)]
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == len(names)


def test_pickled_with_its_function(load):
    """What is kept on a function does not keep it from being copied or pickled by value."""
    identity = code_identity(load("def f(): return 1").f)
    identity.digest()
    assert pickle.loads(pickle.dumps(identity)) is None
    assert copy.deepcopy(identity) is None


def test_threads_agree(load):
    """Digests from many threads at once are the same, also while data is hashed again."""
    module = load("K = [1]\ndef h(): return K\ndef f(): return h(), H\nH = {'h': h, 'f': f}")
    identity = code_identity(module.f)
    found = []
    threads = [threading.Thread(target=lambda: found.extend(identity.digest() for _ in range(20))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 120
    assert len(set(found)) == 1


def test_functions_are_not_kept_alive(load):
    """An identity goes with its function."""
    import gc
    import weakref

    module = load("def make():\n    def f(): return f, list\n    return f")
    function = module.make()
    code_identity(function).digest()
    gone = weakref.ref(function)
    del function
    gc.collect()
    assert gone() is None


def test_import_is_light():
    """Importing the module loads neither `ast` nor `inspect` nor `importlib.metadata`."""
    code = (
        "import beautyspot.keys.source, sys; print(*{'ast', 'inspect', 'importlib.metadata', 'dis'} & set(sys.modules))"
    )
    before = "import sys, beautyspot; print(*{'ast', 'inspect', 'importlib.metadata', 'dis'} & set(sys.modules))"
    loaded = [
        subprocess.run([sys.executable, "-c", c], capture_output=True, text=True, check=True).stdout
        for c in (before, code)
    ]
    assert loaded[1] == loaded[0]


def test_a_check_is_cheap(load):
    """Nothing changed: some identity comparisons, no hashing."""
    module = load("A = 1\nB = 'b'\ndef h(): return 1\ndef f(): return A, B, h()")
    identity = code_identity(module.f)
    identity.digest()
    best = min(timeit.repeat(identity.digest, number=2000, repeat=5)) / 2000
    assert best < 10e-6  # a loaded machine is allowed for; it is below half a microsecond on an idle one


def test_first_digest_in_a_large_module(load):
    """The first digest of a function in a module of 1,000 lines."""
    body = "".join(f"def f{i}(a, b=1):\n    x = len(a) + b\n    return [x, a.c]\n\n" for i in range(250))
    module = load(body + "def f(): return f1(1), f2(2)\n")
    seconds = timeit.timeit(code_identity(module.f).digest, number=1)
    assert seconds < 0.5


def test_every_call_form_gives_the_same_identity(load):
    """An identity is made once for a function."""
    module = load("def f(): return 1")
    assert code_identity(module.f) is code_identity(module.f)
    assert isinstance(functools.partial(module.f), functools.partial)
