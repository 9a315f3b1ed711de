"""The codec law: what is encoded decodes to an equal value of the same type, whatever it is made of."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict, deque
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

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
