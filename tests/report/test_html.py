"""Static HTML and the lists that show themselves."""

from html.parser import HTMLParser

import pytest

import beautyspot as bs
from beautyspot.entry import FunctionStats, Query
from beautyspot.report import Records, Stats, overview, overview_html, spot_html, spot_text
from beautyspot.report.html import entries_html
from beautyspot.report.models import EntryRow

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.depth = [], 0

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.depth += 1

    def handle_endtag(self, tag):
        self.depth -= 1


def tags(html):
    parser = Tags()
    parser.feed(html)
    assert parser.depth == 0, "an element is not closed"
    return parser.seen


def test_snapshot_is_plain_tables_without_script(busy):
    """The snapshot needs no script and carries the mark by which a live dashboard hides it."""
    html = overview_html(overview(busy.db, title="lab"), mark="bs-static-1")
    names = {tag for tag, _ in tags(html)}
    assert "script" not in names
    assert "table" in names
    assert 'class="bs-snap bs-static-1"' in html
    for text in ("70%", "1 min 10 s", "翻訳する", "30"):
        assert text in html


def test_stored_names_and_arguments_are_escaped(shelf):
    """Nothing stored becomes markup."""
    shelf.put(1, name=HOSTILE, arguments=HOSTILE)
    rows = [EntryRow.of(info) for info in shelf.db.scan(Query())]
    html = overview_html(overview(shelf.db, title=HOSTILE), rows=rows, mark='"><script>')
    assert {tag for tag, _ in tags(html)} <= {
        "div",
        "style",
        "p",
        "b",
        "span",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
    }
    assert "onerror" not in str([attrs for _, attrs in tags(html)])


def test_snapshot_mentions_the_session(live):
    """A Spot's snapshot tells what this session did."""
    live.count("fetch", 3, 1, saved=6.0)
    assert "This session: 3 hits, 1 miss, 6.0 s saved" in spot_html(live)
    assert "this session: 3 hits, 1 miss, 6.0 s saved" in spot_text(live)


def test_empty_lists_say_so():
    """Empty lists are no blank boxes."""
    assert repr(Stats()) == "No calls recorded yet."
    assert repr(Records()) == "No entries."
    assert "No entries." in entries_html([])
    assert "No calls" in Stats()._repr_html_()


def test_lists_are_lists_that_show_themselves(busy):
    """Stats and Records stay lists and render as tables."""
    stats, records = Stats(busy.db.stats()), Records(busy.db.scan(Query(limit=5)))
    assert isinstance(stats[0], FunctionStats)
    assert "翻訳する" in repr(stats)
    assert "<table" in stats._repr_html_()
    assert len(records) == 5
    assert isinstance(records[:2], Records)
    assert isinstance(stats[:1], Stats)
    assert records[0].cache_key[:12] in repr(records)
    assert records[0].cache_key[:12] in records._repr_html_()


def test_lists_become_frames(busy):
    """to_pandas gives one row per element with typed columns."""
    pytest.importorskip("pandas")
    frame = Stats(busy.db.stats()).to_pandas()
    assert list(frame["hits"]) == [30, 5]
    assert list(Records().to_pandas().columns)[:2] == ["cache_key", "func_name"]


def test_hundreds_of_functions_stay_readable(shelf):
    """The snapshot shows the busiest functions and counts the rest."""
    from beautyspot.entry import StatsDelta

    shelf.db.touch([], [StatsDelta(f"f{i}", i, 1) for i in range(50)])
    html = overview_html(overview(shelf.db))
    assert "f49<" in html
    assert "and 38 more functions" in html


def test_an_unreadable_database_is_no_traceback(tmp_path):
    """A Spot whose database is damaged still shows itself, with the reason."""
    (tmp_path / "x.db").write_text("no database at all, but long enough to be looked at " * 50)
    spot = bs.Spot("lab", db=tmp_path / "x.db", storage=tmp_path / "blobs")
    for shown in (spot_html(spot), spot_text(spot)):
        assert "lab" in shown
        assert "cannot be read now" in shown
        assert "file is not a database" in shown


def test_long_lists_are_cut(busy):
    """A list of thousands does not become an output of megabytes."""
    rows = Records(busy.db.scan(Query(limit=30)) * 100)
    assert repr(rows).endswith("… 2,900 more")
    assert "and 2,900 more" in rows._repr_html_()
    assert rows._repr_html_().count("<tr>") == 101
    assert "more" not in repr(rows[:100])
    stats = Stats([FunctionStats(f"f{i}", i, 0, 0, 0.0, 0.0, 0, 0) for i in range(101)])
    assert "and 1 more function<" in stats._repr_html_()
