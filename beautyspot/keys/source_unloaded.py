"""Source text of a module that a function imports itself and that is not loaded yet, found without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from beautyspot.keys.parsing import parse
from beautyspot.keys.source_graph import combine
from beautyspot.keys.source_names import ImportUse, module_imports
from beautyspot.keys.source_origin import is_library_file
from beautyspot.keys.syntax import canonical_ast

__all__ = ["Unloaded", "find_unloaded"]


class Unloaded(NamedTuple):
    """A module on disk.

    Attributes:
        library: Whether it belongs to a library; then the rest is empty.
        digest: Digest of its canonical syntax.
        imports: What it imports.
        package: Package for its relative imports.
        stamp: Returns what changes when the file is edited.
    """

    library: bool
    digest: bytes
    imports: tuple[ImportUse, ...]
    package: str
    stamp: Callable[[], object]


def find_unloaded(name: str) -> Unloaded | None:
    """Find a module by dotted name without running any of its code, its packages' neither."""
    spec = _spec(name)
    if spec is None:
        return None
    origin = spec.origin if spec.has_location else None
    if origin is None or is_library_file(origin) or not origin.endswith(".py"):
        return Unloaded(True, b"", (), "", lambda: None)
    import tokenize

    try:
        with tokenize.open(origin) as file:
            tree = parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return None

    def stamp() -> object:
        try:
            status = Path(origin).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    return Unloaded(
        False, combine("source", [canonical_ast(tree, module_docstring=False)]), module_imports(tree), package, stamp
    )


def _spec(name: str) -> Any:
    """Ask the finders for each part in turn; `importlib.util.find_spec` would import the parent packages."""
    path: Any = None
    spec: Any = None
    parts = name.split(".")
    for size in range(1, len(parts) + 1):
        partial = ".".join(parts[:size])
        spec = None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            try:
                spec = find(partial, path) if find is not None else None
            except Exception:  # a finder of the user's may raise anything: then this module is unknown
                spec = None
            if spec is not None:
                break
        if spec is None:
            return None
        path = spec.submodule_search_locations
        if path is None and size < len(parts):
            return None
    return spec
