"""Damaged and forged data: only a typed error may come out."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import enum
import pathlib
import tracemalloc
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgpack import ExtType, packb

from beautyspot.codecs import Codec, Payload, join, split, tags
from beautyspot.errors import CorruptEntryError, DecodeError


@dataclass
class Point:
    x: int
    y: object


class E(enum.Flag):
    ONE = 1


KNOWN = {"Point": Point, "E": E}
CODEC = Codec()
SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), database=None)

SAMPLES = [
    {"a": [1, (2, {3}), 2**80, 1j], "b": (decimal.Decimal("1.5"), pathlib.Path("x"), "\ud800")},
    [dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.timedelta(1), Point(1, Point(2, ()))],
    [np.arange(6).reshape(2, 3), np.float32(1), np.array([1, "a"], dtype=object), np.arange(2000.0)],
    pd.DataFrame({"a": [1, 2], "b": [1.5, None], "c": ["x", "y"], "d": pd.date_range("2020", periods=2)}),
    pd.Series(pd.Categorical(["a", "b"]), index=pd.MultiIndex.from_tuples([(1, 2), (3, 4)])),
    pd.Series(pd.arrays.SparseArray([0, 0, 1, 2])),
]
ENCODED = [CODEC.encode(sample, KNOWN) for sample in SAMPLES]
FRAMED = [b"".join(join(payload)) for payload in ENCODED]


def _survives(data):
    try:
        CODEC.decode(split(memoryview(data)), KNOWN)
    except (DecodeError, CorruptEntryError):
        return


@SETTINGS
@given(data=st.binary(max_size=300))
def test_random_bytes(data):
    """Nothing but typed errors comes out of noise."""
    _survives(data)
    try:
        CODEC.decode_head(data)
    except DecodeError:
        return


@SETTINGS
@given(
    tag=st.integers(0, 255),
    body=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.floats()
        | st.text(max_size=8)
        | st.binary(max_size=16),
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=10,
    ),
)
def test_every_tag_with_any_document(tag, body):
    """Handlers trust no shape of what they are given."""
    if tag == tags.PICKLE:
        return
    for data in (packb(body), b"", b"\xc1"):
        try:
            CODEC.decode(Payload(packb(ExtType(tags.EXT_CODE, bytes((tag,)) + data)), (b"x" * 64,)), KNOWN)
        except DecodeError:
            continue


@SETTINGS
@given(which=st.integers(0, len(SAMPLES) - 1), data=st.data())
def test_flips_and_cuts(which, data):
    """A payload with any change inside decodes to something or to a typed error."""
    head = bytearray(ENCODED[which].head)
    for _ in range(data.draw(st.integers(1, 3))):
        head[data.draw(st.integers(0, len(head) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(DecodeError):
        CODEC.decode(Payload(bytes(head), ENCODED[which].buffers), KNOWN)
    _survives(FRAMED[which][: data.draw(st.integers(0, len(FRAMED[which])))])


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xc1",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff\x01",
        b"\xc9\xff\xff\xff\xff\x7f",
        b"\x01\x01",
        b"\x81\x90\x01",
        packb(ExtType(127, b"")),
        packb(ExtType(127, b"\xff")),
        packb(ExtType(127, bytes((tags.TUPLE,)) + b"\xdd\xff\xff\xff\xff")),
        packb(ExtType(127, bytes((tags.DECIMAL,)) + b"nonsense")),
        packb(ExtType(127, bytes((tags.FRACTION,)) + packb([1, 0]))),
        packb(ExtType(127, bytes((tags.PATTERN,)) + packb(["(" * 50_000, 0]))),
        packb(ExtType(127, bytes((tags.ZONEINFO,)) + packb("../../etc/passwd"))),
        packb(ExtType(127, bytes((tags.INSTANCE,)) + packb(["os.system", 0, ["true"]]))),
        packb(ExtType(127, bytes((tags.PICKLE,)) + packb(["Point", b"cos\nsystem\n(S'true'\ntR."]))),
    ],
)
def test_known_attacks(head):
    """Lengths that are not there, names that would be imported, pickles, and patterns that exhaust the stack."""
    with pytest.raises(DecodeError):
        CODEC.decode_head(head)


def _nested(depth, wrap):
    head = b"\xc0"
    for _ in range(depth):
        head = wrap(head)
    return head


def test_deep_data():
    """Depth that no encoder writes ends in an error."""
    heads = [
        b"\x91" * 100_000 + b"\xc0",
        _nested(1000, lambda inner: packb(ExtType(127, bytes((tags.TUPLE,)) + b"\x91" + inner))),
        _nested(129, lambda inner: packb(ExtType(127, bytes((tags.TUPLE,)) + b"\x91" + inner))),
    ]
    for head in heads:
        with pytest.raises(DecodeError):
            CODEC.decode_head(head)


def test_decoding_imports_nothing_that_data_names(monkeypatch):
    """The only modules that decoding imports are this package's own handlers."""
    import importlib

    asked = []
    monkeypatch.setattr(importlib, "import_module", lambda name, *rest: asked.append(name) or pytest.fail(name))
    for name in ("os", "subprocess.Popen", "beautyspot.spot"):
        for tag in (tags.INSTANCE, tags.ENUM, tags.NAMED_TUPLE, tags.MODEL):
            with pytest.raises(DecodeError):
                CODEC.decode_head(packb(ExtType(127, bytes((tag,)) + packb([name, 0, [], None, None, None]))))
    assert asked == []


@example(b"\x00")
@SETTINGS
@given(st.binary(max_size=64))
def test_user_decoders_may_fail_in_any_way(data):
    """What a decoder of the user raises becomes a DecodeError."""
    codec = Codec()
    codec.register(Point, 5, lambda point: b"", lambda content: Point(*content))
    try:
        codec.decode_head(packb(ExtType(5, data)))
    except DecodeError:
        return


def _model(*state):
    inner = CODEC.encode([state[0], crc32(b"x"), *state[1:]]).head
    return packb(ExtType(127, bytes((tags.MODEL,)) + inner))


class Model(pydantic.BaseModel):
    x: int


@pytest.mark.parametrize(
    "state",
    [
        *((1, {"x"}, None, None), ({"x": 1}, ["x"], None, None), ({"x": 1}, {"x"}, 5, None)),
        *(({"x": 1}, {"x"}, None, "p"), ({"x": 1}, None, None, None)),
    ],
)
def test_models_with_the_wrong_state(state):
    """What pydantic would stumble over later is noticed at once."""
    assert CODEC.decode(Payload(_model("Model", {"x": 1}, {"x"}, None, None), ()), {"Model": Model}) == Model(x=1)
    with pytest.raises(DecodeError, match="none of pydantic's"):
        CODEC.decode(Payload(_model("Model", *state), ()), {"Model": Model})


@pytest.mark.parametrize(
    ("name", "shape", "parts"),
    [
        ("csr_array", [4, 4], (np.ones(4), np.arange(4, dtype="i4"), np.array([0, 1, 2, 3, -(2**31) + 4], "i4"))),
        ("csr_array", [4, 4], (np.ones(4), np.arange(4, dtype="i4"), np.array([0, 1, 2, 3, 400], "i4"))),
        ("csc_array", [4, 4], (np.ones(1), np.arange(4, dtype="i4"), np.arange(5, dtype="i4"))),
        ("csr_array", [4, 4], (np.ones(4), np.array([0, 1, 2, 4], "i4"), np.arange(5, dtype="i4"))),
        ("csr_array", [4, 4], (np.ones(4), np.array([0, 1, 2, -1], "i4"), np.arange(5, dtype="i4"))),
        ("csr_array", [4, 4], (np.ones(4), np.arange(4.0), np.arange(5, dtype="i4"))),
        ("csr_array", [4, 4], ([1.0], [0], [0, 1])),
        ("bsr_array", [4, 4], (np.ones((1, 2, 2)), np.array([2], "i4"), np.array([0, 1, 1], "i4"))),
        ("coo_array", [4, 4], (np.ones(1), (np.array([4]), np.array([0])))),
        ("dia_array", [4, 4], (np.ones((1, 4)), np.array([0, 1]))),
        ("dia_array", [-4, 4], (np.ones((1, 4)), np.array([0]))),
        ("coo_array", [4, 4], (np.ones(1), np.zeros((1 << 40, 0)))),
        ("coo_array", [4, 4], (np.ones(1), (np.zeros((1 << 40, 0), "i4"), np.array([0])))),
    ],
)
def test_forged_sparse_matrices(name, shape, parts):
    """SciPy's loops trust indices, and its own check of them overflows."""
    inner = CODEC.encode([name, shape, list(parts)])
    with pytest.raises(DecodeError):
        CODEC.decode(inner._replace(head=packb(ExtType(127, bytes((tags.SCIPY,)) + inner.head))))


def test_images_with_attributes_of_their_structure():
    """Stored attributes never replace what an image is made of."""
    document = ["PNG", "L", [1, 1], {}, None, {}, b"x"]
    for name, content in (("_im", 1), ("_mode", "RGB"), ("tile", [1]), ("note", {1, 2}), (5, 1)):
        inner = CODEC.encode([*document[:5], {name: content}, document[6]]).head
        with pytest.raises(DecodeError, match="attributes that no image has"):
            CODEC.decode_head(packb(ExtType(127, bytes((tags.PILLOW,)) + inner)))


ENDLESS = range(10_000_000)
LABELS = pd.RangeIndex(10_000_000)
WIDE = pd.RangeIndex(1 << 25)
CELLS = np.array([decimal.Decimal("1e100000000")], dtype=object)
DIGITS = decimal.Decimal("1e100000000")
LAZY = [
    ENDLESS,
    *([1] * place + [ENDLESS] + [1] * rest for place in range(5) for rest in range(5 - place)),
    *([["numpy", ENDLESS]], ["f8", ENDLESS], [["sub", "f8", ENDLESS], [1], "C", 0, b""], ["<f8", ENDLESS, "C", 0, b""]),
    *(
        [0, ["categories", ENDLESS, ["a"], False]],
        [0, ["strings", "python", True, ENDLESS]],
        [0, ["periods", ENDLESS, "D"]],
    ),
    [0, ["sparse", np.ones(1), ENDLESS, "integer", 5, 0.0]],
    [[[ENDLESS, ["numpy", np.zeros((1, 1))]]], pd.Index([1]), pd.Index([1]), {}, True],
    [2, [None], ENDLESS, ENDLESS, None],
    *([1, {0: ["a", ENDLESS]}, b""], [1, ENDLESS, b""], ["a", 1, {0: ["a", ENDLESS]}, b""]),
    *(["dia_array", [4, 4], [np.ones((1, 4)), ENDLESS]], ["coo_array", [4, 4], [np.ones(1), (ENDLESS, ENDLESS)]]),
    *([None, "P", [1, 1], {}, ["RGB", 1 << 25], {}, b"x"], ["1e100000000", None], 1 << 25),
    *(["<f8", [1], LABELS, 0, b"x" * 8], ["<f8", [1], "C", LABELS, b"x" * 8], [LABELS, 4, b""], [LABELS, b""]),
    *([0, ["categories", np.zeros(1, "i1"), WIDE, False]], ["categories", np.zeros(0, "i1"), WIDE, False]),
    *([2, [None], [WIDE], [np.zeros(1, "i1")], None], [2, [None], [pd.Index([1])], [np.zeros(1, "i1")], LABELS]),
    *(["Point", LABELS, [1, 2]], [LABELS, {}, b""], [None, "L", [LABELS, 1], {}, None, {}, b"x"]),
    *([np.ma.array([1]).data, None, DIGITS, False], [DIGITS, False, {"months": 1}], [1, False, {"months": DIGITS}]),
    *([0, ["sparse", np.ones(1), DIGITS, "block", 5, 0.0]], [0, ["intervals", DIGITS, DIGITS, "left"]]),
    *(LABELS, ["a", LABELS], ["E", None, LABELS], [LABELS, LABELS], ["csc_array", [DIGITS, 4], [np.ones(1)] * 3]),
    *([None, "P", [1, 1], [ENDLESS], None, {}, b"x"], [None, "P", [1, 1], {}, [LABELS, b"x"], {}, b"x"]),
    *([np.zeros(1, "i8"), None, CELLS, False], [0, ["sparse", np.ones(1), CELLS, "block", 5, 0.0]]),
    *([0, ["periods", CELLS, "D"]], [0, ["masked", "Int64", np.zeros(1, "i8"), CELLS]]),
    *([2, [None], [pd.Index([1])], [CELLS], None], [0, ["categories", CELLS, pd.Index([1]), False]]),
    *(["coo_array", [4, 4], [np.ones(1), (CELLS, CELLS)]], ["dia_array", [4, 4], [np.ones((1, 4)), CELLS]]),
    *([0, ["periods", DIGITS, "D"]], [0, ["masked", "Int64", np.zeros(1, "i8"), DIGITS]]),
]


@pytest.mark.parametrize(
    "tag", sorted({*range(1, 29), *range(32, 36), *range(64, 72), *range(80, 92), *range(96, 98), 128, 144})
)
def test_lazy_values_are_not_counted_out(tag):
    """A range, an exponent or a count of a few bytes never becomes the memory that it claims."""
    documents = [CODEC.encode(document) for document in LAZY]
    CODEC.decode(ENCODED[2], KNOWN)
    tracemalloc.start()
    try:
        for document in documents:
            head = packb(ExtType(tags.EXT_CODE, bytes((tag,)) + document.head))
            with contextlib.suppress(DecodeError):
                CODEC.decode(document._replace(head=head), KNOWN)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
