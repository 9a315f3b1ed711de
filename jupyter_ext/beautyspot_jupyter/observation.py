"""One run of a cell under observation: what it changed, what it opened, what it showed."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from types import FunctionType, ModuleType, TracebackType
from typing import Any, Self

from beautyspot.errors import KeyingError
from beautyspot.keys.source_origin import is_infrastructure
from beautyspot_jupyter import settings
from beautyspot_jupyter.capture import Tee, flush_figures
from beautyspot_jupyter.cell_key import CellKey, import_statements
from beautyspot_jupyter.cells import Cell
from beautyspot_jupyter.files import Watch
from beautyspot_jupyter.graph import InputMap, Tangled, map_inputs
from beautyspot_jupyter.namespace import Reads, digest_name, imports_digest, is_hidden, is_steady, read_all
from beautyspot_jupyter.options import CellOptions
from beautyspot_jupyter.reach import attributes_digest
from beautyspot_jupyter.rng import Generators

__all__ = ["Changes", "Observation"]


class NotStorable(Exception):  # noqa: N818  # internal: becomes the reason of "not cached"
    """Why a run is not stored, and what to do about it."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


_THROWAWAY = frozenset({"_", "__", "___"})
"""IPython's history, unless the cell binds them: then they are variables, and IPython leaves them alone."""


@dataclass(slots=True)
class Changes:
    """What a run did to the namespace.

    Attributes:
        written: Names that are bound to another object now, or were bound again.
        mutated: Names of inputs that were changed in place.
        deleted: Names that are gone.
        conditional: Old values on which this record depends, as dependencies.
    """

    written: dict[str, object] = field(default_factory=dict)
    mutated: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    conditional: list[list[str]] = field(default_factory=list)


class Observation:
    """Use as a context manager around the run, then ask for `changes`.

    Args:
        shell: The shell.
        cell: The cell.
        key: Its key, with the digests of its reads before the run.
        options: Its options.
        generators: The random number generators.
        namespace: The variables.
        private: Places of the cache itself, which are no dependencies.
        effectful: Digests of the text of cells that changed settings in this session, and which.
    """

    def __init__(self, shell: Any, cell: Cell, key: CellKey, options: CellOptions, **surroundings: Any) -> None:
        self.shell = shell
        self.cell = cell
        self.key = key
        self.options = options
        self.generators: Generators = surroundings["generators"]
        self.namespace: dict[str, Any] = surroundings["namespace"]
        self.effectful: dict[str, str] = surroundings["effectful"]
        self.tee = Tee(shell)
        self.watch = Watch(private=surroundings["private"])
        self.problem: NotStorable | None = None

    def __enter__(self) -> Self:
        cell, namespace = self.cell, self.namespace
        self.before = dict(namespace)
        maybe = {name for name in self.bound - cell.names.definite if name in namespace}
        doubtful = (maybe | (self.key.soft & namespace.keys())) - set(self.options.ignore)
        self.doubtful = Reads()
        for name in doubtful - self.key.reads.digests.keys():
            one = read_all([name], cell.names.chains, namespace)
            self.doubtful.digests.update(one.digests)
            self.doubtful.values.update(one.values)
        self.inputs = InputMap()
        try:
            self.inputs = map_inputs({**self.key.reads.values, **self.doubtful.values})
        except Tangled as error:
            self.problem = NotStorable(str(error))
        self.components = self.key.components()
        self.generators_before, self.seeded_before = self.generators.watch()
        self.settings = settings.snapshot()
        if self.options.files:
            self.watch.__enter__()
        self.tee.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                flush_figures()
        finally:
            self.tee.__exit__(kind, error, trace)
            if self.options.files:
                self.watch.__exit__(kind, error, trace)

    @property
    def bound(self) -> set[str]:
        """Names that the cell, or a function that it calls, may bind."""
        return self.cell.names.bound | self.key.reach.stores

    def check_effects(self) -> None:
        """Look for changes outside the namespace.

        Raises:
            NotStorable: There are some, and they are not allowed.
        """
        if self.problem is not None:
            raise self.problem
        if self.options.allow_effects:
            return
        for effect in self.watch.effects:
            raise NotStorable(effect, "--allow-effects if running it once is enough")
        for name in settings.changed(self.settings, settings.snapshot()):
            self.effectful[self.cell.code] = name
        if self.cell.code in self.effectful:  # a second run would set the same again and seem to change nothing
            raise NotStorable(f"it changes {self.effectful[self.cell.code]}", "move it to its own cell")
        if attributes_digest(self.key.reach.functions) != self.key.attributes:
            raise NotStorable("it sets an attribute of a function", "use a variable")
        for chain in sorted(self.cell.names.attributes_set):
            if self._is_module(chain[:-1]):
                raise NotStorable(f"it assigns {'.'.join(chain)}", "move it to its own cell")

    def _is_module(self, chain: tuple[str, ...]) -> bool:
        value: Any = self.namespace.get(chain[0]) if chain else None
        for step in chain[1:]:
            value = getattr(value, step, None)
        return isinstance(value, ModuleType)

    def random_states(self) -> tuple[list[list[str]], dict[str, Any], list[str]]:
        """Dependencies on generators, the states they were left in, and the names of unseeded ones.

        Raises:
            NotStorable: An unseeded generator was used under ``--rng strict``.
        """
        if self.options.rng == "ignore":
            return [], {}, []
        after, states = self.generators.digests(), self.generators.states()
        dependencies, left, unseeded = [], {}, []
        for name, state in after.items():
            before = self.generators_before.get(name)
            seeding = self.generators.before_seeding.get(name)
            if seeding is not None:  # it was seeded by the cell
                left[name] = states[name]
                if before is not None and seeding != before and name in self.seeded_before:
                    dependencies.append(["random", name, before])
            elif before is not None and state != before:
                if name in self.seeded_before:
                    left[name] = states[name]
                    dependencies.append(["random", name, before])
                else:
                    unseeded.append(name)
        if unseeded and self.options.rng == "strict":
            raise NotStorable(f"{unseeded[0]} is not seeded", "seed it before")
        return dependencies, left, unseeded

    def changes(self) -> Changes:
        """Compare the namespace with what it was.

        Raises:
            NotStorable: Something changed that cannot be put back.
        """
        found = Changes()
        before, now = self.before, self.namespace
        definite = self.cell.names.definite
        for name, value in list(now.items()):
            if is_hidden(name) and not (name in _THROWAWAY and name in self.cell.names.bound):
                continue
            if name not in before or before[name] is not value or name in definite:
                found.written[name] = value
        found.deleted = {name for name in before if name not in now and not is_hidden(name)}
        self._doubts(found)
        self._mutations(found)
        return found

    def _doubts(self, found: Changes) -> None:
        """Names that the cell may have bound or read: where that cannot be told, the old value is a condition."""
        names = self.cell.names
        candidates = ((self.bound - names.definite) | self.key.soft) & self.before.keys()
        for name in sorted(candidates - self.key.reads.digests.keys() - set(self.options.ignore)):
            unchanged = self.namespace.get(name, self) is self.before[name]
            if not (unchanged or name in self.key.soft) or is_infrastructure(self.before[name]):
                continue
            old = self.doubtful.digests.get(name)
            if old is None:
                raise NotStorable(f"{name} may be read and can't be hashed", f"del {name} before")
            found.conditional.append(["name", name, old])

    def _mutations(self, found: Changes) -> None:
        chains = self.cell.names.chains
        values = {**self.key.reads.values, **self.doubtful.values}
        digests = {**self.key.reads.digests, **self.doubtful.digests}
        fake = dict(values)
        for name, value in values.items():
            if is_steady(value):
                continue
            try:
                after = digest_name(name, chains, fake)
            except KeyingError as error:
                raise NotStorable(f"{name} changed so that it can't be hashed: {error}") from error
            if after != digests.get(name):
                self._mutated(name, value, found)
        if self.key.imports is not None:
            after = imports_digest(import_statements(self.cell.tree), chains, self.namespace)
            if after != self.key.imports and self._all_loaded_before():
                raise NotStorable("it changes data in a module it imports")

    def _mutated(self, name: str, value: object, found: Changes) -> None:
        if isinstance(value, ModuleType):
            raise NotStorable(f"it changes the module {name}", "return the value and assign it to a variable")
        if not isinstance(value, (FunctionType, type)):
            found.mutated.add(name)
            return
        changed = {n: v for n, v in CellKey(reads=self.key.reads).components().items() if self.components.get(n) != v}
        for part in changed:
            kind, _, owner = part.partition(":")
            if kind == "global" and owner in self.before and self.namespace.get(owner) is self.before[owner]:
                found.mutated.add(owner)
            elif kind != "code":
                raise NotStorable(f"it changes {owner or part}, which {name} uses", f"pass it to {name} as an argument")

    def _all_loaded_before(self) -> bool:
        """Whether every import stands at the top level: then the modules were there when the key was made."""
        blocks = [node for node in self.cell.tree.body if not isinstance(node, (ast.Import, ast.ImportFrom))]
        return not any(isinstance(inner, (ast.Import, ast.ImportFrom)) for node in blocks for inner in ast.walk(node))
