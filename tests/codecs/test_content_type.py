"""The guess of what a value is for a viewer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image

from beautyspot.codecs import content_type


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text/plain"),
        ("<!DOCTYPE html><p>", "text/html"),
        ("  <html>", "text/html"),
        ('<svg xmlns="x">', "image/svg+xml"),
        ("<b>bold?</b>", "text/plain"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (bytearray(b"\xff\xd8\xff\xe0"), "image/jpeg"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"RIFF....WAVEfmt ", "audio/wav"),
        (b"....ftypisom", "video/mp4"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\0\1\2", "application/octet-stream"),
        (b"", "application/octet-stream"),
        ({"a": 1}, "application/json"),
        ([1], "application/json"),
        (None, "application/json"),
        (1.5, "application/json"),
        (np.zeros(2), "application/x-ndarray"),
        (pd.DataFrame(), "application/x-dataframe"),
        (pd.Series(dtype="f8"), "application/x-dataframe"),
        (pl.DataFrame(), "application/x-dataframe"),
        (pa.table({}), "application/x-dataframe"),
        (Image.new("L", (1, 1)), "image/png"),
        ({1, 2}, None),
        (object(), None),
    ],
)
def test_guess(value, expected):
    """Bytes are told by their first ones, other values by their type."""
    assert content_type(value) == expected
