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
    for kind, compare in _COMPARERS:
        if isinstance(one, kind):
            return compare(one, other)
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(_same(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other)


def _same_floats(one, other):
    return struct.pack("<d", one) == struct.pack("<d", other) or (math.isnan(one) and math.isnan(other))


def _same_arrays(one, other):
    if one.dtype != other.dtype or one.shape != other.shape or one.dtype.num != other.dtype.num:
        return False
    if one.dtype.kind == "O":
        return all(map(_same, one.ravel().tolist(), other.ravel().tolist()))
    return one.tobytes() == other.tobytes()


def _same_sequences(one, other):
    same_end = getattr(one, "maxlen", None) == getattr(other, "maxlen", None)
    return same_end and len(one) == len(other) and all(map(_same, one, other))


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


_COMPARERS = (
    (float, _same_floats),
    (complex, lambda one, other: _same(one.real, other.real) and _same(one.imag, other.imag)),
    (np.ndarray, _same_arrays),
    (np.generic, lambda one, other: one.dtype == other.dtype and one.tobytes() == other.tobytes()),
    (dict, _same_dicts),
    ((set, frozenset), lambda one, other: sorted(map(_shape, one)) == sorted(map(_shape, other))),
    ((list, tuple, deque), _same_sequences),
    # By text: 1.0 and 1.00 are equal but not the same, and a NaN differs from itself.
    (Decimal, lambda one, other: str(one) == str(other)),
)


@pytest.fixture
def same():
    """The strict comparer, a function of two values."""
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
    """A function that encodes, joins, splits and decodes a value, and checks the type of what comes back."""

    def run(value, codec=_shared_codec, known=None):
        known = known or {}
        restored = _through_store(codec, value, known)
        assert type(restored) is type(value)
        assert type(codec.decode(codec.encode(value, known), known)) is type(value)
        return restored

    return run
