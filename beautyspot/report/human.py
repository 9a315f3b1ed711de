"""Numbers and stored text as a person reads them, and nothing a terminal could mistake for a command."""

from __future__ import annotations

import math
import time
import unicodedata

__all__ = ["age", "clip", "count", "counted", "duration", "moment", "percent", "plain", "size"]

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def duration(seconds: float | None) -> str:
    """Write a duration with two or three significant figures.

    Example:
        >>> [duration(s) for s in (0.0000042, 0.0123, 1.5, 75, 7260, 180000)]
        ['4 µs', '12 ms', '1.5 s', '1 min 15 s', '2 h 1 min', '2 d 2 h']
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if seconds < 0.0005:
        return f"{sign}{seconds * 1e6:.0f} µs" if seconds else "0 s"
    if seconds < 0.9995:
        return f"{sign}{seconds * 1e3:.0f} ms" if seconds >= 0.00995 else f"{sign}{seconds * 1e3:.1f} ms"
    if seconds < 59.95:
        return f"{sign}{seconds:.1f} s"
    whole = round(seconds)
    for unit, next_unit, length, next_length in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if whole >= length:
            rest = whole % length // next_length
            return f"{sign}{whole // length:,} {unit}" + (f" {rest} {next_unit}" if rest else "")
    return f"{sign}{whole} s"


def size(number: int | None) -> str:
    """Write a number of bytes in binary units.

    Example:
        >>> [size(n) for n in (0, 999, 65536, 3_250_586)]
        ['0 B', '999 B', '64 KiB', '3.1 MiB']
    """
    if number is None:
        return "–"
    value = float(number)
    for unit in _SIZES:
        if abs(value) < 1023.95 or unit == _SIZES[-1]:
            return (
                f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 or value.is_integer() else f"{value:.1f} {unit}"
            )
        value /= 1024
    raise AssertionError


def count(number: float) -> str:
    """Write a count with thousands separators.

    Example:
        >>> count(1234567)
        '1,234,567'
    """
    return f"{number:,.0f}"


def counted(number: float, one: str, many: str = "") -> str:
    """Write a count with its noun.

    Example:
        >>> counted(1, "miss", "misses"), counted(2, "hit")
        ('1 miss', '2 hits')
    """
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def percent(share: float | None) -> str:
    """Write a share between 0 and 1; only exactly 0 and 1 are shown as 0% and 100%.

    Example:
        >>> [percent(x) for x in (None, 0.0, 0.5, 0.9999, 1.0)]
        ['–', '0%', '50%', '99.9%', '100%']
    """
    if share is None:
        return "–"
    if 0 < share < 0.1 or 0.99 < share < 1:
        return f"{min(max(share, 0.001), 0.999) * 100:.1f}%"
    return f"{share * 100:.0f}%"


def age(then: float | None, now: float) -> str:
    """Write how long ago, or how far ahead, a time is: its larger unit only.

    Example:
        >>> age(100.0, 7400.0), age(7400.0, 100.0)
        ('2 h ago', 'in 2 h')
    """
    if then is None or not math.isfinite(then):
        return "–"
    distance = abs(now - then)
    if distance < 1:
        return "now"
    for unit, length in (("y", 31_557_600), ("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if distance >= length:
            text = f"{int(distance // length)} {unit}"
            return f"{text} ago" if then <= now else f"in {text}"
    raise AssertionError


def moment(then: float | None) -> str:
    """Write a time as a date and clock time of this machine: for what is read long after it was written.

    Example:
        >>> len(moment(1_700_000_000.0)), moment(None)
        (16, '–')
    """
    if then is None:
        return "–"
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(then))
    except (OverflowError, ValueError, OSError):  # a number that is no time of any calendar
        return "–"


def plain(text: str, *, lines: bool = False) -> str:
    r"""Replace control characters, bidirectional overrides and lone surrogates by visible escapes.

    Args:
        text: Stored text.
        lines: Keep line breaks and tabs.

    Example:
        >>> plain("a\x1b[31mb\nc")
        'a\\x1b[31mb\\nc'
    """
    if text.isascii() and text.isprintable():
        return text
    out: list[str] = []
    for char in text:
        if (lines and char in "\n\t") or char in "\u200c\u200d" or not _hidden(char):
            out.append(char)
        else:
            out.append(char.encode("unicode_escape").decode("ascii"))
    return "".join(out)


def _hidden(char: str) -> bool:
    # Cc: terminal escapes; Cf: bidirectional overrides, invisible marks; Cs: surrogates; Zl, Zp: line breaks.
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def clip(text: str, limit: int) -> str:
    """Cut text to at most `limit` characters, the last one an ellipsis if any were cut.

    Example:
        >>> clip("abcdef", 4)
        'abc…'
    """
    return text if len(text) <= limit else text[: limit - 1] + "…"
