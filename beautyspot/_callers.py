"""Whose line a warning should point at."""

from __future__ import annotations

import sys
from types import FrameType

__all__ = ["frames_to_user"]

_OURS = frozenset({"beautyspot", "beautyspot_jupyter"})


def frames_to_user() -> int:
    """Return the ``stacklevel`` that makes a warning of the calling function point at the nearest caller outside."""
    level = 1
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # the documented way is a hundred times slower
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back
    return level
