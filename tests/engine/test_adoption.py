"""Results of beautyspot 1.x and 2.x are taken over once, by the first code that asks for them."""

from __future__ import annotations

import shutil
import sqlite3
import warnings
from pathlib import Path

import pytest

from beautyspot.errors import SpotWarning

FIXTURES = Path(__file__).parents[1] / "fixtures" / "legacy"
VERSIONS = ["1.0.0", "2.0.0", "2.4.1"]
USED = "results that beautyspot 1.x or 2.x stored are used as they are"


@pytest.fixture(params=VERSIONS)
def file(request, tmp_path):
    """A copy of a database that an old version wrote."""
    shutil.copytree(FIXTURES / f"blobs-v{request.param}", tmp_path / "blobs")
    return str(shutil.copy(FIXTURES / f"v{request.param}.db", tmp_path / "old.db"))


@pytest.fixture
def greet(runs):
    """A function of the name and arguments of a stored call, that says something else."""

    def greet(name: str) -> str:
        runs(name)
        return "computed"

    return greet


def test_an_old_result_hits(file, make_spot, mark, call, greet, runs):
    """With one warning; afterwards it is an entry like all others, with time and arguments."""
    spot = make_spot(file)
    marked = mark(spot, greet)
    assert marked.is_cached("世界")
    assert marked.explain("世界").would_hit
    with pytest.warns(SpotWarning, match=USED):
        assert call(marked, "世界") == "こんにちは、世界さん"
    assert call(marked, "世界") == "こんにちは、世界さん"
    assert runs.count == 0
    entry = spot.entry(marked.key("世界"))
    assert entry.created_at > 1e9
    assert "世界" in entry.arguments
    assert "code" in entry.components
    assert entry.code_digest


def test_edited_code_does_not_get_what_other_code_took(file, make_spot, runs):
    """A result that one version of the function took over is not the result of the next one."""
    spot = make_spot(file)

    def first() -> object:
        def greet(name: str) -> str:
            return "one"

        return spot.mark(greet)

    def second() -> object:
        def greet(name: str) -> str:
            return "two"

        return spot.mark(greet)

    with pytest.warns(SpotWarning, match=USED):
        assert first()("世界") == "こんにちは、世界さん"
    assert second()("世界") == "two"
    assert first()("世界") == "こんにちは、世界さん"


def test_an_invalidated_result_does_not_come_back(file, make_spot, greet):
    """Whether it was taken over before or not."""
    spot = make_spot(file)
    marked = spot.mark(greet)
    assert marked.invalidate("世界")
    assert marked("世界") == "computed"
    marked.invalidate("世界")
    assert marked("世界") == "computed"


def test_invalidation_after_adoption(file, make_spot, greet):
    """The old row stays for the old version, and is not given out again."""
    spot = make_spot(file)
    marked = spot.mark(greet)
    with pytest.warns(SpotWarning, match=USED):
        marked("世界")
    assert marked.invalidate("世界")
    assert marked("世界") == "computed"


def test_the_old_version_still_reads_its_row(file, make_spot, greet):
    """Key, type and content of the row stay what they were."""
    with sqlite3.connect(file) as connection:
        read = "SELECT cache_key, func_name, input_id, result_type, result_value FROM tasks WHERE func_name = 'greet'"
        before = connection.execute(read).fetchall()
    spot = make_spot(file)
    with pytest.warns(SpotWarning, match=USED):
        spot.mark(greet)("世界")
    spot.close()
    with sqlite3.connect(file) as connection:
        assert set(before) <= set(connection.execute(read).fetchall())
    connection.close()


def test_old_results_can_be_refused(file, make_spot, greet, runs):
    """``Spot(legacy=False)`` computes anew."""
    marked = make_spot(file, legacy=False).mark(greet)
    assert not marked.is_cached("世界")
    assert marked("世界") == "computed"
    assert runs.count == 1


def test_frozen_and_read_only_use_old_results(file, make_spot, greet):
    """Without writing anything."""
    for mode in ("frozen", "read-only"):
        spot = make_spot(file, mode=mode)
        with pytest.warns(SpotWarning, match=USED):
            assert spot.mark(greet)("世界") == "こんにちは、世界さん"
        assert len(spot.records()) == len([r for r in spot.records() if r.legacy])


@pytest.mark.parametrize("ttl", ["1h", None])
def test_an_old_result_is_as_old_as_it_is(ttl, file, make_spot, mark, call, greet, runs):
    """What is older than the function's ttl is computed anew."""
    spot = make_spot(file)
    marked = mark(spot, greet, ttl=ttl)
    assert marked.is_cached("世界") is (ttl is None)
    assert marked.explain("世界").would_hit is (ttl is None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpotWarning)
        assert call(marked, "世界") == ("computed" if ttl else "こんにちは、世界さん")
    assert runs.count == (1 if ttl else 0)
