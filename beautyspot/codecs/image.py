"""Pillow images: mode, size, pixels, palette and info, and the class and attributes that a format gave an opened image.

Pixels are stored raw, so that every mode is exact. Every image is decoded again at save and compared, because formats
differ in what they keep beside the pixels. Lossy: the file behind an opened image is gone, and with it what is no plain
value (the tag directory of a TIFF, the sizes inside an icon). Refused: animations, EXIF data changed in place.
"""

from __future__ import annotations

from typing import Any

from msgpack import ExtType
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused, check_plain, dict_of, list_of
from beautyspot.errors import DecodeError

__all__ = ["DECODERS", "find"]

_IMAGE, _TEXT, _RATIONAL = range(tags.PILLOW, tags.PILLOW + 3)
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
# What an image is made of, or what ties it to a file: never taken from stored attributes.
_STRUCTURE = frozenset({"_im", "im", "_mode", "mode", "_size", "size", "palette", "info", "_exif", "pyaccess"})
_FILE = frozenset({"fp", "_fp", "tile", "map", "readonly", "_readonly", "decoderconfig", "decodermaxblock"})
_RESERVED = _STRUCTURE | _FILE | {"_exclusive_fp", "_close_exclusive_fp_after_loading"}
_PLAIN = (type(None), bool, int, float, str, bytes, PngImagePlugin.iTXt, TiffImagePlugin.IFDRational)


def find(cls: type) -> EncodeFn | None:
    """Return the handler of exactly this class."""
    if cls is PngImagePlugin.iTXt:
        return _encode_text
    if cls is TiffImagePlugin.IFDRational:
        return _encode_rational
    return _encode if issubclass(cls, Image.Image) else None


def _encode(state: Encoding, value: Image.Image) -> ExtType:
    if getattr(value, "is_animated", False):
        raise Refused(value, "an animation has no exact encoding: return its frames as a list, or the file's bytes")
    value.load()
    getattr(value, "n_frames", 1)  # some formats find out when they are asked, from the file
    if value.mode not in _BITS:
        raise Refused(value, f"images of mode {value.mode} have no exact encoding: convert it")
    if type(value) is not Image.Image and _class_of(value.format) is not type(value):
        raise Refused(value, "its class cannot be found again by its format: return image.copy()")
    format_ = value.format if type(value) is not Image.Image else None
    pixels = value.tobytes()
    document: list[Any] = [format_, value.mode, list(value.size), dict(value.info), _palette_of(value)]
    document.append(_attributes_of(value))
    restored = _build(document, pixels)
    if restored.info != value.info or _palette_of(restored) != document[4] or restored.tobytes() != pixels:
        raise Refused(value, "its palette has no exact encoding: convert it to RGB or RGBA")
    exif = vars(value).get("_exif")
    # The EXIF data of a TIFF are the tags of its file.
    if exif and not isinstance(value, TiffImagePlugin.TiffImageFile) and dict(exif) != dict(restored.getexif()):
        raise Refused(value, "its EXIF data were changed: set image.info['exif'] = exif.tobytes()")
    return state.ext(_IMAGE, [*document, state.put(memoryview(pixels))])


def _decode(state: Decoding, data: bytes) -> Image.Image:
    *document, place = state.parts(data)
    return _build(document, state.take(place).tobytes())


def _attributes_of(image: Image.Image) -> dict[str, Any]:
    kept = {}
    for name, content in vars(image).items():
        if name in _RESERVED:
            continue
        if _is_plain(content):
            kept[name] = content
        elif type(image) is Image.Image:
            raise Refused(image, f"its attribute {name} would be lost: return it beside the image")
    return kept


def _is_plain(content: Any) -> bool:
    if type(content) in (list, tuple):
        return all(map(_is_plain, content))
    if type(content) is dict:
        return all(_is_plain(key) and _is_plain(item) for key, item in content.items())
    return type(content) in _PLAIN


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
    format_, mode, size, info, palette, attributes = document
    cls = _class_of(format_)
    width, height = list_of(size)
    check_plain(format_, mode, width, height)
    if cls is None or mode not in _BITS or not (0 <= width <= _MAX_SIDE and 0 <= height <= _MAX_SIDE):
        raise DecodeError(f"stored data has an image of format {format_!r} and mode {mode!r}, unknown here")
    if len(pixels) != (width * _BITS[mode] + 7) // 8 * height:
        raise DecodeError("stored data has an image whose bytes do not fill its size")
    if not all(
        type(name) is str and name not in _RESERVED and _is_plain(attributes[name]) for name in dict_of(attributes)
    ):
        raise DecodeError("stored data has an image with attributes that no image has")
    plain = Image.frombytes(mode, (width, height), pixels) if pixels else Image.new(mode, (width, height))
    if palette is not None:
        kind, colours = list_of(palette)
        check_plain(kind)
        if type(colours) is not bytes:
            raise DecodeError("stored data has an image with a palette that is none")
        plain.putpalette(colours, kind)
    plain.info = dict_of(info)
    restored = plain if format_ is None else _opened(cls, plain)
    vars(restored).update(attributes)
    return restored


def _opened(cls: type[Image.Image], plain: Image.Image) -> Image.Image:
    """Return the image as one of a format's class that was opened and loaded."""
    restored: Any = cls.__new__(cls)
    vars(restored).update(vars(plain))
    restored.tile = []  # nothing is left to be read from a file
    restored.fp = restored._fp = restored.map = None  # noqa: SLF001 - the state of a loaded image
    restored.filename = ""
    restored._exclusive_fp = False  # noqa: SLF001 - as above
    return restored  # type: ignore[no-any-return]


# -- what the info of an image may hold -------------------------------------------------------------------------------


def _encode_text(state: Encoding, value: PngImagePlugin.iTXt) -> ExtType:
    return state.ext(_TEXT, ["".join(value), value.lang, value.tkey])


def _decode_text(state: Decoding, data: bytes) -> PngImagePlugin.iTXt:
    text, language, key = state.parts(data)
    return PngImagePlugin.iTXt(text, language, key)


def _encode_rational(state: Encoding, value: TiffImagePlugin.IFDRational) -> ExtType:
    return state.ext(_RATIONAL, [value.numerator, value.denominator])


def _decode_rational(state: Decoding, data: bytes) -> TiffImagePlugin.IFDRational:
    numerator, denominator = state.parts(data)
    if type(numerator) not in (int, float) or type(denominator) is not int:
        raise DecodeError("stored data has a rational number that is none")
    return TiffImagePlugin.IFDRational(numerator, denominator)


DECODERS: dict[int, DecodeFn] = {_IMAGE: _decode, _TEXT: _decode_text, _RATIONAL: _decode_rational}
