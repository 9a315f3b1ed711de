"""pandas, polars and Arrow data as parts of a key."""

import datetime as dt
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from beautyspot.errors import UnhashableError
from beautyspot.keys import digest, encode

NAIVE = dt.datetime(2024, 1, 1)  # noqa: DTZ001  # naive ones are values too


def frame(**columns):
    return pd.DataFrame(columns or {"a": [1, 2, 3], "b": ["x", None, "z"]})


def distinct(values):
    """Assert that all values differ in their bytes, and that copies do not."""
    encoded = {}
    for position, value in enumerate(values):
        other = encoded.setdefault(encode(value), position)
        assert other == position, f"values {other} and {position} agree"


def test_labels_order_and_index_count():
    """Column labels and order, index values, names and freq are content."""
    base = frame()
    days = pd.date_range("2024-01-01", periods=3)
    distinct([
        base, base[["b", "a"]], base.rename(columns={"a": "c"}), base.set_index("a"), base.rename_axis("i"),
        base.rename_axis(columns="i"), base.set_index(days), base.set_index(days._with_freq(None)), base.iloc[:2],
        base.set_index(days.rename("t")), base.set_index(days.tz_localize("UTC")), base.set_axis(pd.Index([0, 1, 2])),
        base.set_axis(pd.Index([0, 1, 2], dtype="i4")), base.set_index(pd.RangeIndex(1, 4)), base["a"], base[["a"]],
        base.set_index(pd.MultiIndex.from_product([["x"], [1, 2, 3]])), base.set_index(["a", "b"]), base.iloc[:0],
        base.rename(columns={"a": 0}), base.rename(columns={"a": "0"}), base["a"].rename("b"), base["a"].to_numpy(),
    ])  # fmt: skip
    assert encode(base) == encode(base.copy()) == encode(frame())


def test_dtypes_count():
    """Columns of equal values but another dtype differ."""
    numbers = pd.Series([1, 2])
    texts = ["a", "b"]
    distinct([
        numbers, numbers.astype("i4"), numbers.astype("f8"), numbers.astype("Int64"), numbers.astype("Float64"),
        numbers.astype(object), numbers.astype("int64[pyarrow]"), numbers.astype("category"), numbers.astype(str),
        pd.Series(texts), pd.Series(texts, dtype=object), pd.Series(texts, dtype="string"),
        pd.Series(texts, dtype="category"),
        pd.Series(texts, dtype=pd.StringDtype("python", na_value=np.nan)),
        pd.Series(texts, dtype="string[pyarrow]").astype(
            pd.ArrowDtype(pa.string())), pd.Series(pd.arrays.SparseArray([1, 2])), pd.Series([True, False]),
        pd.Series([True, False], dtype="boolean"), pd.Series([dt.date(2024, 1, 1)] * 2), pd.Series([[1], [2]]),
        pd.Series([(1,), (2,)]), pd.Series([decimal.Decimal(1), decimal.Decimal(2)]),
    ])  # fmt: skip


def test_times_count():
    """Unit, zone, period and interval kinds are content."""
    days = pd.Series(pd.date_range("2024-01-01", periods=3))
    distinct([
        days, days.dt.as_unit("s"), days.dt.tz_localize("UTC"), days.dt.tz_localize("Europe/Berlin"),
        days.dt.to_period("D"),
        days.dt.to_period("M"), days - days[0], days.astype("i8"), pd.Series(pd.interval_range(0, 3)),
        pd.Series(pd.interval_range(0, 3, closed="left")), days.where(days.index != 1),
        days.dt.tz_localize("Etc/UTC"),
    ])  # fmt: skip


def test_missing_values_stay_apart():
    """None, NaN, NaT and NA are different values in object columns."""
    distinct([pd.Series([missing], dtype=object) for missing in (None, np.nan, pd.NaT, pd.NA, "nan", "None", "")])
    distinct([pd.Series(["a", None]), pd.Series(["a", ""]), pd.Series(["a", "nan"]), pd.Series([None, "a"])])
    distinct([pd.Series([1, None], dtype="Int64"), pd.Series([1, 0], dtype="Int64"), pd.Series([1, 1], dtype="Int64")])


def test_values_under_a_mask_are_no_content():
    """What a nullable column holds where it is NA does not count."""
    one = pd.arrays.IntegerArray(np.array([1, 5]), np.array([False, True]))
    other = pd.arrays.IntegerArray(np.array([1, 7]), np.array([False, True]))
    assert encode(pd.Series(one)) == encode(pd.Series(other))


def test_categories_count():
    """Categories, their order and orderedness are content, used or not."""
    distinct([
        pd.Series(pd.Categorical(["a", "b"])), pd.Series(pd.Categorical(["a", "b"], ["b", "a"])),
        pd.Series(pd.Categorical(["a", "b"], ["a", "b", "c"])), pd.Series(pd.Categorical(["a", "b"], ordered=True)),
        pd.Series(pd.Categorical(["a", None], ["a", "b"])),
    ])  # fmt: skip


def test_attrs_and_flags_count():
    """Metadata of a frame is content."""
    labelled, strict = frame(), frame()
    labelled.attrs["unit"] = "m"
    distinct([frame(), labelled, strict.set_flags(allows_duplicate_labels=False)])


def test_lists_and_duplicate_labels():
    """Cells with lists go by element, columns with one label by position."""
    distinct([frame(a=[[1], [2]]), frame(a=[[1], [3]]), frame(a=[(1,), (2,)]), frame(a=[{"x": 1}, {"x": 2}])])
    doubled = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert encode(doubled) == encode(doubled.copy())
    assert encode(doubled) != encode(pd.DataFrame([[2, 1]], columns=["a", "a"]))


@pytest.mark.parametrize("rows", [3, 20_000, 300_000])
def test_block_layout_does_not_count(rows):
    """A frame made from a matrix, from columns, or piece by piece is the same frame."""
    matrix = np.arange(rows * 4, dtype="f8").reshape(rows, 4)
    names = list("abcd")
    whole = pd.DataFrame(matrix, columns=names)
    columns = pd.DataFrame({name: matrix[:, at].copy() for at, name in enumerate(names)})
    grown = pd.DataFrame({"a": matrix[:, 0]})
    for at, name in enumerate(names[1:], 1):
        grown[name] = matrix[:, at]
    fortran = pd.DataFrame(np.asfortranarray(matrix), columns=names)
    expected = encode(whole)
    for other in (columns, grown, fortran, whole.copy(), whole.iloc[::2].reindex(whole.index).fillna(whole)):
        pd.testing.assert_frame_equal(other, whole)
        assert encode(other) == expected
    changed = whole.copy()
    changed.iloc[-1, 2] += 1
    assert encode(changed) != expected


def test_chunks_and_slices_of_text_do_not_count():
    """Concatenated, sliced and copied text columns agree with a fresh one."""
    texts = [f"row {number}" if number % 7 else None for number in range(5_000)]
    series = pd.Series(texts)
    parts = pd.concat([series[:1000], series[1000:]])
    cut = pd.Series(["x", *texts, "y"])[1:-1].reset_index(drop=True)
    assert encode(parts) == encode(cut) == encode(series)
    assert encode(pd.Series([*texts[:-1], "other"])) != encode(series)


def test_texts_do_not_run_into_each_other():
    """The borders between texts are content."""
    distinct([pd.Series(["ab", "c"]), pd.Series(["a", "bc"]), pd.Series(["abc", ""]), pd.Series(["", "abc"])])


def test_pandas_scalars():
    """Timestamps, time deltas, periods, intervals and missing values are values of their own."""
    day = pd.Timestamp("2024-01-01")
    distinct([
        day, day.as_unit("s"), day.tz_localize("UTC"), day.to_pydatetime(), day.to_datetime64(), day.to_period("D"),
        day.to_period("M"), pd.Timedelta("1D"), pd.Timedelta("1D").to_pytimedelta(), pd.NaT, pd.NA, None, np.nan,
        pd.Interval(1, 2), pd.Interval(1, 2, "left"), pd.CategoricalDtype(["a"]), pd.CategoricalDtype(["b"]),
        pd.Int64Dtype(), pd.offsets.Day(1), pd.offsets.Day(2), pd.offsets.MonthEnd(1), pd.Index([1]), pd.array([1]),
    ])  # fmt: skip
    assert encode(pd.Timestamp("2024-01-01")) == encode(day)


def test_subclasses_of_frames_count():
    """The class of a frame and its declared metadata are content."""

    class Table(pd.DataFrame):
        _metadata = ("unit",)

        @property
        def _constructor(self):
            return Table

    plain = pd.DataFrame({"a": [1]})
    one, other = Table(plain), Table(plain)
    one.unit, other.unit = "m", "s"
    distinct([plain, one, other])


def test_unhashable_cells_are_refused():
    """A frame with something that has no value is refused."""
    with pytest.raises(UnhashableError):
        encode(pd.Series([iter([])]), "argument 'df'")


def test_polars_frames():
    """Names, order, dtypes and values of polars columns are content."""
    day = NAIVE
    series = [
        pl.Series("a", [1, 2]), pl.Series("b", [1, 2]), pl.Series("a", [1, 2], pl.Int32), pl.Series("a", [1.0, 2.0]),
        pl.Series("a", ["1", "2"]), pl.Series("a", ["1", "2"], pl.Categorical),
        pl.Series("a", ["1", "2"], pl.Enum(["1", "2"])),
        pl.Series("a", ["1", "2"], pl.Enum(["2", "1"])), pl.Series("a", [[1], [2]]), pl.Series("a", [[1, 2], []]),
        pl.Series("a", [[1, 2], None]), pl.Series("a", [[1], [2]], pl.Array(pl.Int64, 1)),
        pl.Series("a", [{"x": 1}, {"x": 2}]),
        pl.Series("a", [{"y": 1}, {"y": 2}]), pl.Series("a", [None, 1]), pl.Series("a", [None, None]),
        pl.Series("a", [day, day]),
        pl.Series("a", [day, day], pl.Datetime("ms")), pl.Series("a", [day, day], pl.Datetime("us", "UTC")),
        pl.Series("a", [day.date()] * 2), pl.Series("a", [(1,), {2}], pl.Object), pl.Series("a", [True, None]),
        pl.Series("a", [decimal.Decimal("1.0")] * 2), pl.Series("a", [b"1", b"2"]), pl.Series("a", [], pl.Int8),
        pl.Series("a", [dt.time(1), dt.time(2)]), pl.Series("a", [dt.timedelta(1)] * 2),
    ]  # fmt: skip
    distinct(series)
    distinct([each.to_frame() for each in series])
    for each in series:
        assert encode(each.clone()) == encode(each)
        if each.dtype != pl.Object:
            chunked = pl.concat([each[:1], each[1:]], rechunk=False)
            assert encode(chunked) == encode(each), each.dtype
    both = pl.DataFrame({"a": [1], "b": [2]})
    distinct([both, both[["b", "a"]], both.head(0), pl.Int64, pl.List(pl.Int8), pl.List(pl.Int16), pl.Datetime("ms")])


def test_lazy_frames_are_refused():
    """A query plan is refused with the remedy."""
    with pytest.raises(UnhashableError, match="collect"):
        encode(pl.DataFrame({"a": [1]}).lazy())


ARROW = [
    pa.array([1, None, 3, 4]), pa.array([1, 0, 3, 4]), pa.array([1, None, 3, 4], pa.int32()),
    pa.array([True, None, False]),
    pa.array([True, False, False]), pa.array(["a", None, "ccc"]), pa.array(["a", "", "ccc"]),
    pa.array([b"a", None, b"ccc"]),
    pa.array(["a", None, "ccc"], pa.large_string()), pa.array(["a", None, "ccc"], pa.string_view()),
    pa.array(["a", "b", "a"]).dictionary_encode(), pa.array([[1], None, [2, 3], []]), pa.array([[1], [], [2, 3], []]),
    pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)), pa.array([{"x": 1}, None, {"x": None}]),
    pa.array([{"x": 1}, {"x": None}, {"x": None}]), pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    pa.array([decimal.Decimal("1.5"), None]), pa.nulls(3), pa.array([NAIVE, None]),
    pa.array([1.5, float("nan"), None]), pa.array([["a", "b"], None, ["c"]]), pa.array([1, 2, 3], pa.uint8()),
    pa.array([b"abc", None], pa.binary(3)),
]  # fmt: skip


def test_arrow_arrays_differ():
    """Type, values and nulls are content."""
    distinct([*ARROW, pa.chunked_array([ARROW[0]]), pa.table({"a": ARROW[0]}), pa.record_batch({"a": ARROW[0]})])
    table = pa.table({"a": [1, 2]})
    distinct([table, table.replace_schema_metadata({"k": "v"}), table.rename_columns(["b"]), table.schema, table[0][0]])
    distinct([pa.scalar(1), pa.scalar(2), pa.scalar(1, pa.int8()), pa.scalar(None, pa.int64()), pa.int64(), pa.int8()])


@pytest.mark.parametrize("position", range(len(ARROW)))
def test_slices_and_chunks_of_arrow_arrays_do_not_count(position):
    """A slice of a longer array, or an array in two chunks, equals a fresh one."""
    array = ARROW[position]
    if pa.types.is_dictionary(array.type):
        longer = pa.chunked_array([array, array]).combine_chunks()
    else:
        longer = pa.concat_arrays([array, array, array])
    sliced = longer.slice(len(array), len(array))
    assert sliced.equals(array) or array.type == pa.float64()
    assert encode(sliced) == encode(array)
    whole = pa.chunked_array([array, array])
    pieces = pa.chunked_array([whole.combine_chunks().slice(0, 1), whole.combine_chunks().slice(1)])
    if not pa.types.is_dictionary(array.type):
        assert encode(pieces) == encode(whole)


def test_what_lies_under_nulls_is_no_content():
    """Values in null slots do not count."""
    mask = pa.array([False, True]).buffers()[1]
    for left, right in ((np.array([5, 1]), np.array([6, 1])),):
        one = pa.Array.from_buffers(pa.int64(), 2, [mask, pa.py_buffer(left)])
        other = pa.Array.from_buffers(pa.int64(), 2, [mask, pa.py_buffer(right)])
        assert one.equals(other)
        assert encode(one) == encode(other)
    offsets = pa.py_buffer(np.array([0, 2, 3], "i4"))
    one = pa.Array.from_buffers(pa.string(), 2, [mask, offsets, pa.py_buffer(b"aab")])
    assert encode(one) == encode(pa.array([None, "b"]))


def test_full_content_of_large_frames():
    """One changed cell in a large frame changes the digest."""
    texts = [str(number) for number in range(300_000)]
    one = pd.DataFrame({"n": np.arange(300_000), "t": texts})
    other = one.copy()
    other.loc[150_000, "t"] = "x"
    assert digest(one) == digest(one.copy()) != digest(other)


def test_offsets_count_with_all_that_their_name_leaves_out():
    """Holidays, week masks and normalisation decide what shifting an index gives."""
    days = ["2024-01-01", "2024-01-02"]
    offsets = [
        None, pd.offsets.BDay(), pd.offsets.BDay(normalize=True), pd.offsets.CustomBusinessDay(holidays=["2024-01-10"]),
        pd.offsets.CustomBusinessDay(holidays=["2024-01-11"]), pd.offsets.CustomBusinessDay(weekmask="Mon Tue Wed"),
        pd.offsets.Day(), pd.DateOffset(days=1),
    ]  # fmt: skip
    distinct([pd.DatetimeIndex(days, freq=offset) for offset in offsets])
    assert encode(pd.DatetimeIndex(days, freq=offsets[3])) == encode(pd.DatetimeIndex(days, freq=offsets[3]))


def test_arrays_of_other_libraries_keep_what_belongs_to_the_whole():
    """An extension array may have attributes that neither its dtype nor its elements show."""

    class Located(pd.api.extensions.ExtensionArray):
        """Numbers in a coordinate system."""

        def __init__(self, numbers, system):
            self.numbers, self.system = numbers, system
            self._dtype = np.dtype("i8")

        dtype = property(lambda self: self._dtype)

        def __len__(self):
            return len(self.numbers)

        def __getitem__(self, item):
            return self.numbers[item]

    distinct([Located([1, 2], "a"), Located([1, 2], "b"), Located([1, 3], "a")])
    assert encode(Located([1, 2], "a")) == encode(Located([1, 2], "a"))


def test_polars_types_that_arrow_lacks():
    """128-bit integers are hashed as Python's; categories with other names stay apart."""
    wide = pl.Series([1, 2**100], dtype=pl.Int128)
    distinct([wide, pl.Series([1, 2**100 + 1], dtype=pl.Int128), pl.Series([1, 2**100], dtype=pl.UInt128)])
    assert encode(wide) == encode(wide.clone())
    distinct([pl.Series(["a"], dtype=pl.Categorical(pl.Categories(name))) for name in ("x", "y")])


def test_polars_expressions():
    """An expression is its plan; one that calls a Python function is refused, for that function is out of sight."""
    assert encode(pl.col("a") + 1) == encode(pl.col("a") + 1)
    distinct([pl.col("a") + 1, pl.col("a") + 2, pl.col("b") + 1])
    with pytest.raises(UnhashableError, match="pass the function"):
        encode(pl.col("a").map_batches(lambda column: column))


_UNION_PARTS = [pa.array([1, 1], pa.int32()), pa.array([1, 1], pa.int64())]
RARE = [
    pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)), pa.array([[1, 2], [0, 0]], pa.list_(pa.int64(), 2)),
    pa.array([[1], None, [2]], pa.list_view(pa.int64())), pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
    pa.RunEndEncodedArray.from_arrays([2, 3], [1, 2]), pa.array(["a", None], pa.string_view()),
    pa.array([[1]], pa.list_(pa.time64("ns"), 1)), pa.array([[2]], pa.list_(pa.time64("ns"), 1)),
    pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), _UNION_PARTS),
    pa.UnionArray.from_sparse(pa.array([1, 0], pa.int8()), _UNION_PARTS),
    pa.UnionArray.from_dense(pa.array([0, 1], pa.int8()), pa.array([1, 0], pa.int32()), _UNION_PARTS),
]  # fmt: skip


def test_rare_arrow_layouts():
    """Lists of a fixed size, views, unions, run-end encoding and intervals are read by their values."""
    distinct(RARE)
    for array in RARE:
        assert encode(pa.concat_arrays([array, array]).slice(len(array))) == encode(array), array.type
    null_slots = pa.FixedSizeListArray.from_arrays(pa.array([1, 2, 8, 9, 3, 4]), 2, mask=pa.array([False, True, False]))
    assert encode(null_slots) == encode(RARE[0])


def test_arrow_scalars_keep_nanoseconds():
    """Python's time has microseconds, Arrow's nanoseconds."""
    distinct([pa.scalar(number, kind) for number in (1, 2) for kind in (pa.time64("ns"), pa.timestamp("ns"))])


DTYPES = {
    "category": pd.CategoricalDtype(),
    "ordered": pd.CategoricalDtype(["a", "b"], ordered=True),
    "text": pd.StringDtype("python"),
    "arrow text": pd.StringDtype("pyarrow"),
    "object": object,
}


def test_the_dtype_of_a_column_counts_whatever_it_holds():
    """Also after pandas has filled its own caches: equal values of another dtype are another frame."""
    frames = {name: pd.DataFrame({"g": ["a", "b"]}).astype(dtype) for name, dtype in DTYPES.items()}
    frames["default"] = pd.DataFrame({"g": ["a", "b"]})
    for frame in frames.values():
        frame.to_json()
        frame.describe()
    digests = {name: digest(frame) for name, frame in frames.items()}
    distinct = {str(frame["g"].dtype) + repr(frame["g"].dtype) for frame in frames.values()}
    assert len(set(digests.values())) == len(distinct)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "category"),
        ([1, 2], "Int64"),
        ([1, 2], "int64[pyarrow]"),
        ([1.0, 2.0], "Float64"),
        ([True, False], "boolean"),
        ([0, 0, 1], pd.SparseDtype("int64", 0)),
    ],
)
def test_extension_dtypes_are_no_numpy_dtypes(values, dtype):
    """A frame and its `astype` differ, in one column and beside others."""
    frame = pd.DataFrame({"a": values, "b": values})
    changed = frame.assign(b=frame["b"].astype(dtype))
    assert digest(frame) != digest(changed)
    assert digest(changed) == digest(changed.copy())
    assert digest(frame[["b"]]) != digest(changed[["b"]])
