"""The engine of one Spot: stores, codec, flights, statistics, and the policy for their failures."""

from __future__ import annotations

import atexit
import os
import sys
import time
import warnings
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from beautyspot._engine import flow
from beautyspot._engine.background import Background
from beautyspot._engine.drivers import drive, drive_async
from beautyspot._engine.flights import Ending, Flight, Flights
from beautyspot._engine.payloads import place
from beautyspot._engine.plan import Outcome, Request
from beautyspot._engine.recorder import Recorder
from beautyspot.codecs import Codec, Payload
from beautyspot.config import Mode
from beautyspot.db.base import Lease, TaskDB
from beautyspot.entry import Entry
from beautyspot.errors import CodecError, NotStoredWarning, SpotError, SpotWarning, StoreError
from beautyspot.keys.key import KeyParts
from beautyspot.storage.base import Storage

__all__ = ["Engine"]

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


class Engine:
    """Runs requests against a database and a blob storage.

    Args:
        db: Rows, leases, statistics.
        storage: Blobs.
        codec: Values to bytes and back.
        mode: What look-ups and saves are allowed.
        strict: Raise cache problems instead of warning.
        threshold: Payload bytes above which a result goes to blob storage.
        clock: UTC seconds since the epoch.
    """

    def __init__(
        self,
        db: TaskDB,
        storage: Storage,
        codec: Codec,
        *,
        mode: Mode = "on",
        strict: bool = False,
        threshold: int = 128 * 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.db = db
        self.storage = storage
        self.codec = codec
        self.set_mode(mode)
        self.strict = strict
        self.threshold = threshold
        self.clock = clock
        self.flights = Flights()
        self.recorder = Recorder()
        self.background = Background(self._save_statistics)
        self._warned: set[str] = set()
        self._late_error: SpotError | None = None
        _engines.add(self)

    def run(self, request: Request) -> Outcome:
        """Take a call through the flow in this thread; what the user's code raised is raised again.

        Raises:
            CacheMissError: The mode is frozen and the key is not stored.
        """
        return _finish(drive(flow.call(self, request), request.invoke))

    async def run_async(self, request: Request) -> Outcome:
        """Like `run`, inside an event loop; ``request.invoke`` returns an awaitable."""
        return _finish(await drive_async(flow.call(self, request), request.invoke))

    def set_mode(self, mode: Mode) -> None:
        """Change what look-ups and saves are allowed from now on."""
        self.mode: Mode = mode
        self.reads = mode in {"on", "frozen", "read-only"}
        self.keyed = mode != "off"

    def may_write(self, request: Request) -> bool:
        """Whether the mode of this call allows to store its result."""
        return (request.options.mode or self.mode) in {"on", "refresh"}

    def has_legacy_rows(self) -> bool:
        """Whether the database holds rows of beautyspot 1.x or 2.x."""
        ask: Callable[[], bool] | None = getattr(self.db, "has_legacy_rows", None)
        return ask is not None and ask()

    # statistics

    def count_hit(self, name: str, key: str, seconds: float) -> None:
        """Note a hit. `MarkedFunction`s do the same inline."""
        self.recorder.hits.append((name, key, seconds))
        if not self.background.active:
            self.background.nudge()

    def count_run(self, name: str, seconds: float, *, failed: bool) -> None:
        """Note a run of the user's code."""
        self.recorder.ran(name, seconds, failed=failed)
        if not self.background.active:
            self.background.nudge()

    # saving

    def draft(self, request: Request, parts: KeyParts, outcome: Outcome) -> Entry:
        """Everything of the row but the payload."""
        now, options = self.clock(), request.options
        return Entry(
            cache_key=request.key,
            func_name=request.name,
            kind=request.kind,
            input_id=parts.input_id,
            version=options.version,
            content_type=options.content_type,
            created_at=now,
            expires_at=None if options.ttl is None else now + options.ttl,
            duration=outcome.seconds,
            code_digest=parts.code,
            arguments=parts.arguments,
            components=parts.components,
            tags=options.tags,
            meta=request.meta(outcome.value) if request.meta is not None else {},
        )

    def encode(self, request: Request, outcome: Outcome) -> Payload | str:
        """Encode the value of a run, or say why it is not stored."""
        if request.unchanged is not None and not request.unchanged():
            reason = "an argument or a global that it reads changed while it ran"
            return self.not_stored(
                request.name, f"{reason}: pass a copy, or leave it out of the key with ignore=", None
            )
        try:
            return self.codec.encode(outcome.value, request.known())
        except CodecError as error:
            return self.not_stored(request.name, str(error), error)
        except (
            Exception
        ) as error:  # a user's encoder or a library's conversion: the caller must get the value all the same
            return self.not_stored(request.name, f"encoding raised {type(error).__name__}: {error}", error)

    def write(self, request: Request, payload: Payload, draft: Entry) -> None:
        """Write blob and row, in this order.

        Raises:
            StoreError: The result is not stored.
        """
        options = request.options
        placement = place(payload, self.storage, save_blob=options.save_blob, threshold=self.threshold)
        self.db.put(
            replace(
                draft,
                result_type=placement.result_type,
                result_data=placement.result_data,
                result_value=placement.result_value,
                checksum=placement.checksum,
                size=placement.size,
            )
        )

    def save_later(self, request: Request, payload: Payload, draft: Entry, flight: Flight, lease: Lease) -> None:
        """Write in the background, then end the flight and the lease."""

        def job() -> None:
            try:
                self.write(request, payload, draft)
            except SpotError as error:
                if self.strict:
                    self._late_error = error
                else:
                    self.not_stored(request.name, str(error), error)
            except (
                Exception
            ) as error:  # the thread must outlive a job; what went wrong is said and the value was returned
                self.warn(f"{request.name}: saving raised {type(error).__name__}: {error}", NotStoredWarning)
            finally:
                self.flights.end(flight, Ending.LANDED)
                lease.release()

        self.background.submit(job)

    def flush(self) -> None:
        """Return when everything that was accepted is committed.

        Raises:
            SpotError: In strict mode, what a background save met.
        """
        self.background.drain()
        self._save_statistics()
        error, self._late_error = self._late_error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """Flush and release connections. A later call opens them again."""
        try:
            self.flush()
        finally:
            self.db.close()

    def _save_statistics(self) -> bool:
        if not self.recorder.dirty():
            return False
        if self.mode in {"frozen", "read-only"}:
            self.recorder.fold()
            return False
        try:
            self.recorder.save(self.db)
        except StoreError as error:
            self.warn(f"statistics are not saved: {error}")
            return False
        return True

    # problems

    def not_stored(self, name: str, reason: str, error: Exception | None) -> str:
        """Warn that a result was not saved (strict: raise) and return the reason."""
        if self.strict and error is not None:
            raise error
        self.warn(f"{name}: the result was returned but not stored: {reason}", NotStoredWarning)
        return reason

    def warn(self, message: str, category: type[SpotWarning] = SpotWarning) -> None:
        """Warn once about each problem, at the user's line."""
        if message in self._warned:
            return
        self._warned.add(message)
        warnings.warn(message, category, stacklevel=_frames_to_user())

    def after_fork(self) -> None:
        """Make a child process start clean: threads, jobs and unsaved numbers stay with the parent."""
        self.background.forget()
        self.recorder.discard()


def _finish(outcome: Outcome) -> Outcome:
    if outcome.error is not None:
        raise outcome.error
    return outcome


_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _frames_to_user() -> int:
    """The stacklevel of the nearest caller outside this package."""
    level, frame = 1, sys._getframe(1)
    inside: Any = frame
    while inside is not None and inside.f_code.co_filename.startswith(_OURS):
        level, inside = level + 1, inside.f_back
    return level


def _flush_all() -> None:
    for engine in list(_engines):
        try:
            engine.flush()
        except Exception as error:  # at exit there is no caller left to tell but stderr
            sys.stderr.write(f"beautyspot: {error}\n")


def _fork_all() -> None:
    for engine in list(_engines):
        engine.after_fork()


atexit.register(_flush_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork_all)
