"""Parsing in several threads at once."""

from __future__ import annotations

import ast
import gc
import threading

from beautyspot.keys.parsing import compile_module, parse

TEXT = "def f(x):\n    return [x + i for i in range(10)]\n" * 50
THREADS, ROUNDS = 4, 5


def test_threads_that_meet_in_the_middle():
    """Garbage collections that switch threads in the middle of a conversion do not make it fail."""
    switch = threading.Event()
    failed: list[BaseException] = []

    def collect(phase: str, info: dict) -> None:
        switch.wait(0.00001)  # lets another thread go on

    def work() -> None:
        try:
            for _ in range(ROUNDS):
                compile_module(parse(TEXT), "<text>")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    before = gc.get_threshold()
    gc.set_threshold(50, 5, 5)
    gc.callbacks.append(collect)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        gc.callbacks.remove(collect)
        gc.set_threshold(*before)
    assert failed == []


def test_what_they_return():
    """The tree of `ast.parse`, and code that runs, without the compiler flags of this file."""
    assert ast.dump(parse("a = 1")) == ast.dump(ast.parse("a = 1"))
    space: dict[str, object] = {}
    exec(compile_module(parse("def f(x: int): ..."), "<text>"), space)
    assert space["f"].__annotations__ == {"x": int}
