"""The key of a cell: its text, the values of what it reads, and the options that change its result.

Keys are 48 hexadecimal digits: 32 for all that is known before the run (the *base*), 16 that tell records apart which
differ in what a run discovered: files, states of random number generators, old values of variables.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from blake3 import blake3

from beautyspot.errors import KeyingError
from beautyspot.keys.canonical import digest, encode
from beautyspot.keys.source_origin import is_user_code, is_user_module
from beautyspot_jupyter import settings
from beautyspot_jupyter.cells import Cell
from beautyspot_jupyter.files import expand
from beautyspot_jupyter.graph import Tangled, sharing
from beautyspot_jupyter.hazards import identifiers
from beautyspot_jupyter.namespace import Reads, components_of, imports_digest, read_all
from beautyspot_jupyter.options import CellOptions
from beautyspot_jupyter.reach import Reach, attributes_digest, reach

__all__ = ["BASE", "CellKey", "make_key", "record_suffix"]

_DATA = frozenset({str, bytes, bool, int, float, complex, list, tuple, dict, set})
BASE = 32  # hexadecimal digits
_SUFFIX = 16


@dataclass(slots=True)
class CellKey:
    """What is known about a cell before it runs.

    Attributes:
        base: First part of the key, "" if there is none.
        parts: Digests by part of the key, for explanations.
        reads: Digests and values of the names that the key depends on.
        soft: Names that a record may depend on.
        reach: What functions do that the cell can call.
        attributes: Digest of the attributes of these functions.
        imports: Digest of the code behind the cell's imports.
        refused: Why there is no key, and what to do.
    """

    base: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    reads: Reads = field(default_factory=Reads)
    soft: frozenset[str] = frozenset()
    reach: Reach = field(default_factory=Reach)
    attributes: str | None = None
    imports: str | None = None
    refused: tuple[str, str] | None = None

    def components(self) -> dict[str, str]:
        """`parts` with the parts of the functions and classes that are read. Only wanted when the cell runs."""
        found = dict(self.parts)
        for name, value in self.reads.values.items():
            try:
                found.update(components_of(name, value))
            except KeyingError:  # pragma: no cover  # it had a digest a moment ago
                continue
        return found


def make_key(cell: Cell, options: CellOptions, namespace: dict[str, Any]) -> CellKey:
    """Digest everything that the result of a cell depends on."""
    hard, soft = _wanted(cell, options, namespace)
    key = CellKey(soft=frozenset(soft))
    key.reads = read_all(hard, cell.names.chains, namespace)
    _preload(cell, namespace)
    key.reach = reach(_roots(cell, key, namespace), namespace)
    words = _words(cell, key, namespace) - set(options.ignore) if options.reads is None else set()
    if words - hard and key.reads.refused is None:
        key.reads = read_all(hard | words, cell.names.chains, namespace)
    if key.reads.refused is not None:
        key.refused = _refusal(*key.reads.refused)
        return key
    subject = "an imported module"
    try:
        key.imports = imports_digest(import_statements(cell.tree), cell.names.chains, namespace)
        subject = "a function"
        key.attributes = attributes_digest(key.reach.functions)
        key.parts = dict(_parts(cell, key, namespace))
    except KeyingError as error:
        key.refused = _refusal(subject, error)
        return key
    except Tangled as error:
        key.refused = str(error), "--reads or --ignore leave it out"
        return key
    key.parts.update(_option_parts(options))
    key.base = blake3(encode(sorted(key.parts.items()))).hexdigest()[:BASE]
    return key


def _parts(cell: Cell, key: CellKey, namespace: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "cell", cell.code
    for name, found in key.reads.digests.items():
        yield f"read:{name}", found
    if key.imports is not None:
        yield "imports", key.imports
    if key.attributes is not None:
        yield "functions", key.attributes
    for name in cell.names.needed:
        yield f"exists:{name}", str(name in namespace)
    for name, value in key.reach.foreign.items():
        yield f"outside:{name}", digest(value, name).hex()
    for name, value in _library_data(cell, key, namespace):
        yield f"outside:{name}", digest(value, name).hex()
    shared = sharing(key.reads.values)
    if shared:
        yield "sharing", digest(shared).hex()
    for name, deviation in settings.deviations().items():
        yield f"setting:{name}", digest(deviation).hex()


def _used(cell: Cell, key: CellKey, namespace: dict[str, Any]) -> dict[str, object]:
    """What the names of a cell stand for, imported ones too."""
    used = {**key.reads.values, **{name: namespace[name] for name in key.soft if name in namespace}}
    for node in import_statements(cell.tree):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            if isinstance(node, ast.ImportFrom):
                used[name] = getattr(sys.modules.get(node.module or ""), alias.name, None)
            else:
                used[name] = sys.modules.get(alias.name if alias.asname else name)
    return used


def _library_data(cell: Cell, key: CellKey, namespace: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Plain data (``sys.argv``) and functions of the user (a patch) that lie in modules of libraries."""
    for name, value in _used(cell, key, namespace).items():
        if not isinstance(value, ModuleType) or is_user_code(value):
            continue
        for chain in cell.names.chains.get(name, ()):
            found = _followed(value, chain) if chain else None
            if type(found) in _DATA or (isinstance(found, FunctionType) and is_user_code(found)):
                yield ".".join((name, *chain)), found


def _roots(cell: Cell, key: CellKey, namespace: dict[str, Any]) -> Iterator[object]:
    """Objects through which the cell can call functions."""
    for name, value in _used(cell, key, namespace).items():
        if not isinstance(value, ModuleType):
            yield value
        elif is_user_code(value):
            for chain in cell.names.chains.get(name, ()):
                yield _followed(value, chain)


def _followed(value: object, chain: tuple[str, ...]) -> object:
    for step in chain:
        if not isinstance(value, ModuleType):
            break
        value = vars(value).get(step)
    return list(vars(value).values()) if isinstance(value, ModuleType) else value


def _words(cell: Cell, key: CellKey, namespace: dict[str, Any]) -> set[str]:
    """Names that a library may look up in the namespace, because they stand in a text that it is given."""
    texts: set[str] = set()
    for name in cell.hazards.texts if not key.reach.reads_texts else key.reads.values:
        value = namespace.get(name)
        texts.update(item for item in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(item, str))
    if key.reach.reads_texts:
        texts |= cell.hazards.paths  # all text of the cell: it may be handed to such a function
    found = key.reach.words | {word for text in texts for word in identifiers(text)}
    return {word for word in found if word in namespace and word not in cell.names.definite}


def _wanted(cell: Cell, options: CellOptions, namespace: dict[str, Any]) -> tuple[set[str], set[str]]:
    if options.reads is not None:
        return set(options.reads), set()
    hard = {*cell.names.hard, *options.also}
    # A library that looks names up in a text finds them in the namespace; a word that is no variable is a column.
    hard |= {word for word in cell.hazards.words if word in namespace and word not in cell.names.definite}
    ignored = set(options.ignore)
    return hard - ignored, cell.names.soft - hard - ignored


def _refusal(name: str, error: KeyingError) -> tuple[str, str]:
    where, kind = getattr(error, "where", name), getattr(error, "type_name", "")
    place = where if where.startswith(name) else f"{name}: {where}"
    remedy = f"--ignore {name}" if name.isidentifier() else str(getattr(error, "remedy", ""))
    return f"{place} ({kind}) can't be hashed" if kind else str(error), remedy


def import_statements(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """All import statements of a cell, those inside functions too."""
    return [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]


def _preload(cell: Cell, namespace: dict[str, Any]) -> None:
    """Import the user's own modules that the cell imports: a module has another digest before it is loaded.

    The cell, hit or miss, is about to import them anyway.
    """
    for node in cell.tree.body:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        if getattr(node, "level", 0) or "__future__" in names or not any(is_user_module(name) for name in names):
            continue
        code = compile(ast.Module([node], []), "<spot import>", "exec")
        try:
            exec(code, {"__name__": namespace.get("__name__", "__main__")})  # noqa: S102  # the cell's own import statement
        except Exception:  # the run will meet the same problem, at the user's own line
            return


def _option_parts(options: CellOptions) -> dict[str, str]:
    parts: dict[str, str] = {}
    if options.version is not None:
        parts["version"] = digest(options.version).hex()
    for name in options.env:
        parts[f"env:{name}"] = digest(os.environ.get(name)).hex()
    for path, state in expand(options.dep):
        parts[f"file:{path}"] = state
    for name in options.pin:
        parts[f"pin:{name}"] = digest(_version(name)).hex()
    special = (
        options.reads, options.ignore, options.writes, options.no_output, options.rng, options.files,
        options.allow_effects, options.strict,
    )  # fmt: skip
    if special != ((None, (), None, False, None, True, False, False)):
        parts["options"] = digest(special).hex()
    return parts


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def record_suffix(states: Iterable[tuple[str, str, str]], salt: int = 0) -> str:
    """Second part of the key of a record that is about to be made."""
    listed = sorted(states)
    if not listed and not salt:
        return "0" * _SUFFIX
    return blake3(encode([listed, salt])).hexdigest()[:_SUFFIX]
