"""The two ways to run a flow: in the calling thread, or inside an event loop.

Both send the answers of effects back in and throw every other exception in, so that the flow's ``finally`` blocks run.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar, assert_never

from beautyspot._engine.effects import Blocking, Effect, Invoke, Join, Raised, Returned, Sleep

__all__ = ["drive", "drive_async"]

T = TypeVar("T")


def drive(flow: Generator[Effect, Any, T], invoke: Callable[[], Any]) -> T:
    """Run `flow` to its end in this thread."""
    try:
        effect = next(flow)
        while True:
            answer: Any = None
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
        result: T = stop.value
        return result


async def drive_async(flow: Generator[Effect, Any, T], invoke: Callable[[], Awaitable[Any]]) -> T:
    """Run `flow` to its end inside the running event loop. Slow store calls go to a thread, the others run inline."""
    import asyncio

    try:
        effect = next(flow)
        while True:
            answer: Any = None
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
                        # Unshielded, one cancelled waiter would cancel the future that all the others wait for.
                        await asyncio.shield(asyncio.wrap_future(future))
                    case _:
                        assert_never(effect)
            except BaseException as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result


def _without_this_frame(error: Exception) -> Exception:
    """The error with a traceback that starts in the user's code, where its reader wants to begin."""
    trace = error.__traceback__
    return error.with_traceback(trace.tb_next if trace is not None else None)
