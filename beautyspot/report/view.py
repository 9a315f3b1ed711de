"""What a dashboard front end is sent and what it may ask, whatever hosts it (a notebook widget or a web server).

State goes one way, as one JSON object; the front end keeps a list of unanswered requests ``{"id", "method", "params"}``
and gets each answered once with ``{"id", "ok", "result" | "error"}``. All methods may be called from any thread.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from beautyspot.db.base import TaskDB
from beautyspot.entry import Query
from beautyspot.errors import SpotError
from beautyspot.report.models import FunctionRow, Overview, Totals, to_json
from beautyspot.report.queries import (
    LiveSpot,
    entries,
    entry_detail,
    limit_rows,
    overview,
    running_rows,
    session_totals,
)
from beautyspot.storage.base import Storage

if TYPE_CHECKING:
    from beautyspot.codecs import Codec

__all__ = ["FileSource", "Source", "SpotSource", "View"]

PAGE = 25
FUNCTIONS = 200
_ORDERS = frozenset({"created_at", "size", "hits", "duration", "func_name"})


class Source:
    """Where a view reads: a database file here; `SpotSource` adds the live Spot.

    Args:
        db: The database.
        storage: Blob storage, or None if it is not known.
        codec: Decodes contents.
        edit: Whether the front end may pin and delete entries.
    """

    def __init__(self, db: TaskDB, storage: Storage | None, codec: Codec, *, edit: bool = False) -> None:
        self.db, self.storage, self.codec, self.edit = db, storage, codec, edit

    def overview(self) -> Overview:
        """Read everything, the database included."""
        view = overview(self.db)
        return dataclasses.replace(view, storage=self.storage.label if self.storage is not None else "")

    def live(self) -> Mapping[str, Any] | None:
        """Return the live counters, cheap enough to ask five times a second; None if there are none."""
        return None

    def known(self) -> Mapping[str, type]:
        """Return user classes that contents may be made of, by qualified name: none for a file."""
        return {}

    def delete(self, key: str) -> int:
        """Delete an entry."""
        return self.db.delete([key])


FileSource = Source


class SpotSource(Source):
    """A Spot of this process."""

    def __init__(self, spot: LiveSpot, *, edit: bool = True) -> None:
        super().__init__(spot.db, spot.storage, spot.codec, edit=edit)
        self.spot = spot

    def overview(self) -> Overview:
        """Read everything, the database included."""
        return overview(self.spot)

    def live(self) -> Mapping[str, Any] | None:
        """Return the live counters."""
        return self.spot.live()

    def known(self) -> Mapping[str, type]:
        """Return the classes that the notebook or script defines itself."""
        found = list(vars(sys.modules["__main__"]).values())
        return {kind.__qualname__: kind for kind in found if isinstance(kind, type) and kind.__module__ == "__main__"}


class View:
    """Builds the state of a dashboard and answers its requests.

    Args:
        source: Gives the source, or None once it is gone (a Spot that was closed or collected).
        clock: UTC seconds since the epoch.
    """

    def __init__(self, source: Callable[[], Source | None], *, clock: Callable[[], float] = time.time) -> None:
        self._source, self._clock = source, clock
        self._lock = threading.Lock()
        self._base: Overview | None = None
        self._recent: dict[str, Any] = {}
        self._last: dict[str, Any] = {}
        self._answered: deque[str] = deque(maxlen=500)

    def refresh(self) -> dict[str, Any]:
        """Read the database again and return the whole state."""
        source = self._source()
        if source is None:
            return self.closed()
        with self._lock:
            try:
                base = source.overview()
                recent = to_json(entries(source.db, Query(limit=PAGE)))
            except SpotError as error:
                self._last = {**self._last, "error": str(error), "now": self._clock()}
                return self._last
            self._base, self._recent = base, recent
            live = source.live()
            self._last = self._state(base, base, recent, source, live.get("version", 0) if live is not None else 0)
            return self._last

    def tick(self) -> dict[str, Any]:
        """Return the state with counters as of now, without asking the database."""
        source, base = self._source(), self._base
        if source is None:
            return self.closed()
        live = source.live()
        if base is None or live is None:
            return self.refresh()
        session = session_totals(live)
        moved = dataclasses.replace(
            base,
            session=session,
            total=_advance(base.total, base.session or Totals(), session),
            limits=limit_rows(live),
            running=running_rows(live),
            made_at=self._clock(),
        )
        with self._lock:
            self._last = self._state(moved, base, self._recent, source, live.get("version", 0))
            return self._last

    def version(self) -> object:
        """Return what changes whenever `tick` would return other counters; None if the source is gone."""
        source = self._source()
        if source is None:
            return None
        live = source.live()
        return 0 if live is None else (live.get("version", 0), len(live.get("running", ())))

    def closed(self) -> dict[str, Any]:
        """Return the last state, marked as the last one."""
        with self._lock:
            self._last = {**self._last, "closed": True, "running": []}
            return self._last

    def snapshot(self) -> Overview | None:
        """Return the overview that `refresh` read last."""
        return self._base

    def _state(
        self, view: Overview, base: Overview, recent: dict[str, Any], source: Source, version: int
    ) -> dict[str, Any]:
        view = dataclasses.replace(view, total=_busiest(view.total), session=view.session and _busiest(view.session))
        state: dict[str, Any] = to_json(view)
        state.update(
            live=view.session is not None,
            edit=source.edit,
            recent=recent,
            read=base.made_at,
            version=version,
            now=view.made_at,
            closed=False,
            error="",
        )
        return state

    def answer(self, requests: Iterable[Any]) -> list[dict[str, Any]]:
        """Answer the requests that were not answered before.

        Args:
            requests: What the front end sent. Malformed ones are ignored.
        """
        fresh = []
        for request in requests:
            name = request.get("id") if isinstance(request, Mapping) else None
            if isinstance(name, str) and len(name) < 100:
                with self._lock:
                    if name in self._answered:
                        continue
                    self._answered.append(name)
                fresh.append({"id": name, **self._answer(request)})
        return fresh

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        params = request.get("params")
        method = {"page": self._page, "detail": self._detail, "pin": self._pin, "delete": self._delete}.get(
            str(request.get("method"))
        )
        source = self._source()
        if source is None:
            return {"ok": False, "error": "The cache was closed."}
        if method is None or not isinstance(params, Mapping):
            return {"ok": False, "error": "The request was not understood."}
        try:
            return {"ok": True, "result": method(source, params)}
        except SpotError as error:
            return {"ok": False, "error": str(error)}
        except (LookupError, TypeError, ValueError, OverflowError):  # what a front end of another version might send
            return {"ok": False, "error": "The request was not understood."}

    def _page(self, source: Source, params: Mapping[str, Any]) -> Any:
        order, after = str(params.get("order") or "created_at"), params.get("after")
        if order not in _ORDERS:
            raise ValueError(order)
        query = Query(
            function=str(params["function"]) if params.get("function") else None,
            kind="cell" if params.get("kind") == "cell" else "function" if params.get("kind") == "function" else None,
            text=str(params["text"])[:200] if params.get("text") else None,
            order=order,  # type: ignore[arg-type]
            descending=bool(params.get("descending", True)),
            limit=PAGE,
            after=(after[0], str(after[1])) if after else None,
        )
        return to_json(entries(source.db, query))

    def _detail(self, source: Source, params: Mapping[str, Any]) -> Any:
        detail = entry_detail(source.db, source.storage, source.codec, str(params["key"]), known=source.known())
        return None if detail is None else to_json(detail)

    def _pin(self, source: Source, params: Mapping[str, Any]) -> Any:
        _writable(source)
        return source.db.set_pinned(str(params["key"]), pinned=bool(params["pinned"]))

    def _delete(self, source: Source, params: Mapping[str, Any]) -> Any:
        _writable(source)
        return source.delete(str(params["key"]))


def _busiest(totals: Totals) -> Totals:
    """Keep the functions that a person would look for: a state is sent up to five times a second."""
    if len(totals.functions) <= FUNCTIONS:
        return totals
    rows = sorted(totals.functions, key=lambda row: (-(row.hits + row.misses), row.name))[:FUNCTIONS]
    return dataclasses.replace(totals, functions=tuple(rows))


def _writable(source: Source) -> None:
    if not source.edit:
        from beautyspot.errors import ReadOnlyStoreError

        raise ReadOnlyStoreError("This dashboard is read-only.")


def _advance(total: Totals, then: Totals, now: Totals) -> Totals:
    """Return totals moved on by what the session counted between `then` and `now`."""
    before = {row.name: row for row in then.functions}
    rows = {row.name: row for row in total.functions}
    for row in now.functions:
        old, base = before.get(row.name, FunctionRow(name=row.name)), rows.get(row.name, FunctionRow(name=row.name))
        rows[row.name] = dataclasses.replace(
            base,
            hits=base.hits + row.hits - old.hits,
            misses=base.misses + row.misses - old.misses,
            failures=base.failures + row.failures - old.failures,
            saved=base.saved + row.saved - old.saved,
            ran=base.ran + row.ran - old.ran,
        )
    return Totals(
        hits=total.hits + now.hits - then.hits,
        misses=total.misses + now.misses - then.misses,
        failures=total.failures + now.failures - then.failures,
        saved=total.saved + now.saved - then.saved,
        ran=total.ran + now.ran - then.ran,
        functions=tuple(rows[name] for name in sorted(rows)),
    )
