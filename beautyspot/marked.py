"""Marked functions: what ``@spot.mark`` compiles a function into.

Everything that can be decided at decoration is decided there. A call that hits runs straight through `MarkedCore.call`:
bind and key, one read, one decode. Everything else is the engine's.
"""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, overload
from zlib import crc32

from beautyspot._engine.explain import Explanation, explain
from beautyspot._engine.payloads import is_live
from beautyspot._engine.plan import CallOptions, Limit, Request
from beautyspot.codecs import Payload
from beautyspot.errors import ConfigurationError, SpotError
from beautyspot.keys.key import KeyMaker, compile_key
from beautyspot.limits.limiter import Limiter, evaluate_cost

if TYPE_CHECKING:
    from beautyspot.spot import Spot

__all__ = ["KeyOptions", "MarkedFunction", "limit_function", "mark_function"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_MISSING = object()


@dataclass(frozen=True, slots=True)
class KeyOptions:
    """What of a call enters its key; see `Spot.mark`."""

    ignore: tuple[str, ...] = ()
    key: Callable[..., object] | None = None
    rules: Mapping[str, Callable[[Any], object]] | None = None


@dataclass(frozen=True, slots=True)
class LimitOption:
    """A rate limit as the decorator was given it."""

    limiter: Limiter
    cost: float | Callable[..., float]


class MarkedFunction(Protocol[P, R_co]):
    """A function whose results are cached. Called like the function itself; the attributes look at the cache.

    All of them take the arguments of the call that they are about.
    """

    __name__: str
    __qualname__: str
    __wrapped__: Callable[..., Any]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return the cached result, or run the function and store what it returns."""

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> MarkedFunction[P, R_co]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., R_co]: ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the hex key of this call, without looking it up."""

    def is_cached(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether this call would find a stored result that has not expired."""

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Say whether this call would hit and, if not, what differs from the nearest entry. Runs nothing."""

    def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the result of this call; return whether there was one."""

    def clear(self) -> int:
        """Delete all results of this function and return how many there were."""


class MarkedCore(Generic[R]):
    """The compiled form of one marked function. Pickles as what it was made from."""

    def __init__(self, spot: Spot, function: Callable[..., R], options: CallOptions, keys: KeyOptions) -> None:
        self.spot = spot
        self.function = function
        self.options = options
        self.keys = keys
        self.limits: tuple[LimitOption, ...] = getattr(function, "__spot_limits__", ())
        self.inner: Callable[..., R] = getattr(function, "__spot_limited__", function)
        self.name = readable_name(self.inner)
        self.make_key: KeyMaker = compile_key(
            self.inner, ignore=keys.ignore, key=keys.key, rules=keys.rules, version=options.version
        )
        self.peek = self._compile_peek()

    def __reduce__(self) -> tuple[Any, ...]:
        return MarkedCore, (self.spot, self.function, self.options, self.keys)

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        """A call of a plain function."""
        key = ""
        if self.spot.engine.keyed:
            key = self.make_key(args, kwargs)
            value = self.peek(key)
            if value is not _MISSING:
                return value  # type: ignore[no-any-return]
        return self.spot.engine.run(self.request(key, args, kwargs)).value  # type: ignore[no-any-return]

    async def call_async(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a coroutine function."""
        key = ""
        if self.spot.engine.keyed:
            key = self.make_key(args, kwargs)
            if not self.spot.db.remote:
                value = self.peek(key)
                if value is not _MISSING:
                    return value
        return (await self.spot.engine.run_async(self.request(key, args, kwargs))).value

    def request(self, key: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request:
        """The call as the engine takes it."""
        return Request(
            key=key,
            name=self.name,
            kind="function",
            invoke=functools.partial(self.inner, *args, **kwargs),
            options=self.options,
            known=self.make_key.identity.classes,
            describe=functools.partial(self.make_key.describe, args, kwargs),
            meta=lambda _: {"libraries": self.make_key.identity.libraries()},
            unchanged=lambda: self.make_key(args, kwargs) == key,
            limits=tuple(
                Limit(limit.limiter, functools.partial(evaluate_cost, limit.cost, args, kwargs))
                for limit in self.limits
            ),
            legacy_keys=functools.partial(self._legacy_keys, args, kwargs) if self.spot.legacy else None,
        )

    def key(self, *args: Any, **kwargs: Any) -> str:
        return self.make_key(args, kwargs)

    def is_cached(self, *args: Any, **kwargs: Any) -> bool:
        row = self.spot.db.get(self.make_key(args, kwargs))
        return row is not None and is_live(row, self.spot.engine.clock())

    def explain(self, *args: Any, **kwargs: Any) -> Explanation:
        return explain(self.spot.engine, self.name, self.make_key.describe(args, kwargs))

    def invalidate(self, *args: Any, **kwargs: Any) -> bool:
        return self.spot.db.delete([self.make_key(args, kwargs)]) > 0

    def clear(self) -> int:
        return self.spot.invalidate(function=self.name)

    def _compile_peek(self) -> Callable[[str], Any]:
        """Build the straight line of a hit: one read, one check, one decode; anything unusual is left to the engine."""
        engine, name = self.spot.engine, self.name
        get, append = engine.db.get, engine.recorder.hits.append
        decode, known = engine.codec.decode, self.make_key.identity.classes
        decode_head, background = engine.codec.decode_head, engine.background

        def peek(key: str) -> Any:
            if not engine.reads:
                return _MISSING
            try:
                row = get(key)
                if row is None:
                    return _MISSING
                kind, data, _, checksum, expires_at, seconds = row
                if kind != "SPOT" or data is None or expires_at is not None or crc32(data) != checksum:
                    return _MISSING
                try:
                    value = decode_head(data)
                except SpotError:  # it holds a user's class
                    value = decode(Payload(data, ()), known())
            except SpotError:
                return _MISSING  # the engine meets the same problem, warns and goes on
            append((name, key, seconds))
            if not background.active:
                background.nudge()
            return value

        return peek

    def _legacy_keys(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
        from beautyspot.db.legacy import legacy_keys

        input_id = None if self.keys.key is None else self.keys.key(*args, **kwargs)
        if input_id is not None and not isinstance(input_id, str):
            return []
        return legacy_keys(self.inner.__name__, args, kwargs, version=self.options.version, input_id=input_id)


def mark_function(spot: Spot, function: Callable[..., Any], options: CallOptions, keys: KeyOptions) -> Any:
    """Compile `function` and wrap it in a function of its own colour.

    Raises:
        ConfigurationError: `function` is nothing that can be cached, or an option does not fit it.
    """
    _check_markable(function)
    core: MarkedCore[Any] = MarkedCore(spot, function, options, keys)
    wrapper: Any
    if inspect.iscoroutinefunction(core.inner):

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            return await core.call_async(args, kwargs)
    else:

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return core.call(args, kwargs)

    functools.update_wrapper(wrapper, core.inner)
    wrapper.__spot_marked__ = core.inner
    wrapper.__spot_semantics__ = (options.version,)
    wrapper.__spot_core__ = core
    for name in ("key", "is_cached", "explain", "invalidate", "clear"):
        setattr(wrapper, name, getattr(core, name))
    return wrapper


def limit_function(function: Callable[..., Any], limit: LimitOption) -> Any:
    """Make every run of `function` pass a rate limit. On a marked function only runs pass it, hits do not."""
    core: MarkedCore[Any] | None = getattr(function, "__spot_core__", None)
    if core is not None:
        return mark_function(core.spot, limit_function(core.function, limit), core.options, core.keys)
    _check_markable(function)
    inner = getattr(function, "__spot_limited__", function)
    limits: tuple[LimitOption, ...] = (limit, *getattr(function, "__spot_limits__", ()))
    wrapper: Any
    if inspect.iscoroutinefunction(inner):

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            for each in limits:
                await each.limiter.acquire_async(evaluate_cost(each.cost, args, kwargs))
            return await inner(*args, **kwargs)
    else:

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            for each in limits:
                each.limiter.acquire(evaluate_cost(each.cost, args, kwargs))
            return inner(*args, **kwargs)

    functools.update_wrapper(wrapper, inner)
    wrapper.__spot_limited__ = inner
    wrapper.__spot_limits__ = limits
    return wrapper


class MarkCache:
    """Compiled forms of functions that are run without a decorator, kept as long as the function lives."""

    def __init__(self) -> None:
        self._cores: weakref.WeakKeyDictionary[Callable[..., Any], dict[Any, Any]] = weakref.WeakKeyDictionary()

    def get(self, function: Callable[..., Any], options: Iterable[Any], make: Callable[[], Any]) -> Any:
        """Return the marked form of `function` under these options, made by `make` the first time."""
        if not inspect.isfunction(function):
            return make()  # a bound method or callable object: its identity says nothing about its state
        by_options = self._cores.setdefault(function, {})
        token = tuple(options)
        if token not in by_options:
            by_options[token] = make()
        return by_options[token]


def readable_name(function: Callable[..., Any]) -> str:
    """The name that lists and statistics use: the qualified name without the functions around it."""
    while isinstance(function, functools.partial):
        function = function.func
    name: str = getattr(function, "__qualname__", None) or type(function).__qualname__
    return name.rpartition("<locals>.")[2]


def _check_markable(function: object) -> None:
    if isinstance(function, staticmethod | classmethod):
        kind = type(function).__name__
        raise ConfigurationError(f"@spot.mark got a {kind}: put it below @{kind}, next to the def")
    if isinstance(function, property):
        raise ConfigurationError("@spot.mark got a property: put it below @property, next to the def")
    if isinstance(function, type) or not callable(function):
        raise ConfigurationError(f"a function can be marked, not {function!r}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigurationError(
            f"{readable_name(function)} is a generator function, and those are not cached: return a list instead"
        )
