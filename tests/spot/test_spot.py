"""A Spot itself: places, options, look-ups, statistics, lifetime, old names."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import beautyspot as bs
from beautyspot.errors import ConfigurationError, SpotDeprecationWarning


def test_the_default_places(tmp_path, monkeypatch):
    """The database and the blobs lie in one hidden directory of the project, which git ignores."""
    monkeypatch.delenv("BEAUTYSPOT_HOME")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    with bs.Spot("my_experiment") as spot:
        spot.mark(lambda n: "x" * n)(300_000)
        spot.mark(lambda n: n)(1)
    home = tmp_path / ".beautyspot"
    assert (home / "my_experiment.db").is_file()
    assert any(path.stat().st_size > 300_000 for path in (home / "blobs").rglob("*") if path.is_file())
    assert (home / ".gitignore").read_text() == "*\n"


def test_the_constructor_reads_and_writes_no_database(tmp_path):
    """Making a Spot is cheap; the file appears with the first result."""
    spot = bs.Spot("lazy", db=tmp_path / "lazy.db", storage=tmp_path / "blobs")
    assert not (tmp_path / "lazy.db").exists()
    spot.close()
    assert not (tmp_path / "lazy.db").exists()


@pytest.mark.parametrize("name", ["", " ", "a/b", "a\\b", "..", "a:b", "a\0", None, 7])
def test_names_that_cannot_name_a_file(name):
    """They are refused; other scripts than Latin are welcome."""
    with pytest.raises(ConfigurationError, match="cannot name a file"):
        bs.Spot(name)


def test_unicode_everywhere(tmp_path):
    """Names, functions, arguments, results, tags."""
    with bs.Spot("実験", db=tmp_path / "実験.db", storage=tmp_path / "塊") as spot:

        @spot.mark(tags=["天気"])
        def 挨拶(名前: str) -> str:  # noqa: PLC2401  # that is the point
            return f"こんにちは、{名前}さん"

        assert [挨拶("世界"), 挨拶("世界")] == ["こんにちは、世界さん"] * 2
        assert [entry.func_name for entry in spot.records(tag="天気")] == [
            "test_unicode_everywhere.<locals>.挨拶".rpartition("<locals>.")[2]
        ]
        assert len(spot.records(text="世界")) == 1


def test_unknown_options():
    """The message lists what there is."""
    with pytest.raises(ConfigurationError, match=r"Spot\(\) has no option storge: there are .*storage"):
        bs.Spot("x", storge="here")


def test_records_and_entries(spot):
    """Newest first, filtered, without payloads; one by its key."""

    @spot.mark(tags=["a"], version="7")
    def double(n: int) -> int:
        return 2 * n

    triple = spot.mark(lambda n: 3 * n)
    double(1), triple(2)
    assert len(spot.records()) == 2
    (entry,) = spot.records(tag="a")
    assert (entry.version, entry.arguments, entry.tags) == ("7", "n=1", ("a",))
    assert spot.entry(entry.cache_key) == entry
    assert spot.entry(entry.cache_key[:10]) is None
    assert spot.load(entry.cache_key) == 2
    with pytest.raises(KeyError):
        spot.load("00")
    with pytest.raises(ConfigurationError, match="no filter colour: there are function"):
        spot.records(colour="red")
    with pytest.raises(ConfigurationError, match="limit='x'"):
        spot.records(limit="x")


def test_invalidate(spot):
    """By key, function or tag; nothing chosen is an error."""
    one, two = spot.mark(tags=["t"])(lambda n: n), spot.mark(lambda n: n + 1)
    for n in range(3):
        one(n), two(n)
    assert spot.invalidate(key=one.key(0)) == 1
    assert spot.invalidate(tag="t") == 2
    assert len(spot.records()) == 3
    with pytest.raises(ConfigurationError, match="key=, function= or tag="):
        spot.invalidate()


def test_more_than_a_page_is_invalidated(spot):
    """All of them go, however many there are."""
    marked = spot.mark(tags=["t"])(lambda n: n)
    for n in range(1100):
        marked(n)
    assert spot.invalidate(tag="t") == 1100
    assert len(spot.records()) == 0


def test_statistics(spot):
    """Hits, misses, failures and entries by function."""

    @spot.mark
    def half(n: int) -> float:
        return 1 / n

    half(2), half(2), half(4)
    with pytest.raises(ZeroDivisionError):
        half(0)
    (stats,) = spot.stats()
    assert (stats.hits, stats.misses, stats.failures, stats.entries) == (1, 3, 1, 2)
    assert (stats.saved > 0, stats.ran > 0, stats.size > 0) == (True, True, True)


def test_it_shows_itself(spot):
    """One line of text, HTML for notebooks, both of what `stats` and `records` return."""
    marked = spot.mark(lambda n: n)
    marked(1), marked(1)
    assert repr(spot) == "<Spot 'test' db='memory://' mode='on'>"
    for shown in (spot, spot.stats(), spot.records()):
        assert "<" in shown._repr_html_()
        assert "<script" not in shown._repr_html_()
    assert "hits" in str(spot.stats())


def test_a_closed_spot_opens_again(tmp_path):
    """`close` releases files; a later call is no error."""
    spot = bs.Spot("again", db=tmp_path / "again.db", storage=tmp_path / "blobs")
    marked = spot.mark(lambda n: n)
    with spot:
        marked(1)
    assert marked.is_cached(1)
    assert marked(2) == 2
    spot.close()
    spot.close()


def test_a_type_of_ones_own(spot, runs):
    """The seed's `register_type`, with bytes and with values in between."""

    class Point:
        def __init__(self, x: int) -> None:
            self.x = x

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Point) and other.x == self.x

        __hash__ = None

        def to_bytes(self) -> bytes:
            return self.x.to_bytes(4, "big")

        @classmethod
        def from_bytes(cls, data: bytes) -> Point:
            return cls(int.from_bytes(data, "big"))

    spot.register_type(type_=Point, code=10, encoder=lambda x: x.to_bytes(), decoder=lambda b: Point.from_bytes(b))  # noqa: PLW0108  # as written

    @spot.mark
    def make(n: int) -> Point:
        runs()
        return Point(n)

    assert make(5) == make(5) == Point(5)
    assert make(5) is not make(5)
    assert runs.count == 1
    spot.register_type(Point, 10, lambda x: x.to_bytes(), Point.from_bytes)  # a notebook runs its cells again
    with pytest.raises(ConfigurationError):
        spot.register_type(Path, 10, bytes, Path)
    with pytest.raises(ConfigurationError):
        spot.register_type(Path, 127, bytes, Path)


def test_old_names_work_and_warn(tmp_path, monkeypatch):
    """`Project`, `task` and `run` of 1.x; arguments of 2.x."""
    monkeypatch.chdir(tmp_path)
    with pytest.warns(SpotDeprecationWarning, match="now beautyspot.Spot"):
        project = bs.Project("old")
    with pytest.warns(SpotDeprecationWarning, match="now @spot.mark"):
        double = project.task(lambda n: 2 * n)
    assert (double(2), double(2), project.run(pow, 2, 3, _version="1")) == (4, 4, 8)
    project.close()
    assert (tmp_path / "old.db").is_file()
    with pytest.warns(SpotDeprecationWarning) as caught:
        spot = bs.Spot("x", db="memory://", storage_path=str(tmp_path / "b"), default_version="3", io_workers=4)
    assert len(caught) == 3
    assert all(warning.filename == __file__ for warning in caught)
    assert spot.defaults.version == "3"
    with pytest.warns(SpotDeprecationWarning, match=r"now mark\(key=...\)"):
        marked = spot.mark(input_key_fn=lambda n: "same")(lambda n: n)
    assert (marked(1), marked(2)) == (1, 1)
    spot.shutdown()


def test_the_seed_as_it_is_written(tmp_path, monkeypatch):
    """The constructor with positional name and injected parts."""
    from beautyspot.db import SQLiteTaskDB
    from beautyspot.storage import S3Storage

    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spot = bs.Spot("production_app", db=SQLiteTaskDB("./meta.db"), storage=S3Storage("s3://my-bucket/cache"))
    assert spot.db.label == str(tmp_path / "meta.db")
    assert spot.storage.label == "s3://my-bucket/cache"
    assert spot.mark(lambda n: n)(3) == 3
    spot.close()


def test_importing_costs_little():
    """The package itself loads no third-party library; a Spot in use loads no optional one."""
    code = """
import sys
before = set(sys.modules)
import beautyspot as bs
new = {name.partition(".")[0] for name in set(sys.modules) - before}
assert new - set(sys.stdlib_module_names) == {"beautyspot"}, new
with bs.Spot("x", db=sys.argv[1], storage=sys.argv[2]) as spot:
    spot.mark(lambda n: n)(1), spot.mark(save_blob=True)(lambda n: n)(1)
    spot.mark(lambda n: n)(1)
loaded = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
heavy = loaded & {"numpy", "pandas", "IPython", "panel", "sqlite_utils", "fsspec", "polars", "pyarrow", "PIL", "redis"}
assert not heavy, heavy
"""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", code, folder + "/a.db", folder + "/b"], check=True)


def test_public_names():
    """Everything in ``__all__`` is there, and a wrong name is an AttributeError."""
    for name in bs.__all__:
        assert getattr(bs, name) is not None
        assert name in dir(bs)
    with pytest.raises(AttributeError, match="no attribute 'Sport'"):
        bs.Sport  # noqa: B018


def test_old_names_warn_at_the_users_line(tmp_path, monkeypatch):
    """Python shows a DeprecationWarning only if it points into the user's own program."""
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        project = bs.Project("old", storage_path=str(tmp_path / "blobs"))
        project.task(len)
        spot = bs.Spot("new", db="memory://", io_workers=3)
        spot.mark(input_key_fn=str)(len)
    project.close()
    assert len(seen) == 5
    assert {warning.filename for warning in seen} == {__file__}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strict": "maybe"}, "strict is 'maybe': expected true or false"),
        ({"legacy": "no"}, "legacy='no': expected True or False"),
        ({"offload_threshold": -1}, "offload_threshold is -1: expected a whole number of bytes"),
        ({"offload_threshold": "big"}, "offload_threshold is 'big'"),
        ({"pickle_types": 3}, "pickle_types=3: expected classes"),
        ({"pickle_types": ["Model"]}, r"pickle_types=\['Model'\]: expected classes"),
    ],
)
def test_impossible_options_are_refused_at_once(options, message):
    """Not in the middle of the first save."""
    with pytest.raises(ConfigurationError, match=message):
        bs.Spot("test", db="memory://", **options)


def test_sizes_are_read_as_people_write_them(tmp_path):
    """As in pyproject.toml."""
    spot = bs.Spot("test", db="memory://", storage=tmp_path, offload_threshold="1 KiB", pickle_types=complex)
    spot.mark(lambda n: "x" * n)(2000)
    assert [entry.result_type for entry in spot.records()] == ["SPOT_BLOB"]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda spot: spot.invalidate(function=len), "expected text, for instance function='len'"),
        (lambda spot: spot.invalidate(key=5), "key=5: expected text"),
        (lambda spot: spot.invalidate(tag=["a"]), "tag="),
        (lambda spot: spot.load(5), "key=5: expected text"),
        (lambda spot: spot.entry(5), "key=5: expected text"),
        (lambda spot: spot.records(function=len), "function='len'"),
        (lambda spot: spot.records("len"), "expected a Query, or its fields"),
    ],
)
def test_entries_are_chosen_by_text(ask, message):
    """A function in place of its name would match nothing, and be silent about it."""
    with bs.Spot("test", db="memory://") as spot, pytest.raises(ConfigurationError, match=message):
        ask(spot)
