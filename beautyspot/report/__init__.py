"""Read-only views of a cache: records of what is there, and their rendering as text, HTML and JSON.

The command line, the reprs of notebooks and the dashboard all show these.
"""

from __future__ import annotations

from beautyspot.errors import SpotError
from beautyspot.report.content import preview
from beautyspot.report.html import overview_html, unread_html
from beautyspot.report.models import EntryRow, FunctionRow, LimitRow, Overview, Page, RunningRow, Totals, to_json
from beautyspot.report.queries import Detail, LiveSpot, entries, entry_detail, find, overview
from beautyspot.report.records import Records, Stats
from beautyspot.report.text import overview_text

__all__ = [
    "Detail",
    "EntryRow",
    "FunctionRow",
    "LimitRow",
    "LiveSpot",
    "Overview",
    "Page",
    "Records",
    "RunningRow",
    "Stats",
    "Totals",
    "entries",
    "entry_detail",
    "find",
    "overview",
    "overview_html",
    "overview_text",
    "preview",
    "spot_html",
    "spot_text",
    "to_json",
]


def spot_html(spot: LiveSpot) -> str:
    """Render a Spot for a notebook: its totals, functions and limits, or why its database cannot be read."""
    try:
        return overview_html(overview(spot))
    except SpotError as error:
        return unread_html(spot.name, str(error))


def spot_text(spot: LiveSpot) -> str:
    """Write a Spot for a terminal, as `spot_html` does for a notebook."""
    try:
        return overview_text(overview(spot))
    except SpotError as error:
        return f"◆ {spot.name} cannot be read now: {error}"
