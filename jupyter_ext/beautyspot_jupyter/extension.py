"""What one shell carries: the magics, the chosen Spot and mode, and the hooks that make cells run as if undisturbed."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError

from beautyspot.config import workspace
from beautyspot.errors import SpotError
from beautyspot.spot import Spot
from beautyspot_jupyter.cells import Cell, analyse
from beautyspot_jupyter.magics import SpotMagics, complete_cell, complete_line
from beautyspot_jupyter.rng import Generators

__all__ = ["Notebook"]

_CALL = "get_ipython().run_cell_magic('spot',"


class Notebook:
    """The extension of one shell.

    Attributes:
        shell: The shell.
        mode: ``%spot mode``: on, off, force, frozen or quiet.
        chosen: The Spot of ``%spot use``.
        raw_cell: Text of the cell that runs, as it was sent.
        generators: The global random number generators.
        effectful: Digests of the text of cells that changed settings in this session, and which.
        last_key: Key of the last cell that was looked up or stored.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.mode = "on"
        self.chosen: Spot | None = None
        self.raw_cell: str | None = None
        self.generators = Generators()
        self.last_key: str | None = None
        self.effectful: dict[str, str] = {}
        self._default: Spot | None = None
        self._magics = SpotMagics(shell, self)

    def install(self) -> None:
        """Register everything with the shell."""
        shell = self.shell
        shell.register_magics(self._magics)
        shell.input_transformers_post.append(self._await_cells)
        shell.events.register("pre_run_cell", self._before_cell)
        shell.set_hook("complete_command", complete_cell(self), str_key="%%spot")
        shell.set_hook("complete_command", complete_line(self), str_key="%spot")
        history = "\n".join(str(text) for text in shell.user_ns.get("In", ()))
        self.generators.install(history)

    def uninstall(self) -> None:
        """Take everything back."""
        shell = self.shell
        for kind in ("cell", "line"):
            shell.magics_manager.magics[kind].pop("spot", None)
        if self._await_cells in shell.input_transformers_post:
            shell.input_transformers_post.remove(self._await_cells)
        shell.events.unregister("pre_run_cell", self._before_cell)
        dispatchers = shell.strdispatchers.get("complete_command")
        for name in ("%%spot", "%spot"):
            if dispatchers is not None:
                dispatchers.strs.pop(name, None)
        self.generators.uninstall()

    def _before_cell(self, info: Any = None) -> None:
        self.raw_cell = getattr(info, "raw_cell", None)

    def _await_cells(self, lines: list[str]) -> list[str]:
        """Put ``await`` before the call of a cell that awaits, so that IPython runs the magic in its event loop."""
        if not lines or not lines[0].startswith(_CALL):
            return lines
        try:
            call = ast.parse("".join(lines)).body[0]
            body = call.value.args[2].value  # type: ignore[attr-defined]
            if self.analyse(body).is_async:
                return ["await " + lines[0], *lines[1:]]
        except (SyntaxError, AttributeError, IndexError, ValueError):
            return lines  # running it will show what is wrong with it
        return lines

    def analyse(self, body: str) -> Cell:
        """Analyse the text of a cell.

        Raises:
            SyntaxError: It is no Python.
        """
        shell = self.shell
        transform: Callable[[str], str] = shell.input_transformer_manager.transform_cell
        return analyse(body, transform, shell.compile.flags, shell.ast_node_interactivity)

    # Spots

    def spot_named(self, name: str | None, namespace: dict[str, Any]) -> Spot:
        """The Spot for a cell: the named one, the one of ``%spot use``, the only one in sight, or a default one.

        Raises:
            UsageError: The name is not known and cannot be a Spot's name.
        """
        if name is not None:
            return self._by_name(name, namespace)
        if self.chosen is not None:
            return self.chosen
        found = {id(value): value for value in namespace.values() if isinstance(value, Spot)}
        if len(found) == 1:
            return next(iter(found.values()))
        if self._default is None:
            self._default = Spot("notebook")
        return self._default

    def _by_name(self, name: str, namespace: dict[str, Any]) -> Spot:
        value = namespace.get(name)
        if isinstance(value, Spot):
            return value
        for other in namespace.values():
            if isinstance(other, Spot) and other.name == name:
                return other
        try:
            return Spot(name)
        except SpotError as error:
            raise UsageError(f"%spot: {error}") from error

    def private_places(self, spot: Spot) -> tuple[str, ...]:
        """Folders and files of caches, which cells may touch without depending on them."""
        others = [value for value in self.shell.user_ns.values() if isinstance(value, Spot)]
        labels = [
            str(workspace()),
            *(str(place.label) for each in (spot, *others) for place in (each.db, each.storage)),
        ]
        return tuple(os.path.abspath(label) for label in labels if "://" not in label)  # noqa: PTH100  # compared as text
