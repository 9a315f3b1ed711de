"""Builtin and standard library values have type-exact canonical bytes."""

import array
import collections
import copy
import datetime as dt
import decimal
import enum
import fractions
import itertools
import math
import pathlib
import re
import types
import uuid
import zoneinfo

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beautyspot.keys import digest, encode
from beautyspot.keys.canonical import pack

NAIVE = dt.datetime(2024, 1, 1)  # noqa: DTZ001  # naive ones are values too
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")

DISTINCT = [
    None, True, False, 1, 0, 1.0, 0.0, -0.0, "1", "", b"1", b"", bytearray(b"1"), bytearray(), memoryview(b"1"),
    [], (), {}, set(), frozenset(), [1], (1,), {1}, frozenset({1}), {1: 1}, [[1]], [(1,)], ([1],), ((1,),),
    {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": True}, {"a": 1}, {1: "a"}, {"1": "a"}, {True: "a"}, {(1, 2): 3},
    range(3), "range(0, 3)", range(0, 3, 2), slice(3), slice(0, 3), ..., NotImplemented, "Ellipsis",
    2**63, 2**64, -(2**63) - 1, 2**64 + 1, -(2**64), str(2**64), 10**100, float(2**64),
    1j, 1 + 0j, complex(-0.0, 0.0), complex(0.0, -0.0), math.nan, math.inf, -math.inf, "nan",
    decimal.Decimal(1), decimal.Decimal("1.0"), decimal.Decimal("NaN"), fractions.Fraction(1, 2), 0.5,
    uuid.UUID(int=1), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), pathlib.Path("a"), "a",
    dt.date(2024, 1, 1), NAIVE, dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2024, 1, 1, tzinfo=BERLIN), dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN), dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN),
    dt.time(1, 2), dt.time(1, 2, fold=1), dt.time(1, 2, tzinfo=dt.UTC), dt.timedelta(1), dt.timedelta(seconds=1), 86400,
    dt.timezone(dt.timedelta(hours=1), "CET"), dt.timezone(dt.timedelta(hours=1)), BERLIN, "Europe/Berlin",
    collections.OrderedDict(a=1), collections.Counter(a=1), collections.defaultdict(int, a=1),
    collections.defaultdict(float, a=1), collections.defaultdict(None, a=1), collections.ChainMap({"a": 1}),
    collections.deque([1]), collections.deque([1], 3), types.MappingProxyType({"a": 1}), {"a": 1}.keys(),
    {"a": 1}.values(), {"a": 1}.items(), re.compile("a"), re.compile("a", re.IGNORECASE), re.compile(b"a"),
    array.array("i", [1]), array.array("I", [1]), array.array("d", [1]), types.SimpleNamespace(a=1),
    int, "int", list[int], list[str], list, int | str, type(None), len, "len", str.upper, [].append, [1].append,
    msgpack.ExtType(5, b"\x01"), msgpack.ExtType(6, b"\x01"), msgpack.Timestamp(5), math, re, ValueError("a"),
    ValueError("b"), KeyError("a"), "\ud800", "\ud800\udc00", "\U00010000", "e\u0301", "\u00e9",
]  # fmt: skip


def test_everything_that_differs_in_value_or_type_differs_in_bytes():
    """No two of a long list of look-alikes share their bytes, alone or inside a list, tuple or dict."""
    for wrap in (lambda v: v, lambda v: [v], lambda v: (v, 0), lambda v: {"k": v}):
        seen = {}
        for position, value in enumerate(DISTINCT):
            other = seen.setdefault(encode(wrap(value)), position)
            assert other == position, (DISTINCT[other], value)


@pytest.mark.parametrize("position", range(len(DISTINCT)))
def test_equal_copies_have_equal_bytes(position):
    """A value encodes the same every time, and so does a deep copy."""
    value = DISTINCT[position]
    assert encode(value) == encode(value)
    if not isinstance(value, (memoryview, types.ModuleType, types.MappingProxyType)) and "dict_" not in str(
        type(value)
    ):
        copied = copy.deepcopy(value)
        if not isinstance(value, types.BuiltinMethodType):
            assert encode(copied) == encode(value)


def test_a_path_is_its_text():
    """Equal paths agree, different spellings of one place do not."""
    assert encode(pathlib.Path("a/b")) == encode(pathlib.Path("a") / "b")
    assert encode(pathlib.Path("a")) != encode(pathlib.Path("a").absolute())


def test_every_nan_equals_itself():
    """NaN has one encoding, whatever its sign."""
    assert encode(math.nan) == encode(float("nan")) == encode(-float("nan")) == encode(math.inf - math.inf)
    assert encode([1, (math.nan,)]) == encode([1, (-math.nan,)])
    assert encode({"a": -math.nan, "b": b"x"}) == encode({"a": math.nan, "b": b"x"})


def test_sets_do_not_depend_on_order_of_insertion():
    """Sets of one or of mixed types sort by content."""
    mixed = [1, "a", (1, 2), None, 2.5, b"x", frozenset({1})]
    assert len({encode(set(order)) for order in itertools.permutations(mixed[:5])}) == 1
    assert encode(set(mixed)) == encode({*mixed[3:], *mixed[:3]})
    assert encode({1, 2}) != encode({1.0, 2})


def test_keys_are_equal_under_two_hash_seeds(run_python):
    """Another PYTHONHASHSEED gives the same digests."""
    program = """if True:
        import enum
        from beautyspot.keys import digest
        class Colour(enum.Enum):
            RED = "red"
        class Point:
            def __init__(self): self.tags = {"x", "y", "z", (1, "q")}
        values = [{"a", "b", "c", "d", "e"}, frozenset({("x", 1), ("y", 2), "z"}),
        {"k": {"q", "r", "s"}}, Colour.RED, Point()]
        print([digest(value).hex() for value in values])
    """
    assert run_python(program, PYTHONHASHSEED="1") == run_python(program, PYTHONHASHSEED="4242")


def test_shared_and_equal_parts_agree():
    """`[l, l]` equals two equal lists, also for objects that are remembered while packing."""
    inner = [1, {2}]
    assert encode([inner, inner]) == encode([[1, {2}], [1, {2}]])
    one = types.SimpleNamespace(a=[1])
    assert encode([one, one]) == encode([types.SimpleNamespace(a=[1]), types.SimpleNamespace(a=[1])])


def test_cycles_end():
    """Values that contain themselves encode, by form and not by identity."""

    def cycle(item):
        outer = [item]
        outer.append(outer)
        return outer

    assert encode(cycle(1)) == encode(cycle(1))
    assert encode(cycle(1)) != encode(cycle(2))
    assert encode(cycle(1)) != encode([1, [1]])
    looped = {"a": 1}
    looped["self"] = looped
    assert encode(looped) != encode(cycle(1))
    deque = collections.deque()
    deque.append((deque,))
    assert len(digest(deque)) == 24


def test_cycles_of_other_length_differ():
    """Where a reference points back to is part of the value."""
    to_outer, to_inner = [[]], [[]]
    to_outer[0].append(to_outer)
    to_inner[0].append(to_inner[0])
    assert encode(to_outer) != encode(to_inner)


def test_densely_linked_objects_end_quickly():
    """A graph in which everything refers to everything has too many paths to follow them all."""
    nodes = [[number] for number in range(40)]
    for node in nodes:
        node.append(list(nodes))
    assert len(digest(nodes[0])) == 24
    assert digest(nodes[0]) != digest(nodes[1])


def test_deep_nesting_is_no_problem():
    """Ten thousand lists or tuples inside each other encode, and their depth counts."""

    def nested(depth, wrap):
        value = 1
        for _ in range(depth):
            value = wrap(value)
        return value

    for wrap in (lambda v: [v], lambda v: (v,), lambda v: {"k": v}, lambda v: [b"x", v]):
        assert encode(nested(10_000, wrap)) == encode(nested(10_000, wrap))
        assert encode(nested(10_000, wrap)) != encode(nested(10_001, wrap))
        for depth in (63, 64, 65, 66, 99, 100, 101, 102, 510, 511, 512):
            assert encode(nested(depth, wrap)) != encode(nested(depth + 1, wrap))


def test_large_bytes_enter_by_digest():
    """Large content keeps its type and does not blow up the encoding."""
    size = 70_000
    kinds = [bytes(size), bytearray(size), memoryview(bytes(size)), array.array("b", bytes(size)), "\0" * size]
    assert len({encode(value) for value in kinds}) == len(kinds)
    assert all(len(encode(value)) < 100 for value in kinds[:4])
    assert encode([bytes(size), 1]) == encode([bytes(size), 1]) != encode([bytes(size + 1), 1])
    assert encode(bytes(size)) in encode([bytes(size)])
    assert encode({"a": bytearray(size)}) != encode({"a": bytes(size)})


def test_the_digest_of_large_content_cannot_be_imitated():
    """Bytes that equal the encoding of other content are not that content."""
    large = bytearray(70_000)
    stand_in = encode(large)
    for imitation in (bytearray(stand_in), bytearray(stand_in[-25:]), bytearray(b"\xc1" + stand_in[-24:])):
        assert encode(imitation) != stand_in
    many = tuple(range(70_000))
    data = encode(many)
    assert len(data) < 50
    assert encode(msgpack.ExtType(2, data[-25:])) != data


def test_views_are_their_content():
    """A memoryview is format, shape and C-order content."""
    data = bytes(range(12))
    assert encode(memoryview(data)) == encode(memoryview(bytearray(data)))
    assert encode(memoryview(data)[::2]) == encode(memoryview(data[::2]))
    assert encode(memoryview(data)) != encode(memoryview(data).cast("B", (3, 4)))
    assert encode(memoryview(data)) != encode(memoryview(data).cast("b"))


def test_encoding_goes_on_after_a_failure():
    """A refused value leaves no state behind."""
    before = encode((1, [2]))
    for _ in range(3):
        with pytest.raises(TypeError, match="cannot be part"):
            encode([(1, (2, {3: iter([])}))])
    assert encode((1, [2])) == before


class Unsafe(enum.Enum):
    """An enum whose values lie."""

    ONE = 1


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=20)
    | st.complex_numbers() | st.decimals() | st.fractions() | st.uuids() | st.dates() | st.datetimes() | st.timedeltas()
)  # fmt: skip
hashables = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(max_size=5),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.sets(hashables, max_size=4)
        | st.binary(max_size=5).map(bytearray)
        | st.lists(inner, max_size=3).map(collections.deque)
    ),
    max_leaves=12,
)


def written(value):
    """An independent, slow description of value and type."""
    kind = type(value)
    if kind in (list, tuple, collections.deque):
        return (kind.__name__, tuple(map(written, value)))
    if kind is dict:
        return ("dict", tuple((written(k), written(v)) for k, v in value.items()))
    if kind in (set, frozenset):
        return (kind.__name__, frozenset(map(written, value)))
    if kind is complex:
        return ("complex", written(value.real), written(value.imag))
    if kind is float and math.isnan(value):
        return ("float", "nan")
    return (kind.__name__, repr(value))


@settings(max_examples=150, deadline=None)
@given(values, values)
def test_bytes_are_equal_exactly_if_value_and_type_are(one, other):
    """The encoding is a function of value and type, and an injective one."""
    assert (encode(one) == encode(other)) == (written(one) == written(other))


@settings(max_examples=100, deadline=None)
@given(values)
def test_copies_and_neighbours_do_not_matter(value):
    """A deep copy agrees, and a value is encoded the same inside a list."""
    assert encode(copy.deepcopy(value)) == encode(value)
    assert encode([value, 1]) == b"\x92" + encode(value) + b"\x01"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False) | st.binary(max_size=3), min_size=1).map(lambda items: items * 200))
def test_the_second_look_changes_nothing_about_plain_data(items):
    """Data that contains suspicious bytes packs like data that does not."""
    assert encode(items) == msgpack.packb(items, use_bin_type=True)
    assert pack(items[:3]) == msgpack.packb(items[:3], use_bin_type=True)


FROZEN = {
    "scalars": "e26c8c67f11f824d887bf66c1e84b6c1343941ed27c88c59",
    "containers": "f5ab6a88a043b4fa2679683e3014df334683379d272ed266",
    "standard": "14857a7cf4de023945aea7fbdd4cb4a8c31bdb85bf6a88aa",
    "large": "ee662c046103038b8ca11eaf1b4b7e5854500f54cf41686b",
}


def test_the_format_is_frozen():
    """Digests of earlier versions stay valid: a change here loses everybody's cache and needs another SCHEMA."""
    values = {
        "scalars": [None, True, 1, -1, 2**63, 2**70, 1.5, "text", b"bytes"],
        "containers": [(1, (2,)), {"a": [1]}, {3, 1, 2}, frozenset({"x", 1}), bytearray(b"x")],
        "standard": [decimal.Decimal("1.0"), uuid.UUID(int=1), dt.date(2024, 1, 2), dt.timedelta(1), 1j, range(3)],
        "large": bytes(100_000),
    }
    assert {name: digest(value).hex() for name, value in values.items()} == FROZEN
