"""The engine of one Spot: stores, codec, flights, statistics, and the policy for their failures."""

from __future__ import annotations

import atexit
import os
import re
import sys
import time
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from beautyspot._engine import flow
from beautyspot._engine.background import Background
from beautyspot._engine.drivers import drive, drive_async
from beautyspot._engine.explain import changes, explain
from beautyspot._engine.flights import Ending, Flight, Flights
from beautyspot._engine.payloads import place
from beautyspot._engine.peek import Recent
from beautyspot._engine.plan import Draft, Outcome, Request, Switch
from beautyspot._engine.recorder import Recorder
from beautyspot.codecs import Codec, Payload
from beautyspot.config import Mode
from beautyspot.db.base import Lease, TaskDB
from beautyspot.entry import Entry
from beautyspot.errors import CodecError, KeyingError, NotStoredWarning, SpotWarning, StoreError
from beautyspot.keys.key import KeyParts
from beautyspot.storage.base import Storage

__all__ = ["Engine"]

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_DIGESTS = re.compile("[0-9a-f]{16,}")


def _unknown() -> None:
    """The stamp of a database that has none."""
    return


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

    Attributes:
        switch: What the mode allows; see `Switch`.
        recent: Small rows that were read lately.
        stamp: Returns a token that differs after every commit to the database, or None if that cannot be told.
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
        self.switch = Switch(mode)
        self.strict = strict
        self.threshold = threshold
        self.clock = clock
        self.stamp: Callable[[], object] = getattr(db, "stamp", _unknown)
        self.recent = Recent()
        self.flights = Flights()
        self.recorder = Recorder()
        self.background = Background(self._save_statistics)
        self._warned: set[str] = set()
        self._late_error: Exception | None = None
        _engines.add(self)

    def run(self, request: Request) -> Outcome:
        """Take a call through the flow in this thread; what the user's code raised is raised again.

        Raises:
            CacheMissError: The mode is frozen and the key is not stored.
        """
        outcome = drive(flow.call(self, request), request.invoke)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def run_async(self, request: Request) -> Outcome:
        """Like `run`, inside an event loop; ``request.invoke`` returns an awaitable."""
        outcome = await drive_async(flow.call(self, request), request.invoke)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    def switch_for(self, mode: Mode | None) -> Switch:
        """Return what a call of this mode may do; None stands for the engine's own mode."""
        return self.switch if mode is None else Switch(mode)

    def has_legacy_rows(self) -> bool:
        """Whether the database holds rows of beautyspot 1.x or 2.x."""
        ask: Callable[[], bool] | None = getattr(self.db, "has_legacy_rows", None)
        return ask is not None and ask()

    def unchanged_since(self, stamp: object) -> bool:
        """Whether nothing was committed since `stamp` was taken."""
        return stamp is not None and self.stamp() == stamp

    # statistics

    def count_hit(self, name: str, key: str, seconds: float) -> None:
        """Note a hit. Marked functions do the same inline."""
        self.recorder.hits.append((name, key, seconds))
        if not self.background.active:
            self.background.nudge()

    def count_run(self, name: str, seconds: float, *, failed: bool) -> None:
        """Note a run of the user's code."""
        self.recorder.runs.append((name, seconds, failed))
        if not self.background.active:
            self.background.nudge()

    # the parts of a row

    def describe(self, request: Request) -> KeyParts | None:
        """What the key was made of; None, and a warning, if that cannot be told any more."""
        try:
            return request.describe()
        except KeyingError as error:  # another thread changes the arguments at this very moment
            self.not_stored(request.name, str(error), error)
            return None

    def draft(self, request: Request, parts: KeyParts, outcome: Outcome) -> Draft:
        """Everything of the row but the payload."""
        meta = request.meta(outcome.value) if request.meta is not None else {}
        return Draft(parts, self.clock(), outcome.seconds, meta)

    def encode(self, request: Request, parts: KeyParts, outcome: Outcome) -> Payload | str:
        """Encode the value of a run, or say why it is not stored."""
        try:
            if request.unchanged is not None and not request.unchanged():
                return self._changed(request, parts)
            return self.codec.encode(outcome.value, request.known())
        except CodecError as error:
            return self.not_stored(request.name, str(error), error)
        except KeyingError as error:  # what has a key before the run has none now
            return self.not_stored(request.name, f"after the run, {error}", error)
        except (
            Exception
        ) as error:  # a user's encoder or a library's conversion: the caller must get the value all the same
            return self.not_stored(request.name, f"encoding raised {type(error).__name__}: {error}", error)

    def _changed(self, request: Request, parts: KeyParts) -> str:
        what = ", ".join(changes(request.describe().components, parts.components)) or "what its key was made of changed"
        reason = (
            f"{what} while it ran, so the key says nothing about the result: let the function work on a copy, "
            "or pass what it changes as an argument that ignore= leaves out"
        )
        return self.not_stored(request.name, reason, KeyingError(f"{request.name} is not stored: {reason}"))

    def why(self, request: Request) -> str | None:
        """Why a key is not stored, as far as that can be told."""
        try:
            return explain(self, request.name, request.describe()).reason
        except (KeyingError, StoreError):
            return None

    # saving

    def write(self, request: Request, payload: Payload, draft: Draft) -> None:
        """Write blob and row, in this order.

        Raises:
            StoreError: The result is not stored.
        """
        options, parts = request.options, draft.parts
        where = place(payload, self.storage, save_blob=options.save_blob, threshold=self.threshold)
        self.db.put(
            Entry(
                cache_key=request.key,
                func_name=request.name,
                kind=request.kind,
                input_id=parts.input_id,
                version=options.version,
                result_type=where.result_type,
                result_data=where.result_data,
                result_value=where.result_value,
                content_type=options.content_type,
                checksum=where.checksum,
                size=where.size,
                created_at=draft.created_at,
                expires_at=None if options.ttl is None else draft.created_at + options.ttl,
                duration=draft.seconds,
                code_digest=parts.code,
                arguments=parts.arguments,
                components=parts.components,
                tags=options.tags,
                meta=draft.meta,
            )
        )

    def save_later(self, request: Request, payload: Payload, draft: Draft, flight: Flight, lease: Lease) -> None:
        """Write in the background, then end the flight and the lease."""

        def job() -> None:
            try:
                self.write(request, payload, draft)
            except Exception as error:  # the value was returned long ago: all that can be done is to say so
                if self.strict:
                    self._late_error = error
                else:
                    self.not_stored(request.name, str(error), error)
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
        if self.switch.mode in {"frozen", "read-only"}:
            self.recorder.fold()
            return False
        try:
            self.recorder.save(self.db)
        except StoreError as error:
            self.warn(f"statistics are not saved: {error}", cause=str(error))
            return False
        return True

    # problems

    def problem(
        self,
        message: str,
        error: Exception,
        category: type[SpotWarning] = SpotWarning,
        *,
        key: str | None = None,
    ) -> None:
        """Warn that the cache could not do its work (strict: raise).

        Args:
            message: What was not done.
            error: Why.
            category: Of the warning.
            key: The entry that the problem is about; None if it is a store's.
        """
        if self.strict:
            raise error
        own = isinstance(error, CodecError | KeyingError)  # of a value or argument: to be said of each function
        # A server that is down is one problem, whatever blob the message names.
        self.warn(message, category, cause=message if own else f"{key or ''}{_DIGESTS.sub('*', str(error))}")

    def not_stored(self, name: str, reason: str, error: Exception) -> str:
        """Warn that a result was not saved (strict: raise) and return the reason."""
        self.problem(f"{name}: the result was returned but not stored: {reason}", error, NotStoredWarning)
        return reason

    def warn(self, message: str, category: type[SpotWarning] = SpotWarning, *, cause: str | None = None) -> None:
        """Warn once about each cause, at the user's line: a store that is down is met at every turn of every call."""
        known = cause or message
        if known in self._warned:
            return
        self._warned.add(known)
        warnings.warn(message, category, stacklevel=_frames_to_user())

    def after_fork(self) -> None:
        """Make a child process start clean: threads, jobs and unsaved numbers stay with the parent."""
        self.background.forget()
        self.recorder.discard()


_OURS = str(Path(__file__).absolute().parents[1]) + os.sep


def _frames_to_user() -> int:
    """The stacklevel of the nearest caller outside this package."""
    level, inside = 1, sys._getframe(1)  # noqa: SLF001  # the documented way is a hundred times slower
    frame: Any = inside
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        level, frame = level + 1, frame.f_back
    return level


def _close_all() -> None:
    for engine in list(_engines):
        try:
            engine.close()
        except Exception as error:  # at exit there is no caller left to tell but stderr
            sys.stderr.write(f"beautyspot: {error}\n")


def _fork_all() -> None:
    for engine in list(_engines):
        engine.after_fork()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork_all)
