"""Parts of Pillow images: all frames, palette and metadata."""

from __future__ import annotations

from typing import Any

from beautyspot.keys import tags
from beautyspot.keys.buffers import content
from beautyspot.keys.dispatch import Handler

__all__ = ["handler_for"]


def _frame(image: Any) -> object:
    data = image.tobytes()
    palette = image.getpalette("RGBA") if image.mode in ("P", "PA") else None
    return [image.mode, list(image.size), content([data], len(data)), None if palette is None else bytes(palette)]


def _image(value: Any) -> object:
    frames = getattr(value, "n_frames", 1)
    if frames == 1:
        pixels = [_frame(value)]
    else:
        current = value.tell()
        pixels = []
        try:
            for position in range(frames):
                value.seek(position)
                pixels.append(_frame(value))
        finally:
            value.seek(current)
        pixels.append(current)
    info = dict(sorted(value.info.items(), key=lambda pair: str(pair[0])))
    return [value.format, pixels, info, value.getexif().tobytes() if frames == 1 else None]


def handler_for(owner: type, kind: type) -> Handler | None:  # noqa: ARG001  # every file format has a class of its own
    """The handler of images; None for all other classes of Pillow."""
    if owner.__qualname__ == "Image" and owner.__module__ == "PIL.Image":
        return Handler(tags.IMAGE, _image, heavy=True)
    return None
