"""``%%spot`` and ``%spot``: parsing and dispatch only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from beautyspot_jupyter import commands
from beautyspot_jupyter.cell_call import CellCall
from beautyspot_jupyter.execute import find_place, show_only_body
from beautyspot_jupyter.options import FLAGS, parse_options

if TYPE_CHECKING:
    from beautyspot_jupyter.extension import Notebook

__all__ = ["SpotMagics", "complete_cell", "complete_line"]


@magics_class
class SpotMagics(Magics):  # type: ignore[misc,unused-ignore]  # untyped in older IPython
    """The two magics of one shell."""

    def __init__(self, shell: Any, notebook: Notebook) -> None:
        super().__init__(shell)
        self.notebook = notebook

    @no_var_expand  # type: ignore[arg-type,untyped-decorator,unused-ignore]
    @cell_magic("spot")  # type: ignore[arg-type,untyped-decorator,unused-ignore]
    def spot_cell(self, line: str, body: str) -> Coroutine[Any, Any, None] | None:
        """Cache a cell: ``%%spot [LABEL] [options]``. ``%spot help`` lists the options."""
        options = parse_options(line)
        notebook = self.notebook
        cell = notebook.analyse(body)
        place = find_place(self.shell, notebook.raw_cell, cell)
        call = CellCall(notebook, notebook.spot_named(options.spot, place.namespace), cell, options, place)
        if options.explain:
            commands.predict(call)
            return None
        if not cell.is_async:
            self._run(call)
            return None
        if place.awaited:
            return self._run_async(call)
        notebook.shell.loop_runner(self._run_async(call))
        return None

    def _run(self, call: CellCall) -> None:
        try:
            call.run()
        except BaseException as error:
            show_only_body(self.shell, error)
            raise
        finally:
            self.notebook.last_key = call.found.key or self.notebook.last_key

    async def _run_async(self, call: CellCall) -> None:
        try:
            await call.run_async()
        except BaseException as error:
            show_only_body(self.shell, error)
            raise
        finally:
            self.notebook.last_key = call.found.key or self.notebook.last_key

    @no_var_expand  # type: ignore[arg-type,untyped-decorator,unused-ignore]
    @line_magic("spot")  # type: ignore[arg-type,untyped-decorator,unused-ignore]
    def spot_line(self, line: str) -> Any:
        """Look at the cache and steer it: ``%spot help`` lists the commands."""
        name, _, rest = line.strip().partition(" ")
        command = commands.COMMANDS.get(name or "status")
        if command is None:
            raise UsageError(f"%spot has no command {name}: there are {', '.join(commands.COMMANDS)}")
        return command(self.notebook, rest.strip())


def complete_cell(notebook: Notebook) -> Callable[..., list[str]]:
    """Completion of the ``%%spot`` line: options, and names of variables after those that take them."""

    def complete(_: Any, event: Any) -> list[str]:
        if "\n" in event.line:
            return []
        words = event.line.split()
        previous = words[-1] if event.line.endswith(" ") else (words[-2] if len(words) > 1 else "")
        if previous in {"-r", "--reads", "--also", "-i", "--ignore", "-w", "--writes"}:
            return sorted(name for name in notebook.shell.user_ns if not name.startswith("_"))
        return list(FLAGS)

    return complete


def complete_line(notebook: Notebook) -> Callable[..., list[str]]:
    """Completion of ``%spot``: commands and their arguments."""

    def complete(_: Any, event: Any) -> list[str]:
        words = event.line.split()
        if len(words) > 1 and (event.line.endswith(" ") or len(words) > 2):  # the command is complete
            return commands.arguments_of(notebook, words[1])
        return list(commands.COMMANDS)

    return complete
