"""Static HTML: a snapshot that needs neither script nor style sheet to be readable, and looks calm with one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from beautyspot.report import human
from beautyspot.report.models import EntryRow, FunctionRow, LimitRow, Overview

__all__ = ["entries_html", "overview_html", "stats_html", "unread_html"]

_SHOWN = 12

# The colour of the text is the host's; everything else is mixed from it, and so can be read on any page.
_STYLE = """<style>
.bs-snap{--t:var(--jp-ui-font-color1,currentColor);--m:color-mix(in srgb,var(--t) 70%,transparent);
--l:color-mix(in srgb,var(--t) 15%,transparent);font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);
max-width:960px;margin:4px 0;overflow-x:auto}
.bs-snap p{margin:0 0 6px}
.bs-snap p:not(:has(b)),.bs-snap p span{color:var(--m)}
.bs-snap p b{font-size:14px;margin-right:8px}
.bs-snap table{border-collapse:collapse!important;margin:0 0 10px!important;font-size:12.5px;border:0!important;
table-layout:auto!important;font-variant-numeric:tabular-nums;color:inherit!important;white-space:nowrap}
.bs-snap th,.bs-snap td{text-align:right!important;padding:4px 14px 4px 0!important;border:0!important;
max-width:none!important;border-bottom:1px solid var(--l)!important;background:none!important;color:inherit!important;
font-weight:400}
.bs-snap th{color:var(--m)!important;font-weight:500}
.bs-snap tr{background:none!important}.bs-snap thead{border:0!important}
.bs-snap th:first-child,.bs-snap td:first-child,.bs-snap .bs-l{text-align:left!important}
.bs-snap .bs-tiles td,.bs-snap .bs-tiles th{border:0!important;text-align:left!important}
.bs-snap .bs-tiles td{font-size:19px;font-weight:600;padding:0 28px 0 0!important}
.bs-snap .bs-tiles th{padding:4px 28px 0 0!important}
.bs-snap code{background:none!important;padding:0!important;color:inherit!important;
font:12px var(--jp-code-font-family,ui-monospace,monospace)}
</style>"""

# A saved widget without its kernel is a line of text, "model not found": the snapshot below speaks for it.
_ORPHAN = (
    "<style>.jp-OutputArea-child:has(+.jp-OutputArea-child .bs-snap)>.jupyter-widgets:not(:has(*))"
    "{display:none}</style>"
)


def _cell(text: str) -> str:
    return escape(human.plain(text))


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "", left: frozenset[int] = frozenset()
) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        marks = [' class="bs-l"' if i in left else "" for i in range(len(cells))]
        return "<tr>" + "".join(f"<{tag}{m}>{c}</{tag}>" for c, m in zip(cells, marks, strict=True)) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    attribute = f' class="{kind}"' if kind else ""
    return f"<table{attribute}><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"


def _wrap(*parts: str, kind: str = "") -> str:
    return f'<div class="bs-snap{kind}">{_STYLE}{"".join(parts)}</div>'


def _functions(rows: Sequence[FunctionRow], limit: int = _SHOWN) -> str:
    busiest = sorted(rows, key=lambda row: (-(row.hits + row.misses), row.name))[:limit]
    head = ("Function", "Hits", "Misses", "Hit rate", "Mean time", "Saved", "Entries", "Size")
    body = [
        (
            f"<code>{_cell(human.clip(row.name, 60))}</code>",
            human.count(row.hits),
            human.count(row.misses),
            human.percent(row.rate),
            human.duration(row.mean),
            human.duration(row.saved),
            human.count(row.entries),
            human.size(row.size),
        )
        for row in busiest
    ]
    more = f"<p>and {human.counted(len(rows) - limit, 'more function')}</p>" if len(rows) > limit else ""
    return _table(head, body) + more


def _limits(limits: Sequence[LimitRow]) -> str:
    texts = [
        f"limit {_cell(limit.name)}: {limit.tpm:,.10g}/min"
        + (f", {limit.waiting} waiting, next in {human.duration(limit.next_slot_in)}" if limit.waiting else "")
        for limit in limits
    ]
    return f"<p>{' · '.join(texts)}</p>" if texts else ""


def stats_html(rows: Sequence[FunctionRow], *, limit: int = _SHOWN) -> str:
    """Render the per-function table.

    Example:
        >>> "<script>" in stats_html([FunctionRow(name="<script>", hits=1)])
        False
    """
    return _wrap(_functions(rows, limit) if rows else "<p>No calls recorded yet.</p>")


def unread_html(title: str, reason: str) -> str:
    """Render a cache that cannot be read, instead of a traceback below the cell that only named it.

    Example:
        >>> "the disk is gone" in unread_html("lab", "the disk is gone")
        True
    """
    return _wrap(f"<p><b>◆ {_cell(title)}</b><span>cannot be read now: {_cell(reason)}</span></p>")


def entries_html(rows: Sequence[EntryRow], *, more: int = 0) -> str:
    """Render a list of entries, and how many more there are."""
    rest = f"<p>and {human.count(more)} more</p>" if more else ""
    return _wrap(_entries(rows) + rest if rows else "<p>No entries.</p>")


def _entries(rows: Sequence[EntryRow]) -> str:
    head = ("Key", "Function", "Arguments", "Size", "Took", "Hits", "Created")
    body = [
        (
            f"<code>{_cell(row.key[:12])}</code>",
            _cell(human.clip(row.name, 80)),
            f"<code>{_cell(human.clip(row.arguments, 80))}</code>",
            human.size(row.size),
            human.duration(row.duration),
            human.count(row.hits),
            human.moment(row.created_at),
        )
        for row in rows
    ]
    return _table(head, body, left=frozenset({1, 2}))


def overview_html(view: Overview, *, rows: Sequence[EntryRow] = (), mark: str = "") -> str:
    """Render a cache at one glance.

    Args:
        view: What to show.
        rows: Newest entries to list below.
        mark: An extra class name, by which a live dashboard next to it hides the snapshot.
    """
    total, session = view.total, view.session
    mode = f" · mode {_cell(view.mode)}" if view.mode and view.mode != "on" else ""
    tiles = _table(
        ("Hit rate", "Hits", "Misses", "Time saved", "Entries", "Size"),
        [
            (
                human.percent(total.rate),
                human.count(total.hits),
                human.count(total.misses),
                human.duration(total.saved),
                human.count(view.entries),
                human.size(view.size),
            )
        ],
        kind="bs-tiles",
    )
    this = ""
    if session is not None:
        calls = f"{human.counted(session.hits, 'hit')}, {human.counted(session.misses, 'miss', 'misses')}"
        this = f"<p>This session: {calls}, {human.duration(session.saved)} saved</p>"
    parts = [
        f"<p><b>◆ {_cell(view.title)}</b><span>{_cell(view.db)}{mode}</span></p>",
        tiles,
        this,
        _limits(view.limits),
    ]
    if total.functions:
        parts.append(_functions(total.functions))
    if rows:
        parts += ["<p>Newest entries</p>", _entries(rows)]
    return _wrap(*parts, _ORPHAN, kind=f" {escape(mark)}") if mark else _wrap(*parts)
