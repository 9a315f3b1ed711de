"""The pieces a preview of stored content is made of: a closed union, rendered to text, to HTML and by the dashboard.

A block holds data only, already cut to a bounded size. What a renderer shows as text it must escape;
`Frame.document` is a whole HTML document that may only ever become the ``srcdoc`` of a sandboxed iframe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Block", "Facts", "Frame", "Group", "Media", "Node", "Notice", "Plot", "Table", "Text", "Tree"]


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence about the content instead of the content."""

    text: str
    tone: Literal["info", "warning"] = "info"
    block: Literal["notice"] = "notice"


@dataclass(frozen=True, slots=True)
class Text:
    """Preformatted text. `total` is the full length in characters when `text` is only its beginning."""

    text: str
    total: int | None = None
    block: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a tree. `more` counts children that were left out."""

    label: str
    type: str
    text: str
    children: tuple[Node, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Tree:
    """A nested value."""

    root: Node
    block: Literal["tree"] = "tree"


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows and columns of a table. `shape` is (rows, columns) of the whole."""

    columns: tuple[str, ...]
    dtypes: tuple[str, ...]
    index: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shape: tuple[int, int]
    block: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Facts:
    """Short label and value pairs."""

    items: tuple[tuple[str, str], ...]
    block: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class Plot:
    """A line per series, thinned to a few hundred points; gaps (NaN) are None."""

    series: tuple[tuple[float | None, ...], ...]
    low: float
    high: float
    block: Literal["plot"] = "plot"


@dataclass(frozen=True, slots=True)
class Media:
    """An image, sound or film as a ``data:`` URI whose MIME type was checked against the bytes."""

    kind: Literal["image", "audio", "video"]
    source: str
    caption: str
    block: Literal["media"] = "media"


@dataclass(frozen=True, slots=True)
class Frame:
    """An HTML document for a sandboxed iframe. `plain` is its source or text for renderers without frames."""

    document: str
    plain: str
    themed: bool = False
    block: Literal["frame"] = "frame"


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks under a heading."""

    title: str
    blocks: tuple[Block, ...]
    block: Literal["group"] = "group"


Block: TypeAlias = Notice | Text | Tree | Table | Facts | Plot | Media | Frame | Group
