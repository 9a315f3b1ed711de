"""What a cached notebook cell looks like: what it printed and displayed, then what it assigned."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beautyspot.report import human
from beautyspot.report.blocks import Block, Group, Notice, Text
from beautyspot.report.content import preview

__all__ = ["CellLink", "cell_preview"]

_OUTPUTS = 50
_VARIABLES = 30

# What a front end would choose, best first.
_RICH = (
    "text/html",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "text/markdown",
    "text/latex",
    "text/plain",
)


@dataclass(frozen=True, slots=True)
class CellLink:
    """Stands for a shared object in the variables of a stored cell: a view decodes it without the notebook side.

    Attributes:
        index: Position in the stored objects, or -1.
        name: Name of the input that holds the object, or "".
        path: Steps from the input to the object.
    """

    index: int = -1
    name: str = ""
    path: tuple[Any, ...] = ()


def cell_preview(value: object) -> tuple[Block, ...]:
    """Show the stored value of a cell.

    Args:
        value: A mapping with ``outputs`` (lists ``[kind, content, ...]``, or as notebook files spell them), ``names``
            (the variables) and ``objects`` (what links point at). Anything else is shown like a function's result.

    Example:
        >>> cell_preview({"names": {"n": 5}, "outputs": [["stdout", "hello"]]})[0].title
        'Output'
    """
    if not isinstance(value, Mapping) or "names" not in value:
        return preview(value)
    blocks: list[Block] = []
    outputs = value.get("outputs") or []
    shown = [block for output in outputs[:_OUTPUTS] for block in _output(output)]
    if len(outputs) > _OUTPUTS:
        shown.append(Notice(f"and {len(outputs) - _OUTPUTS} more outputs"))
    if shown:
        blocks.append(Group("Output", tuple(shown)))
    names = value["names"]
    for name, item in list(names.items())[:_VARIABLES]:
        blocks.append(Group(human.plain(str(name)), _variable(item, value.get("objects") or [])))
    if len(names) > _VARIABLES:
        blocks.append(Notice(f"and {len(names) - _VARIABLES} more variables"))
    return tuple(blocks) or (Notice("The cell printed nothing and assigned nothing."),)


def _variable(value: object, objects: Sequence[object]) -> tuple[Block, ...]:
    if isinstance(value, CellLink):
        if 0 <= value.index < len(objects):
            return preview(objects[value.index])
        return (
            Notice("the same object as " + human.plain(value.name + "".join(f"[{step!r}]" for step in value.path))),
        )
    return preview(value)


def _output(output: Any) -> tuple[Block, ...]:
    if isinstance(output, (list, tuple)):
        kind, content = (*output, "", "")[:2]
        output = {"text": content} if kind in {"stdout", "stderr"} else {"data": content}
    if not isinstance(output, Mapping):
        return ()
    if "text" in output:
        return preview(_joined(output["text"]))
    data = output.get("data")
    if not isinstance(data, Mapping):
        return ()
    for mime in _RICH:
        if mime in data:
            return _bundle(mime, data[mime])
    return (Notice("output of type " + human.clip(human.plain(", ".join(map(str, data))), 200)),)


def _bundle(mime: str, content: object) -> tuple[Block, ...]:
    if not mime.startswith("image/") or mime == "image/svg+xml":
        return preview(_joined(content), mime)
    try:
        raw = content if isinstance(content, bytes) else base64.b64decode(_joined(content))
    except (binascii.Error, ValueError):
        return (Text(f"{mime} that is no base64"),)
    return preview(raw)


def _joined(text: object) -> str:
    return "".join(map(str, text)) if isinstance(text, (list, tuple)) else str(text)
