"""Names and options of beautyspot 1.x and 2.x that keep working, each with a warning that says what replaces it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beautyspot._callers import frames_to_user
from beautyspot.errors import ConfigurationError, SpotDeprecationWarning

if TYPE_CHECKING:
    from beautyspot.spot import Spot

__all__ = ["Project", "SpotOptions", "mark_options", "spot_options"]

_IGNORED = {
    "io_workers": "saves need no thread pool any more",
    "executor": "saves need no thread pool any more",
    "blob_warning_threshold": "large results go to blob storage by themselves; offload_threshold= sets from which size",
}


@dataclass(frozen=True, slots=True)
class SpotOptions:
    """What the 2.x arguments of a Spot mean here."""

    storage: str | None = None
    storage_options: dict[str, Any] | None = None
    save_blob: bool | None = None
    version: str | None = None
    content_type: str | None = None


def spot_options(given: dict[str, Any]) -> SpotOptions:
    """Translate constructor arguments of 2.x.

    Raises:
        ConfigurationError: An argument belongs to no version.
    """
    replaced = {
        "storage_path": "storage",
        "s3_opts": "storage_options",
        "default_save_blob": "save_blob",
        "default_version": "version",
        "default_content_type": "content_type",
    }
    unknown = sorted(given.keys() - replaced.keys() - _IGNORED.keys())
    if unknown:
        raise ConfigurationError(
            f"Spot() has no option {', '.join(unknown)}: there are name, db, storage, tpm, mode, strict, save_blob, "
            "version, content_type, offload_threshold, legacy, pickle_types"
        )
    for name in given:
        if name in _IGNORED:
            _warn(f"Spot({name}=...) has no effect: {_IGNORED[name]}")
        elif name == "s3_opts":
            _warn("Spot(s3_opts=...) is now Spot(storage=S3Storage(url, options))")
        else:
            _warn(f"Spot({name}=...) is now Spot({replaced[name]}=...)")
    return SpotOptions(**{replaced[name]: value for name, value in given.items() if name in replaced})


def mark_options(given: dict[str, Any]) -> Callable[..., object] | None:
    """Translate what `Spot.mark` was given besides its own options; return 2.x's ``input_key_fn``.

    Raises:
        ConfigurationError: An option belongs to no version.
    """
    unknown = sorted(given.keys() - {"input_key_fn"})
    if unknown:
        raise ConfigurationError(
            f"mark() has no option {', '.join(unknown)}: there are save_blob, version, content_type, ignore, key, "
            "rules, ttl, tags, wait, min_time, mode"
        )
    if not given:
        return None
    _warn("mark(input_key_fn=...) is now mark(key=...)")
    key: Callable[..., object] | None = given["input_key_fn"]
    return key


def Project(name: str, *args: Any, **options: Any) -> Spot:  # noqa: N802  (a class in 1.x)
    """The name that 1.x has for `Spot`. The default database is ``<name>.db`` in the working directory, as it was.

    Example:
        >>> import warnings
        >>> import beautyspot as bs
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", DeprecationWarning)
        ...     project = bs.Project("old", db="memory://")
        ...     add = project.task(lambda a, b: a + b)
        >>> add(1, 2)
        3
    """
    from beautyspot.spot import Spot

    class _Project(Spot):
        def task(self, function: Callable[..., Any] | None = None, /, **task_options: Any) -> Any:
            _warn("@project.task is now @spot.mark")
            return self.mark(function, **task_options) if function is not None else self.mark(**task_options)

    _warn("beautyspot.Project is now beautyspot.Spot")
    if not args and options.get("db") is None:
        options["db"] = f"{name}.db"
    if len(args) < 2 and "storage" not in options and "storage_path" not in options:
        options["storage"] = "./blobs"
    return _Project(name, *args, **options)


def _warn(message: str) -> None:
    warnings.warn(message, SpotDeprecationWarning, stacklevel=frames_to_user())
