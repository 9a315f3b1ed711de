"""What the options of a function say about its keys: which values count, and what stands for them.

The options are part of the key: under another ``ignore=`` or another rule the same values would mean another call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any

from beautyspot.errors import ConfigurationError, KeyingError
from beautyspot.keys.arguments import compile_values, parameters_of
from beautyspot.keys.source import code_identity

__all__ = ["Choice", "OptionCode", "choose"]


class OptionCode:
    """The code of a ``key=`` function or a rule.

    Attributes:
        label: Name among the components of a key.
    """

    def __init__(self, label: str, function: Callable[..., object]) -> None:
        self.label = label
        self._function = function
        self._identity = code_identity(function)

    def digest(self) -> bytes:
        """Digest of the code and of what it uses; of its text alone if it uses something that has no hash."""
        try:
            return self._identity.digest()
        except KeyingError:  # a connection that a rule asks, say: what it answers is in the key
            return self._text

    @cached_property
    def _text(self) -> bytes:
        from beautyspot.keys.source_define import describe_code
        from beautyspot.keys.source_graph import combine

        function = getattr(self._function, "__func__", self._function)
        text = describe_code(function).text if isinstance(function, FunctionType) else type(function).__qualname__
        return combine("option", [text])


@dataclass(frozen=True, slots=True)
class Choice:
    """Which values of a call make its key.

    Attributes:
        names: Parameters that count.
        values: From a call to their values, with rules applied.
        all_names: All parameters.
        bind_all: From a call to the values of all parameters.
        is_custom: Whether a ``key=`` function decides alone.
        left_out: Parameters whose defaults do not count as code.
        ignored: The ``ignore=`` option, sorted.
        functions: Code of the ``key=`` function or of the rules, sorted by label.
    """

    names: tuple[str, ...]
    values: Callable[..., list[object]]
    all_names: tuple[str, ...]
    bind_all: Callable[..., list[object]]
    is_custom: bool = False
    left_out: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    functions: tuple[OptionCode, ...] = ()

    def settings(self) -> list[list[str]]:
        """What of the options is in the head of every key; empty if there are none."""
        return [list(self.ignored), [option.label for option in self.functions]] if self.left_out else []


def choose(
    function: Callable[..., Any],
    ignore: Iterable[str],
    key: Callable[..., object] | None,
    rules: Mapping[str, Callable[[Any], object]] | None,
) -> Choice:
    """Check the options and compile what they mean. Arguments and errors as for `beautyspot.keys.key.compile_key`."""
    ignored = {ignore} if isinstance(ignore, str) else set(ignore)
    rules = dict(rules or {})
    if key is not None:
        return _custom(function, key, has_others=bool(ignored or rules))
    names = tuple(parameters_of(function))
    _check_names(function, names, ignored, rules)
    kept = tuple(name for name in names if name not in ignored)
    guarded = {name: _guarded(rule, f"the rule of parameter {name!r}") for name, rule in rules.items()}
    return Choice(
        kept,
        compile_values(function, kept, guarded),
        names,
        compile_values(function, names),
        left_out=frozenset(ignored.union(rules)),
        ignored=tuple(sorted(ignored)),
        functions=tuple(OptionCode(f"rule:{name}", rules[name]) for name in sorted(rules)),
    )


def _custom(function: Callable[..., Any], key: Any, *, has_others: bool) -> Choice:
    if not callable(key):
        raise ConfigurationError(f"key= takes a function of the call's arguments, not {type(key).__qualname__}")
    if has_others:
        raise ConfigurationError("key= replaces all arguments: use it without ignore= and rules=")
    make = _guarded(key, "the key= function")

    def custom_values(*args: object, **kwargs: object) -> list[object]:
        return [make(*args, **kwargs)]

    try:
        names = tuple(parameters_of(function))
        bind_all = compile_values(function, names)
    except KeyingError:  # the key function alone decides, so nothing has to be known about the signature

        def bind_all(*args: object, **kwargs: object) -> list[object]:
            return [args, kwargs]

        names = ("args", "kwargs")
    return Choice(
        (),
        custom_values,
        names,
        bind_all,
        is_custom=True,
        left_out=frozenset(names),
        functions=(OptionCode("key function", key),),
    )


def _guarded(function: Callable[..., object], called: str) -> Callable[..., object]:
    """A user's function whose errors say where they come from."""

    def call(*args: object, **kwargs: object) -> object:
        try:
            return function(*args, **kwargs)
        except KeyingError:
            raise
        except Exception as error:  # the user's code may raise anything; it is told as what it is, a key problem
            raise KeyingError(f"{called} failed with {type(error).__name__}: {error}") from error

    return call


def _check_names(
    function: Callable[..., Any], names: tuple[str, ...], ignored: set[str], rules: Mapping[str, object]
) -> None:
    for option, given in (("ignore", ignored), ("rules", set(rules))):
        wrong = sorted(repr(name) for name in given.difference(names))
        if wrong:
            called = getattr(function, "__qualname__", type(function).__qualname__)
            valid = ", ".join(map(repr, names)) or "none at all"
            raise ConfigurationError(f"{option}= names {', '.join(wrong)}, but the parameters of {called} are {valid}")
    both = sorted(ignored.intersection(rules))
    if both:
        raise ConfigurationError(f"{both[0]!r} is both in ignore= and in rules=: leave it in one of them")
    for name, rule in rules.items():
        if not callable(rule):
            raise ConfigurationError(f"rules[{name!r}] takes a function of the value, not {type(rule).__qualname__}")
