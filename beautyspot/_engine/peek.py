"""The straight line of a hit: one read, one check, one decode. Anything unusual is left to the flow.

Small rows that were read once are kept in memory. A kept row is used only while the database's stamp is the one from
before it was read, which means: while nobody, in this process or another, has committed anything since. A database that
has no stamp is read each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

from beautyspot.codecs import Payload
from beautyspot.errors import SpotError

if TYPE_CHECKING:
    from beautyspot._engine.engine import Engine

__all__ = ["Missed", "Recent", "compile_peek"]

KEPT_ROWS = 1024
KEPT_SIZE = 4096  # bytes above which a row is read from the database each time


@dataclass(frozen=True, slots=True)
class Missed:
    """A look-up that found nothing it could use.

    Attributes:
        absent: There is no row at all.
        stamp: The database's stamp from before the look-up, or None.
    """

    absent: bool
    stamp: object


Kept = tuple[object, bytes, float]
"""(stamp from before it was read, result_data, seconds that the run took)"""


class Recent:
    """The last small rows that were read."""

    def __init__(self) -> None:
        self.rows: dict[str, Kept] = {}

    def keep(self, key: str, row: Kept) -> None:
        """Remember a row, and forget the oldest one if there are too many."""
        rows = self.rows
        rows[key] = row
        if len(rows) > KEPT_ROWS:
            try:
                del rows[next(iter(rows))]
            except (KeyError, RuntimeError, StopIteration):  # another thread did so at the same moment
                rows.clear()


def compile_peek(engine: Engine, name: str, known: Callable[[], Mapping[str, type]]) -> Callable[[str], Any]:
    """Build the hit path of one function.

    Args:
        engine: Whose results.
        name: What hits are counted under.
        known: Classes that results may be made of.

    Returns:
        A function of a key that returns the value, or an instance of `Missed`.
    """
    get, stamp, keep, rows = engine.db.get, engine.stamp, engine.recent.keep, engine.recent.rows
    decode_head, decode = engine.codec.decode_head, engine.codec.decode
    append, background = engine.recorder.hits.append, engine.background
    unusual = Missed(absent=False, stamp=None)

    def peek(key: str) -> Any:
        try:
            now = stamp()
            kept = rows.get(key)
            if kept is not None and kept[0] == now:
                _, data, seconds = kept
            else:
                row = get(key)
                if row is None:
                    return Missed(True, now)  # two positions are faster than two names
                kind, content, _, checksum, expires_at, seconds = row
                if kind != "SPOT" or content is None or expires_at is not None or crc32(content) != checksum:
                    return unusual
                data = content
                if now is not None and len(data) <= KEPT_SIZE:
                    keep(key, (now, data, seconds))
            try:
                value = decode_head(data)
            except SpotError:  # it holds a user's class
                value = decode(Payload(data, ()), known())
        except Exception:  # the flow meets the same problem, warns and goes on
            return unusual
        append((name, key, seconds))
        if not background.active:
            background.nudge()
        return value

    return peek
