"""Why a cell was not found: its key, part by part, against the nearest record of the same label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beautyspot.entry import EntryInfo, Query
from beautyspot.errors import StoreError
from beautyspot_jupyter.files import Dependency, changed_name
from beautyspot_jupyter.namespace import ABSENT

__all__ = ["differences", "explain_miss", "nearest"]

_CANDIDATES = 50
_NAMED = 3


def nearest(db: Any, label: str | None, components: Mapping[str, str]) -> EntryInfo | None:
    """The stored record that shares most parts of the key; without a label only records of the same text count."""
    try:
        if label is not None:
            entries = db.scan(Query(function=label, kind="cell", limit=_CANDIDATES))
        else:
            entries = db.scan(Query(code_digest=components.get("cell", ""), kind="cell", limit=_CANDIDATES))
    except StoreError:
        return None
    best, most = None, -1
    for entry in entries:  # newest first, so that of equally near ones the newest stays
        shared = sum(1 for part, found in components.items() if entry.components.get(part) == found)
        if shared > most:
            best, most = entry, shared
    return best


def explain_miss(db: Any, label: str | None, components: Mapping[str, str], broken: Dependency | None) -> str:
    """One phrase: ``"first run"``, ``"because df changed"``, ``"because data.csv changed"``."""
    if broken is not None:
        return f"because {_broken(broken)}"
    entry = nearest(db, label, components)
    if entry is None:
        return "first run"
    found = differences(components, entry.components)
    if not found:
        return "because no stored run has the same key"
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return "because " + ", ".join(found[:_NAMED]) + more


def _broken(dependency: Dependency) -> str:
    kind, name, _ = dependency
    phrases = {
        "expired": "the stored result has expired",
        "random": f"the state of {name} changed",
        "name": f"{name} changed",
        "env": f"${name} changed",
        "cwd": "the working directory changed",
    }
    if kind == "folder":
        return f"the folder {changed_name(dependency)} is gone"
    return phrases.get(kind) or f"{changed_name(dependency)} changed"


def differences(now: Mapping[str, str], then: Mapping[str, str]) -> list[str]:
    """The parts that differ, as a reader would name them, those that say most first."""
    found: list[str] = []
    changed = [part for part in now if now[part] != then.get(part)]
    inner = {
        part
        for part in changed
        if part.partition(":")[0] in {"code", "global", "class", "closure", "default", "attribute"}
    }
    for part in sorted(changed, key=lambda part: (part != "cell", part.startswith("read:"), part)):
        kind, _, name = part.partition(":")
        if (
            kind == "read"
            and inner
            and any(other.partition(":")[0] != "read" for other in inner)
            and _is_code(name, now)
        ):
            continue  # its own parts say more precisely what changed
        found.append(_readable(kind, name, now[part], then.get(part)))
    found += [f"{_plain(part)} is gone" for part in then if part not in now and part.startswith("read:")]
    return list(dict.fromkeys(found))


def _is_code(name: str, components: Mapping[str, str]) -> bool:
    return f"code:{name}" in components or f"class:{name}" in components


def _readable(kind: str, name: str, now: str, then: str | None) -> str:
    if kind == "read" and ABSENT in (now, then):
        return f"{name} is {'gone' if now == ABSENT else 'new'}"
    if kind == "read" and then is None:
        return f"{name} is read now"
    subject = {
        "cell": "the cell's text",
        "read": name,
        "code": f"{name}()",
        "file": name,
        "global": name,
        "setting": name,
        "exists": f"whether {name} is there",
        "sharing": "which variables share an object",
        "functions": "an attribute of a function",
        "outside": name,
        "imports": "an imported module",
        "options": "an option",
        "version": "the version",
        "env": f"${name}",
    }
    return f"{subject.get(kind, f'{kind} {name}'.strip())} changed"


def _plain(part: str) -> str:
    return part.partition(":")[2] or part
