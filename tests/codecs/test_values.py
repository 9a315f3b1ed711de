"""Built-in and standard library values come back equal and of the same type."""

from __future__ import annotations

import array
import datetime as dt
import decimal
import fractions
import importlib.resources
import io
import ipaddress
import pathlib
import re
import sys
import types
import uuid
from collections import Counter, OrderedDict, defaultdict, deque
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz

from beautyspot.codecs import Codec
from beautyspot.errors import UnsupportedTypeError

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")

PLAIN = [
    *(None, True, False, 0, -1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**400, -(10**400)),
    *(0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"), 1j, complex("nan-0j"), complex(0.0, -0.0)),
    *("", "text", "日本語 🗾", "\0", "\ud800", "\ud83d\ude00", "a\udfffb", "😀"),
    *(b"", b"\xff", b"x" * 100_000, bytearray(b""), bytearray(b"ab"), bytearray(100_000)),
    *((), (1,), (1, (2, [3, (4,)])), [], [1, "a"], [[]], [(), []]),
    *(set(), {1, "1", (1,)}, frozenset(), frozenset({frozenset({1})}), {frozenset({1}): 2}),
    *({}, {1: 2, None: 3, "a": 4, (1, 2): 5, 1.5: 6, b"b": 7}, {"b": 1, "a": 2}, {-0.0: 1}),
    *({"\ud800": ["\udfff", {"\ud801": ("\udc00",)}]},),
    *([bytearray(b"a"), [bytearray(b"b")]], {"a": {"b": bytearray(b"c")}}, (bytearray(b"d"),)),
    *(range(3), range(0, 2**70, 7), slice(1, None, (2,)), ..., NotImplemented),
]

COLLECTIONS = [
    OrderedDict(),
    OrderedDict([("b", 1), ("a", (2,))]),
    defaultdict(None, {1: 2}),
    *(defaultdict(factory, {"a": factory()}) for factory in (int, list, dict, set, str, float, tuple, bool)),
    Counter("hello"),
    Counter({"a": -1, "b": 0}),
    deque([1, (2,)]),
    deque([1, 2], maxlen=5),
    deque(maxlen=0),
    types.SimpleNamespace(a=1, b=types.SimpleNamespace(c=(2,))),
    array.array("d", [1.5, -0.0]),
    array.array("i"),
    array.array("B", bytes(10_000)),
]

STANDARD = [
    *(decimal.Decimal(text) for text in ("0", "-0", "1.10", "1E+1000", "NaN", "sNaN123", "-Infinity", "9" * 60)),
    *(fractions.Fraction(-3, 7), fractions.Fraction(10**30)),
    *(uuid.UUID(int=5), uuid.uuid1(), uuid.uuid4(), uuid.UUID(int=1, is_safe=uuid.SafeUUID.safe)),
    *(pathlib.Path("a/../b"), pathlib.Path(), pathlib.PurePosixPath("/x"), pathlib.PureWindowsPath("C:/x y")),
    *(dt.datetime.min, dt.datetime.max),  # noqa: DTZ901 - naive on purpose
    *(dt.datetime(2024, 2, 29, 1, 2, 3, 4), dt.datetime(2024, 1, 1, fold=1)),  # noqa: DTZ001 - as above
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=9), "JST")),
    dt.datetime(2024, 1, 1, tzinfo=dt.timezone(-dt.timedelta(minutes=30, microseconds=1))),
    *(dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1)),
    *(dt.date(1, 1, 1), dt.date.max, dt.time(1, 2, 3, 4), dt.time(1, tzinfo=TOKYO, fold=1), dt.time(2, fold=1)),
    *(dt.timedelta.min, dt.timedelta.max, dt.timedelta(microseconds=-1), dt.UTC, TOKYO),
    *(re.compile("a(b)", re.IGNORECASE), re.compile(b"\xff", re.DOTALL)),
    *(ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("fe80::1%eth0"), ipaddress.ip_network("10.0.0.0/8")),
    *(ipaddress.ip_interface("10.0.0.1/8"), ipaddress.ip_interface("::1/64"), ipaddress.ip_network("::/0")),
]


@pytest.mark.parametrize("value", [*PLAIN, *COLLECTIONS, *STANDARD], ids=lambda value: f"{type(value).__name__}")
def test_round_trip(value, round_trip, same):
    """Every value comes back equal and of the same type, alone and inside each container."""
    assert same(round_trip(value), value)
    for holder in ([value], (value,), {"k": value}, OrderedDict(k=value), deque([[value]])):
        assert same(round_trip(holder), holder)


@pytest.mark.parametrize("fold", [0, 1])
def test_fold_survives(fold, round_trip):
    """Equality of datetimes ignores fold, the codec does not."""
    for zone in (None, BERLIN):
        assert round_trip(dt.datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=fold)).fold == fold


def test_utc_is_the_singleton(round_trip):
    """Code that compares tzinfo by identity works on a hit as on a miss."""
    assert round_trip(dt.datetime.now(dt.UTC)).tzinfo is dt.UTC
    assert round_trip(dt.datetime.now(TOKYO)).tzinfo is TOKYO


def test_uuid_keeps_its_safety(round_trip):
    """`is_safe` is no part of a UUID's equality."""
    for safe in uuid.SafeUUID:
        assert round_trip(uuid.UUID(int=9, is_safe=safe)).is_safe is safe


def test_dict_order_is_kept(round_trip):
    """Insertion order is part of a dict."""
    assert list(round_trip({"z": 1, "a": 2, 3: 4})) == ["z", "a", 3]


def test_every_decode_is_a_fresh_value(codec):
    """Changing what one hit returned does not reach the next."""
    payload = codec.encode({"a": [1], "b": bytearray(b"x")})
    first = codec.decode(payload)
    first["a"].append(2)
    first["b"].append(2)
    assert codec.decode(payload) == {"a": [1], "b": bytearray(b"x")}


class _Dict(dict):
    pass


class _Text(str):
    __slots__ = ()


class _Tuple(tuple):
    __slots__ = ()


@pytest.mark.parametrize(
    "value", [_Dict(), _Text("x"), _Tuple(), type("Int", (int,), {})(1), type("Date", (dt.date,), {})(2024, 1, 1)]
)
def test_subclasses_never_decay(value, codec):
    """An instance of a subclass is refused rather than stored as its base."""
    with pytest.raises(UnsupportedTypeError):
        codec.encode([value])


def test_one_codec_serves_many_threads(same):
    """Encoding keeps its state to itself."""
    from concurrent.futures import ThreadPoolExecutor

    codec = Codec()
    values = [{"n": (number, bytearray(b"x" * number)), "s": {number}} for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        restored = list(pool.map(lambda value: codec.decode(codec.encode(value)), values))
    assert same(restored, values)


def test_deep_nesting_within_the_limit(round_trip):
    """Tagged values may nest over a hundred deep, without exhausting the C stack of a thread."""
    import threading

    value = ()
    for _ in range(120):
        value = (value,)
    seen = []
    before = threading.stack_size(1 << 20)
    try:
        thread = threading.Thread(target=lambda: seen.append(round_trip(value)))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert seen == [value]


def test_plain_nesting_is_deeper(round_trip):
    """Lists and dicts nest 500 deep."""
    value: list = []
    for _ in range(400):
        value = [value]
    assert round_trip(value) == value


@pytest.mark.parametrize("factory", [complex, bytearray, deque, Counter, OrderedDict, defaultdict])
def test_default_factories(factory, round_trip):
    """Every built-in container may be a factory."""
    restored = round_trip(defaultdict(factory, {"a": factory()}))
    assert restored == {"a": factory()}
    assert restored.default_factory is factory


@pytest.mark.parametrize("kind", [OrderedDict, Counter])
def test_attributes_of_dicts_are_not_dropped(kind, codec):
    """A dict that carries attributes would come back without them."""
    value = kind(a=1)
    value.note = "x"
    with pytest.raises(UnsupportedTypeError, match="attribute note would be lost"):
        codec.encode(value)


def test_zone_from_a_file_is_refused(codec):
    """The key it was given need not be that of its content."""
    content = importlib.resources.files("tzdata").joinpath("zoneinfo/Asia/Tokyo").read_bytes()
    value = ZoneInfo.from_file(io.BytesIO(content), key="Europe/Berlin")
    with pytest.raises(UnsupportedTypeError, match="read from a file"):
        codec.encode(value)


def test_debug_patterns_are_refused(codec, capsys):
    """Compiling one prints, and without the flag it would be another pattern."""
    value = re.compile("a", re.DEBUG)
    capsys.readouterr()
    with pytest.raises(UnsupportedTypeError, match="DEBUG"):
        codec.encode(value)


def test_arrays_of_the_other_byte_order(monkeypatch, codec):
    """A machine of either byte order reads what the other one stored."""
    value = array.array("i", [1, -2])
    head = codec.encode(value).head
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    other = codec.decode_head(head)
    other.byteswap()
    assert other == value
    assert codec.decode_head(codec.encode(value).head) == value


def test_offsets_of_dateutil(round_trip, codec):
    """Web clients and dateutil's parser make them; its zones of files and of this machine are refused."""
    for zone in (tz.tzutc(), tz.tzoffset("X", 3600), tz.tzoffset(None, -90)):
        restored = round_trip(dt.datetime(2024, 1, 1, tzinfo=zone))
        assert type(restored.tzinfo) is type(zone)
        assert restored.tzinfo == zone
        assert restored.tzname() == zone.tzname(None)
    for zone in (tz.tzlocal(), tz.gettz("Europe/Berlin")):
        with pytest.raises(UnsupportedTypeError, match=r"result\[0\]\.tzinfo .*zoneinfo"):
            codec.encode([dt.datetime(2024, 1, 1, tzinfo=zone)])
