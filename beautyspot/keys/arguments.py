"""Binding the arguments of a call, compiled once per function.

Python's own call machinery does the work: a function with the same signature is generated whose body returns its
parameters. So binding costs one call, and a call that does not fit raises the error that the function itself would.

A wrapper that takes ``*args, **kwargs`` may do anything with them before it calls the function whose signature it
shows: inject arguments, set other defaults, take options of its own. So its signature gives names to what was passed,
but parameters that were left out stay left out, and a call that does not fit it is taken as it was made.
"""

from __future__ import annotations

import functools
import inspect
import keyword
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, MethodType
from typing import Any

from beautyspot.errors import KeyingError
from beautyspot.keys import tags

__all__ = ["AS_CALLED", "LEFT_OUT", "Binder", "compile_binder", "compile_values"]

LEFT_OUT = tags.tagged(tags.LEFT_OUT, b"")
"""Stands for a parameter of a wrapped function that was not passed: only the wrapper knows its value."""

AS_CALLED = tags.tagged(tags.AS_CALLED, b"")
"""First of the values ``[AS_CALLED, args, kwargs]`` of a call that does not fit the signature that a wrapper shows."""

_Kind = inspect.Parameter
_STARS: dict[object, str] = {_Kind.VAR_POSITIONAL: "*", _Kind.VAR_KEYWORD: "**"}


class Binder:
    """Turns the arguments of a call into the values of the function's parameters.

    Attributes:
        names: Parameters in order; a ``*args`` parameter stands for a tuple, ``**kwargs`` for a dict.

    Example:
        >>> def area(width, height=2, *, unit="m"): ...
        >>> binder = compile_binder(area)
        >>> binder.names, binder(3), binder(height=2, width=3)
        (('width', 'height', 'unit'), (3, 2, 'm'), (3, 2, 'm'))
    """

    __slots__ = ("_values", "names")

    def __init__(self, names: tuple[str, ...], values: Callable[..., list[object]]) -> None:
        self.names = names
        self._values = values

    def __call__(self, /, *args: object, **kwargs: object) -> tuple[object, ...]:
        """Values in the order of `names`, with defaults applied.

        Of a wrapper that takes anything: `LEFT_OUT` for what was not passed, or the list that starts with `AS_CALLED`.

        Raises:
            TypeError: As the function itself would, e.g. ``f() missing 1 required positional argument: 'text'``.
        """
        return tuple(self._values(*args, **kwargs))


def compile_binder(function: Callable[..., object]) -> Binder:
    """Compile a binder for any callable that has a signature.

    Args:
        function: Function, method, partial, class, builtin or object with ``__call__``.

    Raises:
        KeyingError: The callable does not tell its signature.
    """
    parameters = parameters_of(function)
    names = tuple(parameters)
    return Binder(names, compile_values(function, names))


def parameters_of(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """Parameters of a callable by name, without a bound ``self``.

    Raises:
        KeyingError: The callable does not tell its signature.
    """
    return {parameter.name: parameter for parameter in _signature(function)[0]}


def compile_values(
    function: Callable[..., object],
    kept: Iterable[str],
    rules: Mapping[str, Callable[[Any], object]] | None = None,
) -> Callable[..., list[object]]:
    """Generate the function behind a binder.

    Args:
        function: As for `compile_binder`.
        kept: Names of the parameters whose values are returned, in this order.
        rules: By parameter name, what to return in place of the value.

    Returns:
        A function with the signature of `function` that returns a list.
    """
    inner, owner = _bound(function)
    parameters, borrowed = _signature(inner)
    if borrowed:
        parameters = [p if p.default is _Kind.empty else p.replace(default=LEFT_OUT) for p in parameters]
    kept, rules = list(kept), dict(rules or {})
    values = _generated(parameters, kept, rules)
    values.__name__ = getattr(inner, "__name__", type(inner).__name__)
    values.__qualname__ = getattr(inner, "__qualname__", values.__name__)
    bound = values if owner is None else MethodType(values, owner[0])
    if not borrowed:
        return bound
    fits = _generated(parameters, [], {})
    ignored = {p.name for p in parameters}.difference(kept)
    return _tolerant(bound, fits if owner is None else MethodType(fits, owner[0]), rules, ignored)


def _generated(parameters: list[inspect.Parameter], kept: list[str], rules: dict[str, Any]) -> FunctionType:
    taken = {parameter.name for parameter in parameters}
    namespace: dict[str, Any] = {"__builtins__": {}}
    items = []
    for name in kept:
        if name in rules:
            rule = _free(f"rule_{len(namespace)}", taken)
            namespace[rule] = rules[name]
            items.append(f"{rule}({name})")
        else:
            items.append(name)
    exec(f"def values({_declaration(parameters)}): return [{', '.join(items)}]", namespace)  # noqa: S102  # made of checked identifiers only
    values: FunctionType = namespace["values"]
    values.__defaults__ = _defaults(parameters)
    values.__kwdefaults__ = {
        p.name: p.default for p in parameters if p.kind is _Kind.KEYWORD_ONLY and p.default is not _Kind.empty
    }
    return values


def _tolerant(
    values: Callable[..., list[object]], fits: Callable[..., object], rules: dict[str, Any], ignored: set[str]
) -> Callable[..., list[object]]:
    """Values by the signature that a wrapper shows, or the call as it was made if that does not fit."""

    def values_or_call(*args: object, **kwargs: object) -> list[object]:
        try:
            fits(*args, **kwargs)
        except TypeError:
            passed = {name: value for name, value in kwargs.items() if name not in ignored}
            return [AS_CALLED, args, {n: rules[n](v) if n in rules else v for n, v in passed.items()}]
        return values(*args, **kwargs)

    return values_or_call


def _bound(function: Callable[..., object]) -> tuple[Callable[..., object], tuple[object] | None]:
    """The plain function behind a method or callable object, and its first argument: errors then count as Python's."""
    if isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
        return function.__func__, (function.__self__,)
    call = getattr(type(function), "__call__", None)  # noqa: B004  # the attribute itself is wanted
    if isinstance(call, FunctionType) and not isinstance(function, (FunctionType, type)):
        return call, (function,)
    return function, None


def _signature(function: Callable[..., object]) -> tuple[list[inspect.Parameter], bool]:
    """Parameters, and whether they are only those of a function that a wrapper of anything wraps."""
    try:
        signature, borrowed = _own_or_wrapped(function)
        parameters = list(signature.parameters.values())
    except (ValueError, TypeError) as error:
        name = getattr(function, "__qualname__", None) or type(function).__qualname__
        raise KeyingError(f"{name} does not tell its signature: give the key of a call with key=") from error
    for parameter in parameters:
        if not parameter.name.isidentifier() or keyword.iskeyword(parameter.name):
            raise KeyingError(f"parameter {parameter.name!r} has no usable name: give the key of a call with key=")
    return parameters, borrowed


def _own_or_wrapped(function: Any) -> tuple[inspect.Signature, bool]:
    """The signature of what a decorator wrapped, unless the decorator takes other arguments than it."""
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is None:
        return inspect.signature(function), False
    if isinstance(function, functools._lru_cache_wrapper):  # noqa: SLF001  # passes on exactly what it gets
        return _own_or_wrapped(wrapped)
    try:
        own = inspect.signature(function, follow_wrapped=False)
        kinds = {parameter.kind for parameter in own.parameters.values()}
    except ValueError:  # compiled code that tells no signature
        return _own_or_wrapped(wrapped)[0], True
    if own.parameters and kinds <= {_Kind.VAR_POSITIONAL, _Kind.VAR_KEYWORD}:
        try:
            return _own_or_wrapped(wrapped)[0], True
        except (ValueError, TypeError):  # of a builtin, say
            pass
    return own, False


def _defaults(parameters: list[inspect.Parameter]) -> tuple[object, ...] | None:
    positional = (_Kind.POSITIONAL_ONLY, _Kind.POSITIONAL_OR_KEYWORD)
    return tuple(p.default for p in parameters if p.kind in positional and p.default is not _Kind.empty) or None


def _declaration(parameters: list[inspect.Parameter]) -> str:
    """The parameter list as source, with placeholders for defaults: the live ones are set on the function."""
    parts: list[str] = []
    positional_only = [p for p in parameters if p.kind is _Kind.POSITIONAL_ONLY]
    starred = False
    for parameter in parameters:
        if parameter.kind is _Kind.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        prefix = _STARS.get(parameter.kind, "")
        starred = starred or prefix == "*"
        parts.append(prefix + parameter.name + ("" if parameter.default is _Kind.empty else "=None"))
        if positional_only and parameter is positional_only[-1]:
            parts.append("/")
    return ", ".join(parts)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = "_" + name
    return name
