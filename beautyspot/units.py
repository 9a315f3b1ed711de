"""Durations, sizes and rates as people write them: ``"7d"``, ``"64 KiB"``, ``"60/min"``.

Reading is strict (what could mean two things is refused with `UnitError`); writing never fails.
"""

from __future__ import annotations

import math
import re
from numbers import Integral, Real
from typing import TYPE_CHECKING, Final, NamedTuple, overload

from beautyspot.errors import UnitError

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["Rate", "byte_count", "format_bytes", "format_seconds", "rate", "seconds"]

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0
_WEEK: Final = 604800.0

_DURATION_NAMES: Final = (
    (1e-6, ("us", "µs", "μs", "microsecond", "microseconds")),
    (1e-3, ("ms", "msec", "millisecond", "milliseconds")),
    (1.0, ("s", "sec", "secs", "second", "seconds")),
    (_MINUTE, ("m", "min", "mins", "minute", "minutes")),
    (_HOUR, ("h", "hr", "hrs", "hour", "hours")),
    (_DAY, ("d", "day", "days")),
    (_WEEK, ("w", "week", "weeks")),
)
_DURATION_UNITS: Final = {name: factor for factor, names in _DURATION_NAMES for name in names}
_SIZE_PREFIXES: Final = "kmgtp"
_SIZE_UNITS: Final[dict[str, int]] = {
    "": 1,
    **dict.fromkeys(("b", "byte", "bytes"), 1),
    **{p + tail: 1000 ** (i + 1) for i, p in enumerate(_SIZE_PREFIXES) for tail in ("", "b")},
    **{p + tail: 1024 ** (i + 1) for i, p in enumerate(_SIZE_PREFIXES) for tail in ("i", "ib")},
}
_COUNTED: Final = {"token": "tokens", "request": "requests", "call": "calls"}
_PER_MINUTE: Final = {"tpm": "tokens", "rpm": "requests"}

_NUMBER: Final = r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_ONE: Final = re.compile(_NUMBER + r"\s*([^\W\d_]*)")
_RATE: Final = re.compile(_NUMBER + r"\s*([kM](?![^\W\d_]))?\s*(?!per\b)([^\W\d_]*)\s*(?:(?:/|\bper\b)\s*(\S.*))?")

# Full-width forms, as a Japanese keyboard types them, mean what their ASCII forms mean. (NFKC would do more: it reads
# the superscript in "1²" as a digit.)
_WIDE: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}

_DURATION_HELP: Final = (
    'a duration of fixed length such as "90" (seconds), "500ms", "1.5h", "7d", "2 weeks" or "1d 12h"'
)
_SIZE_HELP: Final = 'a whole number of bytes or a size such as "512 B", "64 KiB", "10 MB" or "1.5 GiB"'
_RATE_HELP: Final = 'a rate above zero such as 60 (tokens a minute), "60/min", "10 requests/s" or "100k tokens/min"'
_LONGEST_TEXT: Final = 80
_EXACT_INT_BITS: Final = 1024  # the range of a float; beyond it an int is no usable quantity


class Rate(NamedTuple):
    """How much of what a minute.

    Attributes:
        per_minute: Units a minute, above zero.
        unit: What is counted: ``"tokens"``, ``"requests"``, or the word that was written.
    """

    per_minute: float
    unit: str


@overload
def seconds(value: None) -> None: ...
@overload
def seconds(value: str | float | timedelta) -> float: ...
def seconds(value: str | float | timedelta | None) -> float | None:
    """Read a duration.

    Args:
        value: Seconds as a number, a `timedelta`, or text: numbers with units (us, ms, s, min, h, d, weeks), added up.
            A bare number in text means seconds. None stays None ("no limit").

    Returns:
        Seconds, zero or more.

    Raises:
        UnitError: Negative, not finite, a bool, or not understood. Months and years have no fixed length.

    Example:
        >>> seconds("1d 12h")
        129600.0
    """
    if value is None:
        return None
    if not isinstance(value, str):
        elapsed = getattr(value, "total_seconds", None)
        return _plain_number(elapsed() if callable(elapsed) else value, value, _DURATION_HELP)
    parts = _parts(value, _DURATION_HELP)
    if len(parts) == 1 and not parts[0][1]:
        return _finite(float(parts[0][0]), value, _DURATION_HELP)
    total, seen = 0.0, set[float]()
    for number, unit in parts:
        # "M" means months as often as minutes.
        factor = None if unit == "M" else _DURATION_UNITS.get(unit.lower())
        if factor is None or factor in seen:
            raise UnitError(value, _DURATION_HELP)
        seen.add(factor)
        total += float(number) * factor
    return _finite(total, value, _DURATION_HELP)


def byte_count(value: str | float) -> int:
    """Read a size.

    Args:
        value: Bytes as a whole number, or text: decimal units (kB, MB, GB: powers of 1000; the B may be left out) or
            binary ones (KiB, MiB, GiB: powers of 1024), in any case of letters.

    Returns:
        Bytes, zero or more.

    Raises:
        UnitError: Negative, a fraction of a byte, a bool, or not understood.

    Example:
        >>> byte_count("64 KiB")
        65536
    """
    if not isinstance(value, str):
        number = _plain_number(value, value, _SIZE_HELP)
        if not number.is_integer():
            raise UnitError(value, _SIZE_HELP)
        return int(value)
    parts = _parts(value, _SIZE_HELP)
    number_text, unit = parts[0]
    factor = _SIZE_UNITS.get(unit.lower())
    if len(parts) > 1 or factor is None:
        raise UnitError(value, _SIZE_HELP)
    if "." not in number_text:
        return int(number_text) * factor
    size = _finite(float(number_text) * factor, value, _SIZE_HELP)
    if factor == 1 and not size.is_integer():
        raise UnitError(value, _SIZE_HELP)
    return round(size)


def rate(value: str | float) -> Rate:
    """Read a rate.

    Args:
        value: Tokens a minute as a number, or text: ``"<number>[k|M] [unit]/<period>"``; "per" may stand for the
            slash, the period may have a number ("10/30s"), and "60 rpm" and "100k tpm" are known.

    Returns:
        The rate a minute and what it counts (``"tokens"`` where nothing is said).

    Raises:
        UnitError: Zero, negative, not finite, a bool, or not understood.

    Example:
        >>> rate("10 requests/s")
        Rate(per_minute=600.0, unit='requests')
    """
    if not isinstance(value, str):
        return Rate(_above_zero(_plain_number(value, value, _RATE_HELP), value), "tokens")
    match = _RATE.fullmatch(_cleaned(value, _RATE_HELP))
    if match is None:
        raise UnitError(value, _RATE_HELP)
    number, multiple, word, period = match.groups()
    amount = float(number) * {"k": 1e3, "M": 1e6}.get(multiple, 1.0)
    unit = word.lower()
    if period is None:
        if unit and unit not in _PER_MINUTE:
            raise UnitError(value, _RATE_HELP)
        return Rate(_above_zero(amount, value), _PER_MINUTE.get(unit, "tokens"))
    if unit in _PER_MINUTE or len(unit) == 1:  # "60 rpm/min"; "5m/min", where m is no multiple
        raise UnitError(value, _RATE_HELP)
    try:
        span = seconds(period if period[0] in "0123456789." else f"1{period}")
    except UnitError:
        raise UnitError(value, _RATE_HELP) from None
    return Rate(_above_zero(amount * _MINUTE / span if span else 0.0, value), _COUNTED.get(unit, unit) or "tokens")


def format_seconds(value: float) -> str:
    """Write a duration for people: ``"850 µs"``, ``"0.12 s"``, ``"41.8 s"``, ``"2 min 5 s"``, ``"3 d 4 h"``.

    Args:
        value: Seconds; a negative one gets a sign.
    """
    if not math.isfinite(value):
        return "unknown time" if math.isnan(value) else "forever"
    size = abs(value)
    sign = "-" if value < 0 else ""
    if size < _MINUTE and round(size, 1) < _MINUTE:
        return sign + _format_short(size)
    if round(size) < _HOUR:
        return sign + _format_pair(size, _MINUTE, 1.0, ("min", "s"))
    if round(size / _MINUTE) * _MINUTE < _DAY:
        return sign + _format_pair(size, _HOUR, _MINUTE, ("h", "min"))
    return sign + _format_pair(size, _DAY, _HOUR, ("d", "h"))


def format_bytes(value: float) -> str:
    """Write a size for people in decimal units: ``"999 B"``, ``"3.1 MB"``.

    Args:
        value: Bytes; a negative number gets a sign.
    """
    if not math.isfinite(value):
        return "unknown size"
    size = abs(value)
    sign = "-" if value < 0 else ""
    if round(size) < 1000:
        return f"{sign}{size:.0f} B"
    size /= 1000
    units = ["PB", "TB", "GB", "MB", "kB"]
    while round(size, 1) >= 1000 and len(units) > 1:
        size /= 1000
        units.pop()
    return f"{sign}{size:.1f} {units[-1]}"


def _format_short(size: float) -> str:
    if size >= 9.995:
        return f"{size:.1f} s"
    if size >= 0.0995:
        return f"{size:.2f} s"
    if size >= 0.00995:
        return f"{size * 1e3:.0f} ms"
    if size >= 0.0009995:
        return f"{size * 1e3:.1f} ms"
    return f"{size * 1e6:.0f} µs" if size else "0 s"


def _format_pair(size: float, large: float, small: float, names: tuple[str, str]) -> str:
    count, rest = divmod(round(size / small), round(large / small))
    return f"{count} {names[0]} {rest} {names[1]}" if rest else f"{count} {names[0]}"


def _cleaned(text: str, expected: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise UnitError(text[:_LONGEST_TEXT] + "…", expected)
    return text.translate(_WIDE).strip()


def _parts(text: str, expected: str) -> list[tuple[str, str]]:
    """Split "1d 12h" into its pairs of number and unit, at least one."""
    rest = _cleaned(text, expected)
    pairs: list[tuple[str, str]] = []
    while match := _ONE.match(rest):
        pairs.append((match[1], match[2]))
        rest = rest[match.end() :].lstrip()
    if rest or not pairs:
        raise UnitError(text, expected)
    return pairs


def _plain_number(number: object, seen: object, expected: str) -> float:
    if isinstance(number, bool) or not isinstance(number, Real):
        raise UnitError(seen, expected)
    # An int beyond the range of a float can't even be printed in a message.
    if isinstance(number, Integral) and int(number).bit_length() > _EXACT_INT_BITS - 1:
        raise UnitError(f"an integer of {int(number).bit_length()} bits", expected)
    return _finite(float(number), seen, expected)


def _finite(number: float, seen: object, expected: str) -> float:
    if not math.isfinite(number) or number < 0:
        raise UnitError(seen, expected)
    return number


def _above_zero(number: float, seen: object) -> float:
    if _finite(number, seen, _RATE_HELP) == 0:
        raise UnitError(seen, _RATE_HELP)
    return number
