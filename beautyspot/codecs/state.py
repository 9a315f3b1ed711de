"""One encoding and one decoding under way: what the handlers of all types work with.

A handler is a function from (state, value) to an extension, or from (state, data) to a value. Containers call back into
the state, which counts the depth and checks every list and dict for the few types that msgpack's C packer would let
decay silently even in strict mode: bytearray and memoryview (to bytes), ExtType and Timestamp.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from msgpack import ExtType, Packer, Timestamp, Unpacker, unpackb

from beautyspot.codecs.container import Buffer
from beautyspot.codecs.tags import EXT_CODE
from beautyspot.errors import DecodeError

if TYPE_CHECKING:
    from beautyspot.codecs.codec import Codec

__all__ = [
    "INLINE_LIMIT",
    "MAX_DEPTH",
    "Boxed",
    "DecodeFn",
    "Decoding",
    "EncodeFn",
    "Encoding",
    "Refused",
    "check_plain",
    "dict_of",
    "list_of",
    "refuse_attributes",
    "tagged",
]

EncodeFn: TypeAlias = "Callable[[Encoding, Any], ExtType]"
DecodeFn: TypeAlias = "Callable[[Decoding, bytes], Any]"

MAX_DEPTH = 128
"""How deep tagged values (tuples, sets, instances, ...) may nest in one another. Python's own limit is near."""

INLINE_LIMIT = 4096
"""Bytes above which array data leaves the head."""

_C_STACK_DEPTH = 12
"""`unpackb` keeps 40 KB on the C stack: beyond this depth the slower Unpacker, which lives on the heap, is used."""

_CONTAINERS = frozenset({list, dict})
_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})
_DECAYING = frozenset({bytearray, memoryview, ExtType, Timestamp})


class Refused(Exception):  # noqa: N818 - a signal inside this package: the codec turns it into an error with a path
    """A value that no handler takes.

    Attributes:
        value: The value itself; the codec looks for it inside the result to name its place.
        remedy: What to do, as an imperative without a final stop; None for the standard advice for its type.
    """

    def __init__(self, value: object, remedy: str | None = None) -> None:
        super().__init__(remedy)
        self.value = value
        self.remedy = remedy


class Boxed:
    """A value that must reach the hook, though the packer would take it."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def refuse_attributes(value: object, remedy: str) -> None:
    """Refuse a library's value on which the user set an attribute that its encoding has no place for.

    Args:
        value: An object with a ``__dict__``, whose own entries begin with an underscore.
        remedy: Where else to keep the attribute.
    """
    accessors = getattr(type(value), "_accessors", ())  # what pandas 2 caches there: s.str, df.plot
    for name in vars(value):
        if not name.startswith("_") and name not in accessors:
            raise Refused(value, f"its attribute {name} would be lost: {remedy}")


def tagged(tag: int, data: bytes = b"") -> ExtType:
    """Return the extension of a built-in type."""
    return ExtType(EXT_CODE, bytes((tag,)) + data)


def list_of(value: object) -> list[Any]:
    """Return stored data that is to be gone through: a range that was put in its place would never end.

    Raises:
        DecodeError: It is no list.
    """
    if type(value) is not list:
        raise DecodeError(f"stored data has {type(value).__name__} where a list belongs")
    return value


def dict_of(value: object) -> dict[Any, Any]:
    """Return stored data that is to be gone through by key.

    Raises:
        DecodeError: It is no dict.
    """
    if type(value) is not dict:
        raise DecodeError(f"stored data has {type(value).__name__} where a dict belongs")
    return value


def check_plain(*values: object) -> None:
    """Check stored data that is to be compared: an index of pandas in its place would compare all of its labels.

    Raises:
        DecodeError: A value is no text, bytes, number or None.
    """
    for value in values:
        if type(value) not in _PLAIN:
            raise DecodeError(f"stored data has {type(value).__name__} where a plain value belongs")


class Encoding:
    """Turns one value after another into bytes; used by one thread at a time.

    Attributes:
        buffers: The out-of-band data of the value that is being encoded.
        known: Qualified name -> class, for the classes of the user.
        names: Classes whose name was checked during this encoding.
    """

    __slots__ = ("_depth", "_errors", "_packers", "buffers", "codec", "known", "names")

    def __init__(self, codec: Codec, unicode_errors: str | None = None) -> None:
        self.codec = codec
        self.buffers: list[Buffer] = []
        self.known: Mapping[str, type] = {}
        self.names: dict[type, str] = {}
        self._errors = unicode_errors
        self._packers: list[Callable[[Any], bytes]] = []
        self._depth = 0

    def pack(self, value: Any) -> bytes:
        """Return the msgpack document of a value."""
        depth = self._depth
        if depth == len(self._packers):
            if depth == MAX_DEPTH:
                raise RecursionError
            # A packer is not reentrant: each depth has its own, kept because making one costs a large allocation.
            packer = Packer(default=self._hook, strict_types=True, unicode_errors=self._errors)
            self._packers.append(packer.pack)
        self._depth = depth + 1
        try:
            packed = self._packers[depth](value)
        finally:
            self._depth = depth
        kind = type(value)
        if kind in _CONTAINERS:
            if _hides(value):
                return self.pack(_shielded(value))
        elif kind in _DECAYING:
            return self.pack(Boxed(value))
        return packed

    def ext(self, tag: int, value: Any) -> ExtType:
        """Return the extension of a built-in type whose data is a msgpack document."""
        return ExtType(EXT_CODE, bytes((tag,)) + self.pack(value))

    def pack_extension(self, extension: ExtType) -> bytes:
        """Return the document of a finished extension."""
        return Packer().pack(extension)  # type: ignore[no-any-return]

    def reading(self) -> Decoding:
        """Return a decoding of what was encoded so far. It cannot write to the caller's memory."""
        return Decoding(self.codec, tuple(memoryview(buffer).toreadonly() for buffer in self.buffers), self.known)

    def reset(self) -> None:
        """Forget everything about the last value."""
        self.buffers = []
        self.known = {}
        self.names = {}

    def put(self, data: memoryview) -> bytes | int:
        """Keep array data: small data is returned, to go into the head; else it becomes a buffer, and its number is."""
        if data.nbytes <= INLINE_LIMIT:
            return data.tobytes()
        self.buffers.append(data)
        return len(self.buffers) - 1

    def _hook(self, value: Any) -> ExtType:
        if type(value) is Boxed:
            value = value.value
        return self.codec.encoder_of(value)(self, value)


def _hides(value: list[Any] | dict[Any, Any]) -> bool:
    """Whether a value that packed without an error holds something that decayed. Runs at C speed, level by level."""
    level: list[Any] = value if type(value) is list else gc.get_referents(value)
    while True:
        kinds = set(map(type, level))
        if not kinds.isdisjoint(_DECAYING):
            return True
        if kinds.isdisjoint(_CONTAINERS):
            return False
        level = gc.get_referents(*[item for item in level if type(item) in _CONTAINERS])


def _shielded(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_shielded(item) for item in value]
    if kind is dict:
        return {_shielded(key): _shielded(item) for key, item in value.items()}
    return Boxed(value) if kind in _DECAYING else value


class Decoding:
    """Turns bytes into values. Holds nothing that changes, so threads may share one.

    Attributes:
        buffers: The out-of-band data.
        known: Qualified name -> class, for the classes of the user.
    """

    __slots__ = ("_deeper", "_depth", "buffers", "codec", "known")

    def __init__(self, codec: Codec, buffers: tuple[Buffer, ...], known: Mapping[str, type], depth: int = 0) -> None:
        self.codec = codec
        self.buffers = buffers
        self.known = known
        self._depth = depth
        self._deeper: Decoding | None = None

    def unpack(self, data: bytes) -> Any:
        """Return the value of a msgpack document inside an extension."""
        deeper = self._deeper
        if deeper is None:
            if self._depth == MAX_DEPTH:
                raise DecodeError(f"stored data is nested more than {MAX_DEPTH} levels deep")
            deeper = self._deeper = Decoding(self.codec, self.buffers, self.known, self._depth + 1)
        if self._depth < _C_STACK_DEPTH:
            return unpackb(data, ext_hook=deeper.hook, strict_map_key=False, unicode_errors="surrogatepass")
        unpacker = Unpacker(
            ext_hook=deeper.hook,
            strict_map_key=False,
            unicode_errors="surrogatepass",
            max_buffer_size=max(len(data), 16),
            read_size=1,
        )
        unpacker.feed(data)
        value = unpacker.unpack()
        if unpacker.tell() != len(data):
            raise DecodeError("stored data goes on after its end")
        return value

    def parts(self, data: bytes) -> list[Any]:
        """Return the parts of a document inside an extension: what a handler stored with `Encoding.ext` as a list."""
        return list_of(self.unpack(data))

    def take(self, place: bytes | int) -> memoryview:
        """Return the array data that `Encoding.put` kept."""
        if type(place) is bytes:
            return memoryview(place)
        if type(place) is not int or not 0 <= place < len(self.buffers):
            raise DecodeError(f"stored data refers to a buffer {place!r} that is not there")
        return memoryview(self.buffers[place]).cast("B")

    def hook(self, code: int, data: bytes) -> Any:
        """Return the value of one extension."""
        if code == EXT_CODE:
            return self.codec.decoder_of(data)(self, data[1:])
        return self.codec.decode_registered(self, code, data)
