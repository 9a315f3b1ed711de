"""What a front end is sent and may ask."""

import json

import pytest

import beautyspot as bs
from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import StatsDelta
from beautyspot.errors import StoreError
from beautyspot.report.sources import Selection, Source, SpotSource
from beautyspot.report.view import View, wire


@pytest.fixture
def view(live):
    view = View(lambda: SpotSource(live))
    view.refresh()
    return view


def ask(view, method, **params):
    ask.number = getattr(ask, "number", 0) + 1
    (answer,), ask.state = view.answer([{"id": f"t{ask.number}", "method": method, "params": params}])
    return answer


def test_state_is_json_with_the_newest_page(view):
    """The state carries counters and the newest entries, and no payloads."""
    state = json.loads(json.dumps(view.refresh(), allow_nan=False))
    assert state["live"] is True
    assert state["entries"] == 30
    assert len(state["recent"]["rows"]) == 25
    assert state["recent"]["rows"][0]["arguments"] == "n=29"
    assert "value 29" not in json.dumps(state)


def test_ticks_move_counters_without_the_database(view, live, monkeypatch):
    """Between two readings, counters follow the process alone."""
    monkeypatch.setattr(live.db, "stats", lambda: pytest.fail("the database was asked"))
    monkeypatch.setattr(live.db, "count", lambda query: pytest.fail("the database was asked"))
    before = view.version()
    live.count("fetch", 7, 2, saved=14.0)
    assert view.version() != before
    state = view.tick()
    assert state["session"]["hits"] == 7
    assert state["total"]["hits"] == 35 + 7
    assert {row["name"]: row["hits"] for row in state["total"]["functions"]} == {"fetch": 37, "翻訳する": 5}


def test_rows_are_sent_when_they_were_read(view, live):
    """Moving counters leave the text of the rows as it is, so that hosts do not send it again."""
    before = wire(view.refresh())
    live.count("fetch", 7, 2)
    after = wire(view.tick())
    assert after["rows"] == before["rows"]
    assert after["state"] != before["state"]
    assert "rows" not in json.loads(after["state"])
    assert len(json.loads(after["rows"])["rows"]) == 25


@pytest.mark.parametrize("mode", ["frozen", "read-only"])
def test_totals_stand_still_in_modes_that_are_not_counted(live, mode):
    """What the database will never take up is not added to its totals."""
    live.mode = mode
    view = View(lambda: SpotSource(live))
    view.refresh()
    live.count("fetch", 7, 2)
    state = view.tick()
    assert (state["session"]["hits"], state["total"]["hits"]) == (7, 35)


def test_looking_leaves_late_errors_to_the_user(tmp_path):
    """Reading a Spot does not swallow what strict mode has to say at the next flush."""
    with bs.Spot("lab", db=tmp_path / "lab.db", storage=tmp_path / "blobs", strict=True) as spot:
        late = StoreError("a background save failed")
        spot.engine._late_error = late
        View(lambda: SpotSource(spot)).refresh()
        with pytest.raises(StoreError) as caught:
            spot.flush()
        assert caught.value is late


def test_looking_counts_what_is_not_saved_yet(tmp_path):
    """Totals hold this process's calls without waiting for anything."""
    with bs.Spot("lab", db=tmp_path / "lab.db", storage=tmp_path / "blobs") as spot:
        double = spot.mark(lambda n: 2 * n)
        assert [double(4), double(4)] == [8, 8]
        total = View(lambda: SpotSource(spot)).refresh()["total"]
    assert (total["hits"], total["misses"]) == (1, 1)


def test_totals_do_not_count_twice(view, live):
    """What the database has taken up is not added again."""
    live.count("fetch", 7, 2)
    live.db.touch([], [StatsDelta("fetch", 7, 2)])
    assert view.refresh()["total"]["hits"] == 42
    live.count("fetch", 8, 2)
    assert view.tick()["total"]["hits"] == 43


def test_states_stay_small(view, live):
    """Ten thousand functions become the two hundred busiest; totals count all."""
    for i in range(10_000):
        live.counters["functions"][f"f{i}"] = [i, 1, 0, 0.0, 0.0]
    live.counters["version"] += 1
    state = view.tick()
    assert len(state["session"]["functions"]) == len(state["total"]["functions"]) == 200
    assert state["session"]["functions"][0]["name"] == "f9999"
    assert state["session"]["misses"] == 10_000
    assert len(json.dumps(state)) < 150_000


def test_pages_and_details_are_answered(view):
    """A front end pages, filters and opens entries."""
    first = ask(view, "page")["result"]
    second = ask(view, "page", after=first["after"])["result"]
    assert len(second["rows"]) == 5
    assert second["after"] is None
    assert ask(view, "page", function="翻訳する", order="size", descending=False)["result"]["total"] == 10
    assert ask(view, "page", text="n=1", kind="function")["result"]["total"] == 11
    detail = ask(view, "detail", key=first["rows"][0]["key"])["result"]
    assert detail["blocks"][0]["text"] == "value 29"
    assert ask(view, "detail", key="none")["result"] is None


def test_a_request_is_answered_once(view):
    """The front end repeats unanswered requests; nothing runs twice."""
    request = {"id": "same", "method": "page", "params": {}}
    assert len(view.answer([request, request])[0]) == 1
    assert view.answer([request]) == ([], None)


@pytest.mark.parametrize(
    "request_",
    [None, 5, [], {"id": 3}, {"id": "x" * 200}, {"id": "a", "method": "rm", "params": {}},
     {"id": "b", "method": "page"},
     {"id": "c", "method": "page", "params": {"order": "payload; DROP"}}, {"id": "d", "method": "detail", "params": {}},
     {"id": "e", "method": "page", "params": {"after": [1]}}, {"id": "f", "method": "page", "params": {"after": 5}},
     {"id": "g", "method": "choose", "params": {"index": 0}}],
)  # fmt: skip
def test_malformed_requests_do_no_harm(view, request_):
    """Nonsense is ignored or refused."""
    answers, state = view.answer([request_])
    assert all(not answer["ok"] for answer in answers)
    assert state is None


def test_edits_are_refused_unless_allowed(live, busy):
    """A read-only dashboard neither pins nor deletes."""
    key = busy.put("mine")
    closed, open_ = View(lambda: SpotSource(live, edit=False)), View(lambda: SpotSource(live))
    for method, params in (("pin", {"pinned": True}), ("delete", {})):
        answer = ask(closed, method, key=key, **params)
        assert not answer["ok"]
        assert "read-only" in answer["error"]
    assert ask(open_, "pin", key=key, pinned=True)["result"] is True
    assert ask.state["recent"]["rows"][0]["pinned"] is True
    assert ask(open_, "detail", key=key)["result"]["row"]["pinned"] is True
    assert ask(open_, "delete", key=key)["result"] == 1
    assert ask(open_, "detail", key=key)["result"] is None


def test_a_store_that_fails_is_told(view, live, monkeypatch):
    """An unreachable database shows as an error beside the last state."""

    def fail(*_):
        raise StoreError("the disk is gone")

    monkeypatch.setattr(live.db, "count", fail)
    state = view.refresh()
    assert state["error"] == "the disk is gone"
    assert state["total"]["hits"] == 35
    assert ask(view, "page")["error"] == "the disk is gone"


def test_a_store_that_never_answered_is_told(live, monkeypatch):
    """A first look that fails still gives a whole state: live counters, no rows, the reason."""
    live.count("fetch", 7, 2)

    def fail():
        raise StoreError("no such disk")

    monkeypatch.setattr(live.db, "stats", fail)
    view = View(lambda: SpotSource(live))
    for state in (view.refresh(), view.tick()):
        assert (state["title"], state["error"], state["session"]["hits"]) == ("lab", "no such disk", 7)
        assert (state["entries"], state["running"], state["recent"]["rows"]) == (0, [], [])
    monkeypatch.undo()
    assert view.refresh()["error"] == ""


def test_ticks_keep_the_error_of_the_last_reading(view, live, monkeypatch):
    """Counters that move do not hide that the database cannot be read."""

    def fail(*_):
        raise StoreError("the disk is gone")

    monkeypatch.setattr(live.db, "count", fail)
    view.refresh()
    live.count("fetch", 7, 2)
    assert view.tick()["error"] == "the disk is gone"


def test_a_file_that_disappears_is_told(tmp_path, busy):
    """A deleted database file is an error beside the last numbers, not an empty cache."""
    with SQLiteTaskDB(tmp_path / "x.db") as db:
        db.touch([], [StatsDelta("f", hits=4)])
        view = View(lambda: Source(db, None, busy.codec))
        assert view.refresh()["error"] == ""
        (tmp_path / "x.db").unlink()
        state = view.refresh()
    assert "is gone: it was moved or deleted" in state["error"]
    assert state["total"]["hits"] == 4


def test_one_of_several_sources_is_chosen(tmp_path, busy):
    """A front end changes between databases; what it cannot choose changes nothing."""
    with SQLiteTaskDB(tmp_path / "x.db") as db:
        db.touch([], [StatsDelta("f", hits=4)])
        view = View(Selection([Source(busy.db, None, busy.codec), Source(db, None, busy.codec)]))
        state = view.refresh()
        assert (state["choices"], state["chosen"], state["entries"]) == ([state["title"], "x.db"], 0, 30)
        assert ask(view, "choose", index=1)["ok"]
        assert (ask.state["chosen"], ask.state["title"], ask.state["entries"]) == (1, "x.db", 0)
        assert ask(view, "page")["result"]["total"] == 0
        for index in (2, -1, "x", None):
            assert not ask(view, "choose", index=index)["ok"]
        assert view.refresh()["chosen"] == 1


def test_databases_of_one_name_are_told_apart(tmp_path, busy):
    """Two files of the same name show their paths."""
    paths = [str(tmp_path / folder / "x.db") for folder in ("a", "b")] + [str(tmp_path / "y.db")]
    selection = Selection([Source(SQLiteTaskDB(path), None, busy.codec) for path in paths])
    assert selection.titles() == [paths[0], paths[1], "y.db"]


def test_a_source_that_was_never_there(live):
    """A state is whole even if nothing could ever be read."""
    state = View(lambda: None).refresh()
    assert (state["closed"], state["running"], wire(state)["rows"][:1]) == (True, [], "{")


def test_a_source_that_is_gone_closes_the_view(live):
    """After the Spot is gone the last state stays, marked closed."""
    holder = [SpotSource(live)]
    view = View(lambda: holder[0] if holder else None)
    view.refresh()
    holder.clear()
    assert view.version() is None
    state = view.tick()
    assert state["closed"] is True
    assert state["total"]["hits"] == 35
    assert ask(view, "page")["error"] == "The cache was closed."


def test_a_database_alone_is_not_live(busy):
    """A file has no session and no live counters."""
    source = Source(busy.db, busy.storage, busy.codec)
    view = View(lambda: source)
    state = view.refresh()
    assert (state["live"], state["session"], state["edit"]) == (False, None, False)
    assert state["storage"] == busy.storage.label
    assert view.version() == 0
