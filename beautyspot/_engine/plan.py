"""What a call is, before and after it ran: options, request, outcome.

What is made anew for each miss is not frozen: setting attributes behind the back of a frozen class takes three times as
long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from beautyspot.config import Mode
from beautyspot.entry import Kind
from beautyspot.keys.key import KeyParts
from beautyspot.limits.limiter import Limiter

__all__ = ["CallOptions", "Draft", "Limit", "Outcome", "Request", "Switch", "Unstored"]


class Switch:
    """What a mode allows, as attributes that the hit path reads; see `beautyspot.config.Mode` for the modes.

    Attributes:
        mode: The mode.
        keyed: Whether calls have keys at all.
        reads: Whether a stored result may be returned without running.
        writes: Whether a result may be stored.
    """

    __slots__ = ("keyed", "mode", "reads", "writes")
    __spot_infrastructure__ = True

    def __init__(self, mode: Mode) -> None:
        self.set(mode)

    def set(self, mode: Mode) -> None:
        """Change to another mode."""
        self.mode: Mode = mode
        self.keyed = mode != "off"
        self.reads = mode in {"on", "frozen", "read-only"}
        self.writes = mode in {"on", "refresh"}


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What the user chose for a function or cell. None means: as the Spot is configured.

    Attributes:
        save_blob: True sends the result to blob storage, False keeps it in the row, None decides by size.
        ttl: Seconds that the result stays valid, or None for ever.
        version: Text that enters the key.
        content_type: MIME type of the result, for the dashboard.
        tags: Labels to find the entry by.
        wait: Whether a call returns only when its result is committed.
        min_time: Seconds below which a run is not worth storing.
        mode: Overrides the Spot's mode.
    """

    save_blob: bool | None = None
    ttl: float | None = None
    version: str | None = None
    content_type: str | None = None
    tags: tuple[str, ...] = ()
    wait: bool = True
    min_time: float = 0.0
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """One rate limit that a run has to pass, and what this call costs there."""

    limiter: Limiter
    cost: Callable[[], float]


@dataclass(slots=True)
class Request:
    """One call on its way through the flow.

    Attributes:
        key: Hex key of the result.
        name: Function name or cell label.
        kind: ``"function"`` or ``"cell"``.
        invoke: Runs the user's code. For `Engine.run_async` it returns an awaitable.
        options: The compiled options.
        known: Classes that decoding may construct, by qualified name.
        describe: The parts of the key; asked on a miss only.
        meta: Facts to store beside the value, made from the value.
        unchanged: Whether the inputs still have the key they had before the run; None skips the check.
        limits: Rate limits that a run, but no hit, has to pass.
        legacy_keys: Keys under which beautyspot 1.x or 2.x may have stored this call.
        absent: Whether the caller has just seen that there is no row of `key`.
        stamp: The database's stamp from before it looked, or None.
        took: Tells, after `invoke`, how many seconds the user's own code ran; None if `invoke` is nothing else.
    """

    key: str
    name: str
    kind: Kind
    invoke: Callable[[], Any]
    options: CallOptions
    known: Callable[[], Mapping[str, type]]
    describe: Callable[[], KeyParts]
    meta: Callable[[Any], Mapping[str, object]] | None = None
    unchanged: Callable[[], bool] | None = None
    limits: tuple[Limit, ...] = ()
    legacy_keys: Callable[[], list[str]] | None = None
    absent: bool = False
    stamp: object = None
    took: Callable[[], float] | None = None


@dataclass(slots=True)
class Draft:
    """What a row will say beside its payload. Made before the caller gets the value, because the caller may change it.

    Attributes:
        parts: The key and what it was made of.
        created_at: UTC seconds since the epoch.
        seconds: Seconds that the run took.
        meta: Facts beside the value.
    """

    parts: KeyParts
    created_at: float
    seconds: float
    meta: Mapping[str, object]


@dataclass(slots=True)
class Outcome:
    """How a call ended.

    Attributes:
        value: What the caller gets.
        status: ``"hit"`` (restored), ``"miss"`` (run), ``"off"`` (run without looking).
        key: The key.
        stored: Whether the value is, or is about to be, in the store.
        reason: Why it was not stored, or None.
        seconds: Seconds the user's code ran: now for a miss, when it was computed for a hit.
        load_seconds: Seconds that look-up and decoding took.
        created_at: When the entry was computed, if known.
        size: Payload bytes, if known.
        error: What the user's code raised.
    """

    value: Any
    status: Literal["hit", "miss", "off"]
    key: str
    stored: bool = False
    reason: str | None = None
    seconds: float = 0.0
    load_seconds: float = 0.0
    created_at: float | None = None
    size: int = 0
    error: Exception | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Unstored:
    """Returned by `Request.invoke`: hand `value` to the caller and store nothing, for this reason."""

    value: Any
    reason: str
