"""NumPy arrays and scalars."""

from __future__ import annotations

import mmap

import numpy as np
import pytest
from msgpack import ExtType, packb

from beautyspot.codecs import Payload, join, split, tags
from beautyspot.errors import DecodeError, UnsupportedTypeError

CODES = [*"?bBhHiIlLqQefdgFDG", ">f8", ">i4", "M8[ns]", "m8[25s]", "M8", "S5", "U4", ">U3", "V7", "V0", "U0"]
SHAPES = [(), (0,), (3,), (2, 3), (2, 0, 3), (40, 50)]


def _filled(code, shape):
    count = int(np.prod(shape))
    if code in {"V7", "V0", "U0", "M8"}:
        return np.zeros(shape, code) if code != "M8" else np.full(shape, np.datetime64("NaT"))
    return np.arange(count).astype(code).reshape(shape)


@pytest.mark.parametrize("code", CODES)
def test_every_dtype_shape_and_layout(code, round_trip):
    """Values, dtype, shape and order are kept; the result can be written to."""
    for shape in SHAPES:
        base = _filled(code, shape)
        for value in (base, np.asfortranarray(base), base.T, base[..., ::2] if shape else base):
            restored = round_trip(value)
            assert restored.dtype == value.dtype
            assert restored.dtype.char == value.dtype.char
            assert restored.shape == value.shape
            assert restored.tolist() == value.tolist() or code == "M8"
            assert restored.flags.writeable
            if value.flags.forc and value.nbytes:  # without bytes every order is the same
                assert restored.flags.c_contiguous == value.flags.c_contiguous
                assert restored.flags.f_contiguous == value.flags.f_contiguous


@pytest.mark.parametrize("code", [code for code in CODES if code not in {"V0", "U0", "S5", "U4", ">U3"}])
def test_scalars(code, round_trip):
    """A NumPy scalar is not a Python number."""
    value = _filled(code, (3,))[2]
    restored = round_trip(value)
    assert restored.dtype == value.dtype
    assert restored.tobytes() == value.tobytes()


def test_text_scalars_keep_their_nuls(round_trip):
    """NumPy's own conversions cut them off."""
    assert len(round_trip(np.str_("a\0"))) == 2
    assert round_trip(np.str_("日本")) == "日本"
    assert len(round_trip(np.bytes_(b"a\0\0"))) == 3


STRUCTURED = np.dtype(
    {
        "names": ["a", "b", "c"],
        "formats": ["<i4", ">f8", ("i2", (2, 3))],
        "offsets": [0, 8, 20],
        "itemsize": 40,
        "titles": ["A", "B", "C"],
    }
)


def test_structured_arrays(round_trip):
    """Field order, offsets, titles, sub-arrays, padding and alignment are part of a dtype."""
    value = np.zeros(5, STRUCTURED)
    value["a"] = range(5)
    restored = round_trip(value)
    assert restored.dtype.fields == STRUCTURED.fields
    assert (restored == value).all()
    assert round_trip(value[2]) == value[2]
    aligned = np.zeros(3, np.dtype([("a", "i1"), ("b", "f8")], align=True))
    assert round_trip(aligned).dtype.isalignedstruct
    assert round_trip(np.zeros(2, np.dtype("f8", metadata={"unit": "m"}))).dtype.metadata == {"unit": "m"}


def test_records_and_matrices(round_trip):
    """The subclasses of NumPy itself come back as themselves."""
    record = np.rec.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")])
    restored = round_trip(record)
    assert restored.dtype == record.dtype
    assert restored.x == record.x
    assert round_trip(record[0]) == record[0]
    assert round_trip(np.array([[1, 2]]).view(np.matrix)).tolist() == [[1, 2]]


def test_masked_arrays(round_trip):
    """Data under the mask, fill value and hardness are kept."""
    for mask in ([0, 1, 0], np.ma.nomask, True):
        value = np.ma.array([1, 2, 3], mask=mask, fill_value=7, hard_mask=True)
        restored = round_trip(value)
        assert (restored.mask == value.mask).all()
        assert (restored.mask is np.ma.nomask) == (value.mask is np.ma.nomask)
        assert (restored.data == value.data).all()
        assert (restored.fill_value, restored.hardmask) == (7, True)
    assert round_trip(np.ma.array([1]))._fill_value is None
    assert round_trip(np.ma.masked) is np.ma.masked


def test_object_arrays(round_trip, same):
    """Elements go through the codec one by one and are not spread over dimensions."""
    value = np.empty((2, 2), dtype=object)
    value[0, 0], value[0, 1], value[1, 0], value[1, 1] = [1, 2], (3,), np.float32(4), {"a": {5}}
    assert same(round_trip(value), value)
    assert same(round_trip(np.asfortranarray(value)), value)
    assert same(round_trip(np.array([[1, 2], [3, 4]], dtype=object)), np.array([[1, 2], [3, 4]], dtype=object))
    assert same(round_trip(np.array(None, dtype=object)), np.array(None, dtype=object))


def test_variable_width_strings(round_trip):
    """NumPy's StringDType, with each kind of missing value."""
    for missing in ({}, {"na_object": None}, {"na_object": np.nan}):
        value = np.array(["a", "日本" * 40, *missing.values()], dtype=np.dtypes.StringDType(**missing))
        restored = round_trip(value)
        assert restored.dtype == value.dtype
        assert restored[:2].tolist() == value[:2].tolist()


def test_dtypes_as_values(round_trip):
    """A dtype can be a result."""
    for value in (np.dtype("M8[ms]"), STRUCTURED, np.dtype(">f4"), np.dtype(("i4", (2, 3)))):
        assert round_trip(value) == value


def test_large_arrays_are_not_copied(codec, tmp_path):
    """Encoding hands out the caller's memory, decoding a view of a copy-on-write map that the caller may write to."""
    value = np.arange(1_000_000.0)
    payload = codec.encode({"a": value})
    assert len(payload.head) < 200
    assert np.shares_memory(np.frombuffer(payload.buffers[0], np.uint8), value)
    path = tmp_path / "blob"
    path.write_bytes(b"".join(join(payload)))
    with path.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    restored = codec.decode(split(view))["a"]
    assert np.shares_memory(restored, np.frombuffer(view, np.uint8))
    assert restored.flags.aligned
    restored[0] = 99
    assert codec.decode(split(memoryview(path.read_bytes())))["a"][0] == 0


def test_read_only_buffers_are_copied(codec):
    """The caller of a hit may always write."""
    payload = codec.encode(np.arange(10_000))
    frozen = Payload(payload.head, tuple(bytes(buffer) for buffer in payload.buffers))
    one, other = codec.decode(frozen), codec.decode(frozen)
    one[0] = 5
    assert other[0] == 0


def test_memmap_is_refused(codec, tmp_path):
    """It would come back as an array without its file."""
    value = np.memmap(tmp_path / "m", dtype="u1", mode="w+", shape=4)
    with pytest.raises(UnsupportedTypeError, match=r"return numpy\.array\(value\)"):
        codec.encode(value)


@pytest.mark.parametrize(
    "document",
    [
        ["<f8", [10**9], "C", 0, b"12345678"],
        ["<f8", [-1], "C", 0, b"12345678"],
        ["<f8", [2**40, 2**40], "C", 0, b""],
        ["<f8", [1], "C", 9, b"12345678"],
        ["<f8", [1], "X", 0, b"12345678"],
        ["<f8", [1], "C", 0, 0],
        ["<f8", [1], "C", 0, -1],
        ["|O", [1], "C", 0, b"12345678"],
        ["|O", [10**9], "C", 0, [1]],
        ["f8,(100000,100000)f8", [1], "C", 0, b"12345678"],
        [["fields", "void", ["a"], ["|O"], [0], [None], 8, False], [1], "C", 0, b"12345678"],
        [["sub", "<f8", [10**6, 10**6]], [1], "C", 0, b"12345678"],
        [["what"], [1], "C", 0, b"12345678"],
    ],
)
def test_forged_arrays(document, codec):
    """Declared sizes are checked against the data; no object pointer is ever taken from it."""
    head = packb(ExtType(127, b"\x40" + packb(document)))
    with pytest.raises(DecodeError):
        codec.decode(Payload(head, ()))


def test_attributes_are_not_dropped(codec):
    """Matrices and masked arrays take attributes, and have no place for them in their encoding."""
    for value in (np.array([[1]]).view(np.matrix), np.ma.array([1]), np.rec.array([(1,)], dtype=[("a", "i4")])):
        value.__dict__["note"] = "x"
        with pytest.raises(UnsupportedTypeError, match="attribute note would be lost"):
            codec.encode(value)


def test_masks_over_other_classes_are_refused(codec):
    """What is under the mask would come back as a plain array."""
    marked = np.ma.array([1])
    marked._optinfo["unit"] = "m"
    for value in (np.ma.array(np.array([[1]]).view(np.matrix)), marked):
        with pytest.raises(UnsupportedTypeError, match="another class than ndarray"):
            codec.encode(value)


def test_nan_payloads(round_trip):
    """The bits of a NaN are data to some."""
    bits = np.array([0x7FF8000000000123, 0xFFF0000000000001, 1 << 63], "u8")
    assert (round_trip(bits.view("f8")).view("u8") == bits).all()
    values = bits.view("f8").tolist()
    assert (np.array(round_trip(values)).view("u8") == np.array(values).view("u8")).all()


@pytest.mark.parametrize(
    "function", [np.linalg.svd, np.linalg.eigh, np.linalg.qr, np.linalg.slogdet, np.linalg.eig, np.unique_all]
)
def test_results_of_numpy_functions(function, round_trip):
    """The named tuples that NumPy returns need no registration."""
    value = function(np.array([[2.0, 0.5], [0.5, 1.0]]))
    restored = round_trip({"result": value})["result"]
    assert type(restored) is type(value)
    assert all(np.array_equal(one, other) for one, other in zip(restored, value, strict=True))
    assert restored._fields == value._fields


def test_forged_text_scalars(codec):
    """A number where bytes belong would be taken as their count."""
    head = packb(ExtType(127, bytes((tags.NUMPY + 5,)) + packb(1 << 40)))
    with pytest.raises(DecodeError, match="no text"):
        codec.decode_head(head)
