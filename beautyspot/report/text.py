"""Terminal rendering: aligned columns that know how wide East Asian text is, and blocks as plain text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal, assert_never

from beautyspot.report import human
from beautyspot.report.blocks import Block, Facts, Frame, Group, Media, Node, Notice, Plot, Table, Text, Tree
from beautyspot.report.models import EntryRow, FunctionRow, Overview, Totals
from beautyspot.report.queries import Detail

__all__ = ["cell_width", "columns", "detail_text", "entries_text", "fit", "overview_text", "stats_text"]

Align = Literal["<", ">"]
_SPARK = "▁▂▃▄▅▆▇█"


def cell_width(text: str) -> int:
    """Return how many terminal cells a text takes.

    Example:
        >>> cell_width("ab"), cell_width("日本")
        (2, 4)
    """
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(char) or char in "\u200c\u200d\ufe0f"
        else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def fit(text: str, width: int, align: Align = "<") -> str:
    """Cut or pad a text to exactly `width` cells.

    Example:
        >>> fit("日本語テキスト", 6)
        '日本… '
    """
    if cell_width(text) > width:
        room, kept = width - 1, []
        for char in text:
            room -= cell_width(char)
            if room < 0:
                break
            kept.append(char)
        text = "".join(kept) + "…" if width > 0 else ""
    padding = " " * (width - cell_width(text))
    return padding + text if align == ">" else text + padding


def columns(
    head: Sequence[str], rows: Sequence[Sequence[str]], aligns: str, *, width: int = 100, flexible: Sequence[int] = (0,)
) -> str:
    """Lay out rows in aligned columns.

    Args:
        head: Titles of the columns.
        rows: As many cells each.
        aligns: One of "<" and ">" for each column.
        width: Columns of the terminal.
        flexible: Which columns give way when the terminal is narrow, the widest of them first.

    Example:
        >>> print(columns(["name", "n"], [["a", "1"], ["bb", "22"]], "<>"))
        name   n
        a      1
        bb    22
    """
    table = [list(head), *[[human.plain(cell) for cell in row] for row in rows]]
    widths = [max(cell_width(row[i]) for row in table) for i in range(len(head))]
    excess = sum(widths) + 2 * (len(widths) - 1) - width
    for _ in range(excess):
        widest = max(flexible, key=lambda i: widths[i])
        if widths[widest] <= 12:
            break
        widths[widest] -= 1
    lines = [
        "  ".join(fit(cell, widths[i], ">" if aligns[i] == ">" else "<") for i, cell in enumerate(row)).rstrip()
        for row in table
    ]
    return "\n".join(lines)


def stats_text(rows: Sequence[FunctionRow], *, width: int = 100) -> str:
    """Write the per-function table."""
    if not rows:
        return "No calls recorded yet."
    head = ["function", "hits", "misses", "failed", "hit rate", "mean", "saved", "entries", "size"]
    body = [
        [
            row.name,
            human.count(row.hits),
            human.count(row.misses),
            human.count(row.failures),
            human.percent(row.rate),
            human.duration(row.mean),
            human.duration(row.saved),
            human.count(row.entries),
            human.size(row.size),
        ]
        for row in rows
    ]
    return columns(head, body, "<" + ">" * 8, width=width)


def _calls(totals: Totals) -> str:
    return f"{human.counted(totals.hits, 'hit')}, {human.counted(totals.misses, 'miss', 'misses')}"


def overview_text(view: Overview, *, width: int = 100) -> str:
    """Write what a cache holds and did, with the per-function table."""
    total = view.total
    mode = f"  mode {view.mode}" if view.mode and view.mode != "on" else ""
    did = f"{_calls(total)} ({human.percent(total.rate)} hit rate), {human.duration(total.saved)} saved"
    did = did if total.rate is not None else "no calls yet"
    holds = f"{human.counted(view.entries, 'entry', 'entries')}, {human.size(view.size)}"
    lines = [f"◆ {human.plain(view.title)}{mode}  {human.plain(view.db)}", f"{did}, {holds}"]
    session = view.session
    if session is not None and session.hits + session.misses:
        lines.append(f"this session: {_calls(session)}, {human.duration(session.saved)} saved")
    lines += [
        f"limit {human.plain(limit.name)}: {limit.tpm:,.10g}/min, next in {human.duration(limit.next_slot_in)}, "
        f"{limit.waiting} waiting"
        for limit in view.limits
    ]
    return "\n".join([*lines, "", stats_text(total.functions, width=width)])


def entries_text(rows: Sequence[EntryRow], now: float, *, width: int = 100) -> str:
    """Write a list of entries."""
    head = ["key", "function", "arguments", "size", "took", "hits", "age"]
    body = [
        [
            row.key[:12],
            row.name + (" (expired)" if row.expires_at is not None and row.expires_at <= now else ""),
            human.clip(row.arguments, 200),
            human.size(row.size),
            human.duration(row.duration),
            human.count(row.hits),
            human.age(row.created_at, now),
        ]
        for row in rows
    ]
    return columns(head, body, "<<<>>>>", width=width, flexible=(1, 2))


def detail_text(detail: Detail, now: float, *, width: int = 10_000) -> str:
    """Write everything about one entry; tables leave out the columns that a terminal of `width` has no room for."""
    row = detail.row
    expires = "never" if row.expires_at is None else human.age(row.expires_at, now)
    facts = [
        ("key", row.key),
        (row.kind, row.name),
        ("arguments", row.arguments),
        ("created", human.age(row.created_at, now)),
        ("expires", expires),
        ("took", human.duration(row.duration)),
        ("hits", human.count(row.hits) + (f", last {human.age(row.last_hit, now)}" if row.last_hit else "")),
        ("size", human.size(row.size)),
        ("type", row.content_type),
        ("version", row.version),
        ("tags", ", ".join(row.tags)),
        ("stored as", detail.result_type + (f" at {detail.location}" if detail.location else "")),
        *((f"with {name}", text) for name, text in detail.meta.items()),
    ]
    body = [_facts([(label, text) for label, text in facts if text]), ""]
    return "\n".join([*body, *(block_text(block, width) for block in detail.blocks)])


def _facts(items: Sequence[tuple[str, str]]) -> str:
    width = max((cell_width(human.plain(label)) for label, _ in items), default=0)
    return "\n".join(f"{fit(human.plain(label), width)}  {human.plain(text)}" for label, text in items)


def block_text(block: Block, width: int = 10_000) -> str:  # noqa: PLR0911  (one return per kind of block)
    """Write one block of content."""
    match block:
        case Notice():
            return f"[{human.plain(block.text)}]"
        case Text():
            more = f"\n[… {human.count(block.total)} characters in all]" if block.total else ""
            return human.plain(block.text, lines=True) + more
        case Tree():
            return "\n".join(_tree(block.root, 0))
        case Table():
            return _table(block, width)
        case Facts():
            return _facts(block.items)
        case Plot():
            return "\n".join(_spark(line, block) for line in block.series)
        case Media():
            return f"[{block.kind}: {human.plain(block.caption)}]"
        case Frame():
            return human.clip(human.plain(block.plain, lines=True), 64 * 1024)
        case Group():
            return "\n".join([f"── {human.plain(block.title)}", *(block_text(inner, width) for inner in block.blocks)])
        case _:
            assert_never(block)


def _tree(node: Node, depth: int) -> list[str]:
    label = f"{human.plain(node.label)}: " if node.label else ""
    kind = f"{node.type}, " if node.children or node.more else ""
    lines = [f"{'  ' * depth}{label}{human.plain(kind + node.text)}"]
    for child in node.children:
        lines += _tree(child, depth + 1)
    if node.more:
        lines.append(f"{'  ' * (depth + 1)}… {human.count(node.more)} more")
    return lines


def _table(table: Table, width: int) -> str:
    index = table.index or tuple(str(i) for i in range(len(table.rows)))
    lines = [["", *table.columns], *([label, *row] for label, row in zip(index, table.rows, strict=False))]
    fitting = _fitting(lines, width)
    if fitting < len(lines[0]):
        lines = [[*line[: _fitting(lines, width - 3)], "…"] for line in lines]
    more = f"\n[{human.count(table.shape[0])} rows × {human.count(table.shape[1])} columns]"
    return columns(lines[0], lines[1:], "<" + ">" * len(table.columns), width=10_000) + more


def _fitting(lines: Sequence[Sequence[str]], width: int) -> int:
    """Return how many columns a terminal has room for: two at the least, however wide they are."""
    used = -2
    for i in range(len(lines[0])):
        used += 2 + max(cell_width(human.plain(line[i])) for line in lines)
        if used > width and i > 1:
            return i
    return len(lines[0])


def _spark(line: Sequence[float | None], plot: Plot) -> str:
    step = max(1, len(line) // 60)
    span = plot.high - plot.low or 1.0
    top = len(_SPARK) - 1
    return "".join(" " if v is None else _SPARK[round((v - plot.low) / span * top)] for v in line[::step])
