"""One ``%%spot`` cell on its way: analysis, key, look-up, run or restoration, badge.

The engine does the caching. This module makes its `Request`: the body is the function, the names that it reads are the
arguments, and one dict of variables and outputs is the result.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from beautyspot._engine.plan import CallOptions, Outcome, Request, Unstored
from beautyspot.config import Mode
from beautyspot.errors import CacheMissError, NotStoredWarning, UnsupportedTypeError
from beautyspot.keys.canonical import digest
from beautyspot.keys.key import KeyParts
from beautyspot_jupyter import badges
from beautyspot_jupyter.cell_key import CellKey, make_key
from beautyspot_jupyter.cell_result import NotRestorable, Restoration, build, scratch_definitions
from beautyspot_jupyter.cells import Cell
from beautyspot_jupyter.execute import Place, execute, execute_async
from beautyspot_jupyter.graph import CellLink
from beautyspot_jupyter.hazards import Hazard
from beautyspot_jupyter.namespace import library_versions, user_classes
from beautyspot_jupyter.observation import NotStorable, Observation
from beautyspot_jupyter.options import CellOptions
from beautyspot_jupyter.reasons import explain_miss
from beautyspot_jupyter.records import Found, Surroundings, all_hold, find_record
from beautyspot_jupyter.replay import replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beautyspot.spot import Spot
    from beautyspot_jupyter.extension import Notebook

__all__ = ["CellCall"]

_SOURCE_LIMIT = 20_000  # characters of the body that are kept with an entry


@dataclass(slots=True)
class CellCall:
    """One execution of one cell.

    Args:
        notebook: The extension of the shell.
        spot: Where results are kept.
        cell: The analysed text.
        options: What the line asks for.
        place: Where the cell stands.
    """

    notebook: Notebook
    spot: Spot
    cell: Cell
    options: CellOptions
    place: Place
    key: CellKey = field(default_factory=CellKey)
    found: Found = field(default_factory=lambda: Found(""))
    blocked: tuple[str, str] | None = None
    why: str = ""
    notices: list[str] = field(default_factory=list)
    definitions: dict[str, Any] | None = None
    missed: tuple[str, str] | None = None
    recorder: Any = None
    caught: list[warnings.WarningMessage] | None = None
    open_line: bool = False
    started: float = field(default_factory=time.perf_counter)
    seconds: float = 0.0

    # the two colours

    def run(self) -> None:
        """Take the cell through look-up, run and restoration."""
        self.prepare()
        with self.engine_messages():
            outcome = self.spot.engine.run(self.request(self.invoke))
        retry = self.finish(outcome)
        if retry is not None:
            with self.engine_messages():
                outcome = self.spot.engine.run(retry(self.invoke))
            self.finish(outcome)

    async def run_async(self) -> None:
        """The same for a body that awaits."""
        self.prepare()
        with self.engine_messages():
            outcome = await self.spot.engine.run_async(self.request(self.invoke_async))
        retry = self.finish(outcome)
        if retry is not None:
            with self.engine_messages():
                outcome = await self.spot.engine.run_async(retry(self.invoke_async))
            self.finish(outcome)

    # before

    @property
    def label(self) -> str:
        """Name of the cell in lists and messages."""
        return self.options.label or "cell"

    @property
    def mode(self) -> Mode:
        """What may be looked up and stored: by option, else by ``%spot mode``, else by the Spot."""
        options = self.options
        chosen = {"force": "refresh", "off": "off", "frozen": "frozen"}
        for name, mode in chosen.items():
            if getattr(options, name):
                return cast("Mode", mode)
        return cast("Mode", chosen.get(self.notebook.mode, self.spot.mode))

    def prepare(self, *, predicting: bool = False) -> None:
        """Make the key and look for a record.

        Args:
            predicting: Nothing will run, so a miss is no error in any mode.

        Raises:
            CacheMissError: The mode is frozen and there is none.
        """
        mode = "on" if predicting else self.mode
        self.blocked = self.hazard(self.cell.hazards.found)
        if mode == "off" or self.blocked is not None:
            if mode == "frozen" and self.blocked is not None:
                raise CacheMissError(self.label, "", self.blocked[0])
            return
        self.key = make_key(self.cell, self.options, self.place.namespace)
        self.blocked = self.key.refused or self.hazard(self.key.reach.hazards)
        if self.blocked is not None:
            if mode == "frozen":
                raise CacheMissError(self.label, "", self.blocked[0])
            return
        self.found = find_record(self.spot.db, self.key.base, self.surroundings(), self.spot.engine.clock())
        if self.found.entry is not None and mode != "refresh":
            return
        self.why = "forced" if mode == "refresh" else self.explain()
        if mode == "frozen":
            raise CacheMissError(self.label, self.found.key, self.why)

    def surroundings(self) -> Surroundings:
        """What discovered dependencies are compared with."""
        return Surroundings(self.place.namespace, self.cell.names.chains, self.notebook.generators.digests())

    def hazard(self, found: Iterable[Hazard]) -> tuple[str, str] | None:
        """Why the cell cannot be cached, and what to do."""
        for hazard in found:
            if hazard.root and hazard.root in self.place.namespace and not hazard.effect:
                continue  # another thing of this name: it is hashed like every other read
            if hazard.effect and self.options.allow_effects:
                continue
            if not hazard.effect and self.options.reads is not None:
                continue
            return hazard.text, hazard.remedy
        return None

    def explain(self) -> str:
        """Why there is no record."""
        return explain_miss(self.spot.db, self.options.label, self.key.components(), self.found.broken)

    def request(self, invoke: Any, mode: Mode | None = None) -> Request:
        """The cell as the engine takes it."""
        options = self.options
        wanted = "off" if self.blocked is not None else mode or self.mode
        return Request(
            key=self.found.key,
            name=self.label,
            kind="cell",
            invoke=invoke,
            options=CallOptions(
                save_blob=True if options.blob else None,
                ttl=options.ttl,
                version=options.version,
                tags=options.tags,
                min_time=options.min_time,
                mode=wanted,
            ),
            known=self.known,
            describe=self.describe,
            meta=self.meta,
            took=lambda: self.seconds,
        )

    def known(self) -> Mapping[str, type]:
        """Classes that stored variables may be made of: those of the namespace and those that the cell defines."""
        if self.found.entry is not None and self.definitions is None:
            self.define()
        scratch = user_classes(self.definitions or {})
        return {**user_classes(self.place.namespace), **scratch, "CellLink": CellLink}

    def define(self) -> None:
        """Execute the cell's definitions aside, to be bound if the rest can be restored."""
        try:
            self.definitions = scratch_definitions(self.cell, self.place, self.notebook.shell.compile)
        except Exception:  # the run will meet the same problem, at the user's own line
            self.definitions = None

    def describe(self) -> KeyParts:
        """The parts of the key, for the stored row."""
        parts = self.key.components()
        reads = {part: found for part, found in parts.items() if part.startswith("read:")}
        names = ", ".join(name for name in self.key.reads.digests)
        return KeyParts(self.found.key, _joined(reads), self.cell.code, parts, names)

    def meta(self, document: Any) -> Mapping[str, object]:
        """Facts that are stored beside the result, and read without it."""
        names = [name for name in document["names"] if not name.startswith("<")]
        return {
            "deps": document["deps"],
            "writes": names,
            "source": self.cell.body[:_SOURCE_LIMIT],
            "seconds": self.seconds,
            "notices": self.notices,
            "libraries": library_versions(self.cell, self.place.namespace),
        }

    # the run

    def observe(self) -> Observation:
        """Start to watch."""
        return Observation(
            self.notebook.shell,
            self.cell,
            self.key,
            self.options,
            generators=self.notebook.generators,
            namespace=self.place.namespace,
            effectful=self.notebook.effectful,
            private=self.notebook.private_places(self.spot),
        )

    def invoke(self) -> Any:
        """Run the body; what is returned is what is stored."""
        if not self.observing:
            with self.clock():
                execute(self.notebook.shell, self.cell, self.place)
            return Unstored(None, "off")
        with self.observe() as observation, self.clock():
            execute(self.notebook.shell, self.cell, self.place)
        return self.conclude(observation)

    async def invoke_async(self) -> Any:
        """The same for a body that awaits."""
        if not self.observing:
            with self.clock():
                await execute_async(self.notebook.shell, self.cell, self.place)
            return Unstored(None, "off")
        with self.observe() as observation, self.clock():
            await execute_async(self.notebook.shell, self.cell, self.place)
        return self.conclude(observation)

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Measure the body alone, without what is done around it."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds = time.perf_counter() - started

    @property
    def observing(self) -> bool:
        """Whether the run may be stored."""
        return self.blocked is None and self.mode != "off"

    def conclude(self, observation: Observation) -> Any:
        """Make the stored value, or say why there is none. Whatever goes wrong here must not fail the user's cell."""
        events = [list(event) for event in observation.tee.events[-1:]]
        self.open_line = _ends_open(events)
        try:
            document = build(observation, self.storing_problem, self.notices)
        except NotStorable as error:
            self.missed = (error.reason, error.remedy)
        except Exception as error:  # a foreign object may raise anything when it is looked at
            self.missed = (f"{type(error).__name__} while the result was examined: {error}", "")
        else:
            self.recorder = warnings.catch_warnings(record=True)
            self.caught = self.recorder.__enter__()
            warnings.simplefilter("always")  # undone with the recorder, before any code of the user runs
            return document
        return Unstored(None, self.missed[0])

    def storing_problem(self, value: object) -> str | None:
        """Which part of a variable, of which type, the codec refuses: ``"['db'] (sqlite3.Connection)"``."""
        try:
            self.spot.codec.encode(value, self.known())
        except UnsupportedTypeError as error:
            return f"{error.where.removeprefix('result')} ({error.type_name})"
        except Exception as error:  # whatever a foreign object raises when it is taken apart
            return f" ({type(error).__name__}: {error})"
        return None

    @contextmanager
    def engine_messages(self) -> Iterator[None]:
        """Say in the badge what the engine says by warnings after the run: that a result was not stored."""
        try:
            yield
        finally:
            if self.recorder is not None:
                self.recorder.__exit__(None, None, None)
                self.recorder = None
                for message in self.caught or ():
                    if not issubclass(message.category, NotStoredWarning):
                        warnings.warn_explicit(message.message, message.category, message.filename, message.lineno)

    # after

    def finish(self, outcome: Outcome) -> Any:
        """Restore a hit, tell what happened; returns how to make another request if a hit could not be restored."""
        if outcome.status == "hit":
            problem = self.restore(outcome)
            if problem is None:
                return None
            mode = self.mode
            if mode == "frozen":
                raise CacheMissError(self.label, self.found.key, problem)
            self.why = f"because {problem}"
            self.found.entry = None
            return lambda invoke: self.request(invoke, "off" if mode == "read-only" else "refresh")
        badges.show(self.notebook, self, badges.after_run(self, outcome))
        return None

    def restore(self, outcome: Outcome) -> str | None:
        """Bind what was stored and show its output; returns what prevented it, before anything was changed."""
        document = outcome.value
        if not isinstance(document, dict):
            return "the stored result is of another kind"
        if self.found.entry is None and not all_hold(document.get("deps", ()), self.surroundings()):
            return "another kernel ran it with other files"
        if self.definitions is None:
            self.define()
        if self.definitions is None:
            return "its definitions could not be executed"
        try:
            restoration = Restoration(document, self.definitions, self.place.namespace)
        except NotRestorable as error:
            return str(error)
        restoration.apply()
        self.notebook.generators.restore(document["generators"])
        spent = time.perf_counter() - self.started
        items = [] if self.options.no_output else document["outputs"] or []
        ids = replay(self.notebook.shell, items, restoration.result)
        restoration.bind_handles(ids)
        self.open_line = _ends_open(items)
        badges.show(self.notebook, self, badges.after_hit(self, outcome, spent))
        return None


def _ends_open(items: list[list[Any]]) -> bool:
    """Whether the last thing that was shown is text that does not end its line."""
    return bool(items) and items[-1][0] in {"stdout", "stderr"} and not items[-1][1].endswith("\n")


def _joined(parts: Mapping[str, str]) -> str:
    return digest(sorted(parts.items())).hex()
