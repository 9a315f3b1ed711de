"""Numbers and stored text as a person reads them."""

import pytest

from beautyspot.report import human


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0 s"), (4.2e-6, "4 µs"), (0.0015, "1.5 ms"), (0.9996, "1.0 s"), (59.96, "1 min"), (3600, "1 h"),
     (90061, "1 d 1 h"), (-75, "-1 min 15 s")],
)  # fmt: skip
def test_durations_keep_two_units_at_most(seconds, text):
    """A duration shows its largest unit and the next one."""
    assert human.duration(seconds) == text


def test_sizes_are_binary():
    """Sizes use binary units and drop a useless decimal."""
    assert [human.size(n) for n in (0, 1023, 1024, 1536, 1 << 40)] == ["0 B", "1023 B", "1 KiB", "1.5 KiB", "1 TiB"]


def test_only_certainty_is_shown_as_certainty():
    """99.96 percent is not shown as 100."""
    assert human.percent(0.9996) == "99.9%"
    assert human.percent(0.0001) == "0.1%"
    assert human.percent(1.0) == "100%"


def test_ages_look_both_ways():
    """A time in the future is told apart from one in the past."""
    assert human.age(0.0, 7200.0) == "2 h ago"
    assert human.age(7200.0, 0.0) == "in 2 h"
    assert human.age(None, 0.0) == "–"


def test_terminal_escapes_and_overrides_become_visible():
    """Stored text cannot colour, clear or reverse a terminal."""
    hostile = "\x1b[2J\u202eevil\ud800\r\u2028"
    shown = human.plain(hostile)
    assert shown == "\\x1b[2J\\u202eevil\\ud800\\r\\u2028"
    assert human.plain("日本語 é 👩‍👩‍👧") == "日本語 é 👩‍👩‍👧"
    assert human.plain("a\n\tb", lines=True) == "a\n\tb"


@pytest.mark.parametrize("then", [None, 1e300, float("nan"), float("inf"), -1e18])
def test_impossible_moments_are_dashes(then):
    """A damaged time is no reason to hide an entry."""
    assert human.moment(then) == "–"
    assert human.age(then, 0.0)
    assert human.duration(then)


def test_moments_are_dates():
    """What is saved in a notebook tells when, not how long ago."""
    assert human.moment(1_700_000_000.0).startswith("2023-11-1")
