"""Which names from outside a definition uses: module globals, closure variables, and modules it imports itself.

The answer is read from syntax, not from bytecode, so it is the same under every supported Python (compilers differ in
what dead code they drop). Only for code without known syntax it is read from bytecode.

Names that are only made at run time (``globals()[name]``, ``eval(text)``) are out of sight; literal texts are read.

Left out on purpose: annotations of functions and of local variables, which do not run with the body. Annotations in a
class body count, and those of a decorated function: dataclasses, pydantic and dispatchers build behaviour from them.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from types import CodeType
from typing import NamedTuple

from beautyspot.keys.parsing import parse

__all__ = ["ImportUse", "Uses", "bytecode_uses", "module_imports", "syntax_uses"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BLIND = frozenset({"classmethod", "property", "staticmethod"})  # decorators that do not look at annotations
_Position = tuple[int, int]


class ImportUse(NamedTuple):
    """A module that the code imports itself, and the attributes it takes from it.

    Attributes:
        module: Dotted name as written.
        level: Number of leading dots.
        attributes: Attribute chain that is used, outermost first; empty if the module is used as a whole.
    """

    module: str
    level: int
    attributes: tuple[str, ...]


class Uses(NamedTuple):
    """Names from outside, sorted.

    Attributes:
        chains: ``("K",)`` for a bare name, ``("cfg", "lr")`` for an attribute chain.
        imports: Imports inside the code.
    """

    chains: tuple[tuple[str, ...], ...]
    imports: tuple[ImportUse, ...]


class _Scope:
    """The names that one function, class body or comprehension binds."""

    __slots__ = ("bound", "declared_global", "declared_nonlocal", "imports", "is_class", "owner", "parent", "since")

    def __init__(self, parent: _Scope | None, *, is_class: bool = False, owner: str = "") -> None:
        self.parent = parent
        self.is_class = is_class
        self.owner = owner
        self.bound: set[str] = set()
        self.declared_global: set[str] = set()
        self.declared_nonlocal: set[str] = set()
        self.imports: dict[str, list[tuple[str, int, tuple[str, ...]]]] = {}
        self.since: dict[str, _Position] = {}

    def bind(self, name: str, statement: ast.AST) -> None:
        self.bound.add(name)
        end: _Position = (getattr(statement, "end_lineno", None) or 0, getattr(statement, "end_col_offset", None) or 0)
        self.since[name] = min(self.since.get(name, end), end)

    def find(self, name: str, position: _Position) -> _Scope | None:
        """Return the scope that `name` belongs to; None if it comes from outside."""
        scope: _Scope | None = self
        if scope is not None and scope.is_class:
            if name in scope.declared_global:
                return None
            if name in scope.bound and position >= scope.since[name]:
                return scope
            scope = scope.parent
        while scope is not None:
            if not scope.is_class:  # a class body is invisible to what is nested in it
                if name in scope.declared_global:
                    return None
                if name in scope.bound and name not in scope.declared_nonlocal:
                    return scope
            scope = scope.parent
        return None


def syntax_uses(node: ast.AST, *, skip: Collection[int] = (), owner: str = "") -> Uses:
    """Return the names that a definition takes from outside.

    Args:
        node: FunctionDef, AsyncFunctionDef, Lambda or ClassDef.
        skip: ``id()`` of decorator nodes to leave out.
        owner: Name of the class that the definition stands in, for names such as ``__private``.

    Returns:
        The names. Default values of `node` itself are not included: they are values of the live function.

    Example:
        >>> import ast
        >>> syntax_uses(ast.parse("def f(x, n=N): return cfg.lr * g(x)").body[0]).chains
        (('cfg', 'lr'), ('g',))
    """
    reader = _Reader(skip)
    outside = _Scope(None, owner=owner)
    reader.decorators(node, outside)
    if isinstance(node, ast.ClassDef):
        reader.enter_class(node, outside)
    elif isinstance(node, _FUNCTIONS):
        reader.enter_function(node, outside)
    else:
        raise TypeError(f"{type(node).__name__} is no definition")
    return reader.read()


class _Reader:
    """Walks with its own stack: nested expressions may be deeper than the recursion limit."""

    def __init__(self, skip: Collection[int]) -> None:
        self.skip = skip
        self.stack: list[tuple[ast.AST, _Scope]] = []
        self.chains: set[tuple[str, ...]] = set()
        self.imports: set[ImportUse] = set()

    def push(self, node: ast.AST | None, scope: _Scope) -> None:
        if node is not None:
            self.stack.append((node, scope))

    def read(self) -> Uses:
        while self.stack:
            node, scope = self.stack.pop()
            if isinstance(node, ast.Attribute):
                self.attribute(node, scope)
            elif isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Load):
                    self.use(node, (), scope)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                self.use(node.target, (), scope)
                self.push(node.value, scope)
            elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
                self.definition(node, scope)
            elif isinstance(node, _COMPREHENSIONS):
                self.comprehension(node, scope)
            elif isinstance(node, ast.AnnAssign) and not scope.is_class:
                self.push(node.target, scope)
                self.push(node.value, scope)
            else:
                self.parts(node, scope)
        return Uses(tuple(sorted(self.chains)), tuple(sorted(self.imports)))

    def parts(self, node: ast.AST, scope: _Scope) -> None:
        if isinstance(node, (ast.Call, ast.Subscript)):
            self.named_in_text(node, scope)
        for child in ast.iter_child_nodes(node):
            self.push(child, scope)

    def named_in_text(self, node: ast.Call | ast.Subscript, scope: _Scope) -> None:
        """Read what stands in a literal text: ``eval("K")``, ``globals()["K"]``, ``import_module("util")``."""
        if isinstance(node, ast.Subscript):
            if _is_globals(node.value) and _text_of(node.slice):
                self.chains.add((_text_of(node.slice),))
            return
        text = _text_of(node.args[0]) if node.args else ""
        if not text:
            return
        if isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec"}:
            try:
                tree = parse(text.lstrip(" \t"))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return
            for statement in tree.body:
                self.push(statement, scope)
        elif getattr(node.func, "attr", getattr(node.func, "id", "")) in {"import_module", "__import__"}:
            if not text.startswith("."):
                self.imports.add(ImportUse(text, 0, ()))
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "get" and _is_globals(node.func.value):
            self.chains.add((text,))

    def attribute(self, node: ast.Attribute, scope: _Scope) -> None:
        attributes = [node.attr]
        base: ast.expr = node.value
        while isinstance(base, ast.Attribute):
            attributes.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            self.use(base, tuple(reversed(attributes)), scope)
        else:
            self.push(base, scope)

    def use(self, node: ast.Name, attributes: tuple[str, ...], scope: _Scope) -> None:
        name = _mangled(node.id, scope)
        found = scope.find(name, (node.lineno, node.col_offset))
        if found is None:
            self.chains.add((name, *attributes))
            return
        for module, level, prefix in found.imports.get(name, ()):
            self.imports.add(ImportUse(module, level, prefix + attributes))

    def definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef, scope: _Scope
    ) -> None:
        """Read what runs where a nested definition stands, then its body in a scope of its own."""
        self.decorators(node, scope)
        if isinstance(node, ast.ClassDef):
            self.enter_class(node, scope)
            return
        for default in (*node.args.defaults, *node.args.kw_defaults):
            self.push(default, scope)
        self.enter_function(node, scope)

    def decorators(self, node: ast.AST, scope: _Scope) -> None:
        """Read decorators, and the annotations that they may look at."""
        decorators = [d for d in getattr(node, "decorator_list", ()) if id(d) not in self.skip]
        for decorator in decorators:
            self.push(decorator, scope)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if all(isinstance(decorator, ast.Name) and decorator.id in _BLIND for decorator in decorators):
                return
            inner = _with_type_parameters(node, scope)
            self.push(node.returns, inner)
            for arg in ast.walk(node.args):
                if isinstance(arg, ast.arg):
                    self.push(arg.annotation, inner)

    def enter_class(self, node: ast.ClassDef, scope: _Scope) -> None:
        outer = _with_type_parameters(node, scope)
        for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
            self.push(base, outer)
        inner = _Scope(outer, is_class=True, owner=node.name)
        for implicit in ("__module__", "__qualname__"):
            inner.bound.add(implicit)
            inner.since[implicit] = (0, 0)
        for statement in node.body:
            _bind(statement, inner)
            self.push(statement, inner)

    def enter_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: _Scope) -> None:
        inner = _Scope(_with_type_parameters(node, scope), owner=scope.owner)
        args = node.args
        for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
            if arg is not None:
                inner.bound.add(_mangled(arg.arg, inner))
        inner.bound.add("__class__")
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        for statement in body:
            _bind(statement, inner)
            self.push(statement, inner)

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: _Scope) -> None:
        inner = _Scope(scope, owner=scope.owner)
        for index, generator in enumerate(node.generators):
            inner.bound.update(n.id for n in ast.walk(generator.target) if isinstance(n, ast.Name))
            self.push(generator.iter, inner if index else scope)  # the first iterable belongs to the outer scope
            self.push(generator.target, inner)
            for condition in generator.ifs:
                self.push(condition, inner)
        if isinstance(node, ast.DictComp):
            self.push(node.key, inner)
            self.push(node.value, inner)
        else:
            self.push(node.elt, inner)


def _text_of(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_globals(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "globals"


def _with_type_parameters(node: ast.AST, scope: _Scope) -> _Scope:
    parameters = getattr(node, "type_params", None)
    if not parameters:
        return scope
    inner = _Scope(scope, owner=scope.owner)
    inner.bound.update(parameter.name for parameter in parameters)
    return inner


def _mangled(name: str, scope: _Scope) -> str:
    if name.startswith("__") and not name.endswith("__") and scope.owner.strip("_"):
        return f"_{scope.owner.lstrip('_')}{name}"
    return name


def _bind(statement: ast.AST, scope: _Scope) -> None:
    """Collect what a statement binds in `scope`, nested scopes apart."""
    stack: list[tuple[ast.AST, ast.AST]] = [(statement, statement)]
    while stack:
        node, owner = stack.pop()
        if isinstance(node, ast.stmt):
            owner = node
        _bind_node(node, owner, scope)
        stack.extend((child, owner) for child in _children_in_scope(node, scope))


def _bind_node(node: ast.AST, owner: ast.AST, scope: _Scope) -> None:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            scope.bind(_mangled(node.id, scope), owner)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        scope.bind(_mangled(node.name, scope), node)
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        _bind_import(node, scope)
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        declared = scope.declared_global if isinstance(node, ast.Global) else scope.declared_nonlocal
        declared.update(_mangled(name, scope) for name in node.names)
    else:
        name = getattr(node, "rest" if isinstance(node, ast.MatchMapping) else "name", None)
        if name and isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping)):
            scope.bind(name, node)


def _children_in_scope(node: ast.AST, scope: _Scope) -> Iterator[ast.AST]:
    """Yield the children that may bind names in the same scope."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield from node.decorator_list
    elif isinstance(node, _COMPREHENSIONS):  # only ``:=`` binds outside of it
        yield from (inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
    elif isinstance(node, ast.AnnAssign) and node.value is None and scope.is_class:
        return  # declares a field, binds nothing
    elif not isinstance(node, ast.Lambda):
        yield from ast.iter_child_nodes(node)


def _bind_import(node: ast.Import | ast.ImportFrom, scope: _Scope) -> None:
    target: tuple[str, int, tuple[str, ...]]
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            name, target = alias.asname or alias.name, (node.module or "", node.level, (alias.name,))
        elif alias.asname:
            name, target = alias.asname, (alias.name, 0, ())
        else:
            name, target = alias.name.partition(".")[0], (alias.name.partition(".")[0], 0, ())
        scope.bind(name, node)
        scope.imports.setdefault(name, []).append(target)


def module_imports(tree: ast.Module) -> tuple[ImportUse, ...]:
    """Return every import of a module, wherever it stands; ``from x import y`` gives the attribute ``y``."""
    found: set[ImportUse] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(ImportUse(alias.name, 0, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(ImportUse(node.module or "", node.level, (alias.name,)) for alias in node.names)
    return tuple(sorted(found))


def bytecode_uses(code: CodeType) -> Uses:
    """Return the names that a code object and those nested in it load from outside, read from bytecode."""
    import dis

    chains: set[tuple[str, ...]] = set()
    imports: set[ImportUse] = set()
    pending = [code]
    while pending:
        current = pending.pop()
        pending.extend(c for c in current.co_consts if isinstance(c, CodeType))
        chain: tuple[str, ...] = ()
        for instruction in dis.get_instructions(current):
            operation = instruction.opname
            if operation in {"LOAD_ATTR", "LOAD_METHOD"} and chain:
                chain = (*chain, instruction.argval)
                continue
            if operation in {"CACHE", "EXTENDED_ARG"}:
                continue
            if chain:
                chains.add(chain)
            chain = ()
            if operation in {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}:
                chain = (instruction.argval,)
            elif operation == "IMPORT_NAME":
                imports.add(ImportUse(instruction.argval, 0, ()))
        if chain:
            chains.add(chain)
    return Uses(tuple(sorted(chains)), tuple(sorted(imports)))
