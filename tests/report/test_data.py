"""Tables and arrays."""

import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from PIL import Image

from beautyspot.report.blocks import Facts, Media, Plot, Table
from beautyspot.report.content import preview
from beautyspot.report.models import to_json


def facts(blocks):
    return dict(next(block for block in blocks if isinstance(block, Facts)).items)


def table(blocks):
    return next(block for block in blocks if isinstance(block, Table))


def test_frames_show_their_first_rows_and_columns():
    """Ten thousand columns become twenty."""
    frame = pd.DataFrame(np.zeros((50, 10_000)))
    shown = table(preview(frame))
    assert (len(shown.rows), len(shown.columns)) == (20, 20)
    assert shown.shape == (50, 10_000)


def test_frames_of_every_library_look_alike():
    """pandas, polars and Arrow give the same table."""
    data = {"name": ["Oslo", "東京"], "n": [1, 2], "x": [1.5, None]}
    for value in (pd.DataFrame(data), pl.DataFrame(data), pa.table(data)):
        shown = table(preview(value))
        assert shown.columns == ("name", "n", "x")
        assert shown.rows[1][:2] == ("東京", "2")
        assert shown.shape == (2, 3)


def test_frames_with_odd_contents():
    """Duplicate columns, empty frames, times and nested cells are shown."""
    odd = pd.DataFrame([[1, pd.Timestamp("2025-01-02"), [1, 2]]], columns=["a", "a", "b"])
    assert table(preview(odd)).rows[0] == ("1", "2025-01-02 00:00:00", "2 items")
    assert table(preview(pd.DataFrame())).shape == (0, 0)
    assert table(preview(pl.DataFrame())).shape == (0, 0)
    assert table(preview(pd.Series([1, 2], name="s"))).columns == ("s",)


def test_arrays_tell_their_statistics():
    """Shape, dtype, extremes and mean are told; NaN does not hide them."""
    said = facts(preview(np.array([1.0, 2.0, math.nan, 3.0])))
    assert said["min"] == "1"
    assert said["max"] == "3"
    assert said["mean"] == "2"
    assert said["not finite"] == "1"
    assert facts(preview(np.zeros((3, 4), "i2")))["shape"] == "3 × 4"


def test_long_lines_are_thinned_but_keep_their_peaks():
    """A single peak among a million points is still seen."""
    line = np.zeros(1_000_000)
    line[777_777 % 8000] = 5.0
    plot = next(block for block in preview(line) if isinstance(block, Plot))
    assert len(plot.series[0]) == 240
    assert max(plot.series[0]) == 5.0


def test_arrays_of_every_kind_are_shown():
    """No dtype or shape makes the preview fail."""
    arrays = [
        np.array(5), np.array([]), np.zeros((2, 0)), np.zeros((2, 3, 4)), np.array(["a", "日本"]), np.array([b"x"]),
        np.array([True, False]), np.array([1 + 2j]), np.array(["2025-01-01", "NaT"], "M8[D]"),
        np.array([{"a": 1}, None]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), np.ma.masked_array([1, 2, 3], [0, 1, 0]),
        np.full(5, np.nan), np.array([np.inf, 1.0]), np.float16([1, 2]), np.arange(5, dtype=">u8"),
    ]  # fmt: skip
    for array in arrays:
        assert json.dumps(to_json(preview(array)), allow_nan=False)


def test_pictures_are_scaled_down():
    """A PIL image becomes a PNG of at most 1024 pixels a side."""
    (block,) = preview(Image.new("CMYK", (4000, 10)))
    assert isinstance(block, Media)
    assert block.caption == "CMYK 4,000×10 px"
    assert len(block.source) < 20_000
