"""Which names of the namespace the text of a cell reads and binds.

A name is *read* where it may be loaded before the cell itself has bound it. Two sorts are told apart:

- hard reads enter the key;
- soft reads are names that the cell binds on some path before the load (in a loop, a branch). If such a name did not
  exist before a run that ended well, the load can only have met the cell's own value, so nothing depends on it.
  Otherwise its old value becomes a dependency of that one record.

Functions count when they can first be called: ``def main(): helper()`` followed by ``def helper()`` reads nothing.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from beautyspot.keys.source_names import syntax_uses

__all__ = ["Names", "bound_names", "find_names"]

_DEFS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_INERT = (
    ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.Pass, ast.Expr, ast.Global, ast.alias, ast.arg,
    ast.Name, ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.Set, ast.JoinedStr, ast.expr_context,
)  # fmt: skip


@dataclass(slots=True)
class Names:
    """What `find_names` found.

    Attributes:
        hard: Names that the key depends on.
        soft: Names that a record may depend on.
        bound: Names that the text binds somewhere at its top level, or that a function declares ``global``.
        definite: Names that every run that ends well has bound at its end.
        deleted: Names that a ``del`` statement names.
        needed: Those of them that must be there before.
        chains: Attribute chains by name, without the name; ``()`` where the object itself is used.
        attributes_set: Chains whose last attribute is assigned or deleted: ``("np", "random", "x")``.
        star: Whether there is a star import.
    """

    hard: set[str] = field(default_factory=set)
    soft: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)
    definite: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)
    chains: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    attributes_set: set[tuple[str, ...]] = field(default_factory=set)
    star: bool = False


def find_names(tree: ast.Module, *, lazy_annotations: bool = False) -> Names:
    """Find the names that the statements of a cell read and bind.

    Args:
        tree: The transformed text, parsed.
        lazy_annotations: Whether annotations are not evaluated where they stand.

    Example:
        >>> found = find_names(ast.parse("y = [a * x for x in xs]; y += [K]"))
        >>> sorted(found.hard), sorted(found.bound)
        (['K', 'a', 'xs'], ['y'])
    """
    flow = _Flow(tree, lazy_annotations)
    flow.block(tree.body)
    found = flow.names
    found.definite = flow.assigned if flow.alive else set(found.bound)
    found.soft -= found.hard
    return found


def bound_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that statements bind in their own scope (not those of functions and classes inside)."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if isinstance(node, (*_DEFS, ast.ClassDef)):
            yield node.name
            stack.extend(node.decorator_list)
            continue
        if isinstance(node, ast.Lambda):
            stack.extend(node.args.defaults)
            continue
        if isinstance(node, _COMPREHENSIONS):
            yield from (inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
            continue
        if isinstance(node, ast.AnnAssign) and node.value is None:
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names if alias.name != "*")
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        stack.extend(ast.iter_child_nodes(node))


class _Flow:
    """One pass in the order of execution. `assigned` holds what is bound on every path to here."""

    def __init__(self, tree: ast.Module, lazy_annotations: bool) -> None:
        declared = (name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names)
        self.names = Names(bound={*bound_names(tree.body), *declared})
        self.lazy_annotations = lazy_annotations
        self.assigned: set[str] = set()
        self.maybe: set[str] = set()
        self.alive = True
        self.guarded = 0  # depth of try and with blocks, where a NameError may go unnoticed
        self.pending: list[tuple[str, ...]] = []  # what functions that were not called yet will use

    # statements

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self.statement(statement)
            if not self.alive:
                return

    def statement(self, node: ast.stmt) -> None:
        if self.pending and not _is_inert(node):
            self.settle()
        method = getattr(self, "on_" + type(node).__name__.lower(), None)
        if method is not None:
            method(node)
        else:
            self.children(node)
        if isinstance(node, (ast.Raise, ast.Return, ast.Continue, ast.Break)):
            self.alive = False

    def settle(self) -> None:
        """Some call may reach every function that was defined so far: what they use is read, unless it is bound now."""
        for chain in self.pending:
            if chain[0] not in self.assigned:
                self.names.hard.add(chain[0])
                self.names.chains.setdefault(chain[0], set()).add(chain[1:])
        self.pending.clear()

    def children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement(child)
            else:
                self.expression(child)

    def on_assign(self, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Lambda):
            self.defaults(node.value.args)
            self.pending.extend(syntax_uses(node.value).chains)
        else:
            self.expression(node.value)
        for target in node.targets:
            self.expression(target)

    def on_annassign(self, node: ast.AnnAssign) -> None:
        self.expression(node.value)
        if not self.lazy_annotations:
            self.expression(node.annotation)
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.expression(node.target)

    def on_augassign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.load((node.target.id,))
        self.expression(node.value)
        self.expression(node.target)

    def on_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.names.deleted.add(target.id)
                if target.id not in self.assigned:
                    self.names.needed.add(target.id)
                self.assigned.discard(target.id)
            else:
                self.expression(target)

    def on_functiondef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for decorator in node.decorator_list:
            self.expression(decorator)
        self.defaults(node.args)
        if not self.lazy_annotations:
            arguments = (
                *node.args.posonlyargs,
                *node.args.args,
                *node.args.kwonlyargs,
                node.args.vararg,
                node.args.kwarg,
            )
            parameters = {parameter.name for parameter in getattr(node, "type_params", ())}
            for annotation in (*(a.annotation for a in arguments if a is not None), node.returns):
                if annotation is not None and not parameters:
                    self.expression(annotation)
        skip = [id(decorator) for decorator in node.decorator_list]
        self.bind(node.name)
        self.pending.extend(syntax_uses(node, skip=skip).chains)
        if node.decorator_list:
            self.settle()

    on_asyncfunctiondef = on_functiondef

    def on_classdef(self, node: ast.ClassDef) -> None:
        early = set(syntax_uses(_without_methods(node)).chains)
        for chain in sorted(early):
            if chain[0] != node.name:
                self.load(chain)
        self.bind(node.name)
        self.pending.extend(chain for chain in syntax_uses(node).chains if chain not in early)
        if node.decorator_list or node.bases or node.keywords:
            self.settle()

    def on_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                self.names.star = True
            else:
                self.bind(alias.asname or alias.name.partition(".")[0])

    on_importfrom = on_import

    # branches

    def on_if(self, node: ast.If) -> None:
        self.expression(node.test)
        self.branches([node.body, node.orelse])

    def branches(self, bodies: Sequence[Sequence[ast.stmt]]) -> None:
        """Several ways, one of which is taken: afterwards that is bound what is bound on all that go on."""
        start, ends = set(self.assigned), []
        for body in bodies:
            self.assigned, self.alive = set(start), True
            self.block(body)
            if self.alive:
                ends.append(self.assigned)
        self.alive = bool(ends)
        self.assigned = set.intersection(*ends) if ends else start

    def on_for(self, node: ast.For | ast.AsyncFor) -> None:
        self.expression(node.iter)
        before = set(self.assigned)
        self.expression(node.target)
        self.block(node.body)
        self.otherwise(node, before)

    on_asyncfor = on_for

    def on_while(self, node: ast.While) -> None:
        self.expression(node.test)
        before = set(self.assigned)
        self.block(node.body)
        self.otherwise(node, before)

    def otherwise(self, node: ast.For | ast.AsyncFor | ast.While, before: set[str]) -> None:
        """The end of a loop: the body may have run zero times, the else block runs unless there was a break."""
        self.assigned, self.alive = set(before), True
        self.block(node.orelse)
        if not self.alive or any(isinstance(inner, ast.Break) for part in node.body for inner in ast.walk(part)):
            self.assigned = before
        self.alive = True

    def on_with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            self.expression(item.context_expr)
            self.expression(item.optional_vars)
        before = set(self.assigned)
        self.guarded += 1
        self.block(node.body)
        self.guarded -= 1
        self.assigned, self.alive = before, True

    on_asyncwith = on_with

    def on_try(self, node: ast.Try) -> None:
        before = set(self.assigned)
        self.guarded += 1
        self.block([*node.body, *node.orelse])
        ends = [self.assigned] if self.alive else []
        for handler in node.handlers:
            self.assigned, self.alive = set(before), True
            self.expression(handler.type)
            if handler.name:
                self.bind(handler.name)
            self.block(handler.body)
            if self.alive:
                ends.append(self.assigned - {handler.name} if handler.name else self.assigned)
        self.guarded -= 1
        alive = bool(ends)
        joined = set.intersection(*ends) if ends else before
        self.assigned, self.alive = set(before), True
        self.block(node.finalbody)
        self.assigned = joined | self.assigned
        self.alive = alive and self.alive

    on_trystar = on_try

    def on_match(self, node: ast.Match) -> None:
        self.expression(node.subject)
        before, ends, complete = set(self.assigned), [], False
        for case in node.cases:
            self.assigned, self.alive = set(before), True
            for inner in ast.walk(case.pattern):
                if isinstance(inner, ast.expr):
                    self.expression(inner)
            for name in bound_names([case.pattern]):
                self.bind(name)
            self.expression(case.guard)
            self.block(case.body)
            complete = complete or (
                isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and not case.guard
            )
            if self.alive:
                ends.append(self.assigned)
        if not complete:
            ends.append(before)
        self.alive = bool(ends)
        self.assigned = set.intersection(*ends) if ends else before

    # expressions

    def expression(self, node: ast.AST | None) -> None:
        if node is None:
            return
        if isinstance(node, _COMPREHENSIONS):
            self.comprehension(node)
            return
        method = getattr(self, "on_" + type(node).__name__.lower(), None)
        if method is not None:
            method(node)
            return
        for child in ast.iter_child_nodes(node):
            self.expression(child)

    def on_name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.load((node.id,))
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)

    def on_lambda(self, node: ast.Lambda) -> None:
        self.defaults(node.args)
        self.called_out_of_sight(node)

    def on_namedexpr(self, node: ast.NamedExpr) -> None:
        self.expression(node.value)
        self.bind(node.target.id)

    def on_ifexp(self, node: ast.IfExp | ast.BoolOp) -> None:
        first, *rest = [node.test, node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
        self.expression(first)
        before = set(self.assigned)
        for part in rest:
            self.expression(part)
            self.assigned = set(before)

    on_boolop = on_ifexp

    def defaults(self, arguments: ast.arguments) -> None:
        for default in (*arguments.defaults, *arguments.kw_defaults):
            self.expression(default)

    def called_out_of_sight(self, node: ast.Lambda) -> None:
        """A lambda or generator inside an expression: somebody may call it, and may hide that a name was missing."""
        for chain in syntax_uses(node).chains:
            self.names.chains.setdefault(chain[0], set()).add(chain[1:])
            if chain[0] not in self.assigned:
                self.names.hard.add(chain[0])

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.expression(node.generators[0].iter)
        as_function = ast.Lambda(ast.arguments([], [], None, [], [], None, []), node)
        ast.fix_missing_locations(ast.copy_location(as_function, node))
        self.maybe.update(inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
        if isinstance(node, ast.GeneratorExp):
            self.called_out_of_sight(as_function)
            return
        for chain in syntax_uses(as_function).chains:
            self.load(chain)

    def on_attribute(self, node: ast.Attribute) -> None:
        steps: list[str] = [node.attr]
        base: ast.expr = node.value
        while isinstance(base, ast.Attribute):
            steps.append(base.attr)
            base = base.value
        if not isinstance(base, ast.Name):
            self.expression(base)
            return
        chain = (base.id, *reversed(steps))
        if isinstance(node.ctx, ast.Load):
            self.load(chain)
        else:
            self.names.attributes_set.add(chain)
            self.load(chain[:-1])

    def load(self, chain: tuple[str, ...]) -> None:
        name = chain[0]
        self.names.chains.setdefault(name, set()).add(chain[1:])
        if name in self.assigned:
            return
        if name in self.maybe and not self.guarded and not hasattr(builtins, name):
            self.names.soft.add(name)
        else:
            self.names.hard.add(name)

    def bind(self, name: str) -> None:
        self.assigned.add(name)
        self.maybe.add(name)


def _is_inert(node: ast.AST) -> bool:
    """Whether no function can be called by executing this: it only names, binds or defines."""
    if isinstance(node, (*_DEFS, ast.Lambda)):
        parts = (*node.args.defaults, *node.args.kw_defaults, *getattr(node, "decorator_list", ()))
        return not getattr(node, "decorator_list", ()) and all(part is None or _is_inert(part) for part in parts)
    return isinstance(node, _INERT) and all(_is_inert(child) for child in ast.iter_child_nodes(node))


def _without_methods(node: ast.ClassDef) -> ast.ClassDef:
    """The class with only those parts of its methods that are evaluated where the class stands."""
    body: list[ast.stmt] = []
    for statement in node.body:
        if isinstance(statement, _DEFS):
            eager = (*statement.decorator_list, *statement.args.defaults, *statement.args.kw_defaults)
            body.extend(ast.Expr(part) for part in eager if part is not None)
        else:
            body.append(statement)
    shell = ast.ClassDef(node.name, node.bases, node.keywords, body or [ast.Pass()], node.decorator_list)
    vars(shell)["type_params"] = getattr(node, "type_params", [])  # unknown to 3.11
    return ast.fix_missing_locations(ast.copy_location(shell, node))
