"""Questions to a cache."""

import dataclasses
import json
from zlib import crc32

import pytest

from beautyspot.codecs import Codec
from beautyspot.entry import Entry, Query
from beautyspot.report import entries, entry_detail, find, overview, to_json
from beautyspot.report.blocks import Notice


@dataclasses.dataclass
class Private:
    x: int


def texts(detail):
    return " ".join(block.text for block in detail.blocks if isinstance(block, Notice))


def test_overview_of_a_database(busy):
    """A database alone gives totals and no session."""
    view = overview(busy.db, clock=lambda: 9.0)
    assert (view.total.hits, view.total.misses, view.total.failures) == (35, 15, 1)
    assert view.total.rate == pytest.approx(0.7)
    assert (view.entries, view.session, view.made_at) == (30, None, 9.0)
    assert [row.name for row in view.total.functions] == ["fetch", "翻訳する"]
    assert json.dumps(to_json(view))


def test_overview_of_a_spot(live):
    """A Spot adds its session, limits and running calls."""
    live.count("fetch", 2, 1)
    live.counters["running"] = [{"name": "fetch", "key": "ab", "started_at": 5.0}]
    live.counters["limits"] = [{"name": "api", "tpm": 60, "next_slot_in": 1.0, "waiting": 2, "granted": 3}]
    view = overview(live)
    assert (view.title, view.session.hits, view.running[0].name, view.limits[0].waiting) == ("lab", 2, "fetch", 2)


def test_the_unused_default_limiter_is_not_shown(live):
    """A limiter that nobody asked for is no news."""
    live.counters["limits"] = [{"name": "lab", "tpm": 10_000, "next_slot_in": 0.0, "waiting": 0, "granted": 0}]
    assert overview(live).limits == ()


@pytest.mark.parametrize("order", ["created_at", "size", "hits", "duration", "func_name"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_cover_everything_once(busy, order, descending):
    """Paging by cursor shows every entry exactly once in every order."""
    query, seen = Query(order=order, descending=descending, limit=7), []
    while True:
        page = entries(busy.db, query)
        seen += [row.key for row in page.rows]
        assert page.total == 30
        if page.after is None:
            break
        query = dataclasses.replace(query, after=page.after)
    assert len(seen) == len(set(seen)) == 30


def test_filters_reach_the_database(busy):
    """Function, tag and text narrow the list and its totals."""
    assert entries(busy.db, Query(function="翻訳する")).total == 10
    assert entries(busy.db, Query(tag="odd")).total == 15
    assert [row.arguments for row in entries(busy.db, Query(text="n=17")).rows] == ["n=17"]


def test_lists_select_no_payload(busy, monkeypatch):
    """Listing never reads a payload."""
    monkeypatch.setattr(busy.db, "get", lambda key: pytest.fail("a payload was read"))
    entries(busy.db, Query())
    overview(busy.db)


def test_a_detail_has_content_from_row_and_blob(shelf):
    """Payloads in the row and in blob storage are shown alike."""
    for blob in (False, True):
        detail = entry_detail(shelf.db, shelf.storage, shelf.codec, shelf.put("hello", blob=blob))
        assert detail.blocks[0].text == "hello"
        assert bool(detail.location) is blob
        assert json.dumps(to_json(detail))


def test_no_entry_is_none(shelf):
    """An unknown key is not an error."""
    assert entry_detail(shelf.db, shelf.storage, shelf.codec, "00") is None


def test_a_class_that_is_not_known_here_is_said_so(shelf):
    """A dashboard has no user classes and says what it cannot decode."""
    key = shelf.put(Private(1), known={"Private": Private})
    detail = entry_detail(shelf.db, shelf.storage, Codec(), key)
    assert "cannot be decoded here" in texts(detail)
    assert "Private" in texts(detail)
    assert "stored as SPOT_FRAMES" in texts(detail)


def test_damage_is_shown_as_such(shelf, tmp_path):
    """Torn rows, unknown types, lost blobs and missing storages are notices."""
    shelf.db.put(Entry(cache_key="aa", func_name="f", result_type="SPOT", result_data=b"\xc1", checksum=1, size=1))
    shelf.db.put(Entry(cache_key="bb", func_name="f", result_type="SPOT", result_data=b"\xc1", checksum=crc32(b"\xc1")))
    shelf.db.put(Entry(cache_key="cc", func_name="f", result_type="DIRECT", result_value="{not json"))
    key = shelf.put("x" * 1000, blob=True)
    for path in (tmp_path / "blobs").rglob("*"):
        if path.is_file():
            path.unlink()
    for name in ("aa", "bb", "cc", key):
        assert "cannot be decoded here" in texts(entry_detail(shelf.db, shelf.storage, shelf.codec, name)), name
    assert "not known which" in texts(entry_detail(shelf.db, None, shelf.codec, key))


def test_huge_payloads_are_not_decoded(shelf, monkeypatch):
    """A gigabyte is described by its size."""
    key = shelf.put("small", size=1 << 30)
    monkeypatch.setattr(shelf.db, "get", lambda key: pytest.fail("a payload was read"))
    assert "1 GiB: too large" in texts(entry_detail(shelf.db, shelf.storage, shelf.codec, key))


def test_old_rows_are_shown(shelf):
    """Rows of beautyspot 1.x are decoded for the view."""
    shelf.db.put(Entry(cache_key="old", func_name="f", result_type="DIRECT", result_value='{"a": [1, 2]}', size=13))
    detail = entry_detail(shelf.db, shelf.storage, shelf.codec, "old")
    assert detail.row.legacy
    assert detail.blocks[0].root.children[0].label == "a"


def test_find_by_prefix(shelf):
    """A prefix finds candidates, a whole key itself alone."""
    shelf.put(1, key="abc1")
    shelf.put(1, key="abc12")
    assert {info.cache_key for info in find(shelf.db, "abc")} == {"abc1", "abc12"}
    assert [info.cache_key for info in find(shelf.db, "abc1")] == ["abc1"]
    assert find(shelf.db, "zz") == []
