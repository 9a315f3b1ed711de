"""Values to bytes and back: equal value and same type, or a loud refusal. Decoding runs no code that the data names.

A value becomes a `Payload`: one msgpack document (the head) and the large arrays that it refers to (the buffers).
"""

from __future__ import annotations

from beautyspot.codecs.codec import Codec
from beautyspot.codecs.container import Buffer, Payload, join, size, split
from beautyspot.codecs.content import content_type

__all__ = ["Buffer", "Codec", "Payload", "content_type", "join", "size", "split"]
