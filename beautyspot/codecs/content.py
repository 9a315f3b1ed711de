"""What a value is for a viewer: a MIME type, guessed from its type and its first bytes. Imports nothing."""

from __future__ import annotations

__all__ = ["content_type"]

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_JSON_LIKE = frozenset({dict, list, tuple, bool, int, float, type(None)})
_TABLES = frozenset({"DataFrame", "Series", "Table", "RecordBatch"})


def content_type(value: object) -> str | None:
    """Guess the MIME type of a value.

    Args:
        value: A result.

    Returns:
        A MIME type, or None if only its structure can be shown.

    Example:
        >>> content_type("hello"), content_type(b"GIF89a"), content_type({"a": 1})
        ('text/plain', 'image/gif', 'application/json')
    """
    cls = type(value)
    if isinstance(value, str):
        return _text_type(value[:512].lstrip())
    if isinstance(value, (bytes, bytearray)):
        return _bytes_type(bytes(value[:16]))
    if cls in _JSON_LIKE:
        return "application/json"
    return _library_type(cls)


def _library_type(cls: type) -> str | None:
    for base in cls.__mro__:
        root = base.__module__.partition(".")[0]
        if root == "numpy" and base.__name__ == "ndarray":
            return "application/x-ndarray"
        if root in {"pandas", "polars", "pyarrow"} and base.__name__ in _TABLES:
            return "application/x-dataframe"
        if root == "PIL" and base.__name__ == "Image":
            return "image/png"
    return None


def _text_type(start: str) -> str:
    lowered = start[:64].lower()
    if lowered.startswith(("<!doctype html", "<html")):
        return "text/html"
    if lowered.startswith("<svg ") or (lowered.startswith("<?xml") and "<svg " in start.lower()):
        return "image/svg+xml"
    return "text/plain"


def _bytes_type(start: bytes) -> str:
    if start[:4] == b"RIFF":
        return _RIFF.get(start[8:12], "application/octet-stream")
    if start[4:8] == b"ftyp":
        return {b"avif": "image/avif", b"M4A ": "audio/mp4"}.get(start[8:12], "video/mp4")
    for signature, mime in _SIGNATURES:
        if start.startswith(signature):
            return mime
    return "application/octet-stream"
