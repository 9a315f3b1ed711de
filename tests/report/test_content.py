"""What a stored value looks like, and that it always stays small."""

import base64
import enum
import json
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime

from beautyspot.report.blocks import Frame, Media, Notice, Text, Tree
from beautyspot.report.content import TEXT_LIMIT, preview
from beautyspot.report.models import to_json

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def wire(blocks):
    return json.dumps(to_json(blocks))


def test_text_is_cut_and_says_so():
    """A hundred megabytes of text become 64 KiB and a number."""
    (block,) = preview("é" * 100_000_000)
    assert isinstance(block, Text)
    assert len(block.text) == TEXT_LIMIT
    assert block.total == 100_000_000


def test_images_are_recognised_by_their_bytes():
    """The declared type is not believed."""
    (block,) = preview(PNG, "text/html")
    assert isinstance(block, Media)
    assert block.kind == "image"
    assert block.source.startswith("data:image/png;base64,")


def test_bytes_that_claim_to_be_an_image_are_bytes():
    """HTML under the name of an image is shown as text."""
    blocks = preview(b"<script>x</script>", "image/png")
    assert not any(isinstance(block, Media) for block in blocks)
    assert isinstance(blocks[-1], Text)


def test_sound_and_film():
    """Sound and film become players."""
    assert preview(b"RIFF\x00\x00\x00\x00WAVEfmt ")[0].kind == "audio"
    assert preview(b"\x00\x00\x00\x20ftypisom....")[0].kind == "video"
    assert preview(b"\x1a\x45\xdf\xa3....")[0].kind == "video"


def test_too_large_media_are_described():
    """Nine megabytes of image are not sent to a browser."""
    (block,) = preview(PNG + b"\0" * (9 << 20))
    assert isinstance(block, Notice)
    assert "too large" in block.text


def test_unknown_bytes_are_a_hex_dump():
    """Bytes of no known type show their beginning."""
    blocks = preview(bytes(range(256)) * 100)
    assert "25 KiB" in blocks[0].text
    assert blocks[1].text.startswith("00000000  00 01 02")
    assert len(blocks[1].text.splitlines()) == 32


def test_bytes_that_are_text_are_read():
    """UTF-8 bytes are shown as text, even when cut inside a character."""
    assert preview("日本語".encode())[-1].text == "日本語"
    assert preview("日本".encode() * 50_000)[-1].text.startswith("日本")


def test_html_markdown_and_svg_follow_the_declared_type():
    """Text is shown as what it was declared to be, in a frame or as an image."""
    assert isinstance(preview("<b>x</b>", "text/html")[0], Frame)
    assert isinstance(preview("# x", "text/markdown; charset=utf-8")[0], Frame)
    assert preview("<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")[0].source.startswith(
        "data:image/svg+xml;base64,"
    )
    assert isinstance(preview("<b>x</b>")[0], Text)


def test_trees_are_bounded():
    """Wide, deep and cyclic values become small trees."""
    wide = preview(dict.fromkeys(range(100_000), [0] * 1000))[0]
    assert isinstance(wide, Tree)
    assert wide.root.more > 99_000
    deep = []
    for _ in range(10_000):
        deep = [deep]
    cyclic = []
    cyclic.append(cyclic)
    for value in (dict.fromkeys(range(1000), [0] * 1000), deep, cyclic, "x" * 10_000_000, 10**50_000, {"k" * 10**6: 1}):
        assert len(wire(preview(value))) < 1_000_000


def test_trees_name_types():
    """Types, fields and labels are readable."""
    Point = namedtuple("Point", "x y")

    class Colour(enum.Enum):
        RED = 1

    @dataclass
    class Box:
        w: int
        when: datetime

    value = OrderedDict(p=Point(1, 2), c=Colour.RED, b=Box(1, datetime(2025, 1, 2, tzinfo=UTC)), n=None, s={1})
    children = {node.label: node for node in preview(value)[0].root.children}
    assert [child.label for child in children["p"].children] == ["x", "y"]
    assert children["c"].text == "Colour.RED"
    assert children["b"].children[1].text == "2025-01-02 00:00:00+00:00"
    assert children["n"].text == "None"
    assert children["s"].type == "set"


def test_code_of_stored_objects_is_not_called():
    """A class's own repr and str are never asked."""

    class Loud:
        def __repr__(self):
            raise AssertionError

        __str__ = __repr__

    assert preview([Loud(), {"k": Loud()}])[0].root.children[0].text == "Loud"


def test_blocks_survive_the_wire():
    """Lone surrogates, NaN and non-text keys reach a browser as JSON."""
    text = wire(preview({"\ud800": float("nan"), 1: float("inf"), b"k": "\udfff"}))
    assert json.loads(text)
