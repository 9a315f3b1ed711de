"""The graph of definitions and values that a function depends on, and its digest.

Functions call each other, so the graph has cycles. Its digest must not depend on where a cycle is entered, on the order
of discovery, or on whether two equal functions are one object or two. So nodes are first grouped with those that
cannot be told apart from inside (partition refinement), then the groups are numbered in the order in which a walk from
the root along sorted labels meets them, and that numbered form is hashed.
"""

from __future__ import annotations

from collections.abc import Iterable

from blake3 import blake3

__all__ = ["DIGEST_SIZE", "Node", "combine", "graph_digest", "reachable"]

DIGEST_SIZE = 24


class Node:
    """A definition or value.

    Attributes:
        kind: ``"code"``, ``"class"``, ``"global"``, ``"closure"``, ``"library"``, ... for `components`.
        name: Name for a reader.
        local: Digest of what the node is, apart from what it refers to.
        edges: Label and target of each reference.
    """

    __slots__ = ("edges", "kind", "local", "name", "subject")

    def __init__(self, kind: str, name: str, local: bytes = b"", subject: object = None) -> None:
        self.kind = kind
        self.name = name
        self.local = local
        self.edges: list[tuple[str, Node]] = []
        self.subject = subject


def combine(tag: str, parts: Iterable[bytes | str]) -> bytes:
    """Hash a tag and a sequence of parts, each with its length."""
    hasher = blake3(tag.encode() + b"\0")
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        hasher.update(b"%d:" % len(data))
        hasher.update(data)
    return hasher.digest(length=DIGEST_SIZE)


def graph_digest(root: Node) -> bytes:
    """Return the digest of everything that can be reached from `root`."""
    nodes = reachable(root)
    for node in nodes:
        node.edges.sort(key=lambda edge: edge[0])
    if len(nodes) == 1 and not root.edges:
        return combine("graph", [root.local])
    colour = _refined(nodes)
    numbers: dict[bytes, int] = {colour[id(root)]: 0}
    order = [root]
    parts: list[bytes | str] = []
    for node in order:  # grows while it is walked
        parts.append(node.local)
        parts.append(b"%d" % len(node.edges))
        for label, target in node.edges:
            group = colour[id(target)]
            if group not in numbers:
                numbers[group] = len(numbers)
                order.append(target)
            parts.append(label)
            parts.append(b"%d" % numbers[group])
    return combine("graph", parts)


def reachable(root: Node) -> list[Node]:
    """Return every node that can be reached from `root`, nearest first."""
    seen = {id(root)}
    nodes = [root]
    for node in nodes:  # grows while it is walked
        for _, target in node.edges:
            if id(target) not in seen:
                seen.add(id(target))
                nodes.append(target)
    return nodes


def _refined(nodes: list[Node]) -> dict[int, bytes]:
    """Colour nodes so that two have one colour exactly if no walk from them can tell them apart."""
    colour = {id(node): node.local for node in nodes}
    groups = len(set(colour.values()))
    while True:
        colour = {
            id(node): combine(
                "colour", [node.local, *(part for label, target in node.edges for part in (label, colour[id(target)]))]
            )
            for node in nodes
        }
        count = len(set(colour.values()))
        if count == groups:
            return colour
        groups = count
