"""Rows of beautyspot 1.x and 2.x: JSON text, or one plain msgpack document with extensions of the user's types.

Versions up to 2.0 stored what an encoder returned as the extension's bytes; later ones packed it with msgpack first. A
row does not say which it is. Both readings are tried, the later one first, and the one whose values encode to the
stored bytes again is right; if neither can be proved so, the first that decodes at all is taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgpack import packb, unpackb

from beautyspot.errors import DecodeError
from beautyspot.preview import summarise_error

if TYPE_CHECKING:
    from beautyspot.codecs.codec import Codec

__all__ = ["decode_legacy"]

_Style = Callable[[bytes], Any]


def decode_legacy(result_type: str, data: bytes | bytearray | memoryview | str, codec: Codec) -> Any:
    """Decode the result of a row that beautyspot 1.x or 2.x wrote.

    Args:
        result_type: ``DIRECT``, ``DIRECT_BLOB`` or ``FILE``.
        data: JSON text of a ``DIRECT`` row; for the others the bytes of the row or file.
        codec: Has the user's registered types.

    Raises:
        DecodeError: The data is damaged, or has a type that is not registered.

    Example:
        >>> from beautyspot.codecs import Codec
        >>> decode_legacy("DIRECT", '{"a": [1, 2]}', Codec())
        {'a': [1, 2]}
    """
    if result_type == "DIRECT":
        try:
            return json.loads(data if isinstance(data, str) else bytes(data))
        except (ValueError, RecursionError) as error:
            raise DecodeError(f"the stored JSON cannot be read: {error}") from error
    packed = data.encode("latin-1", "replace") if isinstance(data, str) else bytes(data)
    fallback: list[Any] = []
    failure: Exception | None = None
    for packs_intermediate in (True, False):
        reader = _Reader(codec, packs_intermediate)
        try:
            value = reader.unpack(packed)
        except Exception as error:  # damaged data and the user's decoders may raise anything
            failure = failure or error
            continue
        if reader.proved:
            return value
        fallback.append(value)
    if fallback:
        return fallback[0]
    if isinstance(failure, DecodeError):
        raise failure
    reason = "no reading of it decodes" if failure is None else summarise_error(failure)
    raise DecodeError(f"the stored msgpack cannot be read: {reason}") from failure


class _Reader:
    """Reads a document in one of the two styles and checks every extension by encoding it again."""

    def __init__(self, codec: Codec, packs_intermediate: bool) -> None:
        self._codec = codec
        self._packs_intermediate = packs_intermediate
        self._depth = 0
        self.proved = True

    def unpack(self, data: bytes) -> Any:
        if self._depth > 16:
            raise DecodeError("stored data is nested too deeply")
        self._depth += 1
        try:
            return unpackb(data, ext_hook=self._extension, strict_map_key=False, unicode_errors="surrogatepass")
        finally:
            self._depth -= 1

    def _extension(self, code: int, data: bytes) -> Any:
        registration = self._codec.registered_under(code)
        if registration is None:
            raise DecodeError(f"no type is registered under code {code}: call spot.register_type before loading")
        value = registration.decoder(self.unpack(data) if self._packs_intermediate else data)
        if self.proved:
            self.proved = self._encodes_to(registration.encoder, value, data)
        return value

    def _encodes_to(self, encoder: Callable[[Any], Any], value: object, data: bytes) -> bool:
        try:
            again = encoder(value)
            if self._packs_intermediate:
                again = packb(again)
        except Exception:  # an encoder that refuses the value, or returns nested types, proves nothing
            return False
        return type(again) is bytes and again == data
