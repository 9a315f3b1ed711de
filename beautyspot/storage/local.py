"""Blobs as files below one folder.

This class calls the operating system itself instead of going through fsspec: mapping a file copy-on-write and
publishing one atomically are not in fsspec's interface, and importing it takes longer than most hits.

- A blob is written to a temporary file in its own folder and renamed, so a reader sees all of it or none. Writers of
  the same content may meet: each publishes the same bytes.
- A published file is never written to again. Large ones are mapped copy-on-write, so loading 80 MB takes microseconds,
  the caller may change what it got, and deleting or replacing the file leaves loaded values alone.
- The digest of a file is checked the first time this process sees it, and again whenever the file is another one or
  was touched since (device, inode, size, times). A blob that fails is written anew by the next `put` of its content.
"""
# Descriptors and plain calls instead of pathlib: a hit is counted in microseconds.
# ruff: noqa: PTH100, PTH107, PTH111, PTH113, PTH116, PTH118

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from beautyspot.errors import BlobMissingError, ConfigurationError, CorruptEntryError, StoreError
from beautyspot.storage.address import address, as_views, is_address, is_legacy_name, last_name, matches
from beautyspot.storage.base import Buffer
from beautyspot.storage.buffers import mapped, read
from beautyspot.storage.mounts import network_file_system
from beautyspot.storage.publish import delete_error, is_temporary, publish, reason, write_error

__all__ = ["LocalStorage"]

_MAP_FROM = 256 << 10  # bytes; below, reading is as fast as mapping and keeps no file open
_STALE = 3600.0  # seconds; a writer that is still alive has renamed its file long before
_MOST_VERIFIED = 8192

_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # a planted pipe must not block
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")

_Identity = tuple[int, int, int, int, int]
_verified: dict[str, _Identity] = {}


class LocalStorage:
    """A folder of blobs on this machine, or on a file system mounted here.

    Args:
        base_dir: The folder. It is made on the first `put`; ``~`` is expanded; a relative path is taken from the
            current directory at construction.
        durable: Whether `put` waits until the disk has the bytes. Without that a blob survives a killed process, but
            perhaps not a power cut (its torn file is then noticed, and computed again).

    Raises:
        ConfigurationError: `base_dir` is empty, a URL, or no path at all.

    Example:
        >>> import tempfile
        >>> storage = LocalStorage(tempfile.mkdtemp())
        >>> location = storage.put([b"hello, ", b"world"])
        >>> bytes(storage.get(location))
        b'hello, world'
    """

    remote: bool = False

    def __init__(self, base_dir: str | os.PathLike[str], *, durable: bool = False) -> None:
        self.base_dir = _checked_folder(base_dir)
        self.durable = durable
        self._maps: bool | None = None

    @property
    def label(self) -> str:
        """The folder's absolute path."""
        return self.base_dir

    def put(self, chunks: Sequence[Buffer]) -> str:
        """Store the concatenation of `chunks`; nothing is written if an intact blob of these bytes is there.

        Args:
            chunks: Contiguous buffers.

        Returns:
            The blob's location, relative to the folder.

        Raises:
            ReadOnlyStoreError: The folder cannot be written to.
            StoreError: The disk is full, or failed. No partial file is left.
        """
        views = as_views(chunks)
        location = address(views)
        size = sum(view.nbytes for view in views)
        if not self._holds(location, size):
            try:
                publish(self._path(location), views, durable=self.durable)
            except OSError as error:
                # Windows does not replace a file that is mapped: then another writer was first, with the same bytes.
                if not self._holds(location, size):
                    raise write_error(error, self._path(location), size, self.base_dir) from error
        return location

    def get(self, location: str) -> memoryview:
        """Return a blob as writable memory that no one else sees.

        Raises:
            BlobMissingError: There is no such blob.
            CorruptEntryError: Its bytes are not the bytes that were stored.
            StoreError: `location` is not one of ours, or the file cannot be read.
        """
        path = self._path(location)
        with _reading(path, location) as (descriptor, facts):
            return self._checked(descriptor, facts, location, path)

    def load(self, location: str) -> bytes:
        """Return the bytes of a blob of ours, or of a ``<key>.bin`` file that beautyspot 1.x or 2.x wrote.

        Args:
            location: What `put` returned, or an old path. One that leads out of the folder (the cache was moved, or the
                current directory is another one) is looked up by its file name in the folder.

        Raises:
            BlobMissingError: There is no such file.
            StoreError: The location cannot be a blob of this folder, or the file cannot be read.
        """
        if is_address(location):
            return bytes(self.get(location))
        path = self._legacy_path(location)
        if path is None:
            raise BlobMissingError(location)
        with _reading(path, location) as (descriptor, facts):
            return bytes(read(descriptor, facts.st_size))

    def save(self, key: str, data: Buffer) -> str:  # noqa: ARG002 - the key named the file in 2.x, now the content does
        """Store `data` and return its location: the name that `put` had in beautyspot 1.x and 2.x."""
        return self.put([data])

    def delete(self, location: str) -> None:
        """Delete a blob (or an old ``<key>.bin`` file of the folder); one that is gone already is fine.

        Raises:
            ReadOnlyStoreError: The folder cannot be written to.
            StoreError: `location` cannot be a blob of this folder.
        """
        path = self._inside(self._path(location)) if is_address(location) else self._legacy_path(location)
        if path is None:
            return
        try:
            os.remove(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise delete_error(error, path) from error
        _verified.pop(path, None)

    def scan(self) -> Iterator[tuple[str, int, float]]:
        """Yield (location, size in bytes, time of last modification) of every blob, by location."""
        for name, entry in self._files():
            if is_address(name):
                with suppress(FileNotFoundError):  # deleted since the folder was listed
                    facts = entry.stat()
                    yield name, facts.st_size, facts.st_mtime

    def sweep(self, older_than: float = _STALE, *, now: float | None = None) -> int:
        """Delete the temporary files of writers that were killed.

        Args:
            older_than: Seconds since a file was last written to.
            now: The time to count from, as seconds since the epoch.

        Returns:
            How many files were deleted.
        """
        limit = (time.time() if now is None else now) - older_than
        count = 0
        for _, entry in self._files():
            with suppress(OSError):  # gone, or not ours to delete: the next sweep may do better
                if is_temporary(entry.name) and entry.stat().st_mtime < limit:
                    os.remove(entry.path)
                    count += 1
        return count

    def _path(self, location: str) -> str:
        if not is_address(location):
            raise StoreError(f"{location!r} is no blob location of {self.label}: old paths are read by load()")
        return f"{self.base_dir}{os.sep}{location[:2]}{os.sep}{location[3:]}"

    def _checked(self, descriptor: int, facts: os.stat_result, location: str, path: str) -> memoryview:
        size = facts.st_size
        view = mapped(descriptor, size) if size >= _MAP_FROM and self._may_map() else None
        if view is None:
            view = read(descriptor, size)
        identity = (facts.st_dev, facts.st_ino, size, facts.st_mtime_ns, facts.st_ctime_ns)
        if view.nbytes != size or _verified.get(path) != identity:
            self._inside(path)
            if view.nbytes != size or not matches(location, view):
                raise CorruptEntryError(path, f"its {size} bytes do not have the digest of its name")
            if len(_verified) >= _MOST_VERIFIED:
                _verified.clear()
            _verified[path] = identity
        return view

    def _may_map(self) -> bool:
        if self._maps is None:
            # Windows refuses to delete a mapped file: a value in use would block eviction.
            self._maps = os.name == "posix" and network_file_system(self.base_dir) is None
        return self._maps

    def _holds(self, location: str, size: int) -> bool:
        """Whether the blob is there and intact. A damaged one must not keep its content from being stored again."""
        try:
            if os.stat(self._path(location)).st_size == size:
                self.get(location)
                return True
        except (OSError, StoreError):
            pass
        return False

    def _inside(self, path: str) -> str:
        """Return `path` if it lies in the folder when every symbolic link is followed."""
        if not _within(path, self.base_dir):
            raise StoreError(f"{path} leads out of {self.base_dir}: it is not touched")
        return path

    def _legacy_path(self, location: str) -> str | None:
        """Return the file that an old location means, or None if it is gone."""
        name = last_name(location)
        if not is_legacy_name(name) or "\0" in location:
            raise StoreError(
                f"{location!r} is neither a blob location of {self.label} nor a path of beautyspot 1.x or 2.x"
            )
        by_name = os.path.join(self.base_dir, name)
        try:
            # A look at a path of elsewhere may already mount a share, and tell its server who asks.
            if self._is_below(location) and _within(location, self.base_dir) and os.path.isfile(location):
                return os.path.realpath(location)
            if not os.path.lexists(by_name):
                return None
            return self._inside(by_name)
        except (OSError, ValueError) as error:  # a name that this file system cannot have
            raise StoreError(f"{location!r} is no path here: {error}") from error

    def _is_below(self, location: str) -> bool:
        """Whether a path names something in the folder, going by its text alone."""
        path = os.path.abspath(location)
        return any(
            path.startswith(base.rstrip(os.sep) + os.sep) for base in (self.base_dir, os.path.realpath(self.base_dir))
        )

    def _files(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Yield ("ab/name", entry) of every regular file one level down, in order; folders may vanish meanwhile."""
        for folder in _listed(self.base_dir):
            if len(folder.name) == 2 and folder.is_dir():
                for entry in _listed(folder.path):
                    if entry.is_file(follow_symlinks=False):
                        yield f"{folder.name}/{entry.name}", entry

    def __repr__(self) -> str:
        return f"LocalStorage({self.base_dir!r}{', durable=True' if self.durable else ''})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LocalStorage):
            return NotImplemented
        return (type(self), self.base_dir, self.durable) == (type(other), other.base_dir, other.durable)

    def __hash__(self) -> int:
        return hash((type(self), self.base_dir, self.durable))

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_maps": None}  # another machine mounts other things


@contextmanager
def _reading(path: str, location: str) -> Iterator[tuple[int, os.stat_result]]:
    """Open a file for reading; a folder, pipe or device in its place is damage."""
    try:
        descriptor = os.open(path, _OPEN)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise CorruptEntryError(path, "it is not a file")
            yield descriptor, facts
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise BlobMissingError(location) from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {reason(error)}: check the folder and its permissions") from error


def _checked_folder(base_dir: object) -> str:
    path = os.fspath(base_dir) if isinstance(base_dir, str | os.PathLike) else None
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise ConfigurationError(f"LocalStorage needs the path of a folder, not {base_dir!r}")
    if _SCHEME.match(path):
        raise ConfigurationError(f"{path!r} looks like a URL: open it with beautyspot.storage.open_storage(url)")
    return os.path.abspath(os.path.expanduser(path))


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"cannot list {folder}: {reason(error)}: check the folder and its permissions") from error


def _within(path: str, folder: str) -> bool:
    real, base = os.path.realpath(path), os.path.realpath(folder)
    return real.startswith(base if base.endswith(os.sep) else base + os.sep)
