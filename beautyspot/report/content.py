"""What a stored value looks like: chooses the blocks for a decoded value, all of bounded size."""

from __future__ import annotations

from beautyspot.report import human
from beautyspot.report.blocks import Block, Notice, Text, Tree
from beautyspot.report.content_data import array_blocks, is_array, is_table, table_blocks
from beautyspot.report.content_markup import html_frame, markdown_frame
from beautyspot.report.content_media import image_block, media_block, sniff, svg_block
from beautyspot.report.content_tree import tree

__all__ = ["TEXT_LIMIT", "preview"]

TEXT_LIMIT = 64 * 1024
"""Characters of text that are shown."""

_MARKUP_LIMIT = 1 << 20
_BYTES_SHOWN = 512


def preview(value: object, content_type: str | None = None) -> tuple[Block, ...]:
    """Choose how to show a value.

    Args:
        value: What the cache decoded.
        content_type: MIME type that the entry declares. A hint for text; bytes are believed only if they prove it.

    Returns:
        Blocks, never empty.

    Example:
        >>> preview("hello")
        (Text(text='hello', total=None, block='text'),)
    """
    declared = (content_type or "").partition(";")[0].strip().lower()
    if isinstance(value, str):
        return _text(value, declared)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _bytes(bytes(value[: 64 << 20]), len(value), declared)
    if is_array(value):
        return array_blocks(value)
    if is_table(value):
        return table_blocks(value)
    if type(value).__module__.partition(".")[0] == "PIL" and hasattr(value, "thumbnail"):
        return (image_block(value),)
    return (Tree(tree(value)),)


def _text(value: str, declared: str) -> tuple[Block, ...]:
    if len(value) <= _MARKUP_LIMIT:
        if declared == "text/html":
            return (html_frame(value),)
        if declared == "text/markdown":
            return (markdown_frame(value[:TEXT_LIMIT]), *_rest(value))
        if declared == "image/svg+xml" or value[:300].lstrip().startswith("<svg "):
            return (svg_block(value),)
    return (_cut(value),)


def _rest(value: str) -> tuple[Block, ...]:
    if len(value) <= TEXT_LIMIT:
        return ()
    return (Notice(f"The first {human.count(TEXT_LIMIT)} of {human.count(len(value))} characters."),)


def _cut(value: str) -> Text:
    shown = human.plain(value[:TEXT_LIMIT], lines=True)
    return Text(shown, len(value) if len(value) > TEXT_LIMIT else None)


def _bytes(value: bytes, total: int, declared: str) -> tuple[Block, ...]:
    if total == len(value):
        mime = sniff(value)
        if mime is not None:
            return (media_block(value, mime),)
    start = value[: TEXT_LIMIT + 4]
    text = _decoded(start)
    if text is not None:
        whole = _decoded(value) if len(value) <= _MARKUP_LIMIT else None
        return (
            Notice(f"bytes, {human.size(total)}, read as UTF-8"),
            *_text(whole if whole is not None else text, declared),
        )
    lines = []
    for offset in range(0, min(len(value), _BYTES_SHOWN), 16):
        row = value[offset : offset + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
        lines.append(f"{offset:08x}  {row.hex(' '):<47}  {shown}")
    return Notice(f"bytes, {human.size(total)}, of no type that can be shown"), Text("\n".join(lines))


def _decoded(data: bytes) -> str | None:
    """Return bytes as text if they are text; a character cut in two at the end is forgiven."""
    for end in range(4):
        try:
            text = data[: len(data) - end].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return None if any(ord(char) < 32 and char not in "\t\n\r\x1b" for char in text[:4096]) else text
    return None
