"""Pillow images: mode, size, pixels, palette and info, and the class of the format that they were opened from.

Pixels are stored raw, so that every mode is exact. Every image is decoded again at save and compared, because formats
differ in what they keep beside the pixels. Lossy: the file behind an opened image is gone. Refused: animations.
"""

from __future__ import annotations

from typing import Any

from msgpack import ExtType
from PIL import Image, ImageFile, JpegImagePlugin

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused
from beautyspot.errors import DecodeError

__all__ = ["DECODERS", "find"]

_IMAGE = tags.PILLOW
_MAX_SIDE = 1 << 20
_BITS = {"1": 1, "L": 8, "P": 8, "LA": 16, "PA": 16, "La": 16, "I;16": 16, "I;16L": 16, "I;16B": 16, "I;16N": 16}
_BITS |= {
    "RGB": 24,
    "YCbCr": 24,
    "LAB": 24,
    "HSV": 24,
    "RGBA": 32,
    "RGBa": 32,
    "RGBX": 32,
    "CMYK": 32,
    "I": 32,
    "F": 32,
}


def find(cls: type) -> EncodeFn | None:
    """Return the handler of exactly this class."""
    return _encode if issubclass(cls, Image.Image) else None


def _encode(state: Encoding, value: Image.Image) -> ExtType:
    if getattr(value, "is_animated", False):
        raise Refused(value, "an animation has no exact encoding: return its frames as a list, or the file's bytes")
    value.load()
    if value.mode not in _BITS:
        raise Refused(value, f"images of mode {value.mode} have no exact encoding: convert it")
    if type(value) is not Image.Image and _class_of(value.format) is not type(value):
        raise Refused(value, "its class cannot be found again by its format: return image.copy()")
    format_ = value.format if type(value) is not Image.Image else None
    pixels = value.tobytes()
    document: list[Any] = [format_, value.mode, list(value.size), dict(value.info), _palette_of(value)]
    restored = _build(document, pixels)
    if restored.info != value.info or _palette_of(restored) != document[4] or restored.tobytes() != pixels:
        raise Refused(value, "its palette has no exact encoding: convert it to RGB or RGBA")
    return state.ext(_IMAGE, [*document, state.put(memoryview(pixels))])


def _decode(state: Decoding, data: bytes) -> Image.Image:
    *document, place = state.unpack(data)
    return _build(document, state.take(place).tobytes())


def _palette_of(image: Image.Image) -> list[Any] | None:
    if image.mode not in {"P", "PA"} or image.palette is None:
        return None
    palette = image.palette
    return [palette.mode, bytes(image.getpalette(palette.mode) or ())]


def _class_of(format_: str | None) -> type[Image.Image] | None:
    if format_ is None:
        return Image.Image
    Image.init()  # a fixed list of Pillow's own plug-ins
    factory: Any = Image.OPEN.get(format_, (None,))[0]
    if format_ == "JPEG":  # its factory is a function, which may choose the class of several pictures in one file
        factory = JpegImagePlugin.JpegImageFile
    return factory if isinstance(factory, type) and issubclass(factory, ImageFile.ImageFile) else None


def _build(document: list[Any], pixels: bytes) -> Image.Image:
    format_, mode, size, info, palette = document
    cls = _class_of(format_)
    width, height = size
    if cls is None or mode not in _BITS or not (0 <= width <= _MAX_SIDE and 0 <= height <= _MAX_SIDE):
        raise DecodeError(f"stored data has an image of format {format_!r} and mode {mode!r}, unknown here")
    if len(pixels) != (width * _BITS[mode] + 7) // 8 * height:
        raise DecodeError("stored data has an image whose bytes do not fill its size")
    plain = Image.frombytes(mode, (width, height), pixels) if pixels else Image.new(mode, (width, height))
    if palette is not None:
        plain.putpalette(palette[1], palette[0])
    plain.info = dict(info)
    if format_ is None:
        return plain
    restored = cls.__new__(cls)
    vars(restored).update(vars(plain))
    restored.tile = []  # type: ignore[attr-defined] # nothing is left to be read from a file
    restored.fp = restored.map = None  # type: ignore[attr-defined]
    restored.filename = ""  # type: ignore[attr-defined]
    restored._exclusive_fp = False  # type: ignore[attr-defined] # noqa: SLF001 - the state of a loaded image
    return restored


DECODERS: dict[int, DecodeFn] = {_IMAGE: _decode}
