"""One thread per Spot that saves behind the caller's back: results with ``wait=False``, and statistics.

The thread starts with the first thing to do and ends after a while of idleness, so that it never keeps a Spot alive.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Background"]

FOLD_EVERY = 1.0  # seconds between two saves of statistics while calls go on
LINGER = 30.0  # seconds of idleness after which the thread ends


class Background:
    """Runs jobs in order, and `tidy` at most once a second while it is nudged.

    Args:
        tidy: Saves statistics and returns whether there were any. What it or a job raises (a warning that the user
            turned into an error, say) goes to `threading.excepthook`; the thread lives on.
        started: Called after the thread was started.

    Attributes:
        active: Whether there is a thread that will call `tidy`.
    """

    def __init__(self, tidy: Callable[[], bool], started: Callable[[], object] = bool) -> None:
        self._tidy = tidy
        self._started = started
        self.forget()

    def forget(self) -> None:
        """Start anew: in a forked child, where the thread does not exist and its jobs are the parent's."""
        self.active = False
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._resting = False

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` soon; at once, in this thread, where no thread can be started any more (interpreter shutdown)."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify_all()
        if not self.nudge():
            self._work_off()

    def nudge(self) -> bool:
        """Make sure that the thread lives and will call `tidy`."""
        with self._changed:
            self._resting = False
            if self.active:
                return True
            self._thread = threading.Thread(target=self._run, name="beautyspot-background", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:
                return False
            self.active = True
        self._started()
        return True

    def drain(self) -> None:
        """Return when every job that was submitted before has run; at once in a job, which cannot wait for itself."""
        if threading.current_thread() is self._thread:
            return
        with self._changed:
            if self.active:
                self._changed.wait_for(lambda: not self.active or not (self._jobs or self._busy))
        self._work_off()

    def rest(self) -> None:
        """Let the thread end as soon as it has nothing to do; the next nudge starts another one."""
        with self._changed:
            self._resting = True
            self._changed.notify_all()

    def _work_off(self) -> None:
        while True:
            with self._changed:
                if not self._jobs:
                    return
                job = self._jobs.popleft()
            _guarded(job, Exception)

    def _run(self) -> None:
        quiet_since = last_tidy = time.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._resting, timeout=FOLD_EVERY)
                if threading.current_thread() is not self._thread:
                    return  # what started this thread was interrupted, and another one was started
                job = self._jobs.popleft() if self._jobs else None
                self._busy = job is not None
            if job is not None:
                _guarded(job)
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
            now = time.monotonic()
            if now - last_tidy >= FOLD_EVERY:
                last_tidy = now
                if _guarded(self._tidy) or job is not None:
                    quiet_since = now
            with self._changed:
                if (self._resting or now - quiet_since >= LINGER) and not self._jobs:
                    self.active = False
                    self._changed.notify_all()
                    return


def _guarded(call: Callable[[], object], caught: type[BaseException] = BaseException) -> object:
    try:
        return call()
    except caught as error:  # whoever waits for the thread must not wait for ever
        threading.excepthook(
            threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
        )
        return None
