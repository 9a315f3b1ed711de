"""Where a blob lives: its location is made of the digest of its bytes.

A location is ``"<first two digits>/<64 hex digits>.blob"``, relative to the root of the storage, so that a cache can be
moved, copied to a bucket, or read through another mount. The digest is BLAKE3 with 32 bytes.

The number of hashing threads is always given: the library's automatic choice shares one pool per process, whose threads
are gone in a forked child, where the next digest would wait for them without end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from blake3 import blake3

from beautyspot.storage.base import Buffer

__all__ = ["address", "as_views", "is_address", "is_legacy_name", "last_name", "matches"]

_ADDRESS = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{62}\.blob", re.ASCII)
_LEGACY_NAME = re.compile(r"[^\0/\\:]+\.bin")
_PARALLEL = 4 << 20  # below this many bytes, starting threads costs more than they save
_MOST_THREADS = 8


def as_views(chunks: Iterable[Buffer]) -> list[memoryview]:
    """Return the chunks as flat views of bytes, without the empty ones; only what has gaps in memory is copied."""
    views = []
    for chunk in chunks:
        view = memoryview(chunk)
        if not view.nbytes:
            continue
        try:
            views.append(view.cast("B"))
        except (TypeError, ValueError):  # not contiguous, or of a format that Python cannot cast
            views.append(memoryview(view.tobytes()))
    return views


def address(views: Sequence[memoryview]) -> str:
    """Return the location of the concatenation of `views`."""
    digest = _digest(views)
    return f"{digest[:2]}/{digest}.blob"


def is_address(location: object) -> bool:
    """Whether `location` is one of ours; nothing else is ever joined to a root."""
    return isinstance(location, str) and _ADDRESS.fullmatch(location) is not None


def matches(location: str, data: Buffer) -> bool:
    """Whether `data` are the bytes that `location` was made of."""
    return _digest([memoryview(data)]) == location[3:67]


def last_name(location: str) -> str:
    """Return the last part of a path or URI of either family of systems."""
    return location.replace("\\", "/").rpartition("/")[2]


def is_legacy_name(name: str) -> bool:
    """Whether beautyspot 1.x or 2.x could have called a blob so: ``<key>.bin``, a plain file name."""
    return _LEGACY_NAME.fullmatch(name) is not None


def _digest(views: Sequence[memoryview]) -> str:
    threads = 1
    if sum(view.nbytes for view in views) >= _PARALLEL:
        threads = min(os.cpu_count() or 1, _MOST_THREADS)
    hasher = blake3(max_threads=threads)
    for view in views:
        hasher.update(view)
    return hasher.hexdigest()
