"""`Dashboard`: the live widget, and the thread that feeds it. Importing this module needs anywidget."""

from __future__ import annotations

import contextlib
import contextvars
import json
import os
import secrets
import threading
import weakref
from typing import TYPE_CHECKING, Any, NamedTuple

import anywidget
import traitlets

from beautyspot.report.html import overview_html
from beautyspot.report.sources import SpotSource
from beautyspot.report.text import overview_text
from beautyspot.report.view import View, wire
from beautyspot_jupyter.static import CSS, ESM

if TYPE_CHECKING:
    from beautyspot.report import LiveSpot

__all__ = ["Dashboard"]

_PERIOD = 0.2  # seconds between two updates at the least
_IDLE_PERIOD = 1.0
_IDLE_AFTER = 30.0
_REREAD = 2.0  # seconds between two readings of the database while a cell runs


class Dashboard(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget is untyped here
    """The dashboard of one Spot, live until `close` or until the Spot is gone. It does not keep the Spot alive.

    A database that cannot be read is told in the dashboard; its counters move all the same.

    Args:
        spot: What to watch.
    """

    _esm = ESM
    _css = CSS
    state = traitlets.Unicode("").tag(sync=True)
    rows = traitlets.Unicode("").tag(sync=True)
    requests = traitlets.Unicode("[]").tag(sync=True)
    uid = traitlets.Unicode("").tag(sync=True)

    def __init__(self, spot: LiveSpot) -> None:
        gone = weakref.ref(spot)

        def source() -> SpotSource | None:
            alive = gone()
            return None if alive is None else SpotSource(alive)

        self.view = view = View(source)
        super().__init__(**wire(view.refresh()), uid=secrets.token_hex(6))
        self._sending = threading.Lock()
        self._feed = _Feed(self)
        self._snapshot: Any = None
        self._shown_in: _Place | None = None
        self._events: Any = None
        self.observe(self._on_requests, "requests")

    def __repr__(self) -> str:
        known = self.view.snapshot()
        return f"<Dashboard {known[0].title!r}>" if known is not None else "<Dashboard>"

    def show(self) -> None:
        """Display the widget and its snapshot below the running cell."""
        from IPython import get_ipython
        from IPython.display import display

        shell = get_ipython()
        place = _Place.of(shell)
        for other in list(_shown):
            if other is not self and place.replaces(other._shown_in):  # noqa: SLF001  # the same class
                other.close()
        bundle = self._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        # Without text/plain: a page that cannot show widgets shows the snapshot alone.
        data = {mime: content for mime, content in data.items() if mime != "text/plain"}
        display(data, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        self._snapshot = display(self._static(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        self._shown_in = place
        _shown.add(self)
        if self._events is None and shell is not None:
            self._events = _hook(shell.events, self)

    def _ipython_display_(self) -> None:
        from IPython import get_ipython

        # `spot.dashboard()` as the last line of a cell has shown itself already.
        if self._shown_in is None or self._shown_in != _Place.of(get_ipython()):
            self.show()

    def _static(self) -> dict[str, str]:
        known = self.view.snapshot()
        if known is None:
            return {"text/plain": ""}
        view, rows = known
        html = overview_html(view, rows=rows, mark=f"bs-static-{self.uid}")
        return {"text/html": html, "text/plain": overview_text(view)}

    def push(self, state: dict[str, Any]) -> None:
        """Send a state to the front ends."""
        if self.comm is not None:
            texts = wire(state)
            # One message at a time, from whatever thread; a text that was sent already is left out of it.
            with self._sending, self.hold_sync():
                self.rows, self.state = texts["rows"], texts["state"]

    def _on_requests(self, change: Any) -> None:
        try:
            requests = json.loads(change["new"])
        except ValueError:
            return
        answers, state = self.view.answer(requests)
        if answers:
            self.send({"answers": json.dumps(answers)})
        if state is not None:
            self.push(state)

    def cell_ended(self) -> None:
        """Read the database again and bring the snapshot up to date."""
        if self._feed.changed():
            self.push(self.view.refresh())
            if self._snapshot is not None:
                self._snapshot.update(self._static(), raw=True)

    def wake(self) -> None:
        """Look for changes at full pace again."""
        self._feed.wake.set()

    def close(self) -> None:
        """Stop feeding the dashboard and remove it."""
        feed = getattr(self, "_feed", None)
        if feed is not None:
            feed.stop()
        _shown.discard(self)
        events = getattr(self, "_events", None)
        if events is not None:
            events()
            self._events = None
        super().close()


class _Place(NamedTuple):
    """Where a dashboard was shown: in which cell, at which of its runs."""

    cell: str
    run: int

    @classmethod
    def of(cls, shell: Any) -> _Place:
        """Return the place that runs now. Front ends that do not name their cells leave the name empty."""
        parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
        return cls(str(parent.get("metadata", {}).get("cellId", "")), getattr(shell, "execution_count", 0))

    def replaces(self, other: _Place | None) -> bool:
        """Whether this run of a cell has cleared what the other one showed."""
        return other is not None and bool(self.cell) and self.cell == other.cell and self.run != other.run


# A cell that is run again and again would leave a feeding thread each time: ipywidgets keeps every widget alive.
_shown: weakref.WeakSet[Any] = weakref.WeakSet()


def _hook(events: Any, dashboard: Any) -> Any:
    """Follow the cells of a shell; return a function that ends it. The shell must not keep the dashboard alive."""
    ref = weakref.ref(dashboard)

    def before(*_: Any) -> None:
        alive = ref()
        if alive is not None:
            alive.wake()

    def after(*_: Any) -> None:
        alive = ref()
        if alive is not None:
            with contextlib.suppress(Exception):  # IPython would print a traceback below every cell
                alive.cell_ended()

    events.register("pre_run_cell", before)
    events.register("post_run_cell", after)

    def end() -> None:
        for name, function in (("pre_run_cell", before), ("post_run_cell", after)):
            try:
                events.unregister(name, function)
            except ValueError:
                continue  # the shell was reset

    return end


class _Feed:
    """Pushes counters when they changed, at most five times a second, from a daemon thread.

    Threads do not survive a fork, so a forked child never pushes.
    """

    def __init__(self, dashboard: Any) -> None:
        self.wake = threading.Event()
        self.stopped = threading.Event()
        self._seen = self._read = dashboard.view.version()
        self._view: View = dashboard.view
        self._pid = os.getpid()
        # ipykernel 7 routes messages by context variables: the thread needs those of the cell that made the dashboard.
        run = contextvars.copy_context().run
        self.thread = threading.Thread(
            target=run, args=(_feed, weakref.ref(dashboard), self), name="beautyspot-dashboard", daemon=True
        )
        self.thread.start()

    def changed(self) -> bool:
        """Whether anything was counted since the database was read last; notes that it is read now."""
        version = self._view.version()
        if os.getpid() != self._pid or version == self._read:
            return False
        self._seen = self._read = version
        return True

    def moved(self) -> bool:
        """Whether anything was counted since the last push; notes that it is pushed now."""
        version = self._view.version()
        before, self._seen = self._seen, version
        return bool(version != before)

    def stop(self) -> None:
        """End the thread soon."""
        self.stopped.set()
        self.wake.set()


def _feed(ref: weakref.ref[Any], feed: _Feed) -> None:
    quiet = since_read = 0.0
    while not feed.stopped.wait(_PERIOD):
        if quiet >= _IDLE_AFTER and feed.wake.wait(_IDLE_PERIOD):
            quiet = 0.0
        feed.wake.clear()
        dashboard = ref()
        if dashboard is None:
            return
        quiet, since_read = quiet + _PERIOD, since_read + _PERIOD
        try:
            if feed.moved():
                quiet = 0.0
                if _push(dashboard, feed, reread=since_read >= _REREAD):
                    since_read = 0.0
        except Exception:  # noqa: S110  # the kernel is shutting down or the front end is gone: counters are not worth a traceback
            pass
        del dashboard  # between two looks nothing here keeps it alive


def _push(dashboard: Any, feed: _Feed, *, reread: bool) -> bool:
    """Push what changed; return whether the database was read for it."""
    view = dashboard.view
    if view.version() is None:
        dashboard.push(view.closed())
        feed.stop()
        return False
    if reread and feed.changed():
        dashboard.push(view.refresh())
        return True
    dashboard.push(view.tick())
    return False
