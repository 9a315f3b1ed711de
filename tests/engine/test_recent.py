"""Small rows in memory: used only while nothing was committed, few, small, and never shared."""

from __future__ import annotations

import sqlite3
import threading

import pytest

from beautyspot._engine import peek
from beautyspot._engine.peek import Recent


@pytest.fixture
def spot(make_spot, tmp_path):
    """A Spot on a file, whose look-ups in the database are counted."""
    opened = make_spot(str(tmp_path / "work.db"))
    opened.looked_up = []
    get = opened.db.get
    opened.engine.db.get = lambda key: (opened.looked_up.append(key), get(key))[1]
    return opened


def _settled(spot) -> None:
    """Save statistics and clear the count: from here on nothing is committed by itself."""
    spot.flush()
    spot.looked_up.clear()


def test_a_row_is_read_once_while_nothing_is_committed(spot):
    """The second hit and all after it cost no look-up."""
    double = spot.mark(lambda n: [2 * n])
    double(1)
    _settled(spot)
    values = [double(1) for _ in range(50)]
    assert values == [[2]] * 50
    assert len({id(value) for value in values}) == 50
    assert len(spot.looked_up) == 1


def test_a_commit_of_this_process_is_seen(spot, runs):
    """An invalidation, a refresh and another result make the next hit look again."""
    double = spot.mark(lambda n: 2 * n)
    double(1), double(1)
    double.invalidate(1)
    assert not double.is_cached(1)
    assert double(1) == 2
    double(1)
    _settled(spot)
    double(2)
    spot.looked_up.clear()
    double(1)
    assert len(spot.looked_up) == 1


def test_a_commit_of_another_connection_is_seen(spot, tmp_path):
    """The very next call sees it, in every thread."""
    double = spot.mark(lambda n: 2 * n)
    for n in range(3):
        double(n), double(n)
    with sqlite3.connect(tmp_path / "work.db") as other:
        other.execute("UPDATE tasks SET result_data = x'cd1234', checksum = ?", (_crc(b"\xcd\x12\x34"),))
    other.close()
    seen = []
    threads = [threading.Thread(target=lambda n=n: seen.append(double(n))) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [0x1234] * 3


def _crc(data: bytes) -> int:
    from zlib import crc32

    return crc32(data)


def test_large_rows_and_rows_with_a_time_limit_are_not_kept(spot):
    """Memory stays small, and a limit is checked at each hit."""
    large, limited = spot.mark(lambda n: "x" * n), spot.mark(ttl="1d")(lambda n: n)
    for _ in range(3):
        large(10_000), limited(1)
    assert spot.engine.recent.rows == {}


def test_the_oldest_rows_go(monkeypatch):
    """There is a limit, and threads that reach it at the same moment do not stumble."""
    monkeypatch.setattr(peek, "KEPT_ROWS", 10)
    recent = Recent()
    for n in range(100):
        recent.keep(str(n), (b"", b"", 0.0))
    assert list(recent.rows) == [str(n) for n in range(90, 100)]
    threads = [
        threading.Thread(target=lambda t=t: [recent.keep(f"{t} {n}", (b"", b"", 0.0)) for n in range(3000)])
        for t in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(recent.rows) <= 10 + len(threads)
