"""Writable memory for the bytes of a blob: mapped from a file without a copy, or filled by reading."""

from __future__ import annotations

import mmap
import sys
from io import FileIO
from weakref import WeakSet

__all__ = ["blank", "mapped", "read"]

_HUGE = 4 << 20  # from here on huge pages pay: 80 MB are read in 16 ms, into a bytearray in 82 ms
_open_maps: WeakSet[mmap.mmap] = WeakSet()


def blank(size: int) -> memoryview:
    """Return `size` writable bytes to be filled, in huge pages where the system has them."""
    if size < _HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return memoryview(bytearray(size))
    area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    area.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(area)


def read(descriptor: int, size: int) -> memoryview:
    """Read up to `size` bytes of an open file; the view is shorter if the file is."""
    view = blank(size)
    filled = 0
    with FileIO(descriptor, closefd=False) as file:
        while filled < size and (count := file.readinto(view[filled:])):
            filled += count
    return view[:filled]


def mapped(descriptor: int, size: int) -> memoryview | None:
    """Map an open file copy-on-write: writes go to private pages, never to the file.

    Pages are not populated ahead: for a writable private mapping the kernel would copy all of them at once.

    Returns:
        A writable view, or None if the process has no room for another mapping: read instead.
    """
    try:
        if sys.version_info >= (3, 13):
            return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY, trackfd=False))
        if len(_open_maps) >= _map_limit():
            return None
        area = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)
    except (OSError, ValueError):  # too many mappings or files; a file that shrank since its size was asked
        return None
    _open_maps.add(area)
    return memoryview(area)


def _map_limit() -> int:
    """How many mappings may live at once where each keeps a file open: a program may hold thousands of results."""
    if sys.platform == "win32":
        return 256
    import resource

    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 4096 if files == resource.RLIM_INFINITY else min(4096, files // 4)
