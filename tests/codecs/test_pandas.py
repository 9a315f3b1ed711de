"""pandas frames, series, indexes, arrays and scalars."""

from __future__ import annotations

import decimal
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from msgpack import ExtType, packb
from pandas.testing import (
    assert_extension_array_equal,
    assert_frame_equal,
    assert_index_equal,
    assert_series_equal,
)

from beautyspot.codecs import join, split
from beautyspot.errors import DecodeError, UnsupportedTypeError

ROWS = 600
COLUMNS = {
    "int": np.arange(ROWS),
    "other": np.arange(ROWS) * 2,
    "small": np.arange(ROWS, dtype="i4"),
    "float": np.linspace(-1, 1, ROWS),
    "bool": np.arange(ROWS) % 2 == 0,
    "text": [f"日本{number}" for number in range(ROWS)],
    "text_na": pd.array(["a", None] * (ROWS // 2), dtype="str"),
    "object": pd.Series([None, 1, "x", [1, 2], {3}, (np.inf, -0.0)] * (ROWS // 6), dtype=object),
    "date": pd.date_range("2020", periods=ROWS, freq="h"),
    "tokyo": pd.date_range("2020", periods=ROWS, tz="Asia/Tokyo"),
    "utc": pd.date_range("2020", periods=ROWS, tz="UTC", unit="s"),
    "delta": pd.timedelta_range("1s", periods=ROWS),
    "period": pd.period_range("2020", periods=ROWS, freq="D"),
    "interval": pd.interval_range(0, ROWS, closed="left"),
    "category": pd.Categorical(["b", "a", None] * (ROWS // 3), categories=["b", "a", "unused"], ordered=True),
    "Int64": pd.array([1, None] * (ROWS // 2), dtype="Int64"),
    "boolean": pd.array([True, None] * (ROWS // 2), dtype="boolean"),
    "Float32": pd.array([1.5, None] * (ROWS // 2), dtype="Float32"),
    "string_arrow": pd.array(["a", None] * (ROWS // 2), dtype=pd.StringDtype("pyarrow")),
    "string_python": pd.array(["a\ud800", None] * (ROWS // 2), dtype=pd.StringDtype("python")),
    "string_nan": pd.array(["a", None] * (ROWS // 2), dtype=pd.StringDtype("python", na_value=np.nan)),
    "sparse": pd.arrays.SparseArray([0, 0, 1] * (ROWS // 3)),
    "sparse_block": pd.arrays.SparseArray([0.0, np.nan, 1.0] * (ROWS // 3), kind="block"),
    "arrow": pd.Series([1, None] * (ROWS // 2), dtype="int64[pyarrow]"),
    "arrow_list": pd.Series([[1], None] * (ROWS // 2), dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "arrow_decimal": pd.Series([decimal.Decimal("1.2"), None] * (ROWS // 2), dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
}


@pytest.fixture
def frame():
    """A frame with a column of every kind."""
    made = pd.DataFrame(COLUMNS)
    made.attrs = {"source": ("a", {1})}
    return made


@pytest.fixture
def exact(round_trip):
    """Round trip with pandas' strictest comparison."""

    def run(value):
        restored = round_trip(value)
        if isinstance(value, pd.DataFrame):
            strict = {"check_exact": True, "check_freq": True, "check_flags": True}
            assert_frame_equal(value, restored, check_column_type="exact", check_index_type="exact", **strict)
            assert_index_equal(value.columns, restored.columns, exact=True)
            assert list(value.dtypes) == list(restored.dtypes)
            assert value.attrs == restored.attrs
        elif isinstance(value, pd.Series):
            assert_series_equal(value, restored, check_exact=True, check_freq=True, check_index_type="exact")
            assert value.dtype == restored.dtype
        elif isinstance(value, pd.Index):
            assert_index_equal(value, restored, exact=True)
            assert value.dtype == restored.dtype
            assert value.names == restored.names
            assert getattr(value, "freq", None) == getattr(restored, "freq", None)
        elif isinstance(value, pd.api.extensions.ExtensionArray):
            assert_extension_array_equal(value, restored, check_exact=True)
        elif value is pd.NaT or value is pd.NA:
            assert restored is value
        else:
            assert restored == value
        return restored

    return run


def test_frame_with_every_kind_of_column(frame, exact):
    """Values, dtypes, labels, attrs and the number of blocks are kept, and the frame can be written to."""
    restored = exact(frame)
    assert len(restored._mgr.blocks) == len(frame._mgr.blocks)
    restored.loc[5, "float"] = 7.0
    restored.iloc[0, 0] = 99
    restored["new"] = 1
    assert frame.loc[5, "float"] != 7.0


@pytest.mark.parametrize("name", list(COLUMNS))
def test_series_index_and_array(name, frame, exact):
    """Each kind alone, as a column, as an index where pandas allows it, and as an array."""
    exact(frame[name].rename(("a", 1)))
    exact(frame[name].iloc[:0])
    exact(frame[name].iloc[::-3])
    exact(frame[name].array)
    if name not in {"object", "arrow_list"} and not name.startswith("sparse"):
        exact(frame.set_index(name)[["small"] if name != "small" else ["int"]])
        exact(pd.Index(frame[name]))


def test_shapes_and_labels(frame, exact):
    """No rows, no columns, nothing at all, duplicate and odd labels, levels, strides, flags."""
    few = frame[["int", "float", "text"]]
    exact(few.head(0))
    exact(few[[]])
    exact(pd.DataFrame())
    exact(pd.DataFrame(index=[1, 2]))
    exact(few.iloc[::2])
    exact(few.T)
    exact(few.set_index(["int", "text"]))
    exact(pd.DataFrame([[1, 2.0, "x"]], columns=["a", "a", "b"]))
    exact(pd.DataFrame([[1, 2]], columns=pd.Index([("a",), None], dtype=object, tupleize_cols=False)))
    exact(
        pd.DataFrame(np.random.default_rng(0).random((9, 4)), columns=pd.MultiIndex.from_product([[1, 2], ["a", "b"]]))
    )
    exact(pd.DataFrame(np.zeros((300, 40), dtype="f4"), columns=range(40)))
    exact(pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False))
    exact(pd.concat([few, few], axis=1))


@pytest.mark.parametrize("freq", ["D", "h", "ME", "W-SUN", "B", "2h", "QE-NOV", "YS", "min", None])
def test_frequencies(freq, exact):
    """The frequency of an index is kept."""
    exact(pd.date_range("2020", periods=4, freq=freq, end=None if freq else "2021"))
    if freq in {"D", "h", "2h", "min"}:
        exact(pd.timedelta_range("1h", periods=3, freq=freq))
    if freq in {"D", "h", "2h", "min", "B"}:
        exact(pd.Series(range(4), index=pd.date_range("2020", periods=4, freq=freq, tz="Asia/Tokyo", name="t")))


def test_indexes(exact):
    """Index types are kept, RangeIndex among them."""
    exact(pd.RangeIndex(5, 1, -2, name="q"))
    exact(pd.Index([1, "a", None, (1, 2)], dtype=object, name=("x", 1)))
    exact(pd.Index([True, False]))
    exact(pd.Index([1, 2], dtype="u1"))
    exact(pd.MultiIndex.from_arrays([[1, 2, None], list("aab")], names=["x", None])[:2])
    exact(pd.period_range("2020", periods=3, freq="2W"))


SCALARS = [
    *(pd.NaT, pd.NA, pd.Period("2020Q1"), pd.Period("2020", "2D"), pd.Interval(0, 1, "both")),
    *(pd.offsets.BDay(3), pd.DateOffset(months=2, days=1), pd.offsets.MonthEnd(), pd.offsets.Week(weekday=2)),
    *(
        pd.CategoricalDtype(),
        pd.CategoricalDtype(ordered=True),
        pd.IntervalDtype(),
        pd.offsets.Minute(5),
        pd.offsets.Day(2),
        pd.CategoricalDtype(["b", "a"], True),
        pd.Int64Dtype(),
    ),
    *(pd.DatetimeTZDtype("us", "Asia/Tokyo"), pd.StringDtype("python"), pd.PeriodDtype("M"), pd.SparseDtype("f8", 0.0)),
    *(pd.Interval(pd.Timestamp("2020"), pd.Timestamp("2021")), pd.IntervalDtype("i8", "left")),
]


@pytest.mark.parametrize("value", SCALARS, ids=lambda value: type(value).__name__)
def test_scalars(value, exact):
    """Single values, alone and as cells."""
    exact(value)
    exact(pd.Series([value, None], dtype=object))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps(unit, exact):
    """Unit, zone and fold are kept; the two half past twos of a night in October differ."""
    for text in ("2020-10-25 00:30", "2020-10-25 01:30"):
        value = pd.Timestamp(text, tz="UTC").as_unit(unit).tz_convert("Europe/Berlin")
        restored = exact(value)
        assert (restored.unit, restored.fold, str(restored.tz)) == (unit, value.fold, "Europe/Berlin")
    assert exact(pd.Timestamp("2020").replace(fold=1)).fold == 1
    assert exact(pd.Timedelta("3s").as_unit(unit)).unit == unit
    assert exact(pd.Timestamp("2020-01-01 01:02:03.123456789")).nanosecond == 789


def test_large_frames_are_not_copied(codec):
    """Every numeric block is a view of the stored bytes."""
    value = pd.DataFrame(np.random.default_rng(0).random((50_000, 8)))
    value["count"] = range(50_000)
    payload = codec.encode(value)
    assert sum(buffer.nbytes for buffer in payload.buffers) == 50_000 * 9 * 8
    view = memoryview(bytearray(b"".join(join(payload))))
    restored = codec.decode(split(view))
    for name in (0, 7, "count"):
        assert np.shares_memory(restored[name].to_numpy(), np.frombuffer(view, np.uint8))
    assert_frame_equal(restored, value, check_exact=True)


def test_without_the_internals_of_pandas(frame, exact, monkeypatch):
    """Columns are put together one by one if a pandas has other internals."""
    monkeypatch.setitem(sys.modules, "pandas._libs.internals", None)
    from beautyspot.codecs import pandas_frames

    value = frame[["int", "other", "text", "tokyo", "float", "Int64"]]
    made = pandas_frames._assembled(
        [(block.mgr_locs.as_array, block.values) for block in value._mgr.blocks],  # noqa: PD011 - no frame, a block of one
        value.columns,
        value.index,
    )
    assert_frame_equal(made, value, check_exact=True)
    monkeypatch.undo()
    exact(made)


def test_calendars_are_refused(codec):
    """An offset whose name does not tell all of it would come back as another."""
    with pytest.raises(UnsupportedTypeError, match="calendar"):
        codec.encode(pd.offsets.CustomBusinessDay(holidays=["2020-01-01"]))


def test_subclasses_are_refused(codec):
    """A subclass may hold more than a frame does."""
    with pytest.raises(UnsupportedTypeError):
        codec.encode(type("Geo", (pd.DataFrame,), {})())


@pytest.mark.parametrize(
    ("places", "rows"),
    [([slice(0, 1)], 2), ([slice(0, 2)], 2), ([slice(5, 9)], 2), ([np.array([0, 7])], 2), ([np.array([0, -1])], 3)],
)
def test_forged_frames(places, rows, codec):
    """Columns that are missing, double or of another length never reach pandas' unchecked loops."""
    values = np.zeros((1, 2))
    document = [[[place, ["numpy", values]] for place in places], pd.Index(["a", "b"]), pd.RangeIndex(rows), {}, True]
    with pytest.raises(DecodeError):
        codec.decode(_forged(codec, 80, document))


def test_attributes_are_not_dropped(codec, round_trip):
    """An attribute that was set on a frame would be lost; the accessors that pandas caches there are no attributes."""
    series = pd.Series(["a"])
    assert series.str.upper().tolist() == ["A"]
    series.__dict__["str"] = series.str  # as pandas 2 does
    round_trip(series)
    for value in (pd.DataFrame({"a": [1]}), series):
        value.__dict__["note"] = "x"
        with pytest.raises(UnsupportedTypeError, match=r"attribute note would be lost: keep it in \.attrs"):
            codec.encode(value)


def _forged(codec, tag, document):
    inner = codec.encode(document)
    return inner._replace(head=packb(ExtType(127, bytes((tag,)) + inner.head)))


def test_ranges_claim_no_memory(codec):
    """A range takes a few bytes in the data: it is never counted out on its word."""
    endless = pd.RangeIndex(1 << 40)
    empty = np.zeros((1 << 40, 0))
    for payload in (
        _forged(codec, 80, [[[slice(0, 1 << 40), ["numpy", empty]]], endless, pd.RangeIndex(0), {}, True]),
        _forged(codec, 83, [0, ["intervals", endless, endless, "left"]]),
    ):
        with pytest.raises(DecodeError):
            codec.decode(payload)


def test_intervals_over_a_range(round_trip):
    """The sides of an interval array may be a range, which pandas itself cannot take a cell of."""
    restored = round_trip(pd.arrays.IntervalArray.from_arrays(pd.RangeIndex(3), pd.RangeIndex(1, 4)))
    assert restored.left.tolist() == [0, 1, 2]
    assert restored[0] == pd.Interval(0, 1)
