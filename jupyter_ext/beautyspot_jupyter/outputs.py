"""What is stored of a cell's output: events folded into the outputs that would stand below the cell at its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Folded", "fold"]

TEXT_LIMIT = 1_000_000  # characters of text that are kept, half from each end
TOTAL_LIMIT = 20_000_000  # bytes of all output
_WIDGET = "application/vnd.jupyter.widget-view+json"
_STREAMS = frozenset({"stdout", "stderr"})


@dataclass(slots=True)
class Folded:
    """Outputs in order.

    Attributes:
        items: ``[kind, ...]`` lists: ``["stdout", text]``, ``["display", data, metadata, display_id]``,
            ``["result", data, metadata]``.
        notices: What was left out.
        foreign_update: Whether an output of another cell was updated.
    """

    items: list[list[Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    foreign_update: bool = False


def fold(events: Iterable[tuple[Any, ...]]) -> Folded:
    r"""Merge streams, apply carriage returns, clears and updates, and keep the size in bounds.

    Example:
        >>> fold([("stdout", "10%"), ("stdout", "\r20%"), ("stderr", "!")]).items
        [['stdout', '20%'], ['stderr', '!']]
    """
    folded = Folded()
    clear_next = False
    for kind, *rest in list(events):
        if kind == "clear":
            if rest[0]:
                clear_next = True
            else:
                folded.items.clear()
            continue
        if clear_next:
            folded.items.clear()
            clear_next = False
        if kind in _STREAMS:
            if folded.items and folded.items[-1][0] == kind:
                folded.items[-1][1].append(rest[0])
            else:
                folded.items.append([kind, [rest[0]]])
        elif kind == "update":
            _update(folded, *rest)
        else:
            folded.items.append([kind, *rest])
    _finish(folded)
    return folded


def _update(folded: Folded, data: Any, metadata: Any, display_id: str | None) -> None:
    found = False
    for item in folded.items:
        if item[0] == "display" and display_id is not None and item[3] == display_id:
            item[1], item[2] = data, metadata
            found = True
    if not found:
        folded.foreign_update = True


def _finish(folded: Folded) -> None:
    total = 0
    for item in folded.items:
        if item[0] in _STREAMS:
            text = _screen("".join(item[1]))
            if len(text) > TEXT_LIMIT:
                half = TEXT_LIMIT // 2
                left_out = len(text) - TEXT_LIMIT
                text = f"{text[:half]}\n[... {left_out:,} characters were not stored ...]\n{text[-half:]}"
                folded.notices.append("long text was cut")
            item[1] = text
            total += len(text)
        else:
            if _WIDGET in item[1]:
                item[1] = {mime: content for mime, content in item[1].items() if mime != _WIDGET}
                item[1]["text/plain"] = (
                    f"{item[1].get('text/plain', '')} (widget not restored; re-run with --force)".strip()
                )
                folded.notices.append("a widget is not restored")
            total += sum(len(content) for content in item[1].values() if isinstance(content, (str, bytes)))
    if total > TOTAL_LIMIT:
        folded.items.clear()
        folded.notices.append("the output is too large to be stored")


def _screen(text: str) -> str:
    r"""Apply ``\r`` and ``\b`` as a terminal would: what they overwrite is not seen."""
    if "\r" not in text and "\b" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_line(line) if "\r" in line or "\b" in line else line for line in lines)


def _line(line: str) -> str:
    shown: list[str] = []
    position = 0
    for char in line:
        if char == "\r":
            position = 0
        elif char == "\b":
            position = max(0, position - 1)
        else:
            if position < len(shown):
                shown[position] = char
            else:
                shown.append(char)
            position += 1
    return "".join(shown)
