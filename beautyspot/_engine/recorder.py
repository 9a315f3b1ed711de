"""Statistics: what happened is appended to a deque and folded in batches, because a call must not pay for a write."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass
from threading import RLock

from beautyspot.db.base import TaskDB
from beautyspot.entry import StatsDelta

__all__ = ["Recorder", "Tally"]

Hit = tuple[str, str, float]
"""(function name, key, seconds saved)"""


@dataclass(slots=True)
class Tally:
    """Totals of one function in this process."""

    hits: int = 0
    misses: int = 0
    failures: int = 0
    saved: float = 0.0
    ran: float = 0.0

    def add(self, other: Tally) -> None:
        """Add `other` to this."""
        self.hits += other.hits
        self.misses += other.misses
        self.failures += other.failures
        self.saved += other.saved
        self.ran += other.ran


class Recorder:
    """Collects events of one Spot.

    Attributes:
        hits: The hit path appends (name, key, seconds saved).
        runs: The flow appends (name, seconds, whether it failed).
        since_start: Totals by function, as of the last `fold`.
        version: Grows with every event that was folded.
    """

    def __init__(self) -> None:
        self.hits: deque[Hit] = deque()
        self.runs: deque[tuple[str, float, bool]] = deque()
        self.since_start: dict[str, Tally] = {}
        self.version = 0
        self._lock = RLock()
        self._unsaved: dict[str, Tally] = {}
        self._unsaved_hits: Counter[str] = Counter()

    def fold(self) -> None:
        """Move appended events into the totals."""
        with self._lock:
            batch: Counter[Hit] = Counter()
            popleft = self.hits.popleft
            batch.update(popleft() for _ in range(len(self.hits)))
            for (name, key, seconds), number in batch.items():
                self._add(name, Tally(hits=number, saved=number * seconds))
                self._unsaved_hits[key] += number
            for _ in range(len(self.runs)):
                name, seconds, failed = self.runs.popleft()
                self._add(name, Tally(misses=1, failures=int(failed), ran=seconds))

    def save(self, db: TaskDB) -> None:
        """Add what is not saved yet to the database; on failure it is kept for the next time.

        Raises:
            StoreError: The database refused.
        """
        self.fold()
        with self._lock:
            totals, self._unsaved = self._unsaved, {}
            hits, self._unsaved_hits = self._unsaved_hits, Counter()
        if not totals:
            return
        now = time.time()
        deltas = [StatsDelta(name, t.hits, t.misses, t.failures, t.saved, t.ran) for name, t in totals.items()]
        try:
            db.touch([(key, number, now) for key, number in hits.items()], deltas)
        except BaseException:
            with self._lock:
                self._unsaved_hits += hits
                for name, tally in totals.items():
                    self._unsaved.setdefault(name, Tally()).add(tally)
            raise

    def dirty(self) -> bool:
        """Whether anything waits to be saved."""
        return bool(self.hits or self.runs or self._unsaved)

    def discard(self) -> None:
        """Start at zero: in a forked child, whose parent will save what happened before."""
        self._lock = RLock()
        self.hits.clear()
        self.runs.clear()
        self.since_start = {}
        self._unsaved, self._unsaved_hits = {}, Counter()

    def _add(self, name: str, tally: Tally) -> None:
        self.version += 1
        self.since_start.setdefault(name, Tally()).add(tally)
        self._unsaved.setdefault(name, Tally()).add(tally)
