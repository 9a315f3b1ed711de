"""One execution between processes, and what is left of one that was killed."""

from __future__ import annotations

import importlib.util
import multiprocessing
import multiprocessing.util
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import beautyspot as bs

PROGRAMS = Path(__file__).with_name("programs.py")
ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("engine_programs", PROGRAMS)
assert _spec is not None
assert _spec.loader is not None
programs = importlib.util.module_from_spec(_spec)  # the functions that the processes run have the same keys here
_spec.loader.exec_module(programs)
KILLS = 100


@pytest.fixture
def start(tmp_path):
    """Start one of the programs on the test's own files; what still runs in the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        places = [str(tmp_path / "work.db"), str(tmp_path / "blobs")]
        started.append(
            subprocess.Popen(
                [sys.executable, str(PROGRAMS), name, *places, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment},
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_eight_processes_run_a_missing_key_once(start, tmp_path):
    """They start together; one computes, the others get its result."""
    log = tmp_path / "log"
    processes = [start("herd", str(log)) for _ in range(8)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.stdout.readline() for process in processes] == ["[7]\n"] * 8
    assert len(log.read_text().splitlines()) == 1


def test_a_killed_holder_is_succeeded_at_once(start, tmp_path):
    """The lease ends with its process: nobody waits for a time-out."""
    log = tmp_path / "log"
    dead = start("holder", str(log), HOLD="1")
    assert dead.stdout.readline() == "holding\n"
    heir = start("holder", str(log))
    dead.kill()
    dead.wait()
    assert heir.stdout.readline() == "1\n"
    assert log.read_text().splitlines() == ["run", "run"]


def test_another_process_waits_for_the_holder(start, tmp_path):
    """While it lives, nobody else runs the key."""
    log = tmp_path / "log"
    holder = start("holder", str(log), HOLD="1")
    assert holder.stdout.readline() == "holding\n"
    follower = start("holder", str(log))
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert [holder.stdout.readline(), follower.stdout.readline()] == ["1\n", "1\n"]
    assert log.read_text().splitlines() == ["run"]


def test_killed_while_saving_a_hundred_times(start, tmp_path):
    """No wrong value, no damaged file, and nothing that was acknowledged is lost."""
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    nursery = start("nursery")
    done = 0
    for _ in range(KILLS):
        nursery.stdin.write(f"{done}\n")
        nursery.stdin.flush()
        pid = int(nursery.stdout.readline().removeprefix("pid "))
        for _ in range(dice.randint(1, 6)):
            done = int(nursery.stdout.readline()) + 1
        threading.Event().wait(dice.random() * 0.004)  # somewhere in the middle of the next saves
        os.kill(pid, signal.SIGKILL)
        for line in iter(nursery.stdout.readline, "dead\n"):
            done = int(line) + 1
    with sqlite3.connect(tmp_path / "work.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    with bs.Spot("test", db=tmp_path / "work.db", storage=tmp_path / "blobs", mode="frozen", strict=True) as spot:
        stored = programs.mark_stored(spot)
        wrong = [n for n in range(done) if stored(n) != programs.value_of(n)]
    assert not wrong, f"seed {seed}"
    assert done >= KILLS


def _in_child(spot, queue) -> None:
    @spot.mark
    def double(n):
        return 2 * n

    queue.put((double(21), double.is_cached(21), spot.live()["hits"]))
    spot.flush()


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_spot_in_a_child_process(method, tmp_path, monkeypatch):
    """It works on the same files, starts its own statistics, and the parent goes on."""
    monkeypatch.syspath_prepend(str(ROOT))  # where a spawned child finds this module
    with bs.Spot("test", db=tmp_path / "work.db", storage=tmp_path / "blobs") as spot:

        @spot.mark
        def own(n):
            return n

        own(1), own(1)
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        child = context.Process(target=_in_child, args=(spot, queue))
        child.start()
        assert queue.get(timeout=60) == (42, True, 0)
        child.join(60)
        assert child.exitcode == 0
        assert own(1) == 1
        assert {each.func_name: each.hits for each in spot.stats()} == {
            "test_a_spot_in_a_child_process.<locals>.own".rpartition("<locals>.")[2]: 2,
            "double": 0,
        }


def test_pickle_carries_the_configuration(tmp_path):
    """A Spot and a marked function travel as what they were made from."""
    spot = bs.Spot("p", db=tmp_path / "work.db", storage=tmp_path / "blobs", tpm=30, mode="read-only", version="7")
    copy = pickle.loads(pickle.dumps(spot))
    assert (copy.name, copy.mode, copy.defaults.version, copy.db.label) == ("p", "read-only", "7", spot.db.label)
    assert [state.tpm for state in copy.limiter_state()] == [30]


def test_rows_in_memory_are_not_used_after_another_process_changed_them(tmp_path):
    """An invalidation is seen by the very next call, and so is a replaced value."""
    path = tmp_path / "work.db"
    with bs.Spot("test", db=path, storage=tmp_path / "blobs") as spot:
        values = iter([1, 2, 3])

        class Source:
            __spot_infrastructure__ = True
            get = staticmethod(lambda: next(values))

        source = Source()

        @spot.mark
        def number(n: int) -> int:
            return source.get()

        assert [number(0) for _ in range(3)] == [1, 1, 1]
        assert spot.engine.recent.rows
        sql = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()"
        subprocess.run([sys.executable, "-c", sql, str(path), "DELETE FROM tasks"], check=True)
        assert [number(0), number(0)] == [2, 2]
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE tasks SET expires_at = 1.0")
        connection.close()
        assert [number(0), number(0)] == [3, 3]


def test_rows_in_memory_do_not_outlive_the_connection(tmp_path):
    """What was read before `close` is not believed after it: the file may have become another one meanwhile."""
    path = tmp_path / "work.db"
    with bs.Spot("test", db=path, storage=tmp_path / "blobs") as spot:

        @spot.mark
        def number(n: int) -> int:
            return n

        number(1), number(1)
        spot.close()
        with sqlite3.connect(path) as connection:
            connection.execute("DELETE FROM tasks")
        connection.close()
        assert not number.is_cached(1)
        number(1)
        assert spot.stats()[0].misses == 2


def test_ctrl_c_in_a_real_process(start, tmp_path):
    """The interrupted run leaves nothing, and the next process computes."""
    log = tmp_path / "log"
    process = start("holder", str(log), HOLD="1")
    assert process.stdout.readline() == "holding\n"
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode != 0
    after = start("holder", str(log))
    assert after.stdout.readline() == "1\n"
    assert log.read_text().splitlines() == ["run", "run"]


def _save_at_the_last_moment(spot) -> None:
    ending = threading.Event()
    multiprocessing.util.Finalize(None, ending.set, exitpriority=10)
    put = spot.db.put
    spot.db.put = lambda entry: (ending.wait(60), put(entry))[1]

    @spot.mark(wait=False)
    def double(n):
        return 2 * n

    double(21)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_end_of_a_worker_waits_for_saves(method, tmp_path, monkeypatch):
    """Workers of multiprocessing end without running what `atexit` was given."""
    monkeypatch.syspath_prepend(str(ROOT))  # where a spawned child finds this module
    with bs.Spot("test", db=tmp_path / "work.db", storage=tmp_path / "blobs") as spot:
        child = multiprocessing.get_context(method).Process(target=_save_at_the_last_moment, args=(spot,))
        child.start()
        child.join(60)
        assert child.exitcode == 0
        assert [entry.func_name for entry in spot.records()] == ["double"]
        assert [each.misses for each in spot.stats()] == [1]
