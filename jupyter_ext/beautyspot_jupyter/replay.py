"""Showing stored output again: same order, same bundles, fresh display ids where IPython had chosen them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

__all__ = ["replay"]

_CHOSEN_BY_IPYTHON = re.compile(r"[0-9a-f]{32}")


def replay(shell: Any, items: Iterable[list[Any]], result: tuple[object] | None) -> dict[str, str]:
    """Show the outputs of a cell.

    Args:
        shell: The shell.
        items: As `beautyspot_jupyter.outputs.Folded` describes them.
        result: The value of the shown expression, in a tuple; None leaves ``_`` and ``Out`` as they are.

    Returns:
        The new display ids, by the ones that they had when they were stored.
    """
    ids: dict[str, str] = {}
    shown = False
    for kind, *rest in items:
        if kind in {"stdout", "stderr"}:
            stream = getattr(sys, kind)
            stream.write(rest[0])
            stream.flush()
        elif kind == "display":
            data, metadata, display_id = rest
            transient = {} if display_id is None else {"display_id": ids.setdefault(display_id, _fresh(display_id))}
            shell.display_pub.publish(data, metadata, transient=transient)
        elif kind == "result":
            _show_result(shell, rest[0], rest[1], result)
            shown = True
    if result is not None and not shown:
        _keep_result(shell.displayhook, result[0])
    return ids


def _fresh(display_id: str) -> str:
    """Another id, unless the user chose this one: then other cells may update the output by its name."""
    return uuid4().hex if _CHOSEN_BY_IPYTHON.fullmatch(display_id) else display_id


def _show_result(shell: Any, data: dict[str, Any], metadata: dict[str, Any], result: tuple[object] | None) -> None:
    """The steps of ``DisplayHook.__call__`` with a bundle that is there already."""
    hook = shell.displayhook
    hook.check_for_underscore()
    hook.start_displayhook()
    hook.write_output_prompt()
    if result is not None:
        _keep_result(hook, result[0])
    hook.write_format_data(data, metadata)
    hook.log_output(data)
    hook.finish_displayhook()


def _keep_result(hook: Any, value: object) -> None:
    hook.update_user_ns(value)
    hook.fill_exec_result(value)
