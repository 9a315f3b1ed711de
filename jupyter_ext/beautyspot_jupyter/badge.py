"""The one line below a cell that says what the cache did."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from beautyspot.report import human

__all__ = ["Badge", "age", "show"]

_STYLE = "font:12px/1.5 system-ui,sans-serif;color:#808080;padding:1px 0;white-space:normal;overflow-wrap:anywhere;"
_NAMES = 5


@dataclass(frozen=True, slots=True)
class Badge:
    """What is said.

    Attributes:
        kind: What happened.
        parts: Texts, joined by middle dots.
    """

    kind: Literal["hit", "miss", "not cached", "off"]
    parts: tuple[str, ...]

    def text(self) -> str:
        """One line of text."""
        return _clean(" · ".join((f"◆ spot {self.kind}", *self.parts)))

    def html(self) -> str:
        """The same as HTML; everything that comes from data is escaped."""
        kind = f"<b style='font-weight:600'>◆ spot {escape(self.kind)}</b>"
        rest = "".join(f" · {escape(_clean(part))}" for part in self.parts)
        return f"<div class='beautyspot-badge' style='{_STYLE}'>{kind}{rest}</div>"


def _clean(text: str) -> str:
    """Text on one line, without control characters that a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text)


def show(shell: Any, badge: Badge, *, open_line: bool = False) -> None:
    """Show a badge: rich in notebooks, a line on stderr in terminals.

    Args:
        shell: The shell.
        badge: What to say.
        open_line: Whether the text above has not ended its line.
    """
    if hasattr(shell, "kernel"):
        shell.display_pub.publish({"text/html": badge.html(), "text/plain": badge.text()}, {})
        return
    sys.stdout.flush()
    sys.stderr.write(("\n" if open_line else "") + badge.text() + "\n")
    sys.stderr.flush()


def names_text(names: Iterable[str]) -> str:
    """A short list of names."""
    listed = list(names)
    shown = ", ".join(listed[:_NAMES])
    return shown + (f" and {len(listed) - _NAMES} more" if len(listed) > _NAMES else "")


def age(created_at: float | None, now: float | None = None) -> str:
    """How long ago something was computed; empty if that is not known."""
    if created_at is None:
        return ""
    now = time.time() if now is None else now
    text = human.age(created_at, max(now, created_at))  # a clock that was set back makes nothing future
    return "just now" if text == "now" else text
