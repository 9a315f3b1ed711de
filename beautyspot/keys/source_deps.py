"""From a live function to everything that its result can depend on, as a graph with guards.

Each definition becomes a node: a user function or class with its text, a library object with its public name, data with
its value digest. While the graph is built, every binding that was looked at becomes a guard, so that later calls can
tell with a few identity comparisons that nothing was rebound. Mutable data cannot be guarded: it is hashed again.
"""

from __future__ import annotations

import builtins
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from beautyspot.errors import KeyingError, UnhashableError
from beautyspot.keys.source_define import MISSING, cells_of, describe_class, describe_code, short_name
from beautyspot.keys.source_graph import Node, combine, reachable
from beautyspot.keys.source_members import field_defaults, members_of
from beautyspot.keys.source_names import ImportUse, Uses
from beautyspot.keys.source_origin import binary_digest, is_infrastructure, is_user_code, is_user_module, top_level
from beautyspot.keys.source_unloaded import find_unloaded
from beautyspot.keys.source_values import (
    functions_in,
    is_generated,
    is_immutable,
    library_node,
    parts_of,
    underlying,
)

__all__ = ["Tracer"]

Get = Callable[[Any], object]
Probe = Callable[[], object]

_IMPLICIT = frozenset({"__name__", "__package__", "__spec__", "__loader__", "__builtins__", "__debug__"})
_SHELL = frozenset({"get_ipython", "display", "exit", "quit", "In", "Out"})


class Tracer:
    """Builds one graph.

    Attributes:
        root: Node of the traced object.
        names: Guards ``(get, key, object)``: ``get(key)`` must still be that object.
        functions: Guards ``(function, code, defaults, keyword defaults)``.
        sizes: Guards ``(mapping, length)``.
        probes: ``(probe, result)``: what has to be hashed again on every call.
        libraries: Top-level modules of library objects.
        portable: False if a definition had to be taken from bytecode.
        unloaded: Modules that the code imports itself and that were not loaded.
    """

    def __init__(
        self, subject: object, left_out: frozenset[str] = frozenset(), as_unloaded: frozenset[str] = frozenset()
    ) -> None:
        self._subject = getattr(subject, "__func__", subject)
        self._left_out = left_out
        self._as_unloaded = as_unloaded
        self.names: list[tuple[Get, Any, object]] = []
        self.functions: list[tuple[FunctionType, object, object, object]] = []
        self.sizes: list[tuple[Mapping[Any, object], int]] = []
        self.probes: list[tuple[Probe, object]] = []
        self.libraries: set[str] = set()
        self.portable = True
        self.unloaded: set[str] = set()
        self._nodes: dict[object, Node] = {}
        self._pending: list[Callable[[], None]] = []
        root, _ = self._classify(subject, "code", getattr(subject, "__name__", "callable"), "the function")
        self.root = root or Node("ignored", "", b"ignored")
        while self._pending:
            self._pending.pop()()

    def all_nodes(self) -> list[Node]:
        """Return every node of the graph, the root first, then in the order of sorted labels."""
        return reachable(self.root)

    def _refer(self, owner: Node, label: str, binding: tuple[Get, Any], place: tuple[str, str, str]) -> None:
        """Add the edge from `owner` to what a binding holds now, with a guard on the binding."""
        get, key = binding
        value = get(key)
        kind, name, where = place
        node, stable = self._classify(value, kind, name, where)
        if stable:
            self.names.append((get, key, value))
        elif node is not None:
            self.probes.append((_rehash(get, key, place), node.local))
        if node is not None:
            owner.edges.append((label, node))

    def _absent(self, owner: Node, label: str) -> None:
        owner.edges.append((label, Node("absent", label, b"absent")))

    def _classify(self, value: object, kind: str, name: str, where: str) -> tuple[Node | None, bool]:
        """Return the node of a value (None: no influence) and whether the value is immutable in place."""
        immutable = is_immutable(value)
        known = self._data(value, kind, name, where) if immutable else self._nodes.get(id(value))
        if known is not None:
            return known, True
        marked = underlying(value)
        if marked is not None:
            if all(option is None for option in getattr(value, "__spot_semantics__", ())):
                return self._classify(marked, kind, name, where)
            return self._marked(value, marked), True
        ignored = is_infrastructure(value)
        node = None if ignored else self._code(value, where)
        if ignored or node is not None:
            return node, True
        self.libraries.add(top_level(type(value).__module__))
        return self._data(value, kind, name, where), False

    def _code(self, value: object, where: str) -> Node | None:
        """Return the node of a function, class, module, composite of these, or library object; None for data."""
        expand: Callable[[Any, Node], None] | None = None
        if isinstance(value, FunctionType):
            kind, expand = "code", self._function
        elif isinstance(value, type):
            kind, expand = "class", self._class
        elif isinstance(value, ModuleType):
            kind, expand = "module", self._module
        if expand is not None and is_user_code(value):
            return self._definition(kind, value, expand)
        parts = parts_of(value)
        if parts is not None:
            return self._composite(value, parts, where)
        library = library_node(value)
        if library is not None:
            self.libraries.add(top_level(library.name))
        return library

    def _later(self, expand: Callable[[], None]) -> None:
        """Expand a node from the main loop: chains of helpers may be longer than the recursion limit."""
        self._pending.append(expand)

    def _data(self, value: object, kind: str, name: str, where: str) -> Node:
        digest = _digest(value, kind, name, where)
        return Node(kind, name, digest, type(value) if is_user_code(type(value)) else None)

    def _definition(self, kind: str, value: Any, expand: Callable[[Any, Node], None]) -> Node:
        name = value.__name__ if kind == "module" else short_name(value.__qualname__)
        node = Node(kind, name, subject=value)
        self._nodes[id(value)] = node
        self._later(lambda: expand(value, node))
        return node

    def _marked(self, value: object, function: object) -> Node:
        """Make the node of a function with options that mean another result; without any it is the function itself."""
        from beautyspot.keys import canonical

        semantics = getattr(value, "__spot_semantics__", ())
        node = Node("marked", "", combine("marked", [canonical.encode(semantics, "options of the function")]), value)
        self._nodes[id(value)] = node
        self._later(lambda: self._refer(node, "function", (lambda _: function, None), ("code", "function", "function")))
        return node

    def _composite(self, value: object, parts: list[tuple[str, Get, Any]], where: str) -> Node:
        """Make the node of a partial, a bound method, a property, a wrapper with ``__wrapped__``, ..."""
        kind = type(value)
        node = Node("wrapper", kind.__name__, combine("wrapper", [kind.__qualname__]), value)
        self._nodes[id(value)] = node
        if isinstance(value, functools.partial):
            self.sizes.append((value.keywords, len(value.keywords)))
        library = library_node(kind)
        self.libraries.add(top_level(library.name if library else kind.__module__))

        def expand() -> None:
            for label, get, key in parts:
                self._refer(node, label, (get, key), ("closure", label, f"{where} ({label})"))

        self._later(expand)
        return node

    def _function(self, function: FunctionType, node: Node) -> None:
        code, defaults, keywords = function.__code__, function.__defaults__, function.__kwdefaults__
        self.functions.append((function, code, defaults, keywords))
        described = describe_code(function)
        self.portable = self.portable and described.portable
        node.local = combine("fn", [short_name(code.co_qualname), described.text])
        bindings: list[tuple[str, Get, Any]] = []
        if defaults:
            names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
            bindings += [(name, defaults.__getitem__, index) for index, name in enumerate(names)]
        if keywords:
            bindings += [(name, keywords.get, name) for name in sorted(keywords)]
        own = function is self._subject
        for name, get, key in bindings:
            if not (own and name in self._left_out):
                where = f"default of parameter {name!r}" + ("" if own else f" of {function.__name__}()")
                self._refer(node, f"default:{name}", (get, key), ("default", name, where))
        if "__wrapped__" in function.__dict__:
            self._refer(node, "wrapped", (function.__dict__.get, "__wrapped__"), ("code", "wrapped", "__wrapped__"))
        self._uses(node, described.uses, function.__globals__, cells_of(function))

    def _uses(self, node: Node, uses: Uses, namespace: dict[str, Any], cells: Mapping[str, Any]) -> None:
        """Add what the names of a definition refer to."""
        done: set[str] = set()
        roots = {chain[0] for chain in uses.chains}
        for chain in (*uses.chains, *((name,) for name in cells if name not in roots)):
            name = chain[0]
            if name in cells:
                self._follow(node, ("closure", name), (_contents(cells[name]), None), chain[1:], done)
            elif name in namespace:
                if name not in _IMPLICIT and not (name in _SHELL and _is_shell(namespace[name], namespace)):
                    self._follow(node, ("global", name), (namespace.get, name), chain[1:], done)
            else:
                self.names.append((namespace.__contains__, name, False))
                if name not in _IMPLICIT and name not in _SHELL and name not in done:
                    done.add(name)
                    self._builtin(node, name)
        for use in uses.imports:
            self._import(node, use, namespace, done)

    def _builtin(self, node: Node, name: str) -> None:
        """Add a name that is no global: a builtin, something a program put among them, or nothing at all."""
        known = vars(builtins)
        if name not in known:
            self.names.append((known.__contains__, name, False))
            self._absent(node, f"global:{name}")
            return
        library = library_node(known[name])
        if library is not None and library.name == "builtins":
            self.names.append((known.get, name, known[name]))
        else:
            self._refer(node, f"global:{name}", (known.get, name), ("global", name, f"global {name!r}"))

    def _follow(
        self, node: Node, start: tuple[str, str], binding: tuple[Get, Any], chain: tuple[str, ...], done: set[str], /
    ) -> None:
        """Walk an attribute chain through user modules and refer to what it ends at."""
        kind, path = start
        get, key = binding
        value = get(key)
        while (
            isinstance(value, ModuleType) and chain and is_user_module(value.__name__) and not is_infrastructure(value)
        ):
            self.names.append((get, key, value))
            namespace, key, chain = vars(value), chain[0], chain[1:]
            path = f"{path}.{key}"
            if key in _IMPLICIT:
                return
            if key not in namespace and f"{value.__name__}.{key}" not in sys.modules:
                if path not in done:
                    done.add(path)
                    self.names.append((namespace.__contains__, key, False))
                    self._computed_attribute(node, namespace, (kind, path))
                return
            get = namespace.get
            if key not in namespace:
                get, key = sys.modules.get, f"{value.__name__}.{key}"
            value = get(key)
        if path not in done:
            done.add(path)
            if value is MISSING:
                self.names.append((get, key, MISSING))
                self._absent(node, f"{kind}:{path}")
            else:
                self._refer(node, f"{kind}:{path}", (get, key), (kind, path, f"{kind} {path!r}"))
        if chain and isinstance(value, (FunctionType, type)) and is_user_code(underlying(value) or value):
            self._attribute(node, (kind, f"{path}.{chain[0]}"), value, chain[0], done)

    def _computed_attribute(self, node: Node, namespace: dict[str, Any], start: tuple[str, str]) -> None:
        """Add what a module without the attribute makes it from: its ``__getattr__``, if it has one."""
        kind, path = start
        if "__getattr__" in namespace:
            place = (kind, path, f"{kind} {path!r}")
            self._refer(node, f"{kind}:{path}", (namespace.get, "__getattr__"), place)
        else:
            self.names.append((namespace.__contains__, "__getattr__", False))
            self._absent(node, f"{kind}:{path}")

    def _attribute(
        self, node: Node, start: tuple[str, str], owner: FunctionType | type, name: str, done: set[str], /
    ) -> None:
        """Add an attribute that a user set on a function, and the docstring of a function or class that is read."""
        kind, path = start
        if path in done:
            return
        done.add(path)
        place = (kind, path, f"{kind} {path!r}")
        if name == "__doc__":
            self._refer(node, f"{kind}:{path}", (lambda _: owner.__doc__, None), place)
        elif isinstance(owner, FunctionType) and not name.startswith("__"):
            own = owner.__dict__
            if name not in own:
                self.names.append((own.__contains__, name, False))
            elif underlying(owner) is None or not callable(own[name]):  # the methods of a marked function are ours
                self._refer(node, f"{kind}:{path}", (own.get, name), place)

    def _import(self, node: Node, use: ImportUse, namespace: Mapping[str, Any], done: set[str]) -> None:
        """Add what a function imports itself: live if the module is loaded, else by its source text."""
        full = _absolute(use, namespace)
        if not is_user_module(full):
            self.libraries.add(top_level(full))
            return
        modules: Any = sys.modules
        if full in modules and full not in self._as_unloaded:
            value, chain = modules[full], use.attributes
            if chain and chain[0] not in vars(value) and f"{full}.{chain[0]}" not in modules:
                self._unloaded(node, f"{full}.{chain[0]}")
            self._follow(node, ("import", full), (modules.get, full), chain, done)
            return
        self._unloaded(node, full)

    def _unloaded(self, node: Node, name: str) -> None:
        self.unloaded.add(name)
        self.names.append((sys.modules.__contains__, name, False))
        label = f"source:{name}"
        if any(known == label for known, _ in node.edges):
            return
        source = self._nodes.get(label)
        if source is not None:
            node.edges.append((label, source))
            return
        found = find_unloaded(name)
        if found is None:
            self._absent(node, label)
            return
        if found.library:
            self.libraries.add(top_level(name))
            return
        source = self._nodes[label] = Node("source", name, found.digest)
        node.edges.append((label, source))
        self.probes.append((found.stamp, found.stamp()))
        for use in found.imports:
            full = _absolute(use, {"__package__": found.package})
            if is_user_module(full):
                self._unloaded(source, full)
                for attribute in use.attributes[:1]:
                    if find_unloaded(f"{full}.{attribute}") is not None:
                        self._unloaded(source, f"{full}.{attribute}")

    def _module(self, module: ModuleType, node: Node) -> None:
        """Add everything in a user module that is used as a whole."""
        node.local = combine("module", [])
        self.sizes.append((vars(module), len(vars(module))))
        for name in sorted(vars(module)):
            if not (name.startswith("__") and name.endswith("__")):
                self._follow(node, ("global", name), (vars(module).get, name), (), set())

    def _class(self, cls: type, node: Node) -> None:
        members = vars(cls)
        self.sizes.append((members, len(members)))
        found = [underlying(f) or f for value in members.values() for f in functions_in(value)]
        methods = [f for f in found if isinstance(f, FunctionType) and not is_generated(f, cls)]
        module = sys.modules.get(cls.__module__)
        own = [f for f in methods if f.__module__ in {cls.__module__, None} and is_user_code(f)]
        namespace = own[0].__globals__ if own else (vars(module) if module else {})
        cells = {name: cell for method in own for name, cell in cells_of(method).items() if name != "__class__"}
        described = describe_class(cls, namespace, cells)
        text = described.text if described else binary_digest(cls.__module__) or "structure"
        node.local = combine("class", [short_name(cls.__qualname__), text, *self._fields(cls)])
        self.names.append((lambda _: cls.__bases__, None, cls.__bases__))
        for index, base in enumerate(cls.__bases__):
            if base is not object:
                self._refer(node, f"base:{index}", (cls.__bases__.__getitem__, index), ("class", "base", "base class"))
        if is_user_code(type(cls)):
            self._refer(node, "metaclass", (lambda _: type(cls), None), ("class", "metaclass", "metaclass"))
        for label, get, key in members_of(cls, described):
            place = ("attribute", f"{cls.__name__}.{label}", f"class attribute '{cls.__name__}.{label}'")
            try:
                self._refer(node, f"member:{label}", (get, key), place)
            except KeyingError:
                # The text of the class says how the attribute is made; refusing every use of the class would be worse.
                self.names.append((get, key, get(key)))
        if described is not None:
            self._uses(node, described.uses, namespace, cells)

    def _fields(self, cls: type) -> Iterator[bytes | str]:
        """Yield what the live class says about its fields; it is made once with the class and guarded by identity."""
        from beautyspot.keys import canonical

        for name, parts in field_defaults(cls):
            self.names.append((vars(cls).get, name, vars(cls)[name]))
            try:
                digest = canonical.digest(parts, f"fields of class {cls.__name__!r}")
            except KeyingError:  # as for other members: the text of the class says how they are made
                continue
            yield name
            yield digest


def _absolute(use: ImportUse, namespace: Mapping[str, Any]) -> str:
    if not use.level:
        return use.module
    package = namespace.get("__package__") or str(namespace.get("__name__", "")).rpartition(".")[0]
    parts = package.split(".")
    base = parts[: len(parts) - use.level + 1]
    return ".".join([*base, use.module] if use.module else base)


def _contents(cell: Any) -> Get:
    def get(_: object) -> object:
        try:
            return cell.cell_contents
        except ValueError:  # not assigned yet
            return MISSING

    return get


def _rehash(get: Get, key: object, place: tuple[str, str, str]) -> Probe:
    return lambda: _digest(get(key), *place)


def _digest(value: object, kind: str, name: str, where: str) -> bytes:
    """Digest data that code uses.

    Raises:
        UnhashableError: With a remedy for what is no argument of the call.
    """
    from beautyspot.keys import canonical
    from beautyspot.keys.refusal import REMEDY, type_name

    try:
        return canonical.digest(value, where)
    except UnhashableError as error:
        own = " or give its class a method __spot_hash__" if is_user_code(type(value)) else ""
        outer = type_name(value) if type(value).__module__ != "builtins" else error.type_name
        remedy = (
            f"teach {'its hash' if outer == error.type_name else f'the hash of {outer}'} with bs.register_hash{own}"
        )
        if kind == "default" and not where.endswith("()"):
            remedy = f"leave it out with ignore=[{name!r}], or {remedy}"
        elif name.isidentifier() and name not in {"function", "self"}:
            remedy = f"make it a parameter and leave that out with ignore=[{name!r}], or {remedy}"
        raise UnhashableError(error.where, error.type_name, error.remedy.replace(REMEDY, remedy)) from error.__cause__


def _is_shell(value: object, namespace: Mapping[str, Any]) -> bool:
    history = (namespace.get("_ih"), namespace.get("_oh"))
    module = getattr(value, "__module__", None) or type(value).__module__
    return any(value is h for h in history if h is not None) or top_level(str(module)) in {"IPython", "ipykernel"}
