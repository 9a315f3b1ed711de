"""Code in unusual places, and files that were edited while the program runs."""

from __future__ import annotations

import doctest
import json
import subprocess
import sys
import types
import zipapp
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

from beautyspot.keys import compile_key
from beautyspot.keys.source import code_identity

DEFINITIONS = '''
K = 1
def helper(x):
    """Add."""
    return x + K
class Box:
    def get(self):
        return helper(1)
def f(x):
    return helper(x), Box().get(), (lambda y: y + K)(x)
'''
REPORT = """
import json
from beautyspot.keys.source import code_identity
identity = code_identity(f)
first = identity.digest().hex()
K = 2
print(json.dumps([first, identity.digest().hex() != first, identity.portable]))
"""


def run(*arguments, **options):
    """Run a program and return the digest, whether a changed global was seen, and portability."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=120, **options
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def expected(load):
    """Digest of the definitions in a plain module."""
    return code_identity(load(DEFINITIONS).f).digest().hex()


def test_a_script_a_zipped_application_and_an_optimised_run(tmp_path, expected):
    """Source text is found in archives, and does not depend on what the optimiser drops."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "__main__.py").write_text(DEFINITIONS + REPORT)
    zipapp.create_archive(folder, tmp_path / "app.pyz")
    for arguments in (
        [folder],
        [tmp_path / "app.pyz"],
        ["-O", folder / "__main__.py"],
        ["-OO", folder / "__main__.py"],
    ):
        assert run(*arguments) == [expected, True, True]


def test_a_module_without_its_source(tmp_path):
    """Bytecode alone gives a digest, the same in another process, that is flagged."""
    (tmp_path / "program.py").write_text(DEFINITIONS + REPORT)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-b", str(tmp_path)], check=True)
    (tmp_path / "program.py").unlink()
    one, other = (run(tmp_path / "program.pyc", env={"PYTHONHASHSEED": seed}) for seed in ("1", "2"))
    assert one == other
    assert one[1:] == [True, False]


def test_code_on_the_command_line():
    """`python -c` works as well; whether a text is known depends on the Python version."""
    one, other = (run("-c", DEFINITIONS + REPORT, env={"PYTHONHASHSEED": seed}) for seed in ("1", "2"))
    assert one == other
    assert one[1]
    changed = run("-c", DEFINITIONS.replace("x + K", "x - K") + REPORT)
    assert changed[0] != one[0]


@pytest.mark.parametrize("names", [{"__name__": "example"}, {}])
def test_functions_in_doctests(expected, names):
    """`doctest` offers its examples to `linecache`; the name of the module does not matter, nor that there is one."""
    lines = DEFINITIONS.strip().splitlines()
    example = "".join(f"{'... ' if line.startswith(' ') else '>>> '}{line}\n" for line in lines)
    example += ">>> from beautyspot.keys.source import code_identity\n>>> digest = code_identity(f).digest().hex()\n"
    test = doctest.DocTestParser().get_doctest(example, dict(names), "example", None, 0)
    doctest.DocTestRunner(verbose=False).run(test, clear_globs=False)
    assert test.globs["digest"] == expected


def asserting(x):
    """Have a statement that pytest rewrites."""
    assert x > 0, "positive"
    return x + 1


def other_asserting(x):
    """Have another constant."""
    assert x > 0, "positive"
    return x + 2


def test_functions_that_pytest_rewrote():
    """Their text does not give their bytecode: digests differ all the same, and are flagged."""
    one, other = code_identity(asserting), code_identity(other_asserting)
    assert not one.portable
    assert one.digest() == code_identity(asserting).digest() != other.digest()


MODEL = "import pydantic\nclass C(pydantic.BaseModel):\n    x: int = {}\ndef f(): return C()"
FIELD = "import dataclasses\n@dataclasses.dataclass\nclass C:\n    x: list = dataclasses.field({})\ndef f(): return C()"
EDITS = {
    "constant": ("def f(): return {}", "1", "2"),
    "set of constants": ("def f(x): return x in {{{}}}", "1", "True"),
    "default": ("def f(x={}): return x", "1", "2"),
    "default of a model": (MODEL, "1", "2"),
    "factory of a field": (FIELD, "default_factory=lambda: [1]", "default_factory=lambda: [2]"),
    "flag of a field": (FIELD, "default=None, compare=True", "default=None, compare=False"),
    "slots": ("import dataclasses\n@dataclasses.dataclass(slots=True)\nclass C:\n    x: int = {}\ndef f(): return C()",
              "1", "2"),
    "options": ("import dataclasses\n@dataclasses.dataclass({})\nclass C:\n    x: int\ndef f(): return C(1)",
                "eq=True", "eq=False"),
    "named tuple": ("import typing\nclass C(typing.NamedTuple):\n    x: int = {}\ndef f(): return C()", "1", "2"),
    "attrs": ("import attrs\n@attrs.define\nclass C:\n    x: int = {}\ndef f(): return C()", "1", "2"),
    "class member": ("class C:\n    x = [{}]\ndef f(): return C.x", "1", "2"),
    "method": ("class C:\n    def m(self): return {}\ndef f(): return C().m()", "1", "2"),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS)
def test_a_file_that_was_edited_before_its_code_was_looked_at(load, tmp_path, case):
    """What runs now and what runs after a restart never have one digest if they differ."""
    text, one, other = EDITS[case]
    before, after = (text.replace("{}", part, 1).replace("{{", "{").replace("}}", "}") for part in (one, other))
    module = load(before)
    with open(module.__file__, "w", encoding="utf-8") as file:  # noqa: PTH123  # the same path, as text
        file.write(after)
    assert code_identity(module.f).digest() != code_identity(load(after).f).digest()


def test_a_class_that_a_reloader_updated_in_place(load):
    """What `%autoreload` does: the same class object with new methods and members has the digest of a fresh class."""
    before = "class C:\n    def m(self): return 1\ndef f(): return C().m()"
    after = "class C:\n    k = [1]\n    def m(self): return 2\ndef f(): return C().m()"
    module, fresh = load(before), load(after)
    first = code_identity(module.f).digest()
    with open(module.__file__, "w", encoding="utf-8") as file:  # noqa: PTH123  # the same path, as text
        file.write(after)
    module.C.m.__code__ = fresh.C.m.__code__.replace(co_filename=module.__file__)
    module.C.k = [1]
    assert code_identity(module.f).digest() == code_identity(fresh.f).digest() != first


def test_a_compiled_module_of_the_user_is_its_file(load, tmp_path, monkeypatch):
    """Nobody can look into its classes and functions: the file as it was loaded stands for them."""
    digests = []
    for version in (b"one", b"one", b"two"):
        compiled = types.ModuleType("compiled_by_user")
        compiled.__file__ = str(tmp_path / f"compiled_by_user{EXTENSION_SUFFIXES[0]}")
        (tmp_path / compiled.__file__).write_bytes(version)
        compiled.Solver = type("Solver", (), {"__module__": "compiled_by_user"})
        monkeypatch.setitem(sys.modules, "compiled_by_user", compiled)
        module = load("import compiled_by_user as c\ndef f(): return c.Solver()")
        digests.append(code_identity(module.f).digest())
        assert digests[-1] == code_identity(module.f).digest()
    assert digests[0] == digests[1] != digests[2]


def test_a_module_that_the_call_itself_imports(load, tmp_path, monkeypatch):
    """Loading it is no change of the inputs; another text of it, or a global that the call changed, is."""
    monkeypatch.syspath_prepend(tmp_path)
    lazy = tmp_path / "imported_in_call.py"
    lazy.write_text("K = 1\ndef h(x): return x + K")
    module = load("N = [1]\ndef f(x):\n    from imported_in_call import h\n    return h(x), N")
    keys = compile_key(module.f)
    before = keys((1,), {})
    assert keys.unchanged((1,), {}, before)
    module.f(1)
    monkeypatch.delitem(sys.modules, "imported_in_call")
    assert keys((1,), {}) == before
    module.f(1)
    assert keys((1,), {}) != before, "loaded code is live code: it could have been changed since"
    assert keys.unchanged((1,), {}, before)
    assert not keys.unchanged((2,), {}, before)
    module.N.append(2)
    assert not keys.unchanged((1,), {}, before)
    module.N.pop()
    lazy.write_text("K = 2\ndef h(x): return x + K")
    assert not keys.unchanged((1,), {}, before)
