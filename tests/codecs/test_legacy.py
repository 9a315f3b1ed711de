"""Rows of beautyspot 1.x and 2.x."""

from __future__ import annotations

import json

import msgpack
import pytest

from beautyspot.codecs import Codec
from beautyspot.codecs.legacy import decode_legacy
from beautyspot.errors import DecodeError


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return isinstance(other, Point) and self.x == other.x

    __hash__ = None


@pytest.fixture
def taught(codec):
    """A codec with a type in the way of the README of 2.0: the encoder makes bytes."""
    codec.register(Point, 10, lambda p: str(p.x).encode(), lambda b: Point(int(b.decode())))
    return codec


@pytest.mark.parametrize("value", [None, 1, 1.5, "日本", [1, {"a": None}], {"k": [True]}])
def test_plain_rows(value, codec):
    """JSON text of 1.x, msgpack of 2.x."""
    assert decode_legacy("DIRECT", json.dumps(value), codec) == value
    assert decode_legacy("DIRECT_BLOB", msgpack.packb(value), codec) == value
    assert decode_legacy("FILE", memoryview(msgpack.packb(value)), codec) == value


def test_keys_that_are_no_text(codec):
    """Msgpack of 2.x could hold them."""
    assert decode_legacy("FILE", msgpack.packb({1: b"x"}), codec) == {1: b"x"}


@pytest.mark.parametrize("number", [0, 7, 123456, -5])
@pytest.mark.parametrize("packs", [False, True], ids=["2.0", "2.4"])
def test_registered_types_of_both_styles(taught, number, packs):
    """2.0 stored the encoder's bytes, 2.4 packed them first; a row does not say which."""
    body = str(number).encode()
    data = msgpack.packb([msgpack.ExtType(10, msgpack.packb(body) if packs else body)])
    assert decode_legacy("DIRECT_BLOB", data, taught) == [Point(number)]


def test_the_reading_that_encodes_back_wins():
    """A decoder that takes anything would accept the wrong reading of one byte that is also a msgpack number."""
    codec = Codec()
    codec.register(Point, 3, lambda p: p.x, Point)
    assert decode_legacy("FILE", msgpack.packb(msgpack.ExtType(3, b"a")), codec) == Point(97)
    lenient = Codec()
    lenient.register(
        Point,
        3,
        lambda p: p.x.encode(),
        lambda b: Point(b if isinstance(b, str) else str(b, "ascii") if isinstance(b, bytes) else str(b)),
    )
    assert decode_legacy("FILE", msgpack.packb(msgpack.ExtType(3, b"a")), lenient) == Point("a")


def test_nested_intermediate(codec):
    """2.4 allowed any msgpack value, nested registered types among them."""
    codec.register(Point, 4, lambda p: {"x": p.x}, lambda d: Point(d["x"]))
    inner = msgpack.ExtType(4, msgpack.packb({"x": 1}))
    data = msgpack.packb({"p": msgpack.ExtType(4, msgpack.packb({"x": inner}))})
    assert decode_legacy("FILE", data, codec) == {"p": Point(Point(1))}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("DIRECT", "{"),
        ("DIRECT", "[" * 100_000),
        ("DIRECT", b"\xff"),
        ("DIRECT_BLOB", b""),
        ("DIRECT_BLOB", b"\xc1"),
        ("FILE", b"\xdd\xff\xff\xff\xff"),
        ("FILE", b"\x01\x02"),
        ("FILE", msgpack.packb(msgpack.ExtType(10, b"no number"))),
    ],
)
def test_damaged_rows(kind, data, taught):
    """A row that cannot be read is a typed error."""
    with pytest.raises(DecodeError):
        decode_legacy(kind, data, taught)


def test_unregistered_type(codec):
    """The error says what to call."""
    with pytest.raises(DecodeError, match=r"code 10: call spot\.register_type"):
        decode_legacy("FILE", msgpack.packb(msgpack.ExtType(10, b"1")), codec)
