"""Digest of a function's code and of everything outside its arguments that its result can depend on.

The digest covers the canonical syntax of the function, its defaults and closure, and, through every name that it uses,
the user functions, classes and global data behind those names. It does not cover where the code stands: the same
function in a notebook, a script and a module has the same digest. Library objects count by name alone; their versions
are reported, not hashed.

The first digest walks the code. After that a call compares identities: nothing rebound, nothing to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from beautyspot.keys.source_graph import Node

__all__ = [
    "CodeIdentity",
    "canonical_ast",
    "class_digest",
    "code_identity",
    "is_user_code",
    "register_source",
    "register_tree",
]

_KEPT = 1024
_ATTRIBUTE = "__spot_identity__"


class _Active(threading.local):
    """Identities that this thread is computing, outermost first, and what came of meeting one of them again."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.lowest = 1 << 30
        self.reached: set[int] = set()


_active = _Active()


class _Snapshot:
    """One computed digest with all that must hold for it to be still right. Immutable once it is published.

    What is only asked of a call that runs, `parts` and `versions`, is worked out when it is first asked.
    """

    __slots__ = (
        "digest",
        "functions",
        "libraries",
        "names",
        "nodes",
        "parts",
        "portable",
        "probes",
        "reached",
        "sizes",
        "versions",
    )

    digest: bytes
    names: tuple[tuple[Callable[[Any], object], Any, object], ...]
    functions: tuple[tuple[FunctionType, object, object, object], ...]
    sizes: tuple[tuple[Mapping[Any, object], int], ...]
    probes: tuple[tuple[Callable[[], object], object], ...]
    nodes: tuple[Node, ...]
    libraries: frozenset[str]
    portable: bool
    reached: frozenset[int]
    parts: Mapping[str, str] | None
    versions: Mapping[str, str] | None


class CodeIdentity:
    """What a function's code is, kept up to date at each `digest`.

    Made by `code_identity`. Thread-safe: a snapshot is published in one assignment and never changed.
    """

    __slots__ = ("_classes", "_left_out", "_root", "_snapshot", "_unloaded")

    def __init__(self, root: object, left_out: frozenset[str] = frozenset()) -> None:
        self._root = root
        self._left_out = left_out
        self._unloaded: frozenset[str] = frozenset()
        self._snapshot: _Snapshot | None = None
        self._classes: tuple[_Snapshot, dict[str, type]] | None = None

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        """Travel as None with a pickled function: it is found again where it is needed."""
        return _nothing, ()

    def belongs_to(self, root: object) -> bool:
        """Return whether this is the identity of that very object."""
        return self._root is root

    def digest(self) -> bytes:
        """Return 24 bytes that change when the code, or global data it reads, changes.

        Raises:
            UnhashableError: A global, default or closure value has no canonical digest.
        """
        snapshot = self._snapshot
        if snapshot is None or snapshot.probes:
            return self._checked(snapshot)
        for function, code, defaults, keywords in snapshot.functions:
            if (
                function.__code__ is not code
                or function.__defaults__ is not defaults
                or function.__kwdefaults__ is not keywords
            ):
                return self._checked(None)
        for get, key, value in snapshot.names:
            if get(key) is not value:
                return self._checked(None)
        for mapping, size in snapshot.sizes:
            if len(mapping) != size:
                return self._checked(None)
        return snapshot.digest

    def _checked(self, snapshot: _Snapshot | None) -> bytes:
        """Return the digest where data must be hashed again, or while other digests are being computed."""
        active = _active
        ident = id(self._root)
        if ident in active.roots:
            active.lowest = min(active.lowest, active.roots.index(ident))
            return _back_reference(self._root)
        outer_lowest, outer_reached = active.lowest, active.reached
        depth = len(active.roots)
        active.roots.append(ident)
        active.lowest, active.reached = 1 << 30, set()
        try:
            # A digest made on its own is no answer inside one that it refers to: there it must refer back.
            if snapshot is None or snapshot.reached.intersection(active.roots) or not _holds(snapshot):
                snapshot = self._computed()
                if active.lowest >= depth:
                    self._snapshot = snapshot
            active.reached |= snapshot.reached
            return snapshot.digest
        finally:
            active.roots.pop()
            lowest = active.lowest if active.lowest < depth else 1 << 30
            active.lowest = min(outer_lowest, lowest)
            outer_reached |= active.reached
            outer_reached.add(ident)
            active.reached = outer_reached

    def _computed(self) -> _Snapshot:
        from beautyspot.keys.source_deps import Tracer
        from beautyspot.keys.source_graph import graph_digest

        tracer = Tracer(self._root, self._left_out)
        if tracer.unloaded:
            self._unloaded |= tracer.unloaded
        snapshot = _Snapshot()
        snapshot.parts = snapshot.versions = None
        snapshot.digest = graph_digest(tracer.root)
        snapshot.functions = tuple(tracer.functions)
        snapshot.names = tuple(_unique(tracer.names))
        snapshot.sizes = tuple(tracer.sizes)
        snapshot.probes = tuple(tracer.probes)
        snapshot.nodes = tuple(tracer.all_nodes())
        snapshot.libraries = frozenset(tracer.libraries)
        snapshot.portable = tracer.portable
        snapshot.reached = frozenset(_active.reached)
        return snapshot

    def digest_before_imports(self) -> bytes:
        """Digest as if the modules that the code imports itself were still not loaded.

        A function that imports a module on its first call changes its own digest by that. This is the digest to
        compare with the one of before the call; the text of the module must be the same as then.
        """
        if not self._unloaded:
            return self.digest()
        from beautyspot.keys.source_deps import Tracer
        from beautyspot.keys.source_graph import graph_digest

        active = _active
        outer = active.lowest, active.reached
        active.roots.append(id(self._root))
        try:
            return graph_digest(Tracer(self._root, self._left_out, self._unloaded).root)
        finally:
            active.roots.pop()
            active.lowest, active.reached = outer

    def _current(self) -> _Snapshot:
        self.digest()
        return self._snapshot or self._computed()

    @property
    def portable(self) -> bool:
        """Whether other Python versions compute the same digest: False if no source text was found for some code."""
        return self._current().portable

    def components(self) -> dict[str, str]:
        """Return the digest of each part by itself, as hex: compare two of these to learn what changed.

        Names are ``code`` (the function itself), ``code:helper``, ``class:Point``, ``global:K``, ``closure:n``,
        ``default:n``, ``attribute:Point.K``, ``source:module``.
        """
        snapshot = self._current()
        if snapshot.parts is None:
            snapshot.parts = _parts(snapshot.nodes)
        return dict(snapshot.parts)

    def classes(self) -> Mapping[str, type]:
        """Return qualified name -> class for the classes that results may be made of, those of annotations first."""
        snapshot = self._current()
        known = self._classes
        if known is None or known[0] is not snapshot:
            from beautyspot.keys.source_types import known_classes

            known = self._classes = (snapshot, known_classes(snapshot.nodes))
        return known[1]

    def libraries(self) -> dict[str, str]:
        """Return distribution name -> installed version of the libraries that the code uses."""
        snapshot = self._current()
        if snapshot.versions is None:
            from beautyspot.keys.source_origin import distributions

            snapshot.versions = distributions(set(snapshot.libraries))
        return dict(snapshot.versions)


def _parts(nodes: Sequence[Node]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in nodes:
        if node.kind in _SILENT:
            continue
        name = "code" if node is nodes[0] else f"{node.kind}:{node.name}"
        unique, count = name, 1
        while unique in found:
            if found[unique] == node.local.hex():
                break
            count += 1
            unique = f"{name}#{count}"
        found[unique] = node.local.hex()
    return found


_SILENT = frozenset({"absent", "ignored", "library", "module", "wrapper"})


def _nothing() -> None:
    return None


def _unique(
    names: list[tuple[Callable[[Any], object], Any, object]],
) -> list[tuple[Callable[[Any], object], Any, object]]:
    found: dict[tuple[int, object], tuple[Callable[[Any], object], Any, object]] = {}
    for guard in names:
        owner = getattr(guard[0], "__self__", None)
        found.setdefault((id(owner if owner is not None else guard[0]), guard[1]), guard)
    return list(found.values())


def _holds(snapshot: _Snapshot) -> bool:
    """Return whether nothing that a snapshot was made from has changed."""
    return (
        all(f.__code__ is c and f.__defaults__ is d and f.__kwdefaults__ is k for f, c, d, k in snapshot.functions)
        and all(get(key) is value for get, key, value in snapshot.names)
        and all(len(mapping) == size for mapping, size in snapshot.sizes)
        and all(probe() == result for probe, result in snapshot.probes)
    )


def _back_reference(root: object) -> bytes:
    from beautyspot.keys.source_graph import combine

    return combine("recursion", [getattr(root, "__qualname__", type(root).__qualname__).replace("<locals>.", "")])


_class_identities: dict[type, CodeIdentity] = {}


def code_identity(function: Callable[..., object], left_out: frozenset[str] = frozenset()) -> CodeIdentity:
    """Return the identity of a function's code.

    The source text is noted right away: a file that is edited later without being loaded again changes nothing.

    Args:
        function: A function, lambda, method, partial, class, or instance with ``__call__``.
        left_out: Parameters of the function whose default values do not count.

    Returns:
        The identity; the same object for the same function.

    Example:
        >>> def double(x): return 2 * x
        >>> len(code_identity(double).digest())
        24
    """
    if left_out:
        inner = getattr(function, "__func__", function)
        if isinstance(inner, FunctionType):
            code_identity(inner)  # notes the text
        return CodeIdentity(function, left_out)
    if not isinstance(function, FunctionType):
        return _class_identity(function) if isinstance(function, type) else CodeIdentity(function)
    known = function.__dict__.get(_ATTRIBUTE)
    if isinstance(known, CodeIdentity) and known.belongs_to(function):  # functools.wraps copies the attribute
        return known
    identity = CodeIdentity(function)
    function.__dict__[_ATTRIBUTE] = identity
    from beautyspot.keys.source_origin import is_library_file
    from beautyspot.keys.source_texts import note_file

    if not is_library_file(function.__code__.co_filename):
        note_file(function.__code__.co_filename, function.__globals__)
    return identity


def _class_identity(cls: type) -> CodeIdentity:
    known = _class_identities.get(cls)
    if known is None:
        known = _class_identities[cls] = CodeIdentity(cls)
        if len(_class_identities) > _KEPT:
            _class_identities.pop(next(iter(_class_identities)), None)
    return known


def class_digest(cls: type) -> bytes:
    """Return the digest of a class: its text, bases, live methods and what they use.

    Example:
        >>> class Point: x = 1
        >>> class_digest(Point) == class_digest(Point)
        True
    """
    return _class_identity(cls).digest()


def canonical_ast(node: ast.AST | Sequence[ast.stmt]) -> bytes:
    """Encode syntax so that equal code has equal bytes under every supported Python; see `beautyspot.keys.syntax`."""
    from beautyspot.keys import syntax

    return syntax.canonical_ast(node)


def is_user_code(obj: object) -> bool:
    """Return whether a function, class, module or code object is the user's own, not a library's."""
    from beautyspot.keys import source_origin

    return source_origin.is_user_code(obj)


def register_source(filename: str, text: str) -> None:
    """Note the text that code with this file name is about to be compiled from (a notebook cell, say)."""
    from beautyspot.keys import source_texts

    source_texts.register_source(filename, text)


def register_tree(filename: str, tree: ast.Module) -> None:
    """Note a syntax tree that is about to be compiled under this file name."""
    from beautyspot.keys import source_texts

    source_texts.register_tree(filename, tree)
