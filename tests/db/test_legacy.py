"""Files that beautyspot 1.0.0, 2.0.0 and 2.4.1 wrote: read, migrated, adopted, and still usable for them."""

from __future__ import annotations

import calendar
import json
import time
from pathlib import Path

import msgpack
import pytest

from beautyspot.db import SQLiteTaskDB
from beautyspot.db.legacy import legacy_keys
from beautyspot.entry import LEGACY_TYPES, Query

FIXTURES = Path(__file__).parents[1] / "fixtures" / "legacy"
VERSIONS = ["1.0.0", "2.0.0", "2.4.1"]
# What these versions execute, by version.
INSERT = {
    "1.0.0": "INSERT OR REPLACE INTO tasks (cache_key, func_name, input_id, version, result_type, content_type,"
    " result_value) VALUES ('0a', 'old', 'i', NULL, 'DIRECT', NULL, '\"猫\"')",
    "2.0.0": "INSERT OR REPLACE INTO tasks (cache_key, func_name, input_id, version, result_type, content_type,"
    " result_value, result_data) VALUES ('0a', 'old', 'i', NULL, 'DIRECT_BLOB', NULL, NULL, x'a3e78cab')",
}
INSERT["2.4.1"] = INSERT["2.0.0"]


def calls(version):
    return json.loads((FIXTURES / f"calls-v{version}.json").read_text("utf-8"))


def keys_of(call):
    return legacy_keys(
        call["function"], tuple(call["args"]), call["kwargs"], version=call["version"], input_id=call["input_id"]
    )


def value_of(row, folder=FIXTURES):
    if row.result_type == "DIRECT":
        return json.loads(row.result_value)
    data = (folder / row.result_value).read_bytes() if row.result_type == "FILE" else row.result_data
    found = msgpack.unpackb(data)
    if isinstance(found, bytes):
        return {"bytes": len(found)}
    if isinstance(found, msgpack.ExtType):
        return {"point": json.loads(found.data) if found.data[:1] == b"[" else msgpack.unpackb(found.data)}
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("read_only", [False, True])
def test_every_row_is_read(legacy, version, read_only):
    """Every stored result is found under its key, with the payload that was written, also without migrating."""
    path = legacy(version)
    with SQLiteTaskDB(path, read_only=read_only) as db:
        for call in calls(version):
            row = db.get(call["cache_key"])
            assert row.result_type in LEGACY_TYPES
            assert (row.checksum, row.expires_at, row.duration) == (None, None, 0.0)
            assert value_of(row) == call["value"]
        assert db.has_legacy_rows()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("read_only", [False, True])
def test_lists_and_totals(legacy, raw, version, read_only):
    """Old rows show with their time as UTC seconds, their size and empty new fields."""
    path = legacy(version)
    times = dict(raw(path).execute("SELECT cache_key, updated_at FROM tasks"))
    with SQLiteTaskDB(path, read_only=read_only) as db:
        infos = db.scan(Query(limit=100))
        assert len(infos) == len(calls(version)) == db.count(Query())[0]
        for info in infos:
            assert info.created_at == calendar.timegm(time.strptime(times[info.cache_key], "%Y-%m-%d %H:%M:%S"))
            assert info.legacy
            assert (info.kind, info.tags, dict(info.meta), info.hits, info.pinned) == ("function", (), {}, 0, False)
            row = db.get(info.cache_key)
            stored = row.result_data or (row.result_value.encode() if row.result_type == "DIRECT" else b"")
            assert info.size == len(stored)
        assert [info.func_name for info in db.scan(Query(function="検索"))] == ["検索", "検索"]
        assert {"add", "greet", "検索"} <= {stats.func_name for stats in db.stats()}
        assert [info.version for info in db.scan(Query(text="greet", order="created_at"))].count("第二版") == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_reading_only_changes_nothing(legacy, version):
    """A read-only look leaves the file byte for byte as it was."""
    path = legacy(version)
    before = path.read_bytes()
    with SQLiteTaskDB(path, read_only=True) as db:
        db.scan(Query())
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", VERSIONS)
def test_older_versions_go_on_writing(legacy, raw, entry, key, version):
    """After the migration an older version may insert and replace: its rows get a time and a size at once."""
    path = legacy(version)
    with SQLiteTaskDB(path) as db:
        db.put(entry(1, created_at=5.0))
        before = int(time.time())
        other = raw(path)
        other.execute(INSERT[version])
        row = db.get("0a")
        assert row.result_type in LEGACY_TYPES
        (info,) = db.scan(Query(function="old"))
        assert before <= info.created_at <= time.time()
        assert info.size == len(row.result_data or row.result_value.encode())
        other.execute(INSERT[version])
        assert db.count(Query(function="old"))[0] == 1
        assert db.get(key(1)) is not None
        assert other.execute("SELECT count(*) FROM tasks WHERE updated_at IS NULL").fetchone() == (0,)


@pytest.mark.parametrize("version", VERSIONS)
def test_new_rows_in_an_old_file(legacy, entry, key, version):
    """Results of now live next to those of then."""
    with SQLiteTaskDB(legacy(version)) as db:
        db.put(entry(1, tags=("x",), created_at=9e9))
        db.touch([(key(1), 2, 1.0), (calls(version)[0]["cache_key"], 1, 2.0)], [])
        assert db.scan(Query(limit=1))[0].hits == 2
        assert db.scan(Query(order="hits", limit=2))[1].cache_key == calls(version)[0]["cache_key"]


@pytest.mark.parametrize("version", VERSIONS)
def test_keys_are_those_that_were_stored(version):
    """The computed keys are the stored ones, but for arguments that 2.x could not tell apart."""
    refused = [call for call in calls(version) if call["cache_key"] not in keys_of(call)]
    expected = [] if version == "1.0.0" else [[[]], [{"k": []}]]
    assert [call["args"] for call in refused] == expected


def test_newest_first():
    """The 2.x key comes before the 1.x key, and both differ."""
    (call,) = [c for c in calls("2.4.1") if c["function"] == "greet" and c["version"] is None]
    (old,) = [c for c in calls("1.0.0") if c["function"] == "greet" and c["version"] is None]
    assert keys_of(call) == [call["cache_key"], old["cache_key"]]


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        [(1,)],
        {1: "a"},
        {"a": {2}},
        b"x",
        {1, 2},
        frozenset(),
        object(),
        type("Number", (int,), {})(3),
        type("Text", (str,), {})("x"),
        type("List", (list,), {})(),
        2**64,
        -(2**63) - 1,
        "\udc80",
        pytest.param(10**5000, id="huge"),
    ],
)
def test_ambiguous_arguments_are_refused(value):
    """What the old ids confuse with something else is not looked up."""
    assert legacy_keys("f", (value,), {}, version=None) == []
    assert legacy_keys("f", (), {"x": value}, version=None) == []


def test_lists_that_look_like_dictionaries():
    """2.x stored a dictionary as a list of pairs: neither is looked up under its key if both are possible."""
    for value in ([["a", 1]], [], {}, {"k": []}, [[["a", 1], ["b", 2]]]):
        assert len(legacy_keys("f", (value,), {}, version=None)) == 1
    for value in ([1], [[1, 2]], {"k": [1]}, [["a", 1], "b"]):
        assert len(legacy_keys("f", (value,), {}, version=None)) == 2


def test_endless_and_deep_arguments():
    """A list that contains itself, or hundreds of others, ends in no key."""
    endless: list = []
    endless.append(endless)
    deep: list = [1]
    for _ in range(5000):
        deep = [deep]
    assert legacy_keys("f", (endless,), {}, version=None) == []
    assert legacy_keys("f", (deep,), {}, version=None) == []


def test_version_and_input_id():
    """An empty version counts as none; a given id makes the arguments irrelevant."""
    assert legacy_keys("f", (1,), {}, version="") == legacy_keys("f", (1,), {}, version=None)
    assert legacy_keys("f", (object(),), {}, version="2", input_id="a") == legacy_keys(
        "f", (), {}, version="2", input_id="a"
    )
    assert legacy_keys("f\udc80", (1,), {}, version=None) == []


def test_false_alarm_of_legacy_rows_ends_never(legacy, clock):
    """Once there are old rows, asking again costs nothing."""
    with SQLiteTaskDB(legacy("2.0.0"), clock=clock) as db:
        assert db.has_legacy_rows()
        clock.now += 100
        assert db.has_legacy_rows()
