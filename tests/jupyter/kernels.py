"""Real kernels: run cells as Run-All does, see what stands below them, and count how often bodies ran."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

LOAD = """%load_ext beautyspot
import os, socket
def tick(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(name.encode(), ('127.0.0.1', {port}))
tick.__spot_infrastructure__ = True"""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_VOLATILE = re.compile(r"0x[0-9a-f]+|\d[\d.]* (?:[nµμmu]s|s|min)\b|/tmp/ipykernel_\S+?\.py")


@dataclass
class Shown:
    """What stands below one cell.

    Attributes:
        outputs: The outputs but the badge.
        badge: The badge's text.
        html: The badge's HTML.
        count: The number in front of the cell.
    """

    outputs: list[Any]
    badge: str
    html: str
    count: int

    @property
    def kind(self) -> str:
        """First words of the badge."""
        found = re.match(r"◆ spot (hit|miss|not cached|off)", self.badge)
        return found[1] if found else ""

    @property
    def text(self) -> str:
        """All text without colours."""
        return "\n".join(str(text) for _, text in self.comparable())

    def comparable(self) -> list[tuple[str, str]]:
        """Kind and content of every output, without what differs between two equal runs."""
        found: list[tuple[str, str]] = []
        for output in self.outputs:
            if output.output_type == "stream":
                before = found.pop()[1] if found and found[-1][0] == output.name else ""
                found.append((output.name, before + output.text))
            elif output.output_type == "error":
                found.append(("error", "\n".join([output.ename, *output.traceback])))
            else:
                found.append((output.output_type, repr(sorted(output.data.items())) + repr(dict(output.metadata))))
        return [(kind, _VOLATILE.sub("_", _COLOUR.sub("", text))) for kind, text in found]


class Ticks:
    """Receives what ``tick(name)`` sends: it is outside of all that a kernel could depend on."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    def take(self) -> list[str]:
        """Return the names that came since the last call."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(1000).decode())
            except BlockingIOError:
                return found


def run_kernel(
    folder: Path, *cells: str, ticks: Ticks | None = None, allow_errors: bool = True, stdin: bool = False
) -> list[Shown]:
    """Run cells in a kernel of their own; returns what stands below each."""
    port = ticks.socket.getsockname()[1] if ticks is not None else 9
    texts = (LOAD.replace("{port}", str(port)), *cells)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in texts])
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=120,
        allow_errors=allow_errors,
        allow_stdin=stdin,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        asyncio.run(client.async_execute())
    finally:
        with warnings.catch_warnings():  # the client leaves sockets to the collector: not to that of another test
            warnings.simplefilter("ignore")
            del client
            gc.collect()
    return [_shown(cell) for cell in notebook.cells[1:]]


def _shown(cell: Any) -> Shown:
    badges = [o for o in cell.outputs if "beautyspot-badge" in o.get("data", {}).get("text/html", "")]
    outputs = [output for output in cell.outputs if output not in badges]
    data = badges[-1].data if badges else {"text/plain": "", "text/html": ""}
    return Shown(outputs, data["text/plain"], data["text/html"], cell.execution_count)
