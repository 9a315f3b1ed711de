"""NumPy arrays, scalars and dtypes as parts of a key."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from beautyspot.errors import UnhashableError
from beautyspot.keys import digest, encode
from beautyspot.keys.arrays import dtype_parts


def test_dtype_shape_and_order_of_content_count():
    """Arrays with the same bytes but another dtype, unit, byte order or shape differ."""
    zeros = np.zeros(4, "i8")
    values = [
        zeros, zeros.astype("u8"), zeros.astype("f8"), zeros.astype("M8[ns]"), zeros.astype("M8[s]"),
        zeros.astype("m8[s]"),
        zeros.astype(">i8"), zeros.reshape(2, 2), zeros.reshape(4, 1), zeros.reshape(1, 4),
        zeros[:0], zeros.astype("i4"),
        np.zeros(4, "S8"), np.zeros(4, "U2"), np.zeros(4, "V8"), zeros.tolist(), zeros.tobytes(), np.zeros((), "i8"),
        np.int64(0), 0, np.zeros(4, bool), np.zeros((0, 4)), np.zeros((4, 0)), np.zeros(4, "c16"),
        zeros.astype(object),
        -np.zeros(4), np.full(4, np.nan), np.zeros(4, np.longdouble), np.zeros(4, "f2"),
        np.zeros(4).view(np.recarray),
    ]  # fmt: skip
    assert len({encode(value) for value in values}) == len(values)
    for value in values[:15]:
        assert encode(value) == encode(value.copy())


@pytest.mark.parametrize("shape", [(6, 8), (600, 800), (3, 500_000), (500_000, 3), (2, 3, 100_001)])
def test_memory_layout_does_not_count(shape):
    """C, Fortran, strided, reversed and broadcast arrays of equal content agree; the transpose differs."""
    array = np.arange(np.prod(shape), dtype="i4").reshape(shape)
    doubled = np.repeat(array, 2, axis=-1)[..., ::2]
    flipped = np.flip(np.flip(array).copy())
    read_only = array.copy()
    read_only.flags.writeable = False
    expected = encode(array)
    for other in (np.asfortranarray(array), doubled, flipped, read_only):
        assert encode(other) == expected
    assert encode(array.T) != expected
    assert encode(np.ascontiguousarray(array.T)) == encode(array.T)
    changed = array.copy()
    changed[(-1,) * array.ndim] += 1
    assert encode(changed) != expected


def test_broadcast_and_zero_dimensional_arrays():
    """Stretched dimensions and scalars in arrays encode by content."""
    assert encode(np.broadcast_to(np.float64(1), (300, 400))) == encode(np.ones((300, 400)))
    assert encode(np.array(5)) == encode(np.array(5)) != encode(np.array([5]))
    assert encode(np.array(5)[()]) == encode(np.int64(5))


def test_padding_of_structs_is_no_content():
    """Bytes between the fields do not count; names, offsets and order of fields do."""
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    zeros, ones = np.zeros(3, dtype), np.full(3 * dtype.itemsize, 255, np.uint8).view(dtype)
    for array in (zeros, ones):
        array["a"], array["b"] = 1, 2.0
    assert not np.array_equal(zeros.view(np.uint8), ones.view(np.uint8))
    assert encode(zeros) == encode(ones)
    assert encode(zeros[0]) == encode(ones[0])
    packed = np.dtype([("a", "i1"), ("b", "f8")])
    renamed = np.dtype([("a", "i1"), ("c", "f8")], align=True)
    assert len({encode(np.zeros(3, each)) for each in (dtype, packed, renamed)}) == 3
    nested = np.dtype([("p", dtype), ("q", "i4", (2,))])
    assert encode(np.zeros(2, nested)) == encode(np.zeros(2, nested))


def test_padding_of_long_doubles_is_no_content():
    """Only the bytes that hold the number count."""
    one = np.full(3, 1.5, np.longdouble)
    raw = bytearray(one.tobytes())
    if np.finfo(np.longdouble).nmant == 63:
        raw[10:16] = b"junk!!"
    other = np.frombuffer(bytes(raw), np.longdouble)
    assert (one == other).all()
    assert encode(one) == encode(other)
    assert encode(one[0]) == encode(other[0])
    assert encode(one) != encode(one + 1)


def test_object_arrays_go_by_element():
    """Elements of object arrays are values like any other."""
    one = np.array([1, "a", [1, 2], None], dtype=object)
    other = np.array([1, "a", [1, 3], None], dtype=object)
    assert encode(one) == encode(one.copy()) != encode(other)
    assert encode(np.array([1], object)) != encode(np.array([1.0], object)) != encode(np.array([True], object))
    many = np.array([str(number) for number in range(150_000)], dtype=object)
    changed = many.copy()
    changed[-1] = "x"
    assert encode(many) == encode(many.copy()) != encode(changed)
    with pytest.raises(UnhashableError):
        encode(np.array([iter([])], dtype=object))


def test_variable_width_strings():
    """NumPy's own string dtype goes by its texts."""
    one = np.array(["a", "bb"], dtype=np.dtypes.StringDType())
    assert encode(one) == encode(one.copy()) != encode(np.array(["a", "b"], dtype=np.dtypes.StringDType()))


def test_masked_arrays():
    """Data, mask and fill value count."""
    data = np.arange(3)
    masks = [np.ma.array(data), np.ma.array(data, mask=[0, 0, 1]), np.ma.array(data, mask=[0, 1, 0]), data]
    masks.append(np.ma.array(data, mask=[0, 0, 1], fill_value=7))
    assert len({encode(value) for value in masks}) == len(masks)
    assert encode(masks[1]) == encode(masks[1].copy())


def test_scalars_keep_their_type():
    """NumPy scalars differ from Python's and from each other."""
    kinds = [np.float64, np.float32, np.int64, np.int32, np.uint8, np.bool_, np.complex128, float, int, bool]
    assert len({encode(kind(1)) for kind in kinds}) == len(kinds)
    texts = [np.str_("1"), "1", np.bytes_(b"1"), b"1", np.datetime64("2024-01-01"), np.datetime64("2024-01-01", "s")]
    assert len({encode(value) for value in texts}) == len(texts)
    assert encode(np.float64(0.0)) != encode(np.float64(-0.0))
    assert encode(np.float64("nan")) == encode(np.float64("nan"))


def test_dtypes_ufuncs_and_generators():
    """Other NumPy objects have digests of their own."""
    values = [np.dtype("f8"), np.dtype("f4"), np.dtype(">f8"), np.float64, np.add, np.subtract, np.sum, "f8"]
    assert len({encode(value) for value in values}) == len(values)
    one, other = np.random.default_rng(1), np.random.default_rng(1)
    assert encode(one) == encode(other)
    other.random()
    assert encode(one) != encode(other)
    assert encode(np.random.RandomState(1)) != encode(np.random.RandomState(2))


def test_functions_of_equal_name_differ():
    """`np.trace` and `np.linalg.trace` have one name and other defaults; a ufunc is found in the module that has it."""
    pairs = [(np.trace, np.linalg.trace), (np.cross, np.linalg.cross), (np.outer, np.linalg.outer)]
    for one, other in pairs:
        assert encode(one) == encode(one) != encode(other)
    assert len({encode(value) for value in (np.add, np.subtract, scipy.special.gamma, scipy.special.beta)}) == 4


def test_a_ufunc_that_hides_a_function_is_refused():
    """`np.frompyfunc` does not tell what it was made from, so two of them could not be told apart."""
    with pytest.raises(UnhashableError, match=r"np\.vectorize"):
        encode(np.frompyfunc(lambda x: x + 1, 1, 1))
    assert encode(np.vectorize(lambda x: x + 1)) != encode(np.vectorize(lambda x: x + 2))


def test_memory_maps_are_their_content(tmp_path):
    """File, mode and position of a memory map are no content; it stays apart from a plain array."""
    data = np.arange(10)
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, data)
    maps = [np.load(tmp_path / name, mmap_mode=mode) for name, mode in (("a.npy", "r"), ("b.npy", "c"))]
    assert encode(maps[0]) == encode(maps[1]) != encode(data)
    assert encode(maps[0][2:]) == encode(maps[1][2:]) != encode(maps[0])


def test_special_kinds_of_arrays_and_scalars():
    """The masked constant, record dtypes, NaN of either sign, and what stands for missing in NumPy's string dtype."""
    assert encode(np.ma.masked) != encode(np.ma.array(0.0, mask=True))
    fields = [("a", "i4")]
    assert encode(np.zeros(1, np.dtype((np.record, fields)))) != encode(np.zeros(1, fields))
    assert encode(np.float64("nan")) == encode(-np.float64("nan"))
    texts = [np.dtypes.StringDType(), np.dtypes.StringDType(na_object=None), np.dtypes.StringDType(na_object=np.nan)]
    assert len({encode(np.array(["a"], text)) for text in texts}) == 3
    assert encode(np.array(["nan"], texts[2])) != encode(np.array([np.nan], texts[2]))


def test_dtypes_that_other_libraries_register_go_by_their_class():
    """Two 8-bit float formats look the same to NumPy: one byte, no name."""

    class Float8:
        """The parts of such a dtype."""

        names = subdtype = None
        char, isbuiltin, str = "V", 2, "<V1"

        def __init__(self, scalar):
            self.type = scalar

    assert dtype_parts(Float8(int)) != dtype_parts(Float8(float))


def test_sparse_matrices():
    """Format, shape and stored elements count."""
    dense = np.eye(4)
    kinds = [
        getattr(scipy.sparse, f"{name}_matrix")(dense) for name in ("csr", "csc", "bsr", "coo", "dia", "lil", "dok")
    ]
    kinds += [scipy.sparse.csr_array(dense), scipy.sparse.csr_matrix(2 * dense), dense]
    assert len({encode(value) for value in kinds}) == len(kinds)
    for value in kinds:
        assert encode(value) == encode(value.copy())


def test_full_content_is_hashed():
    """One changed element in the middle of a large array changes the digest."""
    array = np.zeros(3_000_000, "u1")
    before = digest(array)
    array[1_500_001] = 1
    assert digest(array) != before


def test_subclasses_count():
    """An array subclass is its class, content and attributes."""

    class Tagged(np.ndarray):
        pass

    plain = np.arange(3)
    one, other = plain.view(Tagged), plain.view(Tagged)
    assert encode(one) == encode(other) != encode(plain)
    other.note = "x"
    assert encode(one) != encode(other)


@settings(max_examples=80, deadline=None)
@given(hnp.arrays(hnp.scalar_dtypes() | hnp.array_dtypes(), hnp.array_shapes(min_dims=0, min_side=0)), st.data())
def test_layouts_of_any_array_agree(array, data):
    """Copies in every memory order encode the same."""
    order = data.draw(st.sampled_from("CFAK"))
    assert encode(array.copy(order=order)) == encode(array)
