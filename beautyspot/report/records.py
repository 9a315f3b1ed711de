"""Lists that know how to show themselves: what `Spot.stats` and `Spot.records` return."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
import time
from typing import Any

from beautyspot._optional import require
from beautyspot.entry import EntryInfo, FunctionStats
from beautyspot.report import html, text
from beautyspot.report.models import EntryRow, function_row

__all__ = ["Records", "Stats"]

_SHOWN = 100  # rows of a repr: a list may hold many thousands, and an output of that size stops a notebook


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> Any:
    pandas = require("pandas", feature="to_pandas()", extra="all")
    return pandas.DataFrame(rows, columns=columns)


def _asdict(row: EntryInfo | FunctionStats) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}


class Stats(list[FunctionStats]):
    """Totals by function; a table in notebooks and terminals.

    Example:
        >>> Stats()
        No calls recorded yet.
    """

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return Stats(found) if isinstance(place, slice) else found

    def __repr__(self) -> str:
        width = shutil.get_terminal_size((100, 24)).columns
        return text.stats_text([function_row(row) for row in self], width=width)

    def _repr_html_(self) -> str:
        return html.stats_html([function_row(row) for row in self], limit=_SHOWN)

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` with one row per function.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return _frame([_asdict(row) for row in self], [field.name for field in dataclasses.fields(FunctionStats)])


class Records(list[EntryInfo]):
    """Entries without their payloads; a table in notebooks and terminals.

    Example:
        >>> Records()
        No entries.
    """

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return Records(found) if isinstance(place, slice) else found

    def __repr__(self) -> str:
        if not self:
            return "No entries."
        width = shutil.get_terminal_size((100, 24)).columns
        shown = text.entries_text(self._shown(), time.time(), width=width)
        return shown if len(self) <= _SHOWN else f"{shown}\n… {len(self) - _SHOWN:,} more"

    def _repr_html_(self) -> str:
        return html.entries_html(self._shown(), more=max(0, len(self) - _SHOWN))

    def _shown(self) -> list[EntryRow]:
        return [EntryRow.of(info) for info in itertools.islice(self, _SHOWN)]

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` with one row per entry.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return _frame([_asdict(row) for row in self], [field.name for field in dataclasses.fields(EntryInfo)])
