"""The two ways to run a flow: in the calling thread, or inside an event loop.

Both send the answers of effects back in and throw every other exception in, so that the flow's ``finally`` blocks run.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar, assert_never, cast

from beautyspot._engine.effects import Blocking, Effect, Invoke, Join, Raised, Returned, Sleep

__all__ = ["drive", "drive_async"]

T = TypeVar("T")


def drive(flow: Generator[Effect, Any, T], invoke: Callable[[], Any]) -> T:
    """Run `flow` to its end in this thread."""
    answer: Any = None
    try:
        effect = next(flow)
        while True:
            answer = None
            try:
                match effect:
                    case Blocking(call=call):
                        answer = call()
                    case Invoke():
                        try:
                            answer = Returned(invoke())
                        except Exception as error:
                            answer = Raised(_without_this_frame(error))
                    case Sleep(seconds=seconds):
                        time.sleep(seconds)
                    case Join(future=future):
                        future.result()
                    case _:
                        assert_never(effect)
            except BaseException as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(answer)
    except StopIteration as stop:
        # The frames of the user's code know this one: what it keeps, an error with its traceback, would live as long.
        answer = None
        return cast("T", stop.value)


async def drive_async(flow: Generator[Effect, Any, T], invoke: Callable[[], Awaitable[Any]]) -> T:
    """Run `flow` to its end inside the running event loop. Slow store calls go to a thread, the others run inline."""
    import asyncio

    answer: Any = None
    try:
        effect = next(flow)
        while True:
            answer = None
            try:
                match effect:
                    case Blocking(call=call, slow=slow):
                        answer = await asyncio.to_thread(call) if slow else call()
                    case Invoke():
                        try:
                            answer = Returned(await invoke())
                        except Exception as error:
                            answer = Raised(_without_this_frame(error))
                    case Sleep(seconds=seconds):
                        await asyncio.sleep(seconds)
                    case Join(future=future):
                        await _ended(future)
                    case _:
                        assert_never(effect)
            except BaseException as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(answer)
    except StopIteration as stop:
        # The frames of the user's code know this one: what it keeps, an error with its traceback, would live as long.
        answer = None
        return cast("T", stop.value)


async def _ended(future: Future[None]) -> None:
    """Wait for a future that others wait for, too: a cancelled waiter leaves it alone, and so does a closed loop."""
    import asyncio

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def wake(_: Future[None]) -> None:
        with suppress(RuntimeError):  # the waiter was cancelled and its loop closed long ago
            loop.call_soon_threadsafe(ended.set)

    future.add_done_callback(wake)
    await ended.wait()


def _without_this_frame(error: Exception) -> Exception:
    """The error with a traceback that starts in the user's code, where its reader wants to begin."""
    trace = error.__traceback__
    return error.with_traceback(trace.tb_next if trace is not None else None)
