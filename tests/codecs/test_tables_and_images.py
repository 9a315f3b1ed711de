"""Polars, Arrow, SciPy and Pillow values."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import io
import struct

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from msgpack import ExtType, packb
from PIL import Image, PngImagePlugin
from polars.testing import assert_frame_equal, assert_series_equal

from beautyspot.codecs import Payload, tags
from beautyspot.codecs.arrow_ipc import check_ipc_file
from beautyspot.errors import DecodeError, UnsupportedTypeError

ROWS = 300


@pytest.fixture
def polars_frame():
    """A frame with a column of every kind that Arrow has."""
    whole = pl.DataFrame(
        {
            "i": range(ROWS),
            "f": np.linspace(0, 1, ROWS),
            "s": ["あ", None, "b"] * (ROWS // 3),
            "l": [[1, None]] * ROWS,
            "d": [dt.date(2020, 1, 1)] * ROWS,
            "t": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)] * ROWS,
            "dec": [decimal.Decimal("1.23")] * ROWS,
            "st": [{"a": 1}] * ROWS,
            "b": [b"x"] * ROWS,
            "n": [None] * ROWS,
            "dur": [dt.timedelta(1)] * ROWS,
            "tm": [dt.time(1)] * ROWS,
        }
    )
    return whole.with_columns(
        pl.col("s").cast(pl.Categorical).alias("cat"),
        pl.col("s").cast(pl.Enum(["あ", "b"])).alias("enum"),
        pl.col("i").cast(pl.Int128).alias("i128"),
        pl.col("l").list.to_array(2).alias("arr"),
    )


def test_polars(polars_frame, round_trip):
    """Frames and series of every type, objects among them."""
    assert_frame_equal(round_trip(polars_frame), polars_frame, check_exact=True, categorical_as_str=True)
    for column in polars_frame.get_columns():
        restored = round_trip(column)
        assert restored.dtype == column.dtype
        assert_series_equal(restored, column, check_exact=True)
    objects = pl.Series("o", [{1}, None, "q"] * (ROWS // 3), dtype=pl.Object)
    value = polars_frame.insert_column(2, objects)
    restored = round_trip(value)
    assert restored.schema == value.schema
    assert restored["o"].to_list() == objects.to_list()
    for empty in (pl.DataFrame(), pl.DataFrame({"a": []}), pl.DataFrame({"o": pl.Series([{1}], dtype=pl.Object)})):
        assert round_trip(empty).schema == empty.schema
        assert round_trip(empty).shape == empty.shape
    assert round_trip(pl.Series([1])).name == ""


def test_arrow(round_trip):
    """Tables with their metadata and chunks, batches, arrays, scalars, schemas and types."""
    table = pa.table(
        {
            "a": [1, None, 3],
            "l": [[1], [], None],
            "d": pa.array(["a", "b", "a"]).dictionary_encode(),
            "t": pa.array([1, 2, 3], pa.timestamp("us", "Asia/Tokyo")),
        }
    ).replace_schema_metadata({"k": "v"})
    values = [
        *(table, table.slice(1), table.to_batches()[0], pa.concat_tables([table, table]), pa.table({})),
        *(table["a"], table["a"].chunk(0), table["d"].chunk(0), pa.array([]), pa.chunked_array([], pa.int8())),
        *(pa.array([1, 2, 3]).slice(1, 1), pa.scalar(3), pa.scalar(None, pa.string()), pa.scalar({"a": 1})),
        *(table.schema, table.schema.field(0), pa.list_(pa.int8()), pa.array(range(10_000))),
    ]
    for value in values:
        assert round_trip(value).equals(value)
    assert round_trip(table).schema.equals(table.schema, check_metadata=True)
    assert round_trip(pa.concat_tables([table, table]))["a"].num_chunks == 2


def test_damaged_tables(codec, polars_frame):
    """Bytes that are no table end in an error, whatever the library does with them."""
    for value in (polars_frame, pa.table({"a": ["x"] * 5000})):
        payload = codec.encode(value)
        data = bytes(payload.buffers[0])
        for position in range(0, len(data), len(data) // 60):
            broken = bytearray(data)
            broken[position] ^= 0xFF
            try:
                codec.decode(Payload(payload.head, (broken,)))
            except DecodeError:
                continue
        with pytest.raises(DecodeError):
            codec.decode(Payload(payload.head, (data[: len(data) // 2],)))


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("format_", ["csr", "csc", "coo", "bsr", "dia"])
def test_sparse(kind, format_, round_trip):
    """SciPy's formats of dense parts."""
    value = getattr(scipy.sparse, f"{format_}_{kind}")(np.eye(40, dtype="f4") * 3)
    restored = round_trip(value)
    assert (restored.dtype, restored.format, restored.shape) == (value.dtype, format_, (40, 40))
    assert (restored.toarray() == value.toarray()).all()


MODES = "1 L P LA PA RGB RGBA RGBX CMYK YCbCr LAB HSV I F I;16 La RGBa"


@pytest.mark.parametrize("mode", MODES.split())
def test_image_modes(mode, round_trip):
    """Pixels of every mode, and info."""
    value = Image.new(mode, (13, 7))
    value.frombytes(np.random.default_rng(0).bytes(len(value.tobytes())))
    value.info["dpi"] = (72, 72)
    restored = round_trip(value)
    assert restored == value
    assert (restored.mode, restored.size, restored.info) == (mode, (13, 7), {"dpi": (72, 72)})


def _picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype("u1"))


def test_palettes(round_trip):
    """A palette, with transparency or without, is part of the image."""
    for value in (_picture().quantize(17), _picture().convert("RGBA").quantize(5)):
        restored = round_trip(value)
        assert restored == value
        assert restored.convert("RGBA") == value.convert("RGBA")


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_opened_images(format_, round_trip):
    """An image that was opened from a file keeps the class of its format and works without the file."""
    file = io.BytesIO()
    _picture().save(file, format_)
    value = Image.open(io.BytesIO(file.getvalue()))
    restored = round_trip(value)
    assert restored == value
    assert restored.format == format_
    restored.load()
    assert restored.resize((3, 3)).size == (3, 3)
    restored.save(io.BytesIO(), format_)
    restored.close()


def test_animations_are_refused(codec):
    """Only the current frame would be stored."""
    file = io.BytesIO()
    _picture().save(file, "GIF", save_all=True, append_images=[_picture().rotate(90)])
    with pytest.raises(UnsupportedTypeError, match="animation"):
        codec.encode(Image.open(file))


def test_empty_image(round_trip):
    """An image may have no pixels."""
    assert round_trip(Image.new("RGB", (0, 5))).size == (0, 5)


class _Extension(pa.ExtensionType):
    """An extension type of a user."""

    def __init__(self):
        super().__init__(pa.int8(), "beautyspot.test")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda array: array,
        lambda array: pa.table({"a": array}),
        lambda array: pa.chunked_array([array]),
        lambda array: pa.StructArray.from_arrays([array], ["x"]),
        lambda array: array[0],
        lambda array: pa.schema([("a", pa.list_(array.type))]),
        lambda array: pa.list_(array.type),
        lambda array: pd.Series(pd.arrays.ArrowExtensionArray(array)),
    ],
    ids=["array", "table", "chunked", "struct", "scalar", "schema", "type", "pandas"],
)
def test_extension_types(wrap, codec, round_trip):
    """An extension type never turns into its storage: it is refused, or not loaded, where it is not registered."""
    value = wrap(pa.ExtensionArray.from_storage(_Extension(), pa.array([1, None], pa.int8())))
    with pytest.raises(UnsupportedTypeError, match=r"^result\[0\] .*register_extension_type"):
        codec.encode([value])
    pa.register_extension_type(_Extension())
    try:
        payload = codec.encode(value)
        restored = round_trip(value)
    finally:
        pa.unregister_extension_type("beautyspot.test")
    assert restored.equals(value)
    with pytest.raises(UnsupportedTypeError, match="would be lost"):  # Arrow drops it, registered or not
        codec.encode(pa.dictionary(pa.int8(), _Extension()))
    with pytest.raises(DecodeError, match="not registered here"):
        codec.decode(payload)


def test_scalars_of_nested_types(round_trip):
    """Scalars that hold values."""
    union = pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])])
    values = [
        *(pa.scalar([1, None]), pa.scalar({"a": [1]}), pa.scalar([("k", 1)], pa.map_(pa.string(), pa.int8()))),
        *(pa.scalar([1, 2], pa.list_(pa.int8(), 2)), union[0], pa.array(["a"]).dictionary_encode()[0]),
    ]
    for value in values:
        restored = round_trip(value)
        assert restored.equals(value)
        assert restored.type == value.type


FRAME = pl.DataFrame({"s": ["a" * 30, None], "c": pl.Series(["x", "y"], dtype=pl.Categorical), "l": [[1], []]})


def _ipc():
    file = io.BytesIO()
    FRAME.write_ipc(file, compression="uncompressed", compat_level=pl.CompatLevel.newest())
    return bytearray(file.getvalue())


def _survives(codec, data):
    head = codec.encode([2, {}, bytes(data)]).head
    with contextlib.suppress(DecodeError):
        codec.decode_head(packb(ExtType(127, bytes((96,)) + head)))


def test_forged_polars_files(codec):
    """Every length and offset in the file is checked before Polars, which would end the process, sees it."""
    data = _ipc()
    for position in range(0, len(data) - 8, 8):
        for number in (-1, 2**62, -(2**63)):
            forged = data.copy()
            struct.pack_into("<q", forged, position, number)
            _survives(codec, forged)
    for position in range(0, len(data) - 4, 4):
        forged = data.copy()
        struct.pack_into("<i", forged, position, 2**31 - 1)
        _survives(codec, forged)


@pytest.mark.parametrize("cut", [0, 1, 6, 17, 18, 100, -1, -6, -10, -100])
def test_torn_polars_files(cut):
    """A file that ends early is told at once."""
    with pytest.raises(DecodeError, match="no Arrow file"):
        check_ipc_file(memoryview(_ipc()[:cut]))


def test_compressed_polars_files():
    """What says how large it becomes is refused."""
    file = io.BytesIO()
    FRAME.write_ipc(file, compression="zstd")
    check_ipc_file(memoryview(_ipc()))
    with pytest.raises(DecodeError, match="compressed"):
        check_ipc_file(memoryview(file.getvalue()))


def test_what_formats_put_into_info(round_trip):
    """Text with a language in a PNG, fractions in a TIFF."""
    text = PngImagePlugin.PngInfo()
    text.add_itxt("Title", "日本", "ja", "題")
    for format_, options in (("PNG", {"pnginfo": text}), ("TIFF", {"dpi": (72.5, 72.5)})):
        file = io.BytesIO()
        _picture().save(file, format_, **options)
        value = Image.open(io.BytesIO(file.getvalue()))
        restored = round_trip(value)
        assert restored == value
        assert {key: (type(item), item) for key, item in restored.info.items()} == {
            key: (type(item), item) for key, item in value.info.items()
        }
    assert restored.info["dpi"][0].denominator == value.info["dpi"][0].denominator
    png = round_trip(PngImagePlugin.iTXt("日本", "ja", "題"))
    assert (png, png.lang, png.tkey) == ("日本", "ja", "題")


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "TIFF", "WEBP"])
def test_opened_images_know_what_their_file_said(format_, round_trip):
    """Frames, texts and tables of an opened image are there on a hit as on a miss."""
    file = io.BytesIO()
    _picture().save(file, format_)
    value = Image.open(io.BytesIO(file.getvalue()))
    restored = round_trip(value)
    for name in ("n_frames", "is_animated", "text", "quantization", "layers", "app"):
        assert getattr(restored, name, None) == getattr(value, name, None)
    assert restored.tell() == 0
    restored.seek(0)
    if format_ == "JPEG":
        again = io.BytesIO()
        restored.save(again, "JPEG", quality="keep")
        assert Image.open(again).quantization == value.quantization


def test_attributes_of_images(round_trip, codec):
    """Plain attributes stay with an image; others, and EXIF data changed in place, are not lost in silence."""
    value = _picture()
    value.note = ("x", {1: b"y"})
    assert round_trip(value).note == ("x", {1: b"y"})
    value.note = object()
    with pytest.raises(UnsupportedTypeError, match="attribute note would be lost"):
        codec.encode(value)
    value = _picture()
    value.getexif()[270] = "words"
    with pytest.raises(UnsupportedTypeError, match="EXIF"):
        codec.encode(value)
    value.info["exif"] = value.getexif().tobytes()
    assert dict(round_trip(value).getexif()) == {270: "words"}


def test_compressed_arrow_streams(codec):
    """A small stream may not become a large table."""
    table = pa.table({"a": np.zeros(100_000)})
    for options in (None, pa.ipc.IpcWriteOptions(compression="zstd")):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
            writer.write_table(table)
        inner = codec.encode([0, sink.getvalue().to_pybytes()]).head
        head = packb(ExtType(127, bytes((tags.ARROW,)) + inner))
        if options is None:
            assert codec.decode_head(head).equals(table)
        else:
            with pytest.raises(DecodeError, match="compressed"):
                codec.decode_head(head)


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 40, 200, -9, -20])
def test_torn_arrow_streams(cut, codec):
    """A stream that ends early is an error."""
    sink = pa.BufferOutputStream()
    table = pa.table({"a": [1, None], "d": pa.array(["x", "y"]).dictionary_encode()})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    inner = codec.encode([0, sink.getvalue().to_pybytes()[:cut]]).head
    with pytest.raises(DecodeError):
        codec.decode_head(packb(ExtType(127, bytes((tags.ARROW,)) + inner)))
