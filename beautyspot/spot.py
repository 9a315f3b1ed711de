"""`Spot`: wiring, decorators and lifetime. What it wires lives in the layers below."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from beautyspot import _checks, compat
from beautyspot._engine.engine import Engine
from beautyspot._engine.plan import CallOptions
from beautyspot.codecs import Codec
from beautyspot.config import Mode, load_config, parse_mode, prepare_workspace, workspace
from beautyspot.contents import Contents
from beautyspot.db import TaskDB, open_db
from beautyspot.entry import Query
from beautyspot.limits.limiter import Limiter
from beautyspot.marked import KeyOptions, LimitOption, MarkCache, MarkedFunction, limit_function, mark_function
from beautyspot.storage import Storage, open_storage
from beautyspot.units import seconds

if TYPE_CHECKING:
    from beautyspot.report import Records, Stats

__all__ = ["Spot"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_TPM = 10_000  # tokens a minute of a Spot that was given none


class Spot(Contents):
    """A place where results are kept, and the rules for keeping them.

    Args:
        name: Names the default database, ``<workspace>/<name>.db``. The workspace is the folder ``.beautyspot`` of the
            project that the working directory belongs to, or ``BEAUTYSPOT_HOME``.
        db: Path or URL of a database, or a `TaskDB`.
        storage: Path or URL of blob storage, or a `Storage`. By default ``<workspace>/blobs``.
        tpm: Tokens a minute that `limiter` grants: paced, without a burst after idling.
        mode: ``"on"``; ``"off"`` (neither read nor write); ``"refresh"`` (run and replace); ``"frozen"`` (a miss is an
            error); ``"read-only"`` (a miss runs and is not stored). ``BEAUTYSPOT_MODE`` sets the default.
        strict: Raise when the cache cannot do its work; by default it warns and the program goes on.
        save_blob: Default of `mark`.
        version: Default of `mark`.
        content_type: Default of `mark`.
        offload_threshold: Size above which a result goes to blob storage: bytes, or text such as ``"64 KiB"``.
        legacy: Whether results that beautyspot 1.x or 2.x stored in `db` may be used.
        pickle_types: Classes whose instances may be stored with pickle, which runs code when it is read. Only with
            files that nobody else can write.
        legacy_options: Constructor arguments of beautyspot 2.x; each warns and says what replaces it.

    Raises:
        ConfigurationError: An option is unknown or has an impossible value.

    Example:
        >>> import beautyspot as bs
        >>> spot = bs.Spot("example", db="memory://")
        >>> @spot.mark
        ... def square(n: int) -> int:
        ...     print("running")
        ...     return n * n
        >>> square(4), square(4)
        running
        (16, 16)
    """

    __spot_infrastructure__ = True  # a key never depends on the Spot itself

    def __init__(
        self,
        name: str = "default",
        db: str | os.PathLike[str] | TaskDB | None = None,
        storage: str | os.PathLike[str] | Storage | None = None,
        *,
        tpm: float = DEFAULT_TPM,
        mode: Mode | None = None,
        strict: bool | None = None,
        save_blob: bool | None = None,
        version: str | None = None,
        content_type: str | None = None,
        offload_threshold: str | int | None = None,
        legacy: bool = True,
        pickle_types: Iterable[type] = (),
        **legacy_options: Any,
    ) -> None:
        old = compat.spot_options(legacy_options)
        self.name = _checks.file_name(name)
        config = load_config(mode=mode, strict=strict, offload_threshold=offload_threshold)
        home = workspace()
        self.legacy = _checks.flag("legacy", legacy) is not False
        self.db: TaskDB = open_db(db if db is not None else home / f"{name}.db")
        place = storage if storage is not None else old.storage
        self.storage: Storage = open_storage(place if place is not None else home / "blobs", old.storage_options)
        if db is None or place is None:
            prepare_workspace(home)
        self.codec = Codec(pickle_types=_checks.classes("pickle_types", pickle_types))
        self.defaults = CallOptions(
            save_blob=_checks.flag("save_blob", old.save_blob if save_blob is None else save_blob),
            version=_checks.text("version", old.version if version is None else version),
            content_type=_checks.text("content_type", old.content_type if content_type is None else content_type),
        )
        self.engine = Engine(
            self.db,
            self.storage,
            self.codec,
            mode=config.mode,
            strict=config.strict,
            threshold=config.offload_threshold,
        )
        self._limiter = Limiter(tpm, name=name)
        self._marked = MarkCache()

    def __reduce__(self) -> tuple[Any, ...]:
        state = {
            "name": self.name,
            "db": self.db,
            "storage": self.storage,
            "tpm": self._limiter.state().tpm,
            "mode": self.mode,
            "strict": self.engine.strict,
            "save_blob": self.defaults.save_blob,
            "version": self.defaults.version,
            "content_type": self.defaults.content_type,
            "offload_threshold": self.engine.threshold,
            "legacy": self.legacy,
        }
        return _rebuild, (state, self.codec)

    def __repr__(self) -> str:
        return f"<Spot {self.name!r} db={self.db.label!r} mode={self.mode!r}>"

    # running functions

    @overload
    def mark(self, function: Callable[P, R], /) -> MarkedFunction[P, R]: ...
    @overload
    def mark(
        self,
        function: None = None,
        /,
        *,
        save_blob: bool | None = None,
        version: str | None = None,
        content_type: str | None = None,
        ignore: Iterable[str] = (),
        key: Callable[..., object] | None = None,
        rules: Mapping[str, Callable[[Any], object]] | None = None,
        ttl: str | float | timedelta | None = None,
        tags: Iterable[str] = (),
        wait: bool = True,
        min_time: str | float = 0.0,
        mode: Mode | None = None,
        input_key_fn: Callable[..., object] | None = None,
    ) -> Callable[[Callable[P, R]], MarkedFunction[P, R]]: ...
    def mark(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        save_blob: bool | None = None,
        version: str | None = None,
        content_type: str | None = None,
        ignore: Iterable[str] = (),
        key: Callable[..., object] | None = None,
        rules: Mapping[str, Callable[[Any], object]] | None = None,
        ttl: str | float | timedelta | None = None,
        tags: Iterable[str] = (),
        wait: bool = True,
        min_time: str | float = 0.0,
        mode: Mode | None = None,
        **legacy_options: Any,
    ) -> Any:
        """Cache the results of a function, sync or async; use it bare or with options.

        Args:
            function: The function, when used bare.
            save_blob: True sends results to blob storage, False keeps them in the database, None decides by size.
            version: Text that enters the key: change it to compute anew.
            content_type: MIME type of the result, for the dashboard.
            ignore: Names of parameters that do not enter the key.
            key: Called with the arguments; what it returns enters the key in their place.
            rules: Parameter name to a function of its value; what that returns enters the key instead of the value, for
                instance `beautyspot.file_content` for a path.
            ttl: How long a result stays valid from when it is stored: seconds, a timedelta or text such as ``"7d"``.
                Results that are stored already keep the time they were stored with.
            tags: Labels to find entries by.
            wait: False returns before the result is saved; `flush` waits for it.
            min_time: Runs that took less than this are not stored: seconds, or text such as ``"200ms"``.
            mode: Overrides the Spot's mode for this function.
            **legacy_options: ``input_key_fn``, the name that 2.x has for `key`.

        Returns:
            A function of the same signature, with `MarkedFunction`'s attributes.

        Raises:
            ConfigurationError: An option is unknown or does not fit the function.

        Example:
            >>> import beautyspot as bs
            >>> spot = bs.Spot("example", db="memory://")
            >>> @spot.mark(ignore=["verbose"], ttl="7d")
            ... def load(city: str, verbose: bool = False) -> str:
            ...     return city.upper()
            >>> load("oslo"), load("oslo", verbose=True), load.is_cached("oslo")
            ('OSLO', 'OSLO', True)
        """
        old_key = compat.mark_options(legacy_options)
        defaults = self.defaults
        call = CallOptions(
            save_blob=_checks.flag("save_blob", defaults.save_blob if save_blob is None else save_blob),
            ttl=_checks.positive("ttl", ttl),
            version=_checks.text("version", defaults.version if version is None else version),
            content_type=_checks.text("content_type", defaults.content_type if content_type is None else content_type),
            tags=_checks.names("tags", tags),
            wait=_checks.flag("wait", wait) is not False,
            min_time=seconds(min_time) or 0.0,
            mode=None if mode is None else parse_mode(mode),
        )
        keys = KeyOptions(
            ignore=_checks.names("ignore", ignore), key=old_key if key is None else key, rules=_checks.rules(rules)
        )
        if function is None:
            return lambda decorated: mark_function(self, decorated, call, keys)
        return mark_function(self, function, call, keys)

    def run(
        self,
        function: Callable[..., R],
        /,
        *args: Any,
        _save_blob: bool | None = None,
        _version: str | None = None,
        _content_type: str | None = None,
        _key: Callable[..., object] | None = None,
        _input_key_fn: Callable[..., object] | None = None,
        **kwargs: Any,
    ) -> R:
        """Call a function that is not decorated, with caching. Returns an awaitable for a coroutine function.

        Args:
            function: What to call.
            *args: Its positional arguments.
            _save_blob: As in `mark`; options start with an underscore to stay apart from the function's own parameters.
            _version: As in `mark`.
            _content_type: As in `mark`.
            _key: As in `mark`.
            _input_key_fn: The old name of `_key`.
            **kwargs: Its keyword arguments.

        Example:
            >>> import beautyspot as bs
            >>> spot = bs.Spot("example", db="memory://")
            >>> spot.run(pow, 2, 10, _version="1")
            1024
        """
        options: dict[str, Any] = {
            "save_blob": _save_blob,
            "version": _version,
            "content_type": _content_type,
            "key": _key if _key is not None else _input_key_fn,
        }
        marked = self._marked.get(function, options.values(), lambda: self.mark(**options)(function))
        result: R = marked(*args, **kwargs)
        return result

    def limiter(self, cost: float | Callable[..., float] = 1) -> Callable[[F], F]:
        """Pace the runs of a function; hits are free, above or below `mark`.

        Args:
            cost: Tokens that one run costs, or a function of the call's arguments that returns them.

        Returns:
            A decorator, which keeps what it is given: a function, or a marked function.

        Raises:
            LimitError: The cost can never be granted: it is above the Spot's ``tpm``, negative or no number.

        Example:
            >>> import beautyspot as bs
            >>> spot = bs.Spot("example", db="memory://", tpm=60_000)
            >>> @spot.mark
            ... @spot.limiter(cost=lambda text: len(text))
            ... def call_api(text: str) -> str:
            ...     return text[::-1]
            >>> call_api("abc")
            'cba'
        """
        if not callable(cost):
            self._limiter.check(cost)
        option = LimitOption(self._limiter, cost)

        def decorate(function: F) -> F:
            limited: F = limit_function(function, option)
            return limited

        return decorate

    def register_type(
        self, type_: type[T], code: int, encoder: Callable[[T], Any], decoder: Callable[[Any], T]
    ) -> None:
        """Teach the codec a type of yours.

        Args:
            type_: The class.
            code: Number of the type in stored data, 0 to 126. Never give it to another type.
            encoder: Makes bytes, or any value that can be stored, from an instance.
            decoder: Makes an instance from what `encoder` returned.

        Raises:
            ConfigurationError: The code or type is taken, or the code is out of range.

        Example:
            >>> import beautyspot as bs
            >>> class Celsius:
            ...     def __init__(self, degrees: float) -> None:
            ...         self.degrees = degrees
            ...     def __eq__(self, other: object) -> bool:
            ...         return isinstance(other, Celsius) and other.degrees == self.degrees
            ...     __hash__ = None
            >>> spot = bs.Spot("example", db="memory://")
            >>> spot.register_type(Celsius, 10, lambda c: c.degrees, Celsius)
        """
        self.codec.register(type_, code, encoder, decoder)

    def register_class(self, cls: type[T]) -> type[T]:
        """Allow results to hold instances of a dataclass, pydantic model, enum or named tuple; usable as a decorator.

        Classes that a marked function names in its code or annotations need no registration.

        Args:
            cls: The class.

        Returns:
            The class.

        Raises:
            ConfigurationError: It is none of these kinds, or another class of its name is registered.
        """
        self.codec.register_class(cls)
        return cls

    # looking

    @property
    def mode(self) -> Mode:
        """What look-ups and saves are allowed; assign to change it."""
        return self.engine.switch.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.engine.switch.set(parse_mode(mode))

    def stats(self) -> Stats:
        """Return totals by function, of all programs that used this database."""
        from beautyspot.report import Stats

        self.flush()
        return Stats(self.db.stats())

    def records(self, query: Query | None = None, /, **filters: Any) -> Records:
        """Return entries without their payloads, newest first.

        Args:
            query: What to list.
            **filters: The fields of `Query`, instead of one.

        Raises:
            ConfigurationError: A filter is unknown.
        """
        from beautyspot.report import Records

        self.flush()
        return Records(self.db.scan(_checks.query(query, filters)))

    def dashboard(self) -> Any:
        """Show the live dashboard below the cell. Needs the extra ``jupyter``."""
        from beautyspot_jupyter.widget import show_dashboard

        return show_dashboard(self)

    def _repr_html_(self) -> str:
        from beautyspot.report import spot_html

        return spot_html(self)

    # lifetime

    def flush(self) -> None:
        """Return when every accepted result and all statistics are committed.

        Raises:
            SpotError: In strict mode, what a background save met.
        """
        self.engine.flush()

    def close(self) -> None:
        """Flush and release connections; a later call opens them again."""
        self.engine.close()

    def shutdown(self, wait: bool = True) -> None:  # noqa: ARG002  (the signature of 2.x)
        """The name that 2.x has for `close`."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _rebuild(state: dict[str, Any], codec: Codec) -> Spot:
    spot = Spot(**state)
    spot.codec = spot.engine.codec = codec
    return spot
