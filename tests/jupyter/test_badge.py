"""The badge: one line, readable everywhere, harmless whatever the data are called."""

from __future__ import annotations

from typing import Any

import pytest

from beautyspot_jupyter.badge import Badge, age, names_text, show

HOSTILE = ["<script>alert(1)</script>", "a' onmouseover='x", "&amp;", "\x1b[31mred\x1b[0m", "two\nlines", "\u202eright"]


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_only_text(text: str) -> None:
    """HTML is escaped, and terminals get no control characters and one line."""
    badge = Badge("hit", (text, "df"))
    html = badge.html()
    assert "<script" not in html
    assert "onmouseover='x" not in html
    assert "\x1b" not in html + badge.text()
    assert "\u202e" not in html + badge.text()
    assert "\n" not in html + badge.text()
    assert badge.text().endswith(" · df")


def test_it_is_small_and_grey_in_both_themes() -> None:
    """Its colour is given, its background is not."""
    html = Badge("miss", ("load", "42 s", "データ")).html()
    assert "color:#808080" in html
    assert "background" not in html
    assert "データ" in html


def test_long_lists_of_names_are_short() -> None:
    """Five names, and how many more."""
    assert names_text(f"v{i}" for i in range(7)) == "v0, v1, v2, v3, v4 and 2 more"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "just now"), (59, "59 s ago"), (7300, "2 h ago"), (-5, "just now")]
)
def test_age(seconds: float, text: str) -> None:
    """A clock that was set back is no reason to speak of the future."""
    assert age(1000.0, 1000.0 + seconds) == text


def test_in_a_terminal_it_is_a_line_on_stderr(lab: Any) -> None:
    """It is shown after the output and is no part of what is stored."""
    first, second = lab.twice("%%spot load\nprint('out')")
    assert first.badge.startswith("◆ spot miss · load · ")
    assert first.badge.endswith(" · first run")
    assert second.badge.startswith("◆ spot hit · load · saved ")
    assert first.out == second.out == "out\n"
    assert second.err == ""


def test_in_a_notebook_it_is_a_display_of_its_own() -> None:
    """Shells with a kernel get HTML and text."""
    published = []

    class Shell:
        kernel = None

        class display_pub:  # the name that shells use
            @staticmethod
            def publish(data: Any, metadata: Any) -> None:
                published.append((data, metadata))

    badge = Badge("not cached", ("conn (sqlite3.Connection) can't be hashed", "--ignore conn"))
    show(Shell(), badge)
    assert published == [({"text/html": badge.html(), "text/plain": badge.text()}, {})]
    assert badge.text() == "◆ spot not cached · conn (sqlite3.Connection) can't be hashed · --ignore conn"


def test_what_cannot_be_stored_alone_has_a_remedy_that_works(lab: Any) -> None:
    """No ``--writes=`` without a name behind it."""
    badge = lab.run("%%spot\ny = iter([])").badge
    assert "can't be stored" in badge
    assert "--writes" not in badge
