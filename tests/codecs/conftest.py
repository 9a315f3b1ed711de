"""A strict comparer, and round trips through everything that a payload passes on its way into a store and back."""

from __future__ import annotations

import dataclasses
import math
import struct
from collections import defaultdict, deque
from decimal import Decimal

import numpy as np
import pytest

from beautyspot.codecs import Codec, join, split


def _same(one, other):
    """Equal value, same type, at every depth; NaN equals itself and 0.0 differs from -0.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("<d", one) == struct.pack("<d", other) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, complex):
        return _same(one.real, other.real) and _same(one.imag, other.imag)
    if isinstance(one, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape or one.dtype.num != other.dtype.num:
            return False
        if one.dtype.kind == "O":
            return all(map(_same, one.ravel().tolist(), other.ravel().tolist()))
        return one.tobytes() == other.tobytes()
    if isinstance(one, np.generic):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return _same_dicts(one, other)
    if isinstance(one, (set, frozenset)):
        return len(one) == len(other) and sorted(map(_shape, one)) == sorted(map(_shape, other))
    if isinstance(one, (list, tuple, deque)):
        same_end = getattr(one, "maxlen", None) == getattr(other, "maxlen", None)
        return same_end and len(one) == len(other) and all(map(_same, one, other))
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(_same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, Decimal):  # by text: 1.0 and 1.00 are equal but not the same, and a NaN differs from itself
        return str(one) == str(other)
    return bool(one == other)


def _same_dicts(one, other):
    if isinstance(one, defaultdict) and one.default_factory is not other.default_factory:
        return False
    pairs = zip(one.items(), other.items(), strict=False)
    return len(one) == len(other) and all(_same(a, c) and _same(b, d) for (a, b), (c, d) in pairs)


def _shape(value):
    """Text that tells type and value of a set's element."""
    if isinstance(value, (tuple, frozenset)):
        shapes = list(map(_shape, value))
        return f"{type(value).__name__}{sorted(shapes) if isinstance(value, frozenset) else shapes}"
    return f"{type(value).__name__} {value!r}"


@pytest.fixture
def same():
    """The strict comparer: same(one, other) -> bool."""
    return _same


@pytest.fixture
def codec():
    """A codec that was taught nothing."""
    return Codec()


def _through_store(codec, value, known):
    payload = codec.encode(value, known)
    framed = memoryview(bytearray(b"".join(join(payload))))
    return codec.decode(split(framed), known)


@pytest.fixture(scope="session")
def _shared_codec():
    return Codec()


@pytest.fixture
def round_trip(_shared_codec):
    """round_trip(value, codec=..., known=...) -> the value after encode, join, split and decode; its type is checked."""

    def run(value, codec=_shared_codec, known=None):
        known = known or {}
        restored = _through_store(codec, value, known)
        assert type(restored) is type(value)
        assert type(codec.decode(codec.encode(value, known), known)) is type(value)
        return restored

    return run
