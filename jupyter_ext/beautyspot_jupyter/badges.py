"""Which badge a cell gets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from beautyspot.report import human
from beautyspot_jupyter.badge import Badge, age, names_text
from beautyspot_jupyter.badge import show as show_badge
from beautyspot_jupyter.cell_result import unstorable
from beautyspot_jupyter.namespace import library_versions

if TYPE_CHECKING:
    from beautyspot._engine.plan import Outcome
    from beautyspot_jupyter.cell_call import CellCall

__all__ = ["after_hit", "after_run", "show"]


def show(notebook: Any, call: CellCall, badge: Badge) -> None:
    """Show a badge, unless it says nothing that must be said and the user asked for quiet."""
    if badge.kind != "not cached" and (call.options.quiet or notebook.mode == "quiet"):
        return
    show_badge(notebook.shell, badge, open_line=call.open_line)


def _label(call: CellCall) -> list[str]:
    return [call.options.label] if call.options.label else []


def after_hit(call: CellCall, outcome: Outcome, spent: float) -> Badge:
    """``hit · load · saved 41.8 s (restored in 0.12 s) · df, model · computed 2 h ago · a1b2c3``."""
    document, entry = outcome.value, call.found.entry
    facts = entry.meta if entry is not None else {}
    took = facts.get("seconds", outcome.seconds)
    parts = [*_label(call), f"saved {human.duration(float(str(took)))} (restored in {human.duration(spent)})"]
    names = [name for name in document["names"] if not name.startswith("<")]
    names = list(dict.fromkeys([*names, *sorted(call.cell.definitions.names)]))
    if names:
        parts.append(names_text(names))
    if document["unbound"] and call.options.writes is not None:
        parts.append(f"{names_text(document['unbound'])} not restored (--writes)")
    if entry is not None:
        parts.append(f"computed {age(entry.created_at)}")
        parts += _other_versions(call, facts.get("libraries"))
    notices = facts.get("notices")
    parts += [str(notice) for notice in notices] if isinstance(notices, (list, tuple)) else []
    return Badge("hit", (*parts, outcome.key[:6]))


def _other_versions(call: CellCall, then: Any) -> list[str]:
    if not isinstance(then, dict) or not then:
        return []
    now = library_versions(call.cell, call.place.namespace)
    return [
        f"computed with {name} {version}, now {now[name]}"
        for name, version in then.items()
        if now.get(name, version) != version
    ]


def after_run(call: CellCall, outcome: Outcome) -> Badge:
    """``miss · load · 42.0 s · stored df, model (3.1 MB) · because df changed``, or why it was not cached."""
    took = human.duration(call.seconds)
    if call.blocked is not None:
        return _not_cached(call, *call.blocked)
    if outcome.status == "off":
        return Badge("off", (*_label(call), took))
    if call.missed is not None:
        return _not_cached(call, *call.missed)
    if not outcome.stored:
        return _refused(call, outcome, took)
    names = [name for name in outcome.value["names"] if not name.startswith("<")]
    stored = (
        f"stored {names_text(names)} ({human.size(outcome.size)})" if names else f"stored ({human.size(outcome.size)})"
    )
    why = call.why or ("because the stored result could not be read" if call.found.entry else "first run")
    return Badge("miss", (*_label(call), took, stored, why, *call.notices))


def _not_cached(call: CellCall, reason: str, remedy: str) -> Badge:
    return Badge("not cached", (*_label(call), reason, *([remedy] if remedy else [])))


def _refused(call: CellCall, outcome: Outcome, took: str) -> Badge:
    reason = outcome.reason or "the store did not take it"
    document = outcome.value
    if reason.startswith("it took less than") or reason == "the store is not written to":
        return Badge("miss", (*_label(call), took, f"not stored: {reason}"))
    if isinstance(document, dict):
        problem = unstorable(document["names"], call.storing_problem)
        if problem is not None:
            return _not_cached(call, problem.reason, problem.remedy)
    return _not_cached(call, re.sub(r"\s+", " ", reason), "")
