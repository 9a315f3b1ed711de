"""One reading connection, and the closing of connections whose owner died."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, NoReturn

from beautyspot.db.walindex import Window

__all__ = ["PATIENCE", "Reader", "RetiredError", "close_with", "leave_open"]

PATIENCE = 5.0
"""Seconds to wait for a statement of another thread before its connection is left to itself."""

_owned: dict[weakref.ref[Any], tuple[sqlite3.Connection | None, Window | None]] = {}


def close_with(owner: object, connection: sqlite3.Connection, window: Window | None = None) -> weakref.ref[Any]:
    """Close a connection, and then a window, when their owner dies.

    Python 3.13 warns about a connection that it finds open. A callback comes before that, also if both die in one cycle
    of references.

    Returns:
        What `leave_open` takes.
    """
    reference = weakref.ref(owner, _close)
    _owned[reference] = (connection, window)
    return reference


def leave_open(reference: weakref.ref[Any] | None) -> None:
    """Leave the connection to somebody else."""
    if reference is not None:
        _owned.pop(reference, None)


def _close(reference: weakref.ref[Any]) -> None:
    connection, window = _owned.pop(reference, (None, None))
    with contextlib.suppress(Exception):  # nobody is there to be told
        if connection is not None:
            connection.close()
        if window is not None:
            window.close()


class RetiredError(Exception):
    """The reader was closed between two look-ups of its thread: open another one and ask again."""


def _refuse(*_: object) -> NoReturn:
    raise RetiredError


class Reader:
    """One thread's connection, or one for many threads that take turns.

    Attributes:
        execute: The connection's method, or a function that raises `RetiredError`.
        busy: True while its thread is inside a statement.
        thread: The thread whose turn it is.
        turn: Held by that thread, except for look-ups of the only thread that has this reader.
        memo: Results that hold as long as ``PRAGMA data_version`` stays the same.
    """

    __slots__ = ("__weakref__", "busy", "connection", "execute", "memo", "thread", "turn")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.execute: Callable[..., sqlite3.Cursor] = connection.execute
        self.busy = False
        self.memo: dict[object, tuple[int, list[tuple[object, ...]]]] = {}
        self.thread = threading.get_ident()
        self.turn = threading.RLock()  # a finaliser may look something up in the middle of a look-up
        close_with(self, connection)  # the thread may end

    def retire(self) -> None:
        """Close the connection as soon as its thread is outside of a statement. Any thread may call this."""
        self.execute = _refuse
        deadline = time.monotonic() + PATIENCE
        while self.busy and self.thread != threading.get_ident():
            if time.monotonic() > deadline:
                return  # closing under a running statement would crash the process
            time.sleep(0.0002)
        self.connection.close()
