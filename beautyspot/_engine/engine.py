"""The engine of one Spot: stores, codec, flights, statistics, and the policy for their failures."""

from __future__ import annotations

import atexit
import os
import re
import sys
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from beautyspot._callers import frames_to_user
from beautyspot._engine import flow
from beautyspot._engine.background import Background
from beautyspot._engine.claims import Claim
from beautyspot._engine.drivers import drive, drive_async
from beautyspot._engine.explain import changes, explain
from beautyspot._engine.flights import Ending, Flight, Flights
from beautyspot._engine.payloads import place
from beautyspot._engine.peek import Recent
from beautyspot._engine.plan import Draft, Outcome, Request, Switch
from beautyspot._engine.recorder import Recorder
from beautyspot.codecs import Codec, Payload
from beautyspot.config import Mode
from beautyspot.db.base import TaskDB
from beautyspot.entry import Entry
from beautyspot.errors import CodecError, KeyingError, NotStoredWarning, SpotWarning
from beautyspot.keys.key import KeyParts
from beautyspot.storage.base import Storage

__all__ = ["Engine"]

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_closes_with_worker = False
_DIGESTS = re.compile("[0-9a-f]{16,}")
MOST_WARNINGS = 1000  # different ones that an engine utters; after that, nobody reads them any more


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
        owed: Leases that could not be given back yet.
        stamp: Returns a token that differs after every commit to the database, or None if that cannot be told.
    """

    __spot_infrastructure__ = True  # a key never depends on where its results are kept

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
        self.background = Background(self._save_statistics, _close_before_worker_ends)
        self.owed: deque[Claim] = deque()
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
            try:
                raise outcome.error
            finally:
                del outcome  # or error and frame would keep each other, and all that the user's frames hold, alive
        return outcome

    async def run_async(self, request: Request) -> Outcome:
        """Like `run`, inside an event loop; ``request.invoke`` returns an awaitable."""
        outcome = await drive_async(flow.call(self, request), request.invoke)
        if outcome.error is not None:
            try:
                raise outcome.error
            finally:
                del outcome
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
        try:
            return stamp is not None and self.stamp() == stamp
        except Exception:  # then it has to be looked up, and what is wrong with the database will be told
            return False

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
        except Exception as error:  # a user's key= or rule that does not work twice: the call itself still can
            self.not_stored(request.name, f"describing the call raised {type(error).__name__}: {error}", error)
        return None

    def prepare(self, request: Request, parts: KeyParts, outcome: Outcome) -> tuple[Payload, Draft] | str:
        """Make everything of the row from the result of a run, or say why it is not stored."""
        problem: Exception
        try:
            reason = self._changed(request, parts)
            if reason is None:
                meta = request.meta(outcome.value) if request.meta is not None else {}
                draft = Draft(parts, self.clock(), outcome.seconds, meta)
                return self.codec.encode(outcome.value, request.known()), draft
            problem = KeyingError(f"{request.name} is not stored: {reason}")
        except CodecError as error:
            problem, reason = error, str(error)
        except KeyingError as error:  # what has a key before the run has none now
            problem, reason = error, f"after the run, {error}"
        except Exception as error:  # a user's encoder or a library's conversion: the caller must get the value
            problem, reason = error, f"encoding raised {type(error).__name__}: {error}"
        return self.not_stored(request.name, reason, problem)

    def _changed(self, request: Request, parts: KeyParts) -> str | None:
        """Why the key says nothing about the result, or None if it does."""
        if request.unchanged is None or request.unchanged():
            return None
        what = ", ".join(changes(request.describe().components, parts.components)) or "what its key was made of changed"
        return (
            f"{what} while it ran, so the key says nothing about the result: let the function work on a copy, "
            "or pass what it changes as an argument that ignore= leaves out"
        )

    def why(self, request: Request) -> str | None:
        """Why a key is not stored, as far as that can be told."""
        try:
            return explain(self, request.name, request.describe()).reason
        except Exception:  # the caller has a better error to raise
            return None

    # saving

    def write(self, request: Request, payload: Payload, draft: Draft, flight: Flight | None = None) -> bool:
        """Write blob and row, in this order; return False, and write nothing, if `flight` was invalidated.

        Raises:
            StoreError: The result is not stored.
        """
        if flight is None:
            self._write(request, payload, draft)
            return True
        with flight.guard:
            if not flight.dropped:
                self._write(request, payload, draft)
            return not flight.dropped

    def _write(self, request: Request, payload: Payload, draft: Draft) -> None:
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

    def save_later(self, request: Request, payload: Payload, draft: Draft, flight: Flight) -> None:
        """Write in the background, then end flight and lease."""

        def job() -> None:
            try:
                self.write(request, payload, draft, flight)
            except Exception as error:  # the value was returned long ago: all that can be done is to say so
                if self.strict:
                    self._late_error = error
                else:
                    self.not_stored(request.name, str(error), error)
            finally:
                try:
                    self.let_go(flight)
                finally:
                    self.flights.end(flight, Ending.LANDED)

        self.background.submit(job)
        flight.saving = True  # last: what interrupts this ends the flight, and the job finds that done

    def let_go(self, flight: Flight) -> None:
        """Give the lease of a flight back; if that fails, try again before the next one is taken."""
        try:
            flight.claim.release()
        except Exception as error:  # the caller gets the value whatever the database does
            self.owed.append(flight.claim)
            if not isinstance(error, RecursionError):  # the user's recursion is too deep, and will say so
                self.warn(f"{flight.name}: its lease could not be given back: {error}", cause=_cause(error))

    def settle(self) -> None:
        """Give back what could not be given back before."""
        for _ in range(len(self.owed)):
            claim = self.owed.popleft()
            try:
                claim.release()
            except Exception:  # that was told when it failed first
                self.owed.append(claim)

    def delete(self, keys: Iterable[str]) -> int:
        """Delete rows, and let nothing that is on its way under these keys be stored.

        Raises:
            StoreError: The database cannot be written.
        """
        chosen = set(keys)
        self.drop(lambda flight: flight.key in chosen)
        return self.db.delete(chosen)

    def drop(self, matches: Callable[[Flight], bool]) -> None:
        """Let nothing that is on its way now be stored if `matches` says so: what is invalidated must not come back.

        This goes for all engines of this process that work on the same database: after a second run of the cell that
        makes a Spot, there are two.
        """
        for engine in list(_engines):
            if engine is self or (engine.db.label == self.db.label and self.db.label != "memory://"):
                for flight in engine.flights.drop(matches):
                    engine.let_go(flight)  # the next call need not wait for the end of this one

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
            self.background.rest()
            self.db.close()

    def _save_statistics(self) -> bool:
        if not self.recorder.dirty():
            return False
        if self.switch.mode in {"frozen", "read-only"}:
            self.recorder.fold()
            return False
        try:
            self.recorder.save(self.db)
        except Exception as error:  # no number is worth an error
            self.warn(f"statistics are not saved: {error}", cause=_cause(error))
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
        self.warn(message, category, cause=message if own else f"{key or ''}{_cause(error)}")

    def not_stored(self, name: str, reason: str, error: Exception) -> str:
        """Warn that a result was not saved (strict: raise) and return the reason."""
        self.problem(f"{name}: the result was returned but not stored: {reason}", error, NotStoredWarning)
        return reason

    def warn(self, message: str, category: type[SpotWarning] = SpotWarning, *, cause: str | None = None) -> None:
        """Warn once about each cause, at the user's line: a store that is down is met at every turn of every call."""
        known = cause or message
        if known in self._warned or len(self._warned) >= MOST_WARNINGS:
            return
        self._warned.add(known)
        warnings.warn(message, category, stacklevel=frames_to_user())

    def after_fork(self) -> None:
        """Make a child process start clean: threads, jobs and unsaved numbers stay with the parent."""
        self.background.forget()
        self.recorder.discard()


def _cause(error: Exception) -> str:
    """What is the same for all errors of one cause: their messages name other files each time."""
    return _DIGESTS.sub("*", str(error))


def _close_all() -> None:
    for engine in list(_engines):
        try:
            engine.close()
        except Exception as error:  # at exit there is no caller left to tell but stderr
            sys.stderr.write(f"beautyspot: {error}\n")


def _close_before_worker_ends() -> None:
    """Close in a worker process of multiprocessing, which ends without running what `atexit` was given."""
    global _closes_with_worker  # noqa: PLW0603
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if _closes_with_worker or util is None or process is None or process.parent_process() is None:
        return
    _closes_with_worker = True
    util.Finalize(None, _close_all, exitpriority=0)


def _fork_all() -> None:
    global _closes_with_worker  # noqa: PLW0603
    _closes_with_worker = False
    for engine in list(_engines):
        engine.after_fork()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork_all)
