"""Shared fixtures of the tests about keys."""

import importlib.util
import itertools
import subprocess
import sys
import textwrap

import pytest

_numbers = itertools.count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Import a text as a module of the user's."""

    def load(text, name=None):
        name = name or f"user_module_{next(_numbers)}"
        path = tmp_path / f"{name}.py"
        path.write_text(textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def run_python():
    """Run a program in a fresh interpreter and return what it prints."""

    def run(program, **environment):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env={"PATH": "/usr/bin:/bin", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
