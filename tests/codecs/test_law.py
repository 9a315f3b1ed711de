"""The codec law: what is encoded decodes to an equal value of the same type, whatever it is made of."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict, deque
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.extra import pandas as hpd
from pandas.testing import assert_frame_equal

from beautyspot.codecs import Codec, join, split

ZONES = st.sampled_from([None, dt.UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")])

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**80), 2**80)
    | st.floats()
    | st.complex_numbers()
    | st.text(st.characters())
    | st.text(st.characters(categories=["Cs", "L"]))
    | st.binary()
    | st.decimals().filter(lambda value: not value.is_snan())  # can't be hashed
    | st.fractions()
    | st.uuids()
    | st.datetimes(timezones=ZONES)
    | st.dates()
    | st.times()
    | st.timedeltas()
)
NUMPY = hnp.arrays(
    hnp.scalar_dtypes(), hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
) | hnp.scalar_dtypes().flatmap(hnp.from_dtype)
HASHABLE = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3), max_leaves=4
)
VALUES = st.recursive(
    ATOMS | NUMPY | st.binary().map(bytearray),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(deque),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.dictionaries(HASHABLE, inner, max_size=4).map(OrderedDict),
        st.sets(HASHABLE, max_size=4),
    ),
    max_leaves=12,
)
CODEC = Codec()
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@SETTINGS
@given(value=VALUES)
def test_law(value, same):
    """decode(encode(v)) is v again, directly and through the container."""
    payload = CODEC.encode(value)
    assert same(CODEC.decode(payload), value)
    framed = memoryview(bytearray(b"".join(join(payload))))
    assert same(CODEC.decode(split(framed)), value)


@SETTINGS
@given(
    array=hnp.arrays(
        hnp.scalar_dtypes() | hnp.array_dtypes(allow_subarrays=True),
        hnp.array_shapes(min_dims=1, min_side=0, max_side=5),
    ),
    layout=st.sampled_from(["C", "F", "T", "strided"]),
)
def test_array_law(array, layout):
    """Arrays of every dtype, structured ones too, in every layout."""
    value = {"C": array, "F": np.asfortranarray(array), "T": array.T, "strided": array[..., ::-2]}[layout]
    restored = CODEC.decode(CODEC.encode(value))
    assert restored.dtype == value.dtype
    assert restored.shape == value.shape
    assert restored.tobytes() == value.tobytes()
    assert restored.flags.writeable


INDEXES = st.one_of(
    hpd.range_indexes(max_size=4),
    hpd.indexes(dtype="i8", max_size=4),
    hpd.indexes(dtype="M8[ns]", max_size=4),
    hpd.indexes(elements=st.text(max_size=2), dtype=object, max_size=4),
)
NUMBERS = st.sampled_from(["i8", "u1", "f4", "f8", "c16", "M8[s]", "m8[ns]", "bool"])
CELLS = st.none() | st.text(max_size=2) | st.integers() | st.tuples(st.floats())
COLUMN_TYPES = {
    "category": st.none() | st.sampled_from("ab"),
    "Int64": st.none() | st.integers(-(2**63), 2**63 - 1),
    "str": st.none() | st.text(max_size=3),
    "int8[pyarrow]": st.none() | st.integers(-100, 100),
    "Sparse[float]": st.sampled_from([np.nan, 0.5]),
    "datetime64[us, Asia/Tokyo]": st.none() | st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)),  # noqa: DTZ001
    "object": CELLS,
}


@st.composite
def _frames(draw):
    index = draw(INDEXES)
    columns = []
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["numbers", *COLUMN_TYPES]))
        if kind == "numbers":
            content = pd.Series(draw(hnp.arrays(draw(NUMBERS), len(index))), index=index)
        else:
            cells = [draw(COLUMN_TYPES[kind]) for _ in range(len(index))]
            content = pd.Series(pd.Series(cells, dtype=object).astype(kind).array, index=index)
        columns.append(content)
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=index)
    frame.columns = draw(st.permutations(["a", "b", "a", 1]))[: len(columns)]
    return frame.iloc[:: draw(st.sampled_from([1, -1, 2]))]


@SETTINGS
@given(frame=_frames())
def test_frame_law(frame, same):
    """Frames of any mixture of columns, cells and labels, whole and in slices."""
    restored = CODEC.decode(CODEC.encode(frame))
    strict = {"check_exact": True, "check_freq": True, "check_column_type": "exact", "check_index_type": "exact"}
    assert_frame_equal(restored, frame, **strict)
    assert list(restored.dtypes) == list(frame.dtypes)
    for place in range(frame.shape[1]):
        if pd.api.types.is_object_dtype(frame.dtypes.iloc[place]):
            assert same(restored.iloc[:, place].tolist(), frame.iloc[:, place].tolist())
