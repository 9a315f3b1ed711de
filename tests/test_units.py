"""Durations, sizes and rates: what is read, what is refused, how they are written."""

# ruff: noqa: RUF001  # full-width letters and digits are what is tested

import math
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beautyspot.errors import ConfigurationError, UnitError
from beautyspot.units import Rate, byte_count, format_bytes, format_seconds, rate, seconds

numpy = pytest.importorskip("numpy")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("90", 90.0),
        ("0", 0.0),
        ("1.5h", 5400.0),
        (".5h", 1800.0),
        ("7d", 604800.0),
        ("7 D", 604800.0),
        ("2 weeks", 1209600.0),
        ("500ms", 0.5),
        ("10 µs", 1e-5),
        ("1d 12h", 129600.0),
        ("1d12h", 129600.0),
        ("  3\tmin ", 180.0),
        ("１ｄ　１２ｈ", 129600.0),
        ("1\N{NO-BREAK SPACE}h", 3600.0),
        (5, 5.0),
        (1.5, 1.5),
        (Fraction(1, 2), 0.5),
        (numpy.int64(3), 3.0),
        (numpy.float32(0.5), 0.5),
        (timedelta(days=1), 86400.0),
    ],
)
def test_durations_are_read(value, expected):
    """Numbers, timedeltas and the usual spellings give seconds as float."""
    result = seconds(value)
    assert type(result) is float
    assert result == pytest.approx(expected)


def test_no_duration_stays_none():
    """None means no limit and is handed through."""
    assert seconds(None) is None


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "x", "h", "5M", "5 months", "1 year", "1h 1h", "1h 30", "30 1h", "-5s", "+5s", "nan", "inf", "1e3"),
        *("1,5h", "1:30", "1_0s", "٣s", "1²s", "9" * 400, "1h" * 500, "1h and 2h"),
        *(math.nan, math.inf, -math.inf, -1, -0.1, True, False, 10**400, 10**5000, b"5", object(), [1], 1j),
        timedelta(seconds=-1),
        numpy.float64("nan"),
        numpy.bool_(True),
    ],
    ids=lambda value: ascii(value)[:12] if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_duration_is_refused(value):
    """Negative, not finite, boolean, ambiguous or unknown durations raise an error that shows what is right."""
    with pytest.raises(UnitError) as caught:
        seconds(value)
    assert "1.5h" in caught.value.expected
    assert "1.5h" in str(caught.value)
    assert len(str(caught.value)) < 400
    assert isinstance(caught.value, ConfigurationError)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            ("64 KiB", 65536),
            ("64 kib", 65536),
            ("10MB", 10_000_000),
            ("10M", 10_000_000),
            ("512", 512),
            ("512 bytes", 512),
        ),
        *(("1.5 GiB", 1610612736), ("0.3KiB", 307), ("９ＭＢ", 9_000_000), ("1 TB", 10**12), ("0", 0)),
        *((5, 5), (5.0, 5), (2**70, 2**70), ("12345678901234567 B", 12345678901234567), (numpy.int64(7), 7)),
    ],
)
def test_sizes_are_read(value, expected):
    """Decimal and binary units give whole bytes, exactly."""
    result = byte_count(value)
    assert type(result) is int
    assert result == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1.5 B",
        "1.5",
        1.5,
        -1,
        "-1",
        True,
        "10 parsecs",
        "1MB 2KB",
        "10 MBps",
        math.nan,
        math.inf,
        None,
        b"1",
        10**400,
    ],
)
def test_what_is_no_size_is_refused(value):
    """Fractions of bytes, signs, booleans and unknown units raise an error that shows what is right."""
    with pytest.raises(UnitError) as caught:
        byte_count(value)
    assert "64 KiB" in caught.value.expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((60, Rate(60.0, "tokens")), (0.5, Rate(0.5, "tokens")), ("60", Rate(60.0, "tokens"))),
        *(("60/min", Rate(60.0, "tokens")), ("60 per minute", Rate(60.0, "tokens")), ("10/s", Rate(600.0, "tokens"))),
        *(("100k tokens/min", Rate(1e5, "tokens")), ("1M tokens / day", Rate(1e6 / 1440, "tokens"))),
        *(("1 request per second", Rate(60.0, "requests")), ("10/30s", Rate(20.0, "tokens"))),
        *(("60 rpm", Rate(60.0, "requests")), ("100k TPM", Rate(1e5, "tokens")), ("3 images/h", Rate(0.05, "images"))),
        *(("60　requests／min", Rate(60.0, "requests")), ("60 画像/min", Rate(60.0, "画像"))),
    ],
)
def test_rates_are_read(value, expected):
    """Counts over periods become units a minute with the name of the unit."""
    result = rate(value)
    assert result.unit == expected.unit
    assert result.per_minute == pytest.approx(expected.per_minute)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "0/min",
            "5m/min",
            "60 tokens",
            "/min",
            "60/",
            "60/0s",
            "60/parsec",
            "60 rpm/min",
            "5 per",
            "-1/s",
            "1/s/s",
        ),
        *(0, -1, True, math.nan, math.inf, None, 10**400),
    ],
)
def test_what_is_no_rate_is_refused(value):
    """Zero, negative, unbounded and unreadable rates raise an error that shows what is right."""
    with pytest.raises(UnitError) as caught:
        rate(value)
    assert "60/min" in caught.value.expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((0, "0 s"), (3e-6, "3 µs"), (0.00099999, "1.0 ms"), (0.0012, "1.2 ms"), (0.012, "12 ms"), (0.12, "0.12 s")),
        *(
            (0.0999, "0.10 s"),
            (1.234, "1.23 s"),
            (9.999, "10.0 s"),
            (41.8, "41.8 s"),
            (59.94, "59.9 s"),
            (59.96, "1 min"),
        ),
        *(
            (125, "2 min 5 s"),
            (3599.6, "1 h"),
            (7265, "2 h 1 min"),
            (86399.9, "1 d"),
            (1e6, "11 d 14 h"),
            (-41.8, "-41.8 s"),
        ),
        *((math.nan, "unknown time"), (math.inf, "forever")),
    ],
)
def test_durations_are_written(value, expected):
    """Durations read well at every size, and rounding never shows 60 seconds or 60 minutes."""
    assert format_seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            (0, "0 B"),
            (999, "999 B"),
            (999.6, "1.0 kB"),
            (1000, "1.0 kB"),
            (3_100_000, "3.1 MB"),
            (999_949, "999.9 kB"),
        ),
        *((999_950, "1.0 MB"), (1e15, "1.0 PB"), (1e20, "100000.0 PB"), (-5000, "-5.0 kB"), (math.nan, "unknown size")),
    ],
)
def test_sizes_are_written(value, expected):
    """Sizes are shown in decimal units with one digit after the point."""
    assert format_bytes(value) == expected


@given(st.floats(min_value=0, max_value=1e9))
def test_written_durations_of_one_unit_read_back(value):
    """What format_seconds writes, seconds understands, within the digits shown."""
    text = format_seconds(value)
    assert seconds(text) == pytest.approx(value, rel=0.06, abs=1e-6)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    """No text makes the readers fail with anything but UnitError."""
    for read in (seconds, byte_count, rate):
        try:
            read(text)
        except UnitError as error:
            assert error.text is not None  # noqa: PT017
