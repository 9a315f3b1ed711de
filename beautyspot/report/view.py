"""What a dashboard front end is sent and what it may ask, whatever hosts it (a notebook widget or a web server).

State goes one way, as two JSON texts: counters, sent up to five times a second, and rows, sent when the database was
read. The front end keeps a list of unanswered requests ``{"id", "method", "params"}`` and gets each answered once with
``{"id", "ok", "result" | "error"}``. All methods may be called from any thread.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from beautyspot.entry import Query
from beautyspot.errors import ReadOnlyStoreError, SpotError
from beautyspot.report.models import EntryRow, FunctionRow, Overview, Totals, to_json
from beautyspot.report.queries import (
    entries,
    entry_detail,
    is_counted,
    limit_rows,
    running_rows,
    session_totals,
)
from beautyspot.report.sources import Selection, Source

__all__ = ["View", "wire"]

PAGE = 25
SNAPSHOT = 10  # entries that a saved notebook shows
FUNCTIONS = 200
_ORDERS = frozenset({"created_at", "size", "hits", "duration", "func_name"})
_CHANGING = frozenset({"pin", "delete", "choose"})
_NO_ROWS: Mapping[str, Any] = {"rows": [], "total": 0, "size": 0, "after": None}


def wire(state: Mapping[str, Any]) -> dict[str, str]:
    """Split a state into what a host sends: the texts ``state`` and ``rows``, so that equal rows are not sent again.

    Example:
        >>> wire({"hits": 1, "read": 0.0, "recent": {"rows": []}})
        {'rows': '{"read": 0.0, "rows": []}', 'state': '{"hits": 1}'}
    """
    rest = {name: value for name, value in state.items() if name not in {"recent", "read"}}
    return {"rows": json.dumps({"read": state["read"], **state["recent"]}), "state": json.dumps(rest)}


class View:
    """Builds the state of a dashboard and answers its requests.

    Args:
        source: Returns what to read, or None once it is gone (a Spot that was collected). Of a
            `Selection` the front end chooses.
        clock: UTC seconds since the epoch.
    """

    def __init__(
        self, source: Selection | Callable[[], Source | None], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._selection = source if isinstance(source, Selection) else None
        self._source = source.current if isinstance(source, Selection) else source
        self._clock = clock
        self._lock = threading.Lock()
        self._answered: deque[str] = deque(maxlen=500)
        self._forget()

    def _forget(self) -> None:
        self._base: Overview | None = None
        self._newest: tuple[EntryRow, ...] = ()
        self._recent: Mapping[str, Any] = _NO_ROWS
        self._last: dict[str, Any] = {}
        self._error = ""

    def refresh(self) -> dict[str, Any]:
        """Read the database again and return the whole state; if it cannot be read, the last one with the reason."""
        source = self._source()
        if source is None:
            return self.closed()
        with self._lock:
            try:
                base = source.overview()
                page = entries(source.db, Query(limit=PAGE))
                self._base, self._newest, self._recent, self._error = base, page.rows, to_json(page), ""
            except SpotError as error:
                self._error = str(error)
                base = self._base or _unread(source, self._clock())
            live = source.live()
            self._last = self._state(base, base, source, live.get("version", 0) if live is not None else 0)
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
        then = base.session or Totals()
        moved = dataclasses.replace(
            base,
            session=session,
            total=_advance(base.total, then, session) if is_counted(base.mode) else base.total,
            limits=limit_rows(live),
            running=running_rows(live),
            made_at=self._clock(),
        )
        with self._lock:
            self._last = self._state(moved, base, source, live.get("version", 0))
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
            self._last = {**(self._last or _NOTHING), "closed": True, "running": []}
            return self._last

    def snapshot(self) -> tuple[Overview, Sequence[EntryRow]] | None:
        """Return the overview and the newest entries that `refresh` read last, None if nothing could be read yet."""
        return None if self._base is None else (self._base, self._newest[:SNAPSHOT])

    def _state(self, view: Overview, base: Overview, source: Source, version: int) -> dict[str, Any]:
        view = dataclasses.replace(view, total=_busiest(view.total), session=view.session and _busiest(view.session))
        state: dict[str, Any] = to_json(view)
        state.update(
            live=view.session is not None,
            edit=source.edit,
            recent=self._recent,
            read=base.made_at,
            version=version,
            now=self._clock() if self._error else view.made_at,
            closed=False,
            error=self._error,
            choices=self._selection.titles() if self._selection is not None else [],
            chosen=self._selection.chosen if self._selection is not None else 0,
        )
        return state

    def answer(self, requests: object) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Answer the requests that were not answered before.

        Args:
            requests: The list that the front end sent. What is malformed is ignored.

        Returns:
            The answers, and the new state if a request changed it.
        """
        fresh, changed = [], False
        for request in requests if isinstance(requests, Iterable) else ():
            name = request.get("id") if isinstance(request, Mapping) else None
            if isinstance(name, str) and len(name) < 100:
                with self._lock:
                    if name in self._answered:
                        continue
                    self._answered.append(name)
                answer = self._answer(request)
                changed = changed or (answer["ok"] and request.get("method") in _CHANGING)
                fresh.append({"id": name, **answer})
        return fresh, self.refresh() if changed else None

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        params = request.get("params")
        method = {
            "page": self._page,
            "detail": self._detail,
            "pin": self._pin,
            "delete": self._delete,
            "choose": self._choose,
        }.get(str(request.get("method")))
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

    def _choose(self, _: Source, params: Mapping[str, Any]) -> Any:
        if self._selection is None:
            raise ValueError("nothing to choose from")
        with self._lock:
            self._selection.choose(int(params["index"]))
            self._forget()
        return None


def _unread(source: Source, now: float) -> Overview:
    """Return what is known of a cache whose database could not be read yet."""
    live = source.live()
    return Overview(
        title=source.title,
        db=source.db.label,
        total=Totals(),
        session=session_totals(live) if live is not None else None,
        entries=0,
        size=0,
        limits=limit_rows(live) if live is not None else (),
        made_at=now,
    )


# Of a source that was gone before anything was read.
_NOTHING: Mapping[str, Any] = {
    **to_json(Overview(title="", db="", total=Totals(), entries=0, size=0, made_at=0.0)),
    "recent": _NO_ROWS,
    **dict.fromkeys(("live", "edit"), False),
    **dict.fromkeys(("read", "now", "version", "chosen"), 0),
    "error": "",
    "choices": [],
}


def _busiest(totals: Totals) -> Totals:
    """Keep the functions that a person would look for: a state is sent up to five times a second."""
    if len(totals.functions) <= FUNCTIONS:
        return totals
    rows = sorted(totals.functions, key=lambda row: (-(row.hits + row.misses), row.name))[:FUNCTIONS]
    return dataclasses.replace(totals, functions=tuple(rows))


def _writable(source: Source) -> None:
    if not source.edit:
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
