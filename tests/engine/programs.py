"""What the other processes of these tests run: ``python programs.py NAME DB BLOBS ...``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import beautyspot as bs


class Log:
    """Appends a line to a file with one write; no part of any key."""

    __spot_infrastructure__ = True

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, line: str) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)


def say(text: str) -> None:
    """Tell the parent."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def herd(spot: bs.Spot, log: str) -> None:
    """Wait for the word, then ask for one key."""
    record = Log(log)

    @spot.mark
    def compute(n: int) -> list[int]:
        record(f"{os.getpid()}")
        time.sleep(0.05)  # long enough for the others to find the key taken
        return [n]

    say("ready")
    sys.stdin.readline()
    say(repr(compute(7)))


def holder(spot: bs.Spot, log: str) -> None:
    """Take a key and never finish."""
    record = Log(log)

    @spot.mark
    def compute(n: int) -> int:
        record("run")
        if os.environ.get("HOLD"):
            say("holding")
            sys.stdin.readline()
        return n

    say(repr(compute(1)))


def value_of(n: int) -> object:
    """What `writer` stores under n: small rows, rows with buffers, and blobs take turns."""
    if n % 3 == 0:
        return {"n": n, "text": "日本" * (n % 7)}
    return bytes([n % 251]) * (200 if n % 3 == 1 else 200_000 + n)


def mark_stored(spot: bs.Spot) -> Callable[[int], object]:
    """The function whose results the killed writers store."""

    @spot.mark
    def stored(n: int) -> object:
        return value_of(n)

    return stored


def write(db: str, blobs: str, n: int) -> None:
    """Store one value after another from n on, and acknowledge each."""
    stored = mark_stored(bs.Spot("test", db=db, storage=blobs))
    while True:
        stored(n)
        say(str(n))
        n += 1


def nursery(db: str, blobs: str) -> None:
    """For each number that is read, start a writer, tell its process id, and tell when it is dead."""
    import sqlite3

    import msgpack  # noqa: F401  # loaded once, not in each child

    sqlite3.connect(":memory:").close()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            say(f"pid {os.getpid()}")
            write(db, blobs, int(line))
        os.waitpid(pid, 0)
        say("dead")


if __name__ == "__main__":
    name, db, blobs, *rest = sys.argv[1:]
    if name == "nursery":
        nursery(db, blobs)
    else:
        with bs.Spot("test", db=db, storage=blobs) as opened:
            globals()[name](opened, *rest)
