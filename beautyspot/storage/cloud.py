"""What the storages in buckets share: a default prefix, and options that are checked by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beautyspot.errors import ConfigurationError
from beautyspot.storage.files import FsspecStorage

__all__ = ["BucketStorage"]

# Arguments of every fsspec class, which those with **kwargs do not list.
_COMMON = frozenset({"use_listings_cache", "listings_expiry_time", "max_paths", "batch_size"})


class BucketStorage(FsspecStorage):
    """A prefix of a bucket."""

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(url, options)
        if "/" not in self.url.partition("://")[2]:
            self.url += "/blobs"  # where beautyspot 2.x put them; a bucket is rarely the cache's alone

    def _check_class(self, kind: type) -> None:
        import inspect

        known = set(_COMMON)
        for parent in kind.__mro__[:-1]:
            if "__init__" in vars(parent):
                known |= set(inspect.signature(vars(parent)["__init__"]).parameters)
        unknown = sorted(set(self.options) - known)
        if unknown:
            raise ConfigurationError(f"{self.label}: {kind.__name__} has no option {', '.join(map(repr, unknown))}")
