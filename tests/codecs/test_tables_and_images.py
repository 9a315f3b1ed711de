"""Polars, Arrow, SciPy and Pillow values."""

from __future__ import annotations

import datetime as dt
import decimal
import io

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
from PIL import Image
from polars.testing import assert_frame_equal, assert_series_equal

from beautyspot.codecs import Payload
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
