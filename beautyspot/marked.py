"""Marked functions: what ``@spot.mark`` compiles a function into.

Everything that can be decided at decoration is decided there. A call that hits runs in a straight line: bind and key,
one read, one decode (see `beautyspot._engine.peek`). Everything else is the engine's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, overload

from beautyspot._engine.adoption import adoptable
from beautyspot._engine.explain import Explanation, explain
from beautyspot._engine.payloads import is_live
from beautyspot._engine.peek import Missed, compile_peek
from beautyspot._engine.plan import CallOptions, Limit, Request
from beautyspot.errors import ConfigurationError
from beautyspot.keys.key import KeyMaker, compile_key
from beautyspot.keys.source_origin import own_attribute
from beautyspot.limits.limiter import Limiter, evaluate_cost

if TYPE_CHECKING:
    from beautyspot.spot import Spot

__all__ = ["KeyOptions", "MarkedFunction", "limit_function", "mark_function"]

KEPT = 256  # functions that `Spot.run` need not compile again

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


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

    def key(self, /, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the hex key of this call, without looking it up."""

    def is_cached(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether this call would find a stored result that has not expired."""

    def explain(self, /, *args: P.args, **kwargs: P.kwargs) -> Explanation:
        """Say whether this call would hit and, if not, what differs from the nearest entry. Runs nothing."""

    def invalidate(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the result of this call; return whether there was one."""

    def clear(self) -> int:
        """Delete all results that are stored under this function's name and return how many there were."""


class MarkedCore(Generic[R]):
    """The compiled form of one marked function. Pickles as what it was made from."""

    def __init__(self, spot: Spot, function: Callable[..., R], options: CallOptions, keys: KeyOptions) -> None:
        self.spot = spot
        self.function = function
        self.options = options
        self.keys = keys
        self.limits: tuple[LimitOption, ...] = _own(function, "__spot_limits__") or ()
        self.inner: Callable[..., R] = _own(function, "__spot_limited__") or function
        self.name = readable_name(self.inner)
        self.make_key: KeyMaker = compile_key(
            self.inner, ignore=keys.ignore, key=keys.key, rules=keys.rules, version=options.version
        )
        self.switch = spot.engine.switch_for(options.mode)
        self.peek = compile_peek(spot.engine, self.name, self.make_key.identity.classes)

    def __reduce__(self) -> tuple[Any, ...]:
        return MarkedCore, (self.spot, self.function, self.options, self.keys)

    def parts(self) -> tuple[Any, ...]:
        """What a call needs, for the wrapper's ``__spot_parts__``."""
        return self.switch, self.make_key.make, self.peek, self.request, self.spot.engine

    def request(self, key: str, args: tuple[Any, ...], kwargs: dict[str, Any], missed: Missed | None = None) -> Request:
        """The call as the engine takes it."""
        make_key = self.make_key
        return Request(
            key=key,
            name=self.name,
            kind="function",
            invoke=functools.partial(self.inner, *args, **kwargs),
            options=self.options,
            known=make_key.identity.classes,
            describe=functools.partial(make_key.describe, args, kwargs),
            meta=self._meta,
            unchanged=functools.partial(make_key.unchanged, args, kwargs, key),
            limits=self._limits(args, kwargs) if self.limits else (),
            legacy_keys=functools.partial(self._legacy_keys, args, kwargs) if self.spot.legacy else None,
            absent=missed is not None and missed.absent,
            stamp=None if missed is None else missed.stamp,
        )

    def key(self, /, *args: Any, **kwargs: Any) -> str:
        return self.make_key(args, kwargs)

    def is_cached(self, /, *args: Any, **kwargs: Any) -> bool:
        row = self.spot.db.get(self.make_key(args, kwargs))
        if row is None:
            return self._adoptable(args, kwargs) is not None
        return is_live(row, self.spot.engine.clock())

    def explain(self, /, *args: Any, **kwargs: Any) -> Explanation:
        found = explain(self.spot.engine, self.name, self.make_key.describe(args, kwargs))
        if found.would_hit or found.nearest == found.key:
            return found
        old = self._adoptable(args, kwargs)
        if old is None:
            return found
        reason = "a result of beautyspot 1.x or 2.x is stored"
        return Explanation(found.name, found.key, would_hit=True, reason=reason, nearest=old)

    def invalidate(self, /, *args: Any, **kwargs: Any) -> bool:
        old = self._adoptable(args, kwargs)
        return self.spot.engine.delete([self.make_key(args, kwargs), *([old] if old else [])]) > 0

    def clear(self) -> int:
        return self.spot.invalidate(function=self.name)

    def _meta(self, _: object) -> dict[str, object]:
        return {"libraries": self.make_key.identity.libraries()}

    def _limits(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Limit, ...]:
        return tuple(
            Limit(limit.limiter, functools.partial(evaluate_cost, limit.cost, args, kwargs)) for limit in self.limits
        )

    def _adoptable(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
        """The key of a result of 1.x or 2.x that this call would take over."""
        engine = self.spot.engine
        if not self.spot.legacy or not engine.has_legacy_rows():
            return None
        found = adoptable(engine, self._legacy_keys(args, kwargs), self.options.ttl)
        return None if found is None else found[1].cache_key

    def _legacy_keys(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
        from beautyspot.db.legacy import legacy_keys

        input_id = None if self.keys.key is None else self.keys.key(*args, **kwargs)
        if input_id is not None and not isinstance(input_id, str):
            return []
        name = getattr(self.inner, "__name__", self.name)
        return legacy_keys(name, args, kwargs, version=self.options.version, input_id=input_id)


def mark_function(spot: Spot, function: Callable[..., Any], options: CallOptions, keys: KeyOptions) -> Any:
    """Compile `function` and wrap it in a function of its own colour.

    Raises:
        ConfigurationError: `function` is nothing that can be cached, or an option does not fit it.
    """
    _check_markable(function, "@spot.mark")
    core: MarkedCore[Any] = MarkedCore(spot, function, options, keys)
    wrapper = _coloured(is_async=_runs_as(inspect.iscoroutinefunction, core.inner))
    functools.update_wrapper(wrapper, core.inner)
    wrapper.__spot_parts__ = core.parts()
    wrapper.__spot_marked__ = core.inner
    wrapper.__spot_semantics__ = (options.version,)
    wrapper.__spot_core__ = core
    for name in ("key", "is_cached", "explain", "invalidate", "clear"):
        setattr(wrapper, name, getattr(core, name))
    return wrapper


def _coloured(*, is_async: bool) -> Any:
    """Make the function that stands in for the user's.

    It finds what it needs in its own attributes: these are what ``%autoreload`` replaces in a function that other
    modules have imported.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        switch, make_key, peek, request, engine = call.__spot_parts__  # type: ignore[attr-defined]
        if not switch.keyed:
            return engine.run(request("", args, kwargs)).value
        key = make_key(args, kwargs)
        if not switch.reads:
            return engine.run(request(key, args, kwargs)).value
        value = peek(key)
        if type(value) is Missed:
            return engine.run(request(key, args, kwargs, value)).value
        return value

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        switch, make_key, peek, request, engine = call_async.__spot_parts__  # type: ignore[attr-defined]
        if not switch.keyed:
            return (await engine.run_async(request("", args, kwargs))).value
        key = make_key(args, kwargs)
        if engine.db.remote or not switch.reads:
            return (await engine.run_async(request(key, args, kwargs))).value
        value = peek(key)
        if type(value) is Missed:
            return (await engine.run_async(request(key, args, kwargs, value))).value
        return value

    return call_async if is_async else call


def _own(function: object, name: str) -> Any:
    """An attribute that was set on this very function, not copied to it by a decorator that stands above."""
    return own_attribute(function, name) if isinstance(function, FunctionType) else None


def limit_function(function: Callable[..., Any], limit: LimitOption) -> Any:
    """Make every run of `function` pass a rate limit. On a marked function only runs pass it, hits do not."""
    if not callable(function):
        raise ConfigurationError(f"a rate limit got {function!r} to decorate: write @spot.limiter(cost=1)")
    core: MarkedCore[Any] | None = _own(function, "__spot_core__")
    if core is not None:
        return mark_function(core.spot, limit_function(core.function, limit), core.options, core.keys)
    _check_markable(function, "@spot.limiter")
    inner = _own(function, "__spot_limited__") or function
    limits: tuple[LimitOption, ...] = (limit, *(_own(function, "__spot_limits__") or ()))
    wrapper: Any
    if _runs_as(inspect.iscoroutinefunction, inner):

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
    """Marked forms of the functions that were last run without a decorator."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Any] = {}

    def get(self, function: Callable[..., Any], options: Iterable[Any], make: Callable[[], Any]) -> Any:
        """Return the marked form of `function` under these options, made by `make` the first time."""
        if not isinstance(function, FunctionType):
            return make()  # a bound method or callable object: its identity says nothing about its state
        token = (function, *options)
        try:
            found = self._made.get(token)
        except TypeError:  # an option that has no hash
            return make()
        if found is None:
            found = self._made[token] = make()
            if len(self._made) > KEPT:
                self._made.pop(next(iter(list(self._made))), None)
        return found


def readable_name(function: Callable[..., Any]) -> str:
    """The name that lists and statistics use: the qualified name without the functions around it."""
    while isinstance(function, functools.partial):
        function = function.func
    name: str = getattr(function, "__qualname__", None) or type(function).__qualname__
    return name.rpartition("<locals>.")[2]


def _runs_as(is_kind: Callable[[object], bool], function: Callable[..., Any]) -> bool:
    """Whether calling this makes what `is_kind` asks for; a callable object is asked for what its class says."""
    while isinstance(function, functools.partial):
        function = function.func
    return is_kind(function) or (not inspect.isroutine(function) and is_kind(type(function).__call__))


def _check_markable(function: Any, decorator: str) -> None:
    if isinstance(function, staticmethod | classmethod | property):
        kind = type(function).__name__
        raise ConfigurationError(f"{decorator} got a {kind}: put it below @{kind}, next to the def")
    if isinstance(function, type) or not callable(function):
        raise ConfigurationError(f"{decorator} takes a function, not {function!r}")
    if _runs_as(inspect.isgeneratorfunction, function) or _runs_as(inspect.isasyncgenfunction, function):
        name = readable_name(function)
        raise ConfigurationError(
            f"{name} is a generator function, which {decorator} does not take: return a list instead"
        )
