"""Why a call would hit or miss: the parts of its key against those of the nearest stored entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beautyspot._engine.payloads import is_live
from beautyspot.entry import EntryInfo, Query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beautyspot._engine.engine import Engine
    from beautyspot.keys.key import KeyParts

__all__ = ["Explanation", "changes", "explain", "nearest"]

CANDIDATES = 200  # newest entries of the same name that are compared


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """What a call would do.

    Attributes:
        name: Function or cell.
        key: The key of the call.
        would_hit: Whether a valid result is stored.
        reason: One sentence.
        changed: The parts of the key that differ from the nearest entry, readable.
        nearest: Key of that entry, or None.
    """

    name: str
    key: str
    would_hit: bool
    reason: str
    changed: tuple[str, ...] = ()
    nearest: str | None = None

    def __str__(self) -> str:
        return f"{self.name}: would {'hit' if self.would_hit else 'run'}: {self.reason}"

    __repr__ = __str__  # what a notebook shows of it


def explain(engine: Engine, name: str, parts: KeyParts) -> Explanation:
    """Compare a call with what is stored.

    Raises:
        StoreError: The database cannot be read.
    """
    row = engine.db.get(parts.key)
    if row is not None:
        if is_live(row, engine.clock()):
            return Explanation(name, parts.key, would_hit=True, reason="a result is stored", nearest=parts.key)
        return Explanation(name, parts.key, would_hit=False, reason="the stored result has expired", nearest=parts.key)
    entry = nearest(engine, name, parts.components)
    if entry is None:
        return Explanation(name, parts.key, would_hit=False, reason="first run")
    changed = tuple(changes(parts.components, entry.components))
    reason = ", ".join(changed) if changed else "no stored entry has the same key"
    return Explanation(name, parts.key, would_hit=False, reason=reason, changed=changed, nearest=entry.cache_key)


def nearest(engine: Engine, name: str, components: Mapping[str, str]) -> EntryInfo | None:
    """The stored entry of this name that shares most parts of the key; of equally near ones the newest."""
    best: EntryInfo | None = None
    most = -1
    for entry in engine.db.scan(Query(function=name, limit=CANDIDATES)):
        shared = sum(1 for part, digest in components.items() if entry.components.get(part) == digest)
        if shared > most:
            best, most = entry, shared
    return best


def changes(now: Mapping[str, str], then: Mapping[str, str]) -> list[str]:
    """Name the parts that differ, as a reader would: ``"argument n changed"``, ``"helper() changed"``."""
    found = [f"{_readable(part)} changed" for part in now if part in then and now[part] != then[part]]
    found += [f"{_readable(part)} is new" for part in now if part not in then]
    found += [f"{_readable(part)} is gone" for part in then if part not in now]
    return found


def _readable(part: str) -> str:
    kind, _, name = part.partition(":")
    match kind:
        case "arg":
            return f"argument {name}"
        case "code":
            return f"{name}()" if name else "the function's code"
        case "class":
            return f"class {name}"
        case "global" | "closure" | "default" | "module":
            return f"{kind} {name}"
        case _:
            return part
