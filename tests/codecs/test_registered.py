"""Types that the user teaches, and opt-in pickle."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from msgpack import ExtType, packb

from beautyspot.codecs import Codec, Payload, tags
from beautyspot.errors import CodecError, ConfigurationError, DecodeError, UnsupportedTypeError


class Celsius:
    def __init__(self, degrees):
        self.degrees = degrees

    def __eq__(self, other):
        return isinstance(other, Celsius) and self.degrees == other.degrees

    __hash__ = None


class Warmer(Celsius):
    pass


def _to_bytes(value):
    return str(value.degrees).encode()


def _from_bytes(data):
    assert type(data) is bytes
    return Celsius(float(data))


def test_bytes_encoder(codec, round_trip):
    """The way of version 2.0: the encoder returns bytes, the decoder gets them."""
    codec.register(Celsius, 10, _to_bytes, _from_bytes)
    assert round_trip([Celsius(1.5), (Celsius(2.0),)], codec) == [Celsius(1.5), (Celsius(2.0),)]


@pytest.mark.parametrize("intermediate", [lambda c: (c.degrees, {1}), lambda c: {"d": [c.degrees]}, lambda c: None])
def test_any_intermediate(codec, intermediate):
    """The decoder gets exactly what the encoder returned, of the same types."""
    seen = []
    codec.register(Celsius, 0, intermediate, lambda data: seen.append(data) or Celsius(5))
    codec.decode(codec.encode(Celsius(5)))
    assert seen == [intermediate(Celsius(5))] * 2
    assert type(seen[1]) is type(intermediate(Celsius(5)))


def test_intermediate_with_large_arrays(codec, round_trip):
    """An intermediate is encoded like any value, its arrays out of band; the check at save can't write to them."""
    codec.register(Celsius, 3, lambda c: c.degrees, lambda array: Celsius(array.__iadd__(0).tolist()))
    value = Celsius(np.arange(5000.0))
    codec.register(Celsius, 3, lambda c: np.asarray(c.degrees), lambda array: Celsius(array.tolist()))
    assert round_trip(Celsius(list(range(5000))), codec) == Celsius(list(range(5000)))
    before = value.degrees.copy()
    codec.register(Celsius, 3, lambda c: c.degrees, _zeroed)
    codec.encode(value)
    assert (value.degrees == before).all()


def _zeroed(array):
    array[:] = 0
    return Celsius(array)


def test_registration_wins_over_built_in(codec):
    """A registered type is handled by the user even where beautyspot knows it."""
    codec.register(complex, 7, lambda c: [c.real, c.imag], lambda parts: complex(*parts))
    assert b"\x07" in codec.encode([1j]).head
    assert codec.decode(codec.encode([1j])) == [1j]


def test_subclasses_of_a_registered_type_are_refused(codec):
    """The decoder would make the base class."""
    codec.register(Celsius, 1, _to_bytes, _from_bytes)
    with pytest.raises(UnsupportedTypeError, match="register_type"):
        codec.encode(Warmer(1))


@pytest.mark.parametrize(
    ("encoder", "decoder", "message"),
    [
        (_to_bytes, lambda data: Warmer(float(data)), "decodes as .*Warmer"),
        (_to_bytes, lambda data: Celsius(0), "another value"),
        (_to_bytes, lambda data: 1 / 0, "does not decode: ZeroDivisionError"),
        (lambda value: 1 / 0, _from_bytes, "encoder of .*Celsius failed: ZeroDivisionError"),
        (lambda value: value, _from_bytes, "returned a Celsius again"),
    ],
)
def test_wrong_pairs_are_noticed_at_save(codec, encoder, decoder, message):
    """What would not come back is not stored."""
    codec.register(Celsius, 1, encoder, decoder)
    with pytest.raises(CodecError, match=message):
        codec.encode({"a": Celsius(1)})


def test_types_that_cannot_compare_are_checked_by_type(codec, round_trip):
    """An `__eq__` that answers with an array, or fails, proves nothing."""

    class Odd:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    codec.register(Odd, 1, lambda odd: b"", lambda data: Odd())
    round_trip(Odd(), codec)


def test_encoder_result_that_cannot_be_stored(codec):
    """The intermediate must be storable itself."""
    codec.register(Celsius, 1, lambda value: object(), lambda data: data)
    with pytest.raises(UnsupportedTypeError, match=r"\(object\) cannot be stored"):
        codec.encode([Celsius(1)])


@pytest.mark.parametrize("code", [-1, 127, 128, True, 1.0, "1", None])
def test_wrong_codes(codec, code):
    """127 is beautyspot's own."""
    with pytest.raises(ConfigurationError, match="0 to 126"):
        codec.register(Celsius, code, _to_bytes, _from_bytes)


def test_wrong_arguments(codec):
    """A registration is checked when it is made."""
    with pytest.raises(ConfigurationError, match="must be a class"):
        codec.register("Celsius", 1, _to_bytes, _from_bytes)
    with pytest.raises(ConfigurationError, match="must be callable"):
        codec.register(Celsius, 1, b"", _from_bytes)


def test_taken_codes_and_types(codec):
    """A code stands for one type for ever, a type has one code."""
    codec.register(Celsius, 1, _to_bytes, _from_bytes)
    with pytest.raises(ConfigurationError, match=r"code 1 already stands for .*Celsius"):
        codec.register(Warmer, 1, _to_bytes, _from_bytes)
    with pytest.raises(ConfigurationError, match="already registered under code 1"):
        codec.register(Celsius, 2, _to_bytes, _from_bytes)


def test_registering_again_replaces(codec, round_trip):
    """A notebook cell that defines and registers a class runs more than once."""
    first = type("Cell", (), {})
    second = type("Cell", (), {})
    codec.register(first, 1, lambda value: b"", lambda data: first())
    codec.register(second, 1, lambda value: b"", lambda data: second())
    round_trip(second(), codec)
    with pytest.raises(UnsupportedTypeError):
        codec.encode(first())


def test_unregistered_code(codec):
    """Data with a code that nobody registered says what to do."""
    codec.register(Celsius, 10, _to_bytes, _from_bytes)
    with pytest.raises(DecodeError, match=r"under code 10: call spot\.register_type"):
        Codec().decode(codec.encode(Celsius(1)))


def test_codec_survives_pickle():
    """A codec pickles as what it was taught, if that can be pickled."""
    codec = Codec(pickle_types=(Warmer,))
    codec.register(Celsius, 10, _to_bytes, _from_bytes)
    codec.encode([1])
    again = pickle.loads(pickle.dumps(codec))
    value = [Celsius(3), Warmer(4)]
    assert again.decode(codec.encode(value)) == value


def test_pickle_only_by_name(round_trip):
    """Nothing is pickled or unpickled that was not named."""
    trusting = Codec(pickle_types=(Celsius,))
    assert round_trip({"a": Celsius(1)}, trusting) == {"a": Celsius(1)}
    with pytest.raises(UnsupportedTypeError):
        trusting.encode(Warmer(1))
    payload = trusting.encode(Celsius(1))
    with pytest.raises(DecodeError, match=r"pickle_types=\(Celsius,\)"):
        Codec().decode(payload)
    with pytest.raises(DecodeError, match="pickle_types"):
        Codec(pickle_types=(Warmer,)).decode(payload)


def test_pickle_of_another_class_in_its_name():
    """The class that comes out must be the one that was named."""
    trusting = Codec(pickle_types=(Celsius,))
    inner = trusting.encode(["Celsius", pickle.dumps(Warmer(1), protocol=5)]).head
    forged = packb(ExtType(tags.EXT_CODE, bytes((tags.PICKLE,)) + inner))
    with pytest.raises(DecodeError, match="held a Warmer"):
        trusting.decode(Payload(forged, ()))


def test_unpicklable_instance():
    """A failure of pickle is a refusal with the place."""
    trusting = Codec(pickle_types=(Celsius,))
    with pytest.raises(UnsupportedTypeError, match=r"result\[0\] .*pickling it failed"):
        trusting.encode([Celsius(lambda: 1)])


@pytest.mark.parametrize("native", [int, str, list, dict, float, bytes, bool, type(None)])
def test_native_types_cannot_be_taught(codec, native):
    """They are stored as they are: an encoder for them would never be asked."""
    with pytest.raises(ConfigurationError, match=f"^{native.__name__} is stored as it is"):
        codec.register(native, 1, lambda value: b"", native)


def test_pickle_types_are_checked():
    """Only classes, and no two that data could not tell apart."""
    with pytest.raises(ConfigurationError, match="takes classes"):
        Codec(pickle_types=("Celsius",))
    with pytest.raises(ConfigurationError, match="rename one of them"):
        Codec(pickle_types=(Celsius, type("Celsius", (), {"__qualname__": "Celsius"})))


def test_messages_run_no_repr(codec):
    """The repr of a value is the user's code, and may fail."""

    class Silent(Celsius):
        def __repr__(self):
            raise RuntimeError

    codec.register(Silent, 1, lambda value: b"", lambda data: Silent(0))
    with pytest.raises(CodecError, match="<Silent> instead of <Silent>"):
        codec.encode(Silent(1))
    head = codec.encode(Silent(0)).head
    with pytest.raises(DecodeError, match="cannot be decoded: ExtraData"):
        codec.decode_head(head + head)
