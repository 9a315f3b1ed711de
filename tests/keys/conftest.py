"""Shared fixtures of the tests about keys."""

import subprocess
import sys

import pytest


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
