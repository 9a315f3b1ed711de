"""One contestant in a process of its own: reads orders as JSON lines, answers with seconds a call.

Run by run.py. ``python worker.py NAME DIRECTORY`` works through orders from standard input until it ends;
``python worker.py NAME DIRECTORY herd START MARKS`` is one process of the herd.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import workloads
from contestants import CONTESTANTS

BATCHES = 5
BATCH_SECONDS = 0.04
KEYS = 100
HERD_THREADS = 32


class NotServed(Exception):  # noqa: N818  # its name is what the report shows
    """A call that should have been a hit was run again."""


class Bench:
    """The cases, for one contestant. Each returns seconds a call, one number for each batch."""

    def __init__(self, name: str) -> None:
        self.contestant = CONTESTANTS[name]()
        self.fresh = count(1000)
        self.wrapped: dict[str, Any] = {}
        self.calls: dict[str, int] = {}

    def hit(self) -> list[float]:
        function = self.marked(workloads.small)
        if not self.calls.get("hit"):
            for number in range(KEYS):
                function(number)
            self.contestant.settle()
            self.check(function(7), function(7))
        numbers = list(range(KEYS))

        def batch(calls: int) -> None:
            for _ in range(max(1, calls // KEYS)):
                for number in numbers:
                    function(number)

        return self.timed("hit", batch, least=KEYS)

    def miss(self) -> list[float]:
        function = self.marked(workloads.small)

        def batch(calls: int) -> None:
            for number in [next(self.fresh) for _ in range(calls)]:
                function(number)
            self.contestant.settle()

        return self.timed("miss", batch, least=10)

    def array_argument(self) -> list[float]:
        array = workloads.random_array(workloads.ARRAY_BYTES)
        return self.large(workloads.of_array, array, float)

    def array_result(self) -> list[float]:
        return self.large(workloads.array_result, workloads.ARRAY_BYTES, lambda array: array[0])

    def array_result_first(self) -> list[float]:
        # Checks that a cache makes when it first sees a file belong to this case, imports do not.
        import numpy as np

        np.zeros(1)
        self.marked(workloads.small)(1)
        marked = self.marked(workloads.array_result)
        started = time.perf_counter()
        result = marked(workloads.ARRAY_BYTES)
        ended = time.perf_counter()
        if result[0] >= started:
            raise NotServed
        return [ended - started]

    def array_result_read(self) -> list[float]:
        # One number in every page: a memory-mapped result has to come in from the file now.
        return self.large(
            workloads.array_result, workloads.ARRAY_BYTES, lambda array: array[0], lambda array: array[::512].sum()
        )

    def numeric_frame(self) -> list[float]:
        return self.large(workloads.numeric_frame, workloads.NUMERIC_FRAME_BYTES, lambda frame: frame.iat[0, 0])

    def mixed_frame(self) -> list[float]:
        return self.large(workloads.mixed_frame, workloads.MIXED_FRAME_ROWS, lambda frame: frame["amount"].iat[0])

    def threads(self, marks: str) -> list[float]:
        function = self.marked(workloads.herd)
        barrier = threading.Barrier(HERD_THREADS)

        def work() -> None:
            barrier.wait()
            self.check(function(1, marks), 1)

        crowd = [threading.Thread(target=work) for _ in range(HERD_THREADS)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        return [float(Path(marks).stat().st_size)]

    def large(
        self, function: Any, argument: Any, stamp: Callable[[Any], Any], use: Callable[[Any], Any] | None = None
    ) -> list[float]:
        marked = self.marked(function)
        if function.__name__ not in self.calls:
            marked(argument)
            self.contestant.settle()
            self.check(stamp(marked(argument)), stamp(marked(argument)))
            self.calls[function.__name__] = 1
        times = []
        for _ in range(3):
            gc.collect()
            started = time.perf_counter()
            result = marked(argument)
            if use is not None:
                use(result)
            times.append(time.perf_counter() - started)
            del result
        return times

    def marked(self, function: Any) -> Any:
        if function not in self.wrapped:
            self.wrapped[function] = self.contestant.wrap(function)
        return self.wrapped[function]

    def timed(self, case: str, batch: Callable[[int], None], least: int) -> list[float]:
        if case not in self.calls:
            batch(least)
            started = time.perf_counter()
            batch(least)
            once = (time.perf_counter() - started) / least
            self.calls[case] = max(least, int(BATCH_SECONDS / once) // least * least)
        calls = self.calls[case]
        times = []
        gc.collect()
        for _ in range(BATCHES):
            started = time.perf_counter()
            batch(calls)
            times.append((time.perf_counter() - started) / calls)
        return times

    @staticmethod
    def check(first: object, second: object) -> None:
        if first != second:
            raise NotServed


def main(name: str, directory: str, *rest: str) -> None:
    warnings.simplefilter("ignore")  # diskcache and joblib warn of slow arguments, which is what is measured here
    Path(directory).mkdir(parents=True, exist_ok=True)
    os.chdir(directory)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what contestants print must not be taken for an answer
    if rest:
        _, start, marks = rest
        function = CONTESTANTS[name]().wrap(workloads.herd)
        time.sleep(max(0.0, float(start) - time.time()))
        function(2, marks)
        return
    bench = Bench(name)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            times = getattr(bench, order["case"])(*order["arguments"])
            answer = {"median": median(times), "best": min(times)}
        except Exception as error:  # a contestant that can't do a case is reported as such
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
