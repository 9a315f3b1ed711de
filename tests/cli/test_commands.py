"""ls, show and stats."""

import json

import pytest

from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry


def test_ls_lists_newest_first(cache, run):
    """Every entry is one line, the newest first."""
    code, out, err = run("ls", cache)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert [line.split()[0][0] for line in lines[1:]] == ["c", "b", "a"]
    assert "翻訳する" in out
    assert "text='hello'" in out


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [(["--function", "翻訳する"], "a"), (["--kind", "cell"], "c"), (["--tag", "ja"], "a"), (["--search", "HELLO"], "a"),
     (["--sort", "name"], "bca"), (["--sort", "name", "--reverse"], "acb"), (["--reverse"], "abc"),
     (["--limit", "2"], "cb")],
)  # fmt: skip
def test_ls_filters_and_sorts(cache, run, arguments, keys):
    """Options narrow and order the list."""
    code, out, _ = run("ls", cache, "--json", *arguments)
    assert code == 0
    assert "".join(entry["key"][0] for entry in json.loads(out)["entries"]) == keys


def test_ls_says_how_many_there_are(cache, run):
    """A cut list tells the whole number."""
    _, out, _ = run("ls", cache, "--limit", "1")
    assert "1 of 3 entries" in out
    _, out, _ = run("ls", cache, "--function", "nobody")
    assert out == "No entries.\n"


def test_ls_pages_through_long_lists(tmp_path, run):
    """More entries than one page are all listed."""
    with SQLiteTaskDB(tmp_path / "long.db") as db:
        for i in range(1203):
            db.put(Entry(cache_key=f"{i:048x}", func_name="f", result_data=b"\xc0", created_at=1.0 + i))
    _, out, _ = run("ls", tmp_path / "long.db", "--limit", "1200", "--json")
    keys = [int(entry["key"], 16) for entry in json.loads(out)["entries"]]
    assert keys == list(range(1202, 2, -1))


def test_show_decodes_rows_and_blobs(cache, run):
    """A short prefix is enough; blobs are found next to the database."""
    code, out, _ = run("show", cache, "aaaa")
    assert code == 0
    assert "こんにちは" in out
    assert "a" * 48 in out
    assert "from a blob" in run("show", cache, "B")[1]
    shown = json.loads(run("show", cache, "b", "--json")[1])
    assert shown["blocks"][0]["text"] == "from a blob"


def test_show_takes_the_storage_by_name(cache, run, tmp_path):
    """--storage says where the blobs are."""
    (tmp_path / "elsewhere").mkdir()
    assert "cannot be decoded here" in run("show", cache, "b", "--storage", tmp_path / "elsewhere")[1]
    assert "from a blob" in run("show", cache, "b", "--storage", tmp_path / "blobs")[1]


def test_show_lists_candidates(cache, run):
    """An ambiguous prefix is a wrong usage that tells the choice."""
    with SQLiteTaskDB(cache) as db:
        db.put(Entry(cache_key="a" * 40 + "b" * 8, func_name="other", result_data=b"\xc0"))
    code, out, err = run("show", cache, "aaa")
    assert (code, out) == (2, "")
    assert "翻訳する" in err
    assert "other" in err
    assert run("show", cache, "a" * 48)[0] == 0


def test_show_knows_when_there_is_none(cache, run):
    """No match is exit code 1."""
    code, _, err = run("show", cache, "0123")
    assert code == 1
    assert "no entry has a key that starts with '0123'" in err


def test_stats_shows_totals(cache, run):
    """Totals by function, as a table or as JSON."""
    _, out, _ = run("stats", cache)
    assert "3 hits, 2 misses (60% hit rate), 6.0 s saved" in out
    data = json.loads(run("stats", cache, "--json")[1])
    assert {row["name"]: row["hits"] for row in data["total"]["functions"]} == {"fetch": 0, "load": 0, "翻訳する": 3}


def looks(cache):
    return [["ls", cache], ["stats", cache], ["show", cache, "a"], ["show", cache, "no such key"]]


def test_nothing_is_written(cache, run):
    """Looking changes neither the file nor its folder, whether or not something is found."""

    def state():
        return sorted(path.name for path in cache.parent.iterdir()), cache.read_bytes(), cache.stat().st_mtime_ns

    before = state()
    for command in looks(cache):
        run(*command)
        assert state() == before


def test_another_program_keeps_its_log(cache, run):
    """Looking at a database that is in use leaves the log of its writer alone."""
    with SQLiteTaskDB(cache) as db:
        db.put(Entry(cache_key="d" * 48, func_name="fresh", result_data=b"\xc0"))
        for command in looks(cache):
            run(*command)
        assert cache.with_name(cache.name + "-wal").stat().st_size > 0
        assert "fresh" in run("ls", cache)[1]
        db.put(Entry(cache_key="e" * 48, func_name="fresher", result_data=b"\xc0"))
    assert "fresher" in run("ls", cache)[1]
