"""The commands of ``%spot``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from beautyspot.entry import EntryInfo, Query
from beautyspot.errors import SpotError, UnitError
from beautyspot.report import human
from beautyspot.spot import Spot
from beautyspot.units import seconds
from beautyspot_jupyter.badge import age, names_text
from beautyspot_jupyter.records import dependencies_of

if TYPE_CHECKING:
    from beautyspot_jupyter.cell_call import CellCall
    from beautyspot_jupyter.extension import Notebook

__all__ = ["COMMANDS", "arguments_of", "predict"]

_MODES = ("on", "off", "force", "frozen", "quiet")
_PAGE = 500


def _spot(notebook: Notebook) -> Spot:
    return notebook.spot_named(None, notebook.shell.user_ns)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def predict(call: CellCall) -> None:
    """Say whether a cell would hit, and why; the body does not run."""
    call.prepare(predicting=True)
    if call.blocked is not None:
        _say(f"{call.label}: would run and not be cached: {call.blocked[0]} · {call.blocked[1]}")
        return
    if call.mode == "off":
        _say(f"{call.label}: would run: the mode is off")
        return
    entry = call.found.entry
    if entry is not None:
        gain = f"computed {age(entry.created_at)}, saves {human.duration(entry.duration)}"
        _say(f"{call.label}: would hit: {gain} · {entry.cache_key[:6]}")
    else:
        _say(f"{call.label}: would run: {call.why}")
    for name, found in sorted(call.key.parts.items()):
        _say(f"    {name:24} {found[:12]}")


def status(notebook: Notebook, _: str) -> None:
    """Show which Spot is used, the mode, and what is stored."""
    spot = _spot(notebook)
    number, size = spot.db.count(Query(kind="cell"))
    live = spot.live()
    _say(f"◆ spot {spot.name} · {spot.db.label} · mode {notebook.mode if notebook.mode != 'on' else spot.mode}")
    calls = f"{human.counted(live['hits'], 'hit')}, {human.counted(live['misses'], 'run')}"
    _say(f"  {human.counted(number, 'cell')} stored ({human.size(size)})")
    _say(f"  this session: {calls}, {human.duration(live['saved'])} saved")


def use(notebook: Notebook, rest: str) -> None:
    """Use a Spot for the cells of this notebook."""
    if not rest:
        raise UsageError("%spot use NAME: give the name of a Spot, or of a variable that holds one")
    notebook.chosen = notebook.spot_named(rest, notebook.shell.user_ns)
    _say(f"◆ spot {notebook.chosen.name} · {notebook.chosen.db.label}")


def explain(notebook: Notebook, rest: str) -> None:
    """Show what the key of a stored cell was made of and what its result depends on."""
    entry = _one(notebook, rest or notebook.last_key or "")
    _describe(entry)
    _say("  key:")
    rows = sorted(entry.components.items())
    rows += [(f"{kind} {name}", found) for kind, name, found, *_ in dependencies_of(entry)]
    width = max((len(part) for part, _ in rows), default=0)
    for part, found in rows:
        _say(f"    {part:{width}}  {found[:12]}")


def list_(notebook: Notebook, rest: str) -> None:
    """List stored cells."""
    tag = None
    words = rest.split()
    if words[:1] == ["--tag"] and len(words) == 2:  # the option and its value
        tag = words[1]
    elif words:
        raise UsageError("%spot list [--tag TAG]")
    entries = _spot(notebook).db.scan(Query(kind="cell", tag=tag))
    for entry in entries:
        writes = names_text(_names(entry))
        cost = f"{human.duration(entry.duration):>9} {human.size(entry.size):>9}"
        _say(f"{entry.cache_key[:6]}  {entry.func_name:16} {cost}  {age(entry.created_at):12} {writes}")
    if not entries:
        _say("no cells are stored")


def show(notebook: Notebook, rest: str) -> None:
    """Show one stored cell."""
    entry = _one(notebook, rest or notebook.last_key or "")
    _describe(entry)
    source = str(entry.meta.get("source", ""))
    for line in source.splitlines():
        _say(f"    {line}")


def invalidate(notebook: Notebook, rest: str) -> None:
    """Delete the results of a label, or the last one."""
    spot = _spot(notebook)
    if rest == "--last":
        if notebook.last_key is None:
            raise UsageError("%spot invalidate --last: no cell was cached in this session")
        number = spot.invalidate(key=notebook.last_key)
    elif rest and not rest.startswith("-"):
        number = spot.invalidate(function=_unquoted(rest))
    else:
        raise UsageError("%spot invalidate LABEL, or --last")
    _say(f"deleted {number}")


def clear(notebook: Notebook, rest: str) -> None:
    """Delete stored cells: all, or those older than a time."""
    words = rest.split()
    confirmed = "--yes" in words
    words = [word for word in words if word != "--yes"]
    before = None
    if words[:1] == ["--older"] and len(words) == 2:  # the option and its value
        try:
            before = time.time() - seconds(words[1])
        except UnitError as error:
            raise UsageError(f"%spot clear --older: {error}") from error
    elif words:
        raise UsageError("%spot clear [--older 7d] [--yes]")
    spot = _spot(notebook)
    query = Query(kind="cell", created_before=before, limit=_PAGE)
    number, size = spot.db.count(query)
    if not confirmed:
        what = f"{human.counted(number, 'cell')} ({human.size(size)})"
        _say(f"would delete {what}: say %spot clear {rest} --yes".replace("  ", " "))
        return
    deleted = 0
    while entries := spot.db.scan(query):
        gone = spot.engine.delete([entry.cache_key for entry in entries if not entry.pinned])
        deleted += gone
        if not gone:
            break
    _say(f"deleted {deleted}")


def mode(notebook: Notebook, rest: str) -> None:
    """Set what all cells of this notebook do."""
    if rest and rest not in _MODES:
        raise UsageError(f"%spot mode {rest}: expected one of {', '.join(_MODES)}")
    notebook.mode = rest or notebook.mode
    _say(f"mode {notebook.mode}")


def dashboard(notebook: Notebook, _: str) -> Any:
    """Show the dashboard below the cell."""
    return _spot(notebook).dashboard()


def help_(_: Notebook, __: str) -> None:
    """List the commands, and the options of %%spot."""
    for name, command in COMMANDS.items():
        _say(f"%spot {name:10} {(command.__doc__ or '').splitlines()[0]}")
    _say(_OPTIONS)


_OPTIONS = """
%%spot [LABEL] [options]
  -r, --reads a,b     the key depends on exactly these variables
      --also a        ... on this one too
  -i, --ignore v      ... not on this one
  -w, --writes x,y    store only these; the others are unbound on a hit
  -d, --dep PATH      ... on the content of this file (or pattern)
      --env VAR       ... on this environment variable
  -v, --version V     ... on this text
      --pin PKG       ... on the version of this distribution
      --ttl 1d        the result expires
  -s, --spot NAME     where to store
  -f, --force         run and replace
      --off           run; neither look up nor store
      --frozen        a miss is an error
  -n, --explain       say what would happen; run nothing
      --blob          store as a file
      --no-output     neither store nor replay output
      --rng ignore|strict   what to do about random number generators
      --files off     do not follow files
      --allow-effects store although something else than variables changes
      --strict        refuse where a copy would stand for a view
      --min-time 0.2s do not store runs that are shorter
      --tag T         label to find it by
  -q, --quiet         no badge for hits and misses"""

COMMANDS: dict[str, Callable[[Notebook, str], Any]] = {
    "status": status,
    "use": use,
    "explain": explain,
    "list": list_,
    "show": show,
    "invalidate": invalidate,
    "clear": clear,
    "mode": mode,
    "dashboard": dashboard,
    "help": help_,
}


def arguments_of(notebook: Notebook, command: str) -> list[str]:
    """What may follow a command, for completion."""
    if command == "mode":
        return list(_MODES)
    if command == "use":
        return sorted(name for name, value in notebook.shell.user_ns.items() if isinstance(value, Spot))
    if command in {"explain", "show", "invalidate"}:
        try:
            return sorted({entry.func_name for entry in _spot(notebook).db.scan(Query(kind="cell"))})
        except SpotError:
            return []
    return []


def _one(notebook: Notebook, text: str) -> EntryInfo:
    wanted = _unquoted(text)
    if not wanted:
        raise UsageError("%spot: give a label or the beginning of a key")
    db = _spot(notebook).db
    found = db.scan(Query(function=wanted, kind="cell", limit=1)) or db.scan(
        Query(key_prefix=wanted, kind="cell", limit=1)
    )
    if not found:
        raise UsageError(f"%spot: no stored cell has the label or key {wanted}")
    return found[0]


def _describe(entry: EntryInfo) -> None:
    _say(f"{entry.func_name} · {entry.cache_key.rstrip('0')}")
    cost = f"{human.duration(entry.duration)} · {human.size(entry.size)}"
    _say(f"  computed {age(entry.created_at)} in {cost} · {human.counted(entry.hits, 'hit')}")
    _say(f"  stores {names_text(_names(entry)) or 'output only'}")


def _names(entry: EntryInfo) -> list[str]:
    found = entry.meta.get("writes", ())
    return [str(name) for name in found] if isinstance(found, (list, tuple)) else []


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
