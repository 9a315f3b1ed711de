"""Databases to test, and what to put into them."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beautyspot.db import MemoryTaskDB, SQLiteTaskDB
from beautyspot.entry import Entry

LEGACY = Path(__file__).parents[1] / "fixtures" / "legacy"


collect_ignore = ["test_fork.py"] if sys.platform == "win32" else []


class Clock:
    """A clock that the test turns."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in a directory that does not exist yet; the name needs quoting wherever names are quoted."""
    return tmp_path / "実験 #1 100%?" / "a b.db"


@pytest.fixture
def sqlite_db(path: Path, clock: Clock) -> Iterator[SQLiteTaskDB]:
    with SQLiteTaskDB(path, clock=clock) as db:
        yield db


@pytest.fixture(params=["memory", "sqlite"])
def db(request: pytest.FixtureRequest, clock: Clock) -> Any:
    if request.param == "memory":
        return MemoryTaskDB(clock=clock)
    return request.getfixturevalue("sqlite_db")


@pytest.fixture
def key() -> Callable[[object], str]:
    """Makes a key as the engine does: 48 hexadecimal digits."""
    return lambda seed: hashlib.blake2b(repr(seed).encode(), digest_size=24).hexdigest()


@pytest.fixture
def entry(key: Callable[[object], str]) -> Callable[..., Entry]:
    """Makes an entry; the first argument is the seed of its key."""

    def make(seed: object = 0, **fields: Any) -> Entry:
        given = {"func_name": "f", "result_data": b"payload", "checksum": 7, "size": 7, "created_at": 1.0} | fields
        return Entry(cache_key=key(seed), **given)

    return make


@pytest.fixture
def legacy(tmp_path: Path) -> Callable[[str], Path]:
    """Copies the file that a published version wrote."""

    def copy(version: str) -> Path:
        target = tmp_path / f"v{version}.db"
        shutil.copy(LEGACY / target.name, target)
        return target

    return copy


@pytest.fixture
def raw() -> Iterator[Callable[[Path], sqlite3.Connection]]:
    """Opens a file with nothing but the sqlite3 module."""
    connections: list[sqlite3.Connection] = []

    def connect(path: Path) -> sqlite3.Connection:
        connections.append(sqlite3.connect(path, isolation_level=None))
        return connections[-1]

    yield connect
    for connection in connections:
        connection.close()


@pytest.fixture
def python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python on a program text with arguments; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program, *map(str, arguments)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
