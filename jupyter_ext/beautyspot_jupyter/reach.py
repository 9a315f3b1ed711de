"""What the user's own functions do that a cell can call: names they bind, names they look up in texts, blind spots.

A cell is read as text; the functions that it calls were defined elsewhere and are met here as objects. The digests of
their code and data are the business of `beautyspot.keys`. This looks for what such digests do not say.
"""

from __future__ import annotations

import builtins
import dis
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from beautyspot.keys.canonical import digest
from beautyspot.keys.source_origin import is_infrastructure, is_user_code
from beautyspot.keys.source_values import functions_in, underlying
from beautyspot_jupyter.hazards import TEXT_READERS, Hazard, identifiers

__all__ = ["Reach", "attributes_digest", "reach"]

_LIMIT = 2_000  # functions and classes that are looked at
_ITEMS = 200  # items of a container that are searched for functions
_REMEDY = "name what it reads with --reads"
_BLIND = {
    "eval": "calls eval(), which may read any name",
    "exec": "calls exec(), which may read and bind any name",
    "globals": "calls globals(), which gives access to every name",
    "__import__": "calls __import__(), which loads code that is not known beforehand",
    "get_ipython": "uses get_ipython(), which gives access to every name",
}
_ASKING = frozenset({"input", "getpass", "breakpoint"})


@dataclass(slots=True)
class Reach:
    """What was found.

    Attributes:
        functions: The functions, kept so that their attributes can be compared after the run.
        stores: Names of the namespace that one of them binds or deletes.
        foreign: Values of names that one of them binds in another module, by ``module.name``.
        reads_texts: Whether one of them gives a text to a library that looks names up in it.
        texts: String constants of such functions.
        hazards: What cannot be followed.
    """

    functions: list[FunctionType] = field(default_factory=list)
    stores: set[str] = field(default_factory=set)
    foreign: dict[str, object] = field(default_factory=dict)
    reads_texts: bool = False
    texts: set[str] = field(default_factory=set)
    hazards: list[Hazard] = field(default_factory=list)

    @property
    def words(self) -> set[str]:
        """Identifiers inside `texts`."""
        return {word for text in self.texts for word in identifiers(text)}


class _Facts(NamedTuple):
    loads: frozenset[str]
    stores: frozenset[str]
    attributes: frozenset[str]
    texts: frozenset[str]


def reach(values: Iterable[object], namespace: Mapping[str, Any]) -> Reach:
    """Walk from values to every function of the user that code can get at through them.

    Args:
        values: What a cell reads.
        namespace: The variables of the notebook.
    """
    found = Reach()
    seen: set[int] = set()
    stack = list(values)
    while stack and len(seen) < _LIMIT:
        value = stack.pop()
        if id(value) in seen or is_infrastructure(value):
            continue
        seen.add(id(value))
        if isinstance(value, FunctionType):
            if is_user_code(value):
                stack.extend(_of_function(value, namespace, found))
        else:
            stack.extend(_inside(value))
    return found


def _inside(value: object) -> Iterator[object]:
    marked = underlying(value)
    if marked is not None:
        yield marked
    elif isinstance(value, type):
        if is_user_code(value):
            yield from (part for member in list(vars(value).values()) for part in functions_in(member))
            yield from value.__bases__
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from list(value)[:_ITEMS]
    elif isinstance(value, dict):
        yield from list(value.values())[:_ITEMS]
    elif not isinstance(value, ModuleType):
        yield from functions_in(value)
        if is_user_code(type(value)):
            yield type(value)
            yield from list(getattr(value, "__dict__", {}).values())[:_ITEMS]


def _of_function(function: FunctionType, namespace: Mapping[str, Any], found: Reach) -> Iterator[object]:
    found.functions.append(function)
    marked = underlying(function)
    if marked is not None:
        yield marked
    scope, facts = function.__globals__, _facts(function.__code__)
    if scope is namespace:
        found.stores |= facts.stores
    else:
        module = scope.get("__name__", "?")
        found.foreign.update({f"{module}.{name}": scope.get(name) for name in facts.stores})
    if facts.attributes & TEXT_READERS:
        found.reads_texts = True
        found.texts |= facts.texts
    found.hazards += _hazards(function.__name__, facts, scope)
    for name in facts.loads & scope.keys():
        value = scope[name]
        if not isinstance(value, ModuleType):
            yield value
        elif is_user_code(value):
            yield from (vars(value)[part] for part in facts.attributes if part in vars(value))
    yield from _held(function)


def _held(function: FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # it is filled later
            continue
    yield from (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if "__wrapped__" in function.__dict__:
        yield function.__dict__["__wrapped__"]


def _hazards(name: str, facts: _Facts, scope: Mapping[str, Any]) -> Iterator[Hazard]:
    for used in sorted(facts.loads & _BLIND.keys()):
        if used == "get_ipython" or (used not in scope and hasattr(builtins, used)):
            yield Hazard(f"{name}() {_BLIND[used]}", _REMEDY, effect=False)
    if {"sys"} <= facts.loads and "modules" in facts.attributes:
        yield Hazard(f"{name}() uses sys.modules, which gives access to every name", _REMEDY, effect=False)
    if facts.loads & _ASKING:
        yield Hazard(f"{name}() asks for input", "ask in a cell of its own", effect=True)


@functools.lru_cache(maxsize=4096)
def _facts(code: CodeType) -> _Facts:
    loads: set[str] = set()
    stores: set[str] = set()
    attributes: set[str] = set()
    texts: set[str] = set()
    pending = [code]
    while pending:
        part = pending.pop()
        pending.extend(constant for constant in part.co_consts if isinstance(constant, CodeType))
        texts.update(constant for constant in part.co_consts if isinstance(constant, str))
        for step in dis.get_instructions(part):
            if step.opname in {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}:
                loads.add(str(step.argval))
            elif step.opname in {"STORE_GLOBAL", "DELETE_GLOBAL"}:
                stores.add(str(step.argval))
            elif step.opname in {"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"}:
                attributes.add(str(step.argval))
    return _Facts(frozenset(loads), frozenset(stores), frozenset(attributes), frozenset(texts))


def attributes_digest(functions: Iterable[FunctionType]) -> str | None:
    """Digest of the attributes that the user set on functions (``f.calls = 0``); None if there are none.

    Raises:
        KeyingError: An attribute has no digest.
    """
    found = []
    for function in functions:
        own = {name: value for name, value in vars(function).items() if not name.startswith("__")}
        if own:
            found.append((function.__qualname__, digest(own, f"attributes of {function.__name__}").hex()))
    return digest(sorted(found)).hex() if found else None
