"""What is stored for a cell, and how it comes back.

The stored value is one dict: ``names`` and ``objects`` (the variables, see `beautyspot_jupyter.graph`), ``in_place``
(inputs that the run changed), ``deleted``, ``unbound``, ``outputs``, ``handles`` (variables that update an output),
``generators`` (states that the run left) and ``deps``.
Code is not in it: imports, functions and classes are executed again from the cell's own text.
"""

from __future__ import annotations

import ast
import copy
import io
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from IPython.core.display_functions import DisplayHandle

from beautyspot.keys.source import register_tree
from beautyspot_jupyter.cells import Cell
from beautyspot_jupyter.definitions import changed_since
from beautyspot_jupyter.execute import Place
from beautyspot_jupyter.graph import InputMap, Tangled, pack, unpack
from beautyspot_jupyter.holders import entangled
from beautyspot_jupyter.namespace import is_hidden
from beautyspot_jupyter.observation import Changes, NotStorable, Observation
from beautyspot_jupyter.outputs import fold

__all__ = ["RESULT", "NotRestorable", "Restoration", "build", "scratch_definitions", "unstorable"]

FORMAT = 1
RESULT = "<result>"
"""Stands among the names for the value of the shown expression."""

_FILLED = (list, dict, set, bytearray, deque)


class NotRestorable(Exception):  # noqa: N818  # internal: the cell runs instead
    """The stored variables do not fit the present namespace."""


def build(observation: Observation, problem_of: Callable[[object], str | None], notices: list[str]) -> dict[str, Any]:
    """Make the value that is stored.

    Args:
        observation: The run.
        problem_of: Why the codec does not take a value, or None.
        notices: Gets what the user should know.

    Raises:
        NotStorable: It cannot be stored so that a hit would be the same as a run.
    """
    observation.check_effects()
    changes = observation.changes()
    random, generators, unseeded = observation.random_states()
    notices += [f"unseeded {name}" for name in unseeded]
    cell, options, namespace = observation.cell, observation.options, observation.namespace
    outputs = _outputs(cell, changes, namespace)
    mutated = _mutated(observation, changes)
    outputs.update({name: namespace[name] for name in mutated})
    unbound = [n for n, v in changes.written.items() if isinstance(v, io.IOBase) and v.closed]
    if options.writes is not None:
        missing = [name for name in options.writes if name not in namespace]
        if missing:
            raise NotStorable(f"the cell does not write {missing[0]}", "--writes names variables that it writes")
        unbound += sorted(outputs.keys() - set(options.writes))
        outputs = {name: value for name, value in outputs.items() if name in options.writes}
    inputs = _unchanged(observation.inputs, mutated)
    folded = fold(observation.tee.events)
    if folded.foreign_update and not options.allow_effects:
        raise NotStorable("it updates an output of another cell", "--allow-effects")
    notices += folded.notices
    handles = {name: value.display_id for name, value in outputs.items() if isinstance(value, DisplayHandle)}
    outputs = {name: value for name, value in outputs.items() if name not in handles}
    packed = _pack(outputs, inputs, _result(observation, problem_of), problem_of)
    if packed.notices and options.strict:
        raise NotStorable(packed.notices[0])
    notices += packed.notices
    return {
        "format": FORMAT,
        "names": packed.names,
        "objects": packed.objects,
        "in_place": sorted(set(mutated) & outputs.keys()),
        "deleted": sorted(changes.deleted),
        "unbound": unbound,
        "outputs": None if options.no_output else folded.items,
        "handles": handles,
        "generators": generators,
        "deps": _dependencies(observation, changes, random),
    }


def _dependencies(observation: Observation, changes: Changes, random: list[list[str]]) -> list[list[str]]:
    options = observation.options
    watch = observation.watch
    files: list[list[str]] = []
    if options.files:
        watch.mention(observation.cell.hazards.paths)
        watch.mention(
            v for v in observation.key.reads.values.values() if isinstance(v, str) or hasattr(v, "__fspath__")
        )
        try:
            files = watch.dependencies()
        except ValueError as error:
            raise NotStorable(str(error)) from error
    return [*files, *random, *changes.conditional]


def _outputs(cell: Cell, changes: Changes, namespace: Mapping[str, Any]) -> dict[str, object]:
    """The written names that are stored: all but what the cell's own definitions make again."""
    found: dict[str, object] = {}
    for name, value in changes.written.items():
        if name in cell.definitions.names:
            if name in cell.definitions.refused:
                raise NotStorable(cell.definitions.refused[name], "move the definition to its own cell")
            if changed_since(cell.definitions.statements, cell.names.attributes_set, name, value):
                raise NotStorable(f"{name} was changed after it was defined", "move the definition to its own cell")
            continue
        if isinstance(value, io.IOBase) and value.closed:
            continue  # what ``with open(...) as f`` leaves behind
        if isinstance(value, (FunctionType, ModuleType, type)):
            if any(other is value for other in namespace.values()) and _alias(value, cell, namespace):
                found[name] = value
                continue
            kind = "module" if isinstance(value, ModuleType) else "class" if isinstance(value, type) else "function"
            where = "inside a block" if name in cell.definitions.elsewhere else "by a call"
            made = "imported" if kind == "module" else "made"
            raise NotStorable(f"{name} is a {kind} {made} {where}", "move it to its own cell")
        found[name] = value
    return found


def _alias(value: object, cell: Cell, namespace: Mapping[str, Any]) -> bool:
    return any(namespace.get(name) is value for name in cell.names.hard)


def _mutated(observation: Observation, changes: Changes) -> list[str]:
    """Names of changed inputs, checked to be restorable: nobody else may hold what cannot be changed in place."""
    found = []
    for name in sorted(changes.mutated):
        value = observation.before[name]
        if observation.namespace.get(name) is not value:
            if entangled(observation.namespace, value, only_parts=False):
                raise NotStorable(f"it changes {name} and binds the name again", "use another name")
            continue
        other = entangled(observation.namespace, value, only_parts=_is_filled(value))
        if other is not None:
            raise NotStorable(f"it changes {name}, which {other} holds too", f"copy {name} before")
        found.append(name)
    return found


def _is_filled(value: object) -> bool:
    if type(value) in _FILLED:
        return True
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray and value.flags.writeable  # type: ignore[attr-defined]


def _unchanged(inputs: InputMap, mutated: Iterable[str]) -> InputMap:
    """The map without the inputs that were changed: what is inside them is stored anew."""
    gone = set(mutated)
    if not gone:
        return inputs
    return InputMap(
        {ident: place for ident, place in inputs.paths.items() if place[0] not in gone},
        {ident: name for ident, name in inputs.opaque.items() if name not in gone},
        inputs.kept,
    )


def _result(observation: Observation, problem_of: Callable[[object], str | None]) -> tuple[object] | None:
    results = observation.tee.results
    if not results:
        return None
    value = results[-1]
    if (
        any(value is other for name, other in observation.namespace.items() if not is_hidden(name))
        or problem_of(value) is None
    ):
        return (value,)
    return None


def unstorable(names: Mapping[str, object], problem_of: Callable[[object], str | None]) -> NotStorable | None:
    """Name the first variable that the codec does not take, and what to do about it."""
    for name, value in names.items():
        problem = problem_of(value)
        if problem is not None and name != RESULT:
            kept = [other for other in names if other != name and not other.startswith("<")]
            kept = [other for other in kept if problem_of(names[other]) is None]
            remedy = f"--writes={','.join(kept)} stores the rest" if kept else "make it in a cell of its own"
            return NotStorable(f"{name}{problem} can't be stored", remedy)
    return None


def _pack(
    outputs: dict[str, object],
    inputs: InputMap,
    result: tuple[object] | None,
    problem_of: Callable[[object], str | None],
) -> Any:
    if result is not None and not isinstance(result[0], (FunctionType, ModuleType, type)):
        try:
            return pack({**outputs, RESULT: result[0]}, inputs)
        except Tangled:  # without the value, the shown text is still the same
            pass
    try:
        return pack(outputs, inputs)
    except Tangled as error:
        raise unstorable(outputs, problem_of) or NotStorable(str(error)) from error


def scratch_definitions(cell: Cell, place: Place, compiler: Callable[..., Any]) -> dict[str, Any]:
    """Execute the imports, functions and classes of a cell without binding them in the namespace yet.

    Their globals are the namespace itself, so they are the real ones once their names are bound.

    Args:
        cell: The cell.
        place: Where it stands.
        compiler: The shell's own, which knows the future features that are switched on.
    """
    scratch: dict[str, Any] = {}
    if not cell.definitions.statements:
        return scratch
    tree = ast.Module(ast.parse(cell.source).body, [])
    ast.increment_lineno(tree, place.offset)
    register_tree(place.filename, tree)
    for statement in cell.definitions.statements:
        module = ast.increment_lineno(copy.deepcopy(ast.Module([statement], [])), place.offset)
        exec(compiler(module, place.filename, "exec"), place.namespace, scratch)  # noqa: S102  # the cell's own text
    return scratch


@dataclass(slots=True)
class Restoration:
    """Stored variables, ready to be bound: everything that can fail is done before `apply` changes anything.

    Args:
        document: The stored value.
        definitions: What `scratch_definitions` made.
        namespace: Where the variables belong.

    Raises:
        NotRestorable: The present namespace does not fit.
    """

    document: Mapping[str, Any]
    definitions: dict[str, Any]
    namespace: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    plan: list[Callable[[], None]] = field(default_factory=list)
    result: tuple[object] | None = None

    def __post_init__(self) -> None:
        document, namespace = self.document, self.namespace
        if document.get("format") != FORMAT:
            raise NotRestorable("it was stored by another version")
        try:
            self.values = unpack(document["names"], list(document["objects"]), namespace)
        except (LookupError, TypeError, AttributeError) as error:
            raise NotRestorable(f"an input has another form: {error}") from error
        if RESULT in self.values:
            self.result = (self.values.pop(RESULT),)
        replaced: dict[int, Any] = {}
        for name in document["in_place"]:
            replaced[id(self.values[name])] = self._plan(name, self.values[name])
        self.values = {name: replaced.get(id(value), value) for name, value in self.values.items()}
        if self.result is not None:
            self.result = (replaced.get(id(self.result[0]), self.result[0]),)

    def _plan(self, name: str, new: Any) -> Any:
        """How one changed input gets its new content; returns the object that the name is bound to afterwards."""
        namespace = self.namespace
        if name not in namespace:
            raise NotRestorable(f"{name} is not there")
        old = namespace[name]
        fills = type(old) is type(new) and _is_filled(old) and getattr(old, "shape", 0) == getattr(new, "shape", 0)
        fills = fills and getattr(old, "dtype", 0) == getattr(new, "dtype", 0)
        other = entangled(namespace, old, only_parts=fills)
        if other is not None:
            raise NotRestorable(f"{other} holds {name} too")
        if fills:
            self.plan.append(partial(_fill, old, new))
            return old
        for scope in (namespace, namespace.get("_oh", {})):
            self.plan.append(partial(_rebind, scope, old, new))
        return new

    def apply(self) -> None:
        """Bind everything."""
        for step in self.plan:
            step()
        self.namespace.update(self.definitions)
        self.namespace.update(self.values)
        for name in (*self.document["deleted"], *self.document["unbound"]):
            self.namespace.pop(name, None)

    def bind_handles(self, ids: Mapping[str, str]) -> None:
        """Bind the variables that update an output to the outputs that were just shown."""
        for name, display_id in self.document["handles"].items():
            self.namespace[name] = DisplayHandle(ids.get(display_id, display_id))  # type: ignore[no-untyped-call,unused-ignore]


def _rebind(scope: dict[Any, Any], old: Any, new: Any) -> None:
    scope.update({name: new for name, value in list(scope.items()) if value is old})


def _fill(old: Any, new: Any) -> None:
    if isinstance(old, (list, bytearray)):
        old[:] = new
    elif isinstance(old, (dict, set)):
        old.clear()
        old.update(new)
    elif isinstance(old, deque):
        old.clear()
        old.extend(new)
    else:
        old[...] = new
