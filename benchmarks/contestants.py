"""The caches that are compared, each as its own documentation shows it and nothing tuned.

Every contestant keeps its results on disk below the current directory.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

Function = Callable[..., Any]


class Floor:
    """No cache: one prepared SELECT by primary key and one msgpack decode, the least a persistent hit can cost."""

    def __init__(self) -> None:
        import msgpack

        self.pack = msgpack.packb
        self.unpack = msgpack.unpackb
        self.connection = sqlite3.connect("floor.db", isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.execute("CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID")

    def wrap(self, function: Function) -> Function:
        if function.__name__ != "small":
            raise NotImplementedError("it knows no arrays, frames or processes")
        execute, pack, unpack = self.connection.execute, self.pack, self.unpack
        keys = [f"{number:048x}" for number in range(100_000)]

        def run(number: int) -> Any:
            row = execute("SELECT data FROM results WHERE key = ?", (keys[number % 100_000],)).fetchone()
            if row is not None:
                return unpack(row[0])
            value = function(number)
            execute("INSERT INTO results VALUES (?, ?)", (keys[number % 100_000], pack(value)))
            return value

        return run

    def settle(self) -> None:
        """Everything is written when a call returns."""


class Beautyspot:
    def __init__(self) -> None:
        os.environ["BEAUTYSPOT_HOME"] = str(Path.cwd() / "home")
        import beautyspot as bs

        self.spot = bs.Spot("bench")
        self.wrap: Callable[[Function], Function] = self.spot.mark

    def settle(self) -> None:
        self.spot.flush()


class Beautyspot24:
    def __init__(self) -> None:
        from importlib.metadata import version

        import beautyspot as bs

        if version("beautyspot") != "2.4.1":
            raise ImportError("this is not the version to compare with")
        self.wrap: Callable[[Function], Function] = bs.Spot("bench").mark

    def settle(self) -> None:
        """Everything is written when a call returns."""


class DiskCache:
    def __init__(self) -> None:
        from diskcache import Cache

        self.wrap: Callable[[Function], Function] = Cache("cache").memoize()

    def settle(self) -> None:
        """Everything is written when a call returns."""


class Joblib:
    def __init__(self) -> None:
        from joblib import Memory

        self.wrap: Callable[[Function], Function] = Memory("cache", verbose=0).cache

    def settle(self) -> None:
        """Everything is written when a call returns."""


CONTESTANTS: dict[str, type[Any]] = {
    "beautyspot": Beautyspot,
    "beautyspot 2.4.1": Beautyspot24,
    "diskcache": DiskCache,
    "joblib": Joblib,
    "floor": Floor,
}
