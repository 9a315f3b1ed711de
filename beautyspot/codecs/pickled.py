"""Pickle, for the classes that the user named, and only for them.

The name in the data is compared with the named classes before anything is unpickled. What pickle then does is the
class's own affair: a cache with such entries is to be trusted like code.
"""

from __future__ import annotations

from typing import Any

from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.state import Decoding, Encoding, Refused
from beautyspot.codecs.verify import check_round_trip
from beautyspot.errors import DecodeError
from beautyspot.preview import summarise_error

__all__ = ["decode", "encode"]


def encode(state: Encoding, value: object) -> ExtType:
    """Return the extension of an instance of a class whose instances may be pickled."""
    import pickle

    try:
        pickled = pickle.dumps(value, protocol=5)
    except Exception as error:  # any class may fail to pickle in its own way
        raise Refused(value, f"pickling it failed ({summarise_error(error)}): return a plain value") from error
    check_round_trip(value, lambda: pickle.loads(pickled))  # noqa: S301 - made a moment ago from the value itself
    return state.ext(tags.PICKLE, [type(value).__qualname__, pickled])


def decode(state: Decoding, data: bytes) -> Any:
    """Return the instance that was pickled.

    Raises:
        DecodeError: The codec was not told to unpickle this class.
    """
    name, pickled = state.parts(data)
    expected = state.codec.pickled_type(name)
    if expected is None:
        raise DecodeError(f"the stored {name} is pickled: only a Spot with pickle_types=({name},) loads it")
    import pickle

    restored = pickle.loads(pickled)  # noqa: S301 - the user named this class
    if type(restored) is not expected:
        raise DecodeError(f"the pickle of a {name} held a {type(restored).__qualname__}")
    return restored
