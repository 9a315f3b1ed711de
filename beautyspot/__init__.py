"""beautyspot: mark a function or a notebook cell once; its result persists and comes back after a restart.

The public names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from beautyspot._version import __version__

if TYPE_CHECKING:
    from beautyspot._engine.explain import Explanation
    from beautyspot.compat import Project
    from beautyspot.db import MemoryTaskDB, SQLiteTaskDB
    from beautyspot.entry import EntryInfo, FunctionStats, Query
    from beautyspot.errors import (
        CacheMissError,
        CodecError,
        ConfigurationError,
        KeyingError,
        LimitError,
        NotStoredWarning,
        SpotDeprecationWarning,
        SpotError,
        SpotWarning,
        StoreError,
        UnhashableError,
    )
    from beautyspot.keys import file_content, file_stat, register_hash
    from beautyspot.marked import MarkedFunction
    from beautyspot.spot import Spot
    from beautyspot.storage import GCSStorage, LocalStorage, S3Storage

__all__ = [
    "CacheMissError",
    "CodecError",
    "ConfigurationError",
    "EntryInfo",
    "Explanation",
    "FunctionStats",
    "GCSStorage",
    "KeyingError",
    "LimitError",
    "LocalStorage",
    "MarkedFunction",
    "MemoryTaskDB",
    "NotStoredWarning",
    "Project",
    "Query",
    "S3Storage",
    "SQLiteTaskDB",
    "Spot",
    "SpotDeprecationWarning",
    "SpotError",
    "SpotWarning",
    "StoreError",
    "UnhashableError",
    "__version__",
    "file_content",
    "file_stat",
    "register_hash",
]

_HOMES = {
    "beautyspot._engine.explain": ("Explanation",),
    "beautyspot.compat": ("Project",),
    "beautyspot.db": ("MemoryTaskDB", "SQLiteTaskDB"),
    "beautyspot.entry": ("EntryInfo", "FunctionStats", "Query"),
    "beautyspot.errors": (
        "CacheMissError",
        "CodecError",
        "ConfigurationError",
        "KeyingError",
        "LimitError",
        "NotStoredWarning",
        "SpotDeprecationWarning",
        "SpotError",
        "SpotWarning",
        "StoreError",
        "UnhashableError",
    ),
    "beautyspot.keys": ("file_content", "file_stat", "register_hash"),
    "beautyspot.marked": ("MarkedFunction",),
    "beautyspot.spot": ("Spot",),
    "beautyspot.storage": ("GCSStorage", "LocalStorage", "S3Storage"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'beautyspot' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Install ``%%spot`` and ``%spot`` (``%load_ext beautyspot``)."""
    from beautyspot_jupyter import load_ipython_extension as load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Remove the magics again (``%unload_ext beautyspot``)."""
    from beautyspot_jupyter import unload_ipython_extension as unload

    unload(shell)
