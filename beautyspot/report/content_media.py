"""Images, sound and films as ``data:`` URIs. The bytes say what they are; a declared type is only a hint."""

from __future__ import annotations

import base64
import io
from typing import Any, Literal

from beautyspot.report import human
from beautyspot.report.blocks import Block, Media, Notice

__all__ = ["image_block", "media_block", "sniff", "svg_block"]

_LIMITS = {"image": 8 << 20, "audio": 16 << 20, "video": 16 << 20}
_PIXELS = 1024

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
)


def sniff(data: bytes) -> str | None:
    r"""Return the MIME type that the first bytes prove, among those a browser plays.

    Example:
        >>> sniff(b"\x89PNG\r\n\x1a\n...")
        'image/png'
    """
    for offset, magic, mime in _MAGIC:
        if data[offset : offset + len(magic)] == magic and (offset != 8 or data[:4] == b"RIFF"):
            return mime
    return None


def media_block(data: bytes, mime: str) -> Block:
    """Embed bytes whose type was sniffed, or say why they are too large to embed."""
    family = mime.partition("/")[0]
    kind: Literal["image", "audio", "video"] = (
        "image" if family == "image" else "audio" if family == "audio" else "video"
    )
    if len(data) > _LIMITS[kind]:
        return Notice(f"{mime}, {human.size(len(data))}: too large to show here")
    return Media(kind, _uri(data, mime), f"{mime} · {human.size(len(data))}")


def svg_block(source: str) -> Block:
    """Embed SVG as an image: inside ``<img>`` it runs no script and loads nothing."""
    data = source.encode("utf-8", "replace")
    if len(data) > _LIMITS["image"]:
        return Notice(f"image/svg+xml, {human.size(len(data))}: too large to show here")
    return Media("image", _uri(data, "image/svg+xml"), f"image/svg+xml · {human.size(len(data))}")


def image_block(image: Any) -> Block:
    """Embed a ``PIL.Image``, scaled down to at most 1024 pixels a side."""
    width, height = image.size
    caption = f"{image.mode} {human.count(width)}×{human.count(height)} px"
    if width * height > 178_956_970:  # Pillow's own limit against decompression bombs
        return Notice(f"image, {caption}: too large to show here")
    small = image.copy()
    small.thumbnail((_PIXELS, _PIXELS))
    if small.mode not in {"1", "L", "LA", "P", "RGB", "RGBA"}:
        small = small.convert("RGB")
    out = io.BytesIO()
    small.save(out, "PNG")
    return Media("image", _uri(out.getvalue(), "image/png"), caption)


def _uri(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
