"""Terminal rendering."""

import dataclasses
import unicodedata

from beautyspot.entry import Query
from beautyspot.report import overview
from beautyspot.report.blocks import Facts, Frame, Group, Media, Node, Notice, Plot, Table, Text, Tree
from beautyspot.report.models import EntryRow, FunctionRow
from beautyspot.report.queries import entry_detail
from beautyspot.report.text import (
    block_text,
    cell_width,
    columns,
    detail_text,
    entries_text,
    fit,
    overview_text,
    stats_text,
)


def test_japanese_takes_two_cells():
    """Wide characters count twice, combining marks not at all."""
    assert cell_width("日本語abc") == 9
    assert cell_width(unicodedata.normalize("NFD", "é")) == 1
    assert fit("日本語テキスト", 7) == "日本語…"
    assert cell_width(fit("日本語テキスト", 6)) == 6


def test_columns_line_up_with_wide_text():
    """Every row of a table has its columns at the same cells."""
    table = columns(["名前", "n"], [["日本", "1"], ["abc", "1,000"]], "<>")
    assert {cell_width(line) for line in table.splitlines()} == {4 + 2 + 5}


def test_narrow_terminals_cut_the_flexible_column():
    """No line is wider than the terminal."""
    table = columns(["key", "arguments", "n"], [["a" * 12, "x" * 300, "5"]], "<<>", width=60, flexible=[1])
    assert max(map(cell_width, table.splitlines())) <= 60
    assert "…" in table


def test_lists_fit_a_terminal_of_80_columns(busy):
    """Long names and long arguments share what room there is; the numbers stay whole."""
    row = EntryRow.of(busy.db.scan(Query(limit=1))[0])
    long = [
        dataclasses.replace(row, name=name, arguments=text)
        for name in ("f" * 90, "翻訳" * 40)
        for text in ("n=1", "x" * 400)
    ]
    text = entries_text(long, 1e9, width=80)
    assert max(map(cell_width, text.splitlines())) <= 80
    assert all(line.rstrip().endswith(("age", "ago")) for line in text.splitlines())


def test_wide_tables_fit_a_terminal():
    """Columns without room are left out, and the size of the whole is told."""
    table = Table(tuple(f"列{i}" for i in range(20)), (), (), (tuple("1234567" for _ in range(20)),) * 3, (3, 500))
    text = block_text(table, 80)
    assert max(map(cell_width, text.splitlines())) <= 80
    assert text.splitlines()[0].endswith("…")
    assert "3 rows × 500 columns" in text
    assert "…" not in block_text(table)


def test_a_cache_without_calls_has_no_rate(shelf):
    """Nothing is divided by nothing."""
    assert "no calls yet, 0 entries" in overview_text(overview(shelf.db))


def test_a_row_cannot_break_out_of_its_line():
    """Line breaks and escapes in names stay inside the cell."""
    text = stats_text([FunctionRow(name="evil\n\x1b[31mname", hits=1)])
    assert len(text.splitlines()) == 2
    assert "\x1b" not in text


def test_overview_names_totals(busy):
    """The overview tells hits, misses, saved time and size."""
    text = overview_text(overview(busy.db, title="lab"))
    assert "◆ lab" in text
    assert "35 hits, 15 misses (70% hit rate), 1 min 10 s saved, 30 entries" in text
    assert "翻訳する" in text


def test_entries_show_age_and_expiry(busy):
    """The list shows what a person looks for."""
    busy.put(1, name="old", expires_at=500.0)
    row = EntryRow.of(busy.db.scan(Query(function="old"))[0])
    text = entries_text([row], 2000.0)
    assert "old (expired)" in text
    assert row.key[:12] in text


def test_detail_shows_facts_and_content(busy):
    """An entry is shown with its content."""
    key = busy.put({"a": [1, 2]}, name="f", arguments="x=1", tags=("t",), version="v2")
    text = detail_text(entry_detail(busy.db, busy.storage, busy.codec, key), 5000.0)
    for part in (key, "x=1", "v2", "tags", "dict, 1 item", "0: 1"):
        assert part in text


def test_every_block_has_a_text_form():
    """No kind of content is left out."""
    node = Node("", "dict", "1 item", (Node("k", "int", "1"),), more=4)
    table = Table(("a",), ("int",), ("0",), (("1",),), (9, 1))
    blocks = [
        Notice("n"), Text("t", 100), Tree(node), table, Facts((("a", "b"),)), Plot(((0.0, None, 1.0),), 0.0, 1.0),
        Media("image", "data:", "png"), Frame("<html>", "source"),
    ]  # fmt: skip
    text = block_text(Group("all", tuple(blocks)))
    for part in ("[n]", "100 characters", "k: 1", "… 4 more", "9 rows", "a  b", "▁ █", "[image: png]", "source"):
        assert part in text
