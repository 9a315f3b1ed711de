"""Which objects the variables of a cell share, with each other and with what the cell read.

What is stored must come back with the same sharing: ``b = a`` gives one list under two names, ``rows = [r for r in
records if ...]`` gives a list of the very dicts in ``records``. So shared objects are stored once, and wherever one
is met a `CellLink` stands for it. A link to an input says where it lies: ``records[3]``. What cannot be expressed is
refused.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType
from typing import Any

from beautyspot.keys.source_origin import is_infrastructure
from beautyspot.keys.source_values import is_immutable

__all__ = ["CellLink", "InputMap", "Packed", "Tangled", "map_inputs", "pack", "sharing", "unpack"]

NODE_LIMIT = 2_000_000
_CONTAINERS = frozenset({list, tuple, deque, dict, set, frozenset})
_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, range, type(...)})
_SCALARS = (
    "pandas._libs",
    "pandas.core.dtypes",
    "numpy.dtypes",
    "datetime",
    "zoneinfo",
    "pathlib",
    "re",
    "uuid",
    "decimal",
)
_SKIPPED = frozenset({"builtin_function_or_method", "function", "method-wrapper"})


class Tangled(Exception):  # noqa: N818  # internal: becomes the reason of "not cached"
    """Sharing that cannot be stored."""


@dataclass(frozen=True, slots=True)
class CellLink:
    """Stands for an object that is somewhere else.

    Attributes:
        index: Position in the stored objects, or -1.
        name: Name of the input, or "".
        path: Steps from the input to the object.
    """

    index: int = -1
    name: str = ""
    path: tuple[Any, ...] = ()


@dataclass(slots=True)
class InputMap:
    """Where the mutable objects inside the inputs lie. Keeps them alive, so that no id comes twice."""

    paths: dict[int, tuple[str, tuple[Any, ...]]] = field(default_factory=dict)
    opaque: dict[int, str] = field(default_factory=dict)  # objects inside instances: they cannot be linked to
    kept: list[object] = field(default_factory=list)
    shared: list[tuple[int, int]] = field(default_factory=list)  # numbers of objects that are met twice, and when


@dataclass(slots=True)
class Packed:
    """Variables ready to be stored.

    Attributes:
        names: Value or `CellLink` by name.
        objects: What links point at.
        notices: What the user should know.
    """

    names: dict[str, Any] = field(default_factory=dict)
    objects: list[Any] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def _children(value: Any) -> Iterator[tuple[Any, object]]:
    kind = type(value)
    if kind not in _CONTAINERS or _PLAIN.issuperset(map(type, value.values() if kind is dict else value)):
        return
    if kind is dict:
        yield from value.items()
    elif kind is set or kind is frozenset:
        yield from ((None, item) for item in value)
    else:
        yield from enumerate(value)


def _hidden_children(value: Any) -> Iterator[object]:
    """Objects inside one that is stored as a whole: attributes, items of subclasses of containers, array elements."""
    own = getattr(value, "__dict__", None)
    if isinstance(own, dict) and not _is_library(value):
        yield from own.values()
    for owner in type(value).__mro__:
        slots = owner.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield getattr(value, name)
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, deque)):
        yield from value
    elif type(value).__module__ == "numpy" and getattr(getattr(value, "dtype", None), "hasobject", False):
        yield from value.ravel().tolist()


def _is_library(value: object) -> bool:
    return type(value).__module__.partition(".")[0] in {
        "numpy",
        "pandas",
        "polars",
        "pyarrow",
        "PIL",
        "scipy",
        "builtins",
    }


def _is_leaf(value: object) -> bool:
    kind = type(value)
    if (
        kind in _PLAIN
        or kind.__name__ in _SKIPPED
        or isinstance(value, (Enum, type, ModuleType))
        or is_infrastructure(value)
    ):
        return True
    return kind.__module__.startswith(_SCALARS) or is_immutable(value)


def _is_mutable(value: object) -> bool:
    """Whether it matters that two places hold the very same object and not two equal ones."""
    if isinstance(value, (tuple, frozenset)):
        return False
    parameters = getattr(type(value), "__dataclass_params__", None)
    return parameters is None or not parameters.frozen


def map_inputs(inputs: Mapping[str, object]) -> InputMap:
    """Note where every mutable object inside the inputs lies, before a run changes them.

    Raises:
        Tangled: There are too many objects to follow.
    """
    found = InputMap()
    stack: list[tuple[object, str, tuple[Any, ...], bool]] = [
        (v, n, (), False) for n, v in reversed(list(inputs.items()))
    ]
    numbers: dict[int, int] = {}
    steps = 0
    while stack:
        value, name, path, hidden = stack.pop()
        if _is_leaf(value):
            continue
        steps += 1
        if id(value) in numbers:
            if _is_mutable(value):
                found.shared.append((numbers[id(value)], steps))
            continue
        numbers[id(value)] = steps
        if steps > NODE_LIMIT:
            raise Tangled(f"{name} holds too many objects to follow")
        found.kept.append(value)
        if hidden:
            found.opaque[id(value)] = name
        else:
            found.paths[id(value)] = (name, path)
        in_set = type(value) in (set, frozenset)
        children = [(item, name, (*path, step), hidden or in_set) for step, item in _children(value)]
        if type(value) not in _CONTAINERS:
            children += [(item, name, path, True) for item in _hidden_children(value)]
        stack.extend(reversed(children))
    return found


def sharing(inputs: Mapping[str, object]) -> list[tuple[int, int]]:
    """Say which mutable objects inside the inputs are the same, and which arrays lie in the same memory.

    ``[[0]] * 2`` and ``[[0], [0]]`` are equal until something is assigned to a part of them.

    Raises:
        Tangled: There are too many objects to follow.
    """
    found = map_inputs(inputs)
    numpy = sys.modules.get("numpy")
    bases: dict[int, int] = {}
    if numpy is not None:
        for number, value in enumerate(found.kept):
            if (
                isinstance(value, numpy.ndarray)
                and (first := bases.setdefault(id(_base(value, numpy)), number)) != number
            ):
                found.shared.append((-1 - first, number))
    return found.shared


class _Scan:
    """Counts how often each object is met from the variables that are to be stored."""

    def __init__(self, inputs: InputMap) -> None:
        self.inputs = inputs
        self.count: dict[int, int] = {}
        self.owner: dict[int, str] = {}
        self.hidden: set[int] = set()
        self.order: list[object] = []
        self.steps = 0

    def walk(self, name: str, root: object) -> None:
        stack: list[tuple[object, bool]] = [(root, False)]
        while stack:
            value, hidden = stack.pop()
            if _is_leaf(value):
                continue
            self.steps += 1
            if self.steps > NODE_LIMIT:
                raise Tangled(f"{name} holds too many objects to follow")
            if not self.meet(name, value, hidden=hidden):
                continue
            in_set = type(value) in (set, frozenset)
            stack.extend((item, hidden or in_set) for _, item in _children(value))
            if type(value) not in _CONTAINERS:
                stack.extend((item, True) for item in _hidden_children(value))

    def meet(self, name: str, value: object, *, hidden: bool) -> bool:
        """Count one object; returns whether what is inside it has to be walked."""
        ident, mutable = id(value), _is_mutable(value)
        if mutable and (ident in self.inputs.opaque or (hidden and ident in self.inputs.paths)):
            owner = self.inputs.opaque.get(ident) or self.inputs.paths[ident][0]
            raise Tangled(f"{name} holds a part of {owner} that cannot be shared again")
        if ident in self.inputs.paths and mutable:
            self.count[ident] = 0  # a link; what is inside belongs to the input
            return False
        seen = self.count.get(ident, 0)
        self.count[ident] = seen + 1
        self.owner.setdefault(ident, name)
        if hidden:
            self.hidden.add(ident)
        if not seen:
            self.order.append(value)
        elif mutable and ident in self.hidden:
            other = self.owner[ident]
            both = name if other == name else f"{other} and {name}"
            raise Tangled(f"{both} share an object inside another one")
        return not (seen and mutable)


def pack(outputs: Mapping[str, object], inputs: InputMap) -> Packed:
    """Take variables apart.

    Args:
        outputs: What is to be stored.
        inputs: Where the objects of unchanged inputs lie.

    Raises:
        Tangled: The sharing cannot be stored.
    """
    scan = _Scan(inputs)
    for name, value in outputs.items():
        scan.walk(name, value)
    packed = Packed()
    _check_views(scan, packed)
    shared = [v for v in scan.order if scan.count[id(v)] > 1 and _is_mutable(v)]
    numbers = {id(value): number for number, value in enumerate(shared)}
    linked = {ident for ident, count in scan.count.items() if count == 0} | set(numbers)
    if not linked:
        packed.names = dict(outputs)
        return packed

    def build(value: Any, *, top: bool = False) -> Any:
        if _is_leaf(value):
            return value
        ident = id(value)
        if not top and ident in numbers:
            return CellLink(index=numbers[ident])
        if ident in inputs.paths and ident in linked:
            name, path = inputs.paths[ident]
            return CellLink(name=name, path=path)
        return _rebuilt(value, build)

    packed.names = {name: build(value) for name, value in outputs.items()}
    packed.objects = [build(value, top=True) for value in shared]
    return packed


def _rebuilt(value: Any, build: Any) -> Any:
    """A container with links in it; the very same object if there are none."""
    kind = type(value)
    if kind is list or kind is tuple or kind is deque:
        items = [build(item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return deque(items, value.maxlen) if kind is deque else kind(items)
    if kind is dict:
        pairs = {key: build(item) for key, item in value.items()}
        return value if all(pairs[key] is value[key] for key in value) else pairs
    return value


def _check_views(scan: _Scan, packed: Packed) -> None:
    """Arrays that share memory: a view of an input is stored as a copy, two outputs over one memory are refused."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return
    bases: dict[int, str] = {}
    known = {ident: place[0] for ident, place in scan.inputs.paths.items()} | scan.inputs.opaque
    arrays = (v for v in scan.inputs.kept if isinstance(v, numpy.ndarray) and id(v) in known)
    input_bases = {id(_base(v, numpy)): known[id(v)] for v in arrays}
    for value in scan.order:
        if not isinstance(value, numpy.ndarray):
            continue
        name, base = scan.owner[id(value)], id(_base(value, numpy))
        if base in input_bases:
            packed.notices.append(f"{name} is a view of {input_bases[base]} and was stored as a copy")
        elif base in bases:
            raise Tangled(f"{bases[base]} and {name} share memory: make one of them a copy")
        bases[base] = name


def _base(array: Any, numpy: Any) -> Any:
    while isinstance(array.base, numpy.ndarray):
        array = array.base
    return array


def unpack(names: Mapping[str, Any], objects: list[Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Put variables together again.

    Args:
        names: As in `Packed`.
        objects: As in `Packed`.
        inputs: The namespace that links to inputs refer to.

    Raises:
        LookupError: An input does not have the part that a link names.
    """
    if not objects and not any(isinstance(value, CellLink) or _holds_link(value) for value in names.values()):
        return dict(names)
    ready: list[Any] = [_shell(stored) for stored in objects]

    def resolve(value: Any) -> Any:
        kind = type(value)
        if kind is CellLink:
            return ready[value.index] if value.index >= 0 else _follow(value, inputs)
        if kind in _PLAIN or not _holds_link(value):
            return value
        if kind is dict:
            return {key: resolve(item) for key, item in value.items()}
        items = [resolve(item) for item in value]
        return deque(items, value.maxlen) if kind is deque else kind(items)

    for stored, shell in zip(objects, ready, strict=True):
        if shell is not stored:
            filled = resolve(stored)
            if isinstance(filled, dict):
                shell.update(filled)
            else:
                shell.extend(filled)
    return {name: resolve(value) for name, value in names.items()}


def _shell(stored: Any) -> Any:
    """An empty container in the place of one that holds links: those may lead back to it."""
    if not _holds_link(stored):
        return stored
    return deque(maxlen=stored.maxlen) if type(stored) is deque else type(stored)()


def _holds_link(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is CellLink:
            return True
        if kind is list or kind is tuple or kind is deque:
            if not _PLAIN.issuperset(map(type, item)):
                stack.extend(item)
        elif kind is dict and not _PLAIN.issuperset(map(type, item.values())):
            stack.extend(item.values())
    return False


def _follow(link: CellLink, inputs: Mapping[str, Any]) -> Any:
    value = inputs[link.name]
    for step in link.path:
        value = value[step]
    return value
