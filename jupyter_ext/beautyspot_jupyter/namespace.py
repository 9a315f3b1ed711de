"""The variables of a cell: digests of what it reads, and what a run did to them."""

from __future__ import annotations

import ast
import builtins
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

from beautyspot.errors import KeyingError, UnhashableError
from beautyspot.keys.canonical import digest
from beautyspot.keys.source import code_identity, is_user_code, register_tree
from beautyspot.keys.source_origin import distributions, is_infrastructure, is_user_module, top_level
from beautyspot.keys.source_values import is_immutable
from beautyspot_jupyter.cells import Cell

__all__ = [
    "ABSENT",
    "Reads",
    "components_of",
    "digest_name",
    "imports_digest",
    "is_hidden",
    "is_steady",
    "library_versions",
    "read_all",
    "user_classes",
]

ABSENT = "absent"
_HISTORY = re.compile(r"_+|_i+|_i?\d+|_[io]h|_dh|In|Out")
_SHELL = frozenset({"get_ipython", "display", "exit", "quit", "open"})
_DUNDER = re.compile(r"__\w+__")
Chains = Mapping[str, Iterable[tuple[str, ...]]]


def is_hidden(name: str) -> bool:
    """Whether a name belongs to IPython or the interpreter and is never stored."""
    return bool(_HISTORY.fullmatch(name) or _DUNDER.fullmatch(name)) or name in {
        "get_ipython",
        "exit",
        "quit",
        "_exit_code",
    }


@dataclass(slots=True)
class Reads:
    """Digests of names at one moment.

    Attributes:
        digests: Hex digest by name, or `ABSENT`; names without influence are left out.
        values: The values that are there.
        refused: The first value that has no digest, and its name.
    """

    digests: dict[str, str] = field(default_factory=dict)
    values: dict[str, object] = field(default_factory=dict)
    refused: tuple[str, KeyingError] | None = None


def read_all(names: Iterable[str], chains: Chains, namespace: Mapping[str, Any]) -> Reads:
    """Digest names of a namespace; stops at the first value that has no digest."""
    reads = Reads()
    for name in sorted(names):
        try:
            found = digest_name(name, chains, namespace)
        except KeyingError as error:
            reads.refused = (name, error)
            return reads
        if found is not None:
            reads.digests[name] = found
        if name in namespace and found is not None:
            reads.values[name] = namespace[name]
    return reads


def digest_name(name: str, chains: Chains, namespace: Mapping[str, Any]) -> str | None:
    """Digest of what a name stands for, `ABSENT`, or None if it has no influence.

    Raises:
        KeyingError: The value has no digest.
    """
    if name not in namespace:
        return None if hasattr(builtins, name) or _DUNDER.fullmatch(name) else ABSENT
    value = namespace[name]
    if is_infrastructure(value) or (name in _SHELL and _is_shells_own(value)) or _DUNDER.fullmatch(name):
        return None
    try:
        if isinstance(value, ModuleType) and is_user_code(value):
            used = tuple(sorted({(name, *chain) for chain in chains.get(name, [()])}))
            return code_identity(FunctionType(_uses(used, ()), namespace)).digest().hex()  # type: ignore[arg-type]
        return digest(value, name).hex()
    except KeyingError:
        raise
    except Exception as error:  # whatever a foreign object does when it is looked at: then it has no digest
        raise UnhashableError(name, type(value).__qualname__, f"reading it raised {type(error).__name__}") from error


def imports_digest(statements: Iterable[ast.stmt], chains: Chains, namespace: dict[str, Any]) -> str | None:
    """Digest of the user's own code behind the imports of a cell; None if there are no imports.

    Raises:
        KeyingError: Data in an imported module has no digest.
    """
    texts: list[str] = []
    bound: set[str] = set()
    for node in statements:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "module", "") != "__future__":
            texts.append(ast.unparse(node))
            bound.update(alias.asname or alias.name.partition(".")[0] for alias in node.names if alias.name != "*")
    if not texts:
        return None
    used = tuple(sorted({(name, *chain) for name in bound for chain in chains.get(name, ())}))
    return code_identity(FunctionType(_uses(used, tuple(texts)), namespace)).digest().hex()


@functools.lru_cache(maxsize=512)
def _uses(chains: tuple[tuple[str, ...], ...], imports: tuple[str, ...]) -> CodeType:
    """Code that uses attribute chains, for the tracer of function code to look at; it is never run."""
    lines = [*imports, f"return ({''.join('.'.join(chain) + ', ' for chain in chains)})"]
    text = "def reads():\n" + "\n".join(f"    {line}" for line in lines)
    filename = f"<spot reads {digest(text).hex()[:16]}>"
    tree = ast.parse(text)
    register_tree(filename, tree)
    module = compile(tree, filename, "exec")
    return next(constant for constant in module.co_consts if isinstance(constant, CodeType))


def _is_shells_own(value: object) -> bool:
    module = str(getattr(value, "__module__", None) or type(value).__module__)
    return module.partition(".")[0] in {"IPython", "ipykernel", "builtins", "io", "_io"}


def is_steady(value: object) -> bool:
    """Whether a value cannot change in place, so that there is no need to look at it again after the run."""
    return is_immutable(value)


def components_of(name: str, value: object) -> dict[str, str]:
    """Digests of the parts of a function or class by name, to tell later which of them changed."""
    if not (isinstance(value, (FunctionType, type)) and is_user_code(value)):
        return {}
    parts = code_identity(value).components()
    return {f"code:{name}" if part == "code" else part: found for part, found in parts.items()}


def library_versions(cell: Cell, namespace: Mapping[str, Any]) -> dict[str, str]:
    """Distributions that a cell imports or uses by name, with their versions."""
    modules = set()
    for name in cell.names.chains:
        value = namespace.get(name)
        module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(module, str) and (isinstance(value, ModuleType) or callable(value)):
            modules.add(top_level(module))
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Import):
            modules.update(top_level(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(top_level(node.module))
    return distributions({module for module in modules if not is_user_module(module)})


def user_classes(namespace: Mapping[str, Any]) -> dict[str, type]:
    """Classes of the user that a namespace offers, by qualified name: those bound in it and those of its modules."""
    found: dict[str, type] = {}
    for value in list(namespace.values()):
        if isinstance(value, type):
            if is_user_code(value):
                found[value.__qualname__] = value
        elif isinstance(value, ModuleType) and not is_infrastructure(value) and is_user_code(value):
            for inner in list(vars(value).values()):
                if isinstance(inner, type) and inner.__module__ == value.__name__:
                    found.setdefault(inner.__qualname__, inner)
    return found
