"""Looking at a class or function leaves its key as it is."""

from __future__ import annotations

import collections
import inspect

from beautyspot.keys.source import class_digest, code_identity


def test_reading_annotations_of_a_class_that_has_none():
    """Python leaves an empty dictionary behind, which is no change of the class."""
    pair = collections.namedtuple("pair", "x y")
    before = class_digest(pair)
    assert not pair.__annotations__
    assert "__annotations__" in vars(pair)
    assert class_digest(pair) == before
    other = collections.namedtuple("pair", "x y")
    assert class_digest(other) == before


def test_asking_a_function_for_this_and_that():
    """Signature, documentation and attributes can be read."""
    triple = collections.namedtuple("triple", "x y z")

    def make(n):
        return triple(n, n, n)

    identity = code_identity(make)
    before = identity.digest()
    inspect.signature(make), inspect.getdoc(triple), inspect.get_annotations(triple), vars(make)
    assert make(1)._asdict() == {"x": 1, "y": 1, "z": 1}
    assert identity.digest() == before
