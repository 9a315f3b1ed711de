"""The codec: what a `Spot` encodes results with.

Order of choice for a value, by its exact type: registered by the user, pickled by request, built in, a class of the
user. An instance of a subclass is never stored as its base: it would come back as another type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from msgpack import ExtType, unpackb

from beautyspot.codecs import containers, pickled, tags
from beautyspot.codecs.container import Payload
from beautyspot.codecs.registry import builtin_decoder, builtin_encoder
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused
from beautyspot.codecs.verify import check_round_trip
from beautyspot.errors import CodecError, ConfigurationError, DecodeError
from beautyspot.preview import summarise_error

__all__ = ["Codec"]

T = TypeVar("T")
C = TypeVar("C", bound=type)

_MAX_USER_CODE = tags.EXT_CODE - 1
_POOLED_HEAD_LIMIT = 1 << 20  # a packer keeps the largest buffer it ever needed: after a larger head it is let go
_NO_CLASSES: Mapping[str, type] = {}
_NATIVE = frozenset({type(None), bool, int, float, str, bytes, list, dict})  # msgpack asks nobody how to pack them


class Registration(NamedTuple):
    """One type that the user taught the codec."""

    type_: type
    code: int
    encoder: Callable[[Any], Any]
    decoder: Callable[[Any], Any]


class Codec:
    """Encodes values so that they come back equal and of the same type, or refuses them.

    One object in two places of a value is stored twice and comes back as two equal ones, as after a copy through JSON:
    what the caller changes in one place then does not show in the other. A value that contains itself is refused.
    One codec serves any number of threads.

    Args:
        pickle_types: Classes whose instances may be pickled. Loading such an entry runs code of that class, so
            only name classes of caches that you trust. By default nothing is pickled.

    Example:
        >>> codec = Codec()
        >>> codec.decode(codec.encode({1: (2, 3), "when": {4.5}}))
        {1: (2, 3), 'when': {4.5}}
    """

    def __init__(self, pickle_types: tuple[type, ...] = ()) -> None:
        self._by_type: dict[type, Registration] = {}
        self._by_code: dict[int, Registration] = {}
        self._classes: dict[str, type] = {}
        self._pickled = _by_name(pickle_types)
        self._handlers: WeakKeyDictionary[type, EncodeFn] = WeakKeyDictionary()
        self._idle: list[Encoding] = []
        self._plain = Decoding(self, (), _NO_CLASSES)

    def __getstate__(self) -> tuple[object, ...]:
        return tuple(self._by_type.values()), self._classes, tuple(self._pickled.values())

    def __setstate__(self, state: tuple[Any, Any, Any]) -> None:
        registrations, classes, pickle_types = state
        self.__init__(pickle_types)  # type: ignore[misc] # what pickle made is still empty
        for registration in registrations:
            self.register(*registration)
        self._classes.update(classes)

    # -- what the user teaches ----------------------------------------------------------------------------------------

    def register(self, type_: type[T], code: int, encoder: Callable[[T], Any], decoder: Callable[[Any], T]) -> None:
        """Teach the codec a type. It wins over every built-in handling of exactly this type.

        Registering a class of the same name under the same code again replaces it: notebook cells run more than once.

        Args:
            type_: The class; instances of subclasses are not included.
            code: Number of the type in stored data, 0 to 126. Never give it to another type.
            encoder: Makes bytes, or any value that can be stored, from an instance.
            decoder: Makes an instance from exactly what `encoder` returned.

        Raises:
            ConfigurationError: The code or type is taken, the code is out of range, an argument has a wrong type, or
                the type is one that msgpack itself stores (None, bool, int, float, str, bytes, list, dict).

        Example:
            >>> codec = Codec()
            >>> class Celsius(float):
            ...     pass
            >>> codec.register(Celsius, 10, float, Celsius)
            >>> type(codec.decode(codec.encode(Celsius(21)))).__name__
            'Celsius'
        """
        if not isinstance(type_, type):
            raise ConfigurationError(f"type_ must be a class, not {type_!r}")
        if type_ in _NATIVE:
            raise ConfigurationError(
                f"{type_.__name__} is stored as it is and cannot be taught: register a class of your own"
            )
        if type(code) is not int or not 0 <= code <= _MAX_USER_CODE:
            raise ConfigurationError(f"code must be an integer from 0 to {_MAX_USER_CODE}, not {code!r}")
        for function in (encoder, decoder):
            if not callable(function):
                raise ConfigurationError(f"encoder and decoder must be callable, not {function!r}")
        taken = self._by_code.get(code)
        if taken is not None and not _same_name(taken.type_, type_):
            raise ConfigurationError(f"code {code} already stands for {_full_name(taken.type_)}: choose another")
        other = self._by_type.get(type_)
        if other is not None and other.code != code:
            raise ConfigurationError(f"{_full_name(type_)} is already registered under code {other.code}")
        if taken is not None:
            del self._by_type[taken.type_]
        registration = Registration(type_, code, encoder, decoder)
        self._by_type[type_] = self._by_code[code] = registration

    def register_class(self, cls: C) -> C:
        """Allow decoding to make instances of a dataclass, attrs class, pydantic model, enum or named tuple.

        Args:
            cls: The class. Registering another class of the same name and module replaces it.

        Returns:
            The class, so that this is usable as a decorator.

        Raises:
            ConfigurationError: It is none of these, or a class of that name from elsewhere is registered.
        """
        from beautyspot.codecs.classes import is_restorable

        if not isinstance(cls, type):
            raise ConfigurationError(f"register_class takes a class, not {cls!r}")
        if not is_restorable(cls):
            raise ConfigurationError(
                f"{_full_name(cls)} is no dataclass, attrs class, pydantic model, enum or named tuple without"
                " built-in bases: teach it with register_type(type_, code, encoder, decoder)"
            )
        other = self._classes.get(cls.__qualname__)
        if other is not None and other.__module__ != cls.__module__:
            raise ConfigurationError(
                f"{cls.__qualname__} already stands for {_full_name(other)}: classes are stored by name alone,"
                " so rename one of them"
            )
        self._classes[cls.__qualname__] = cls
        return cls

    # -- encode and decode --------------------------------------------------------------------------------------------

    def encode(self, value: object, known: Mapping[str, type] = _NO_CLASSES) -> Payload:
        """Encode a value.

        Args:
            value: What to store. Buffers of the result may share its memory: write them before it can change.
            known: Qualified name -> class, for user classes that decoding will find as well.

        Raises:
            UnsupportedTypeError: The value or a part of it has no exact and safe encoding; the message names the part.
            CodecError: A registered encoder and decoder do not give back what was encoded.
        """
        try:
            state = self._idle.pop()
        except IndexError:
            state = Encoding(self)
        try:
            try:
                payload = self._encoded(state, value, known)
            except UnicodeEncodeError:  # a lone surrogate: rare enough to pay only when one is there
                return self._encoded(Encoding(self, "surrogatepass"), value, known)
        except CodecError:
            raise
        except Refused as refused:
            raise _explained(value, refused) from refused.__cause__
        except Exception as error:
            raise _explained(value, error) from error
        if len(payload.head) <= _POOLED_HEAD_LIMIT:
            self._idle.append(state)
        return payload

    def decode(self, payload: Payload, known: Mapping[str, type] = _NO_CLASSES) -> Any:
        """Decode what `encode` returned.

        Large arrays are views of writable buffers and copies of read-only ones: the caller may always write to them.

        Args:
            payload: Head and buffers.
            known: Qualified name -> class, for user classes.

        Raises:
            DecodeError: The payload cannot be decoded in this program, or is damaged.
        """
        if not payload.buffers and not known:
            return self.decode_head(payload.head)
        return _unpacked(Decoding(self, payload.buffers, known), payload.head)

    def decode_head(self, head: bytes) -> Any:
        """Decode a payload without buffers and without classes that only the function names.

        Raises:
            DecodeError: The head cannot be decoded in this program, or is damaged.
        """
        return _unpacked(self._plain, head)

    @staticmethod
    def _encoded(state: Encoding, value: object, known: Mapping[str, type]) -> Payload:
        state.known = known
        try:
            if type(value) is bytes and len(value) > containers.LARGE_BYTES_LIMIT:
                head = state.pack_extension(containers.encode_large_bytes(state, value))
            else:
                head = state.pack(value)
            return Payload(head, tuple(state.buffers))
        finally:
            state.reset()

    # -- what the states ask ------------------------------------------------------------------------------------------

    def class_called(self, name: str, known: Mapping[str, type]) -> type | None:
        """Return the class that a qualified name stands for."""
        found = known.get(name)
        return self._classes.get(name) if found is None else found

    def encoder_of(self, value: object) -> EncodeFn:
        """Return the handler of a value.

        Raises:
            Refused: There is none.
        """
        cls = type(value)
        if cls in self._by_type:
            return self._encode_registered
        if self._pickled and self._pickled.get(cls.__qualname__) is cls:
            return pickled.encode
        found = builtin_encoder(cls) or self._handlers.get(cls)
        if found is None:
            from beautyspot.codecs import classes

            found = classes.find(cls)
            if found is None:
                raise Refused(value)
            self._handlers[cls] = found
        return found

    def decoder_of(self, data: bytes) -> DecodeFn:
        """Return the handler of a built-in extension."""
        return builtin_decoder(data[0])

    def pickled_type(self, name: str) -> type | None:
        """Return the class of this name whose instances may be unpickled."""
        return self._pickled.get(name)

    def _encode_registered(self, state: Encoding, value: Any) -> ExtType:
        registration = self._by_type[type(value)]
        try:
            intermediate = registration.encoder(value)
        except Exception as error:
            raise CodecError(f"the encoder of {_full_name(type(value))} failed: {summarise_error(error)}") from error
        if type(intermediate) is type(value):
            raise CodecError(f"the encoder of {_full_name(type(value))} returned a {type(value).__name__} again")
        packed = state.pack(intermediate)
        check_round_trip(value, lambda: self.decode_registered(state.reading(), registration.code, packed))
        return ExtType(registration.code, packed)

    def decode_registered(self, state: Decoding, code: int, data: bytes) -> Any:
        """Return the value of an extension with a user's code.

        Raises:
            DecodeError: No type is registered under it.
        """
        registration = self._by_code.get(code)
        if registration is None:
            raise DecodeError(f"no type is registered under code {code}: call spot.register_type before loading")
        return registration.decoder(state.unpack(data))

    def registered_under(self, code: int) -> Registration | None:
        """Return the registration of a code."""
        return self._by_code.get(code)


def _unpacked(state: Decoding, head: bytes) -> Any:
    try:
        return unpackb(head, ext_hook=state.hook, strict_map_key=False, unicode_errors="surrogatepass")
    except DecodeError:
        raise
    except Exception as error:  # damaged data and decoders of the user may raise anything: for a cache it is a miss
        raise DecodeError(f"stored data cannot be decoded: {summarise_error(error)}") from error


def _by_name(pickle_types: tuple[type, ...]) -> dict[str, type]:
    found: dict[str, type] = {}
    for cls in pickle_types:
        if not isinstance(cls, type):
            raise ConfigurationError(f"pickle_types takes classes, not {cls!r}")
        other = found.setdefault(cls.__qualname__, cls)
        if other is not cls:
            raise ConfigurationError(f"pickle_types has {_full_name(other)} and {_full_name(cls)}: rename one of them")
    return found


def _explained(value: object, error: Exception) -> CodecError:
    from beautyspot.codecs.refusal import explain

    return explain(value, error)


def _same_name(one: type, other: type) -> bool:
    return one is other or (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
