"""Blobs on any file system that fsspec knows: S3, Google Cloud Storage, Azure, memory, SFTP, ...

- fsspec and its client libraries are imported at the first use of a storage, not before.
- Every storage has a file system object of its own: fsspec's shared ones keep listings that other programs outdate, and
  their event loop thread is gone in a forked child, which gets a new object here.
- A small blob is sent without asking whether it exists: equal locations hold equal bytes, so sending one again changes
  nothing, costs one request like asking would, and repairs a damaged blob. A large one is asked for first.
- A client library tries for many seconds to reach its server. When it gave up, the next calls fail at once for a
  moment: a batch must not wait that long for each of its results.
- Object stores publish an upload as a whole. Elsewhere a blob is written under a temporary name and moved.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from beautyspot._optional import require
from beautyspot.errors import BlobMissingError, ConfigurationError, CorruptEntryError, SpotError, StoreError
from beautyspot.storage.address import address, as_views, is_address, is_legacy_name, last_name, matches
from beautyspot.storage.base import Buffer
from beautyspot.storage.buffers import blank
from beautyspot.storage.faults import explain, is_unreached, secrets_of, without_credentials

__all__ = ["FsspecStorage"]

_STREAM_FROM = 16 << 20  # bytes; larger blobs are asked for first and sent in parts, never joined in memory
_PART = 8 << 20  # a multiple of 256 KiB (Google) and at least 5 MiB (S3)
_QUIET = 5.0  # seconds without another attempt after the server could not be reached
_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})  # an upload appears at its end or not at all
_MODULES = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs")}
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "modified", "created")


class FsspecStorage:
    """A folder or prefix of blobs on an fsspec file system.

    Calls are synchronous and may come from any thread, also while event loops run in others. Buckets are not created.

    Args:
        url: Where the blobs go: ``"memory://cache"``, ``"abfs://container/cache"``, ``"sftp://host/cache"``.
        options: Arguments of fsspec's file system class, such as credentials. They are pickled with the storage, and
            kept out of every message.

    Raises:
        ConfigurationError: `url` is no URL, or the options are no mapping of names.

    Example:
        >>> storage = FsspecStorage("memory://docs-example")
        >>> location = storage.put([b"hello"])
        >>> bytes(storage.get(location))
        b'hello'
    """

    remote: bool = True
    _schemes: tuple[str, ...] = ()

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self.url = _checked_url(url, self._schemes)
        self.options = _checked_options(options)
        self._opened: dict[int, tuple[Any, str]] = {}  # by process id: a forked child opens its own
        self._damaged: set[str] = set()
        self._quiet_until = -math.inf

    @property
    def label(self) -> str:
        """The URL, without user names, passwords and query."""
        return without_credentials(self.url)

    def put(self, chunks: Sequence[Buffer]) -> str:
        """Store the concatenation of `chunks` and return its location.

        Raises:
            StoreError: The storage refused or could not be reached.
            MissingExtraError: The client library is not installed.
            ConfigurationError: The file system does not know the URL's scheme or an option.
        """
        views = as_views(chunks)
        location = address(views)
        size = sum(view.nbytes for view in views)
        root = self._files()[1]
        with self._mapped_errors("store", location):
            if size < _STREAM_FROM or not self._holds(location, size):
                self._upload(f"{root}/{location}", views, size)
        self._damaged.discard(location)
        return location

    def get(self, location: str) -> memoryview:
        """Return a blob as writable memory, checked against the digest in its location.

        Raises:
            BlobMissingError: There is no such blob.
            CorruptEntryError: Its bytes are not the bytes that were stored.
            StoreError: `location` is not one of ours, or the storage refused or could not be reached.
        """
        data = self._fetch(location)
        view = blank(len(data))
        view[:] = data
        return view

    def load(self, location: str) -> bytes:
        """Return the bytes of a blob of ours, or behind a URI below this URL that beautyspot 2.x wrote.

        Raises:
            BlobMissingError: There is no such blob.
            StoreError: The location lies elsewhere, or the storage refused or could not be reached.
        """
        if is_address(location):
            return self._fetch(location)
        path = self._legacy_path(location)
        with self._mapped_errors("read", location, missing_blob=True):
            return bytes(self._files()[0].cat_file(path))

    def save(self, key: str, data: Buffer) -> str:  # noqa: ARG002 - the key named the object in 2.x, now the content does
        """Store `data` and return its location: the name that `put` had in beautyspot 1.x and 2.x."""
        return self.put([data])

    def delete(self, location: str) -> None:
        """Delete a blob (or an old object below this URL); one that is gone already is fine.

        Raises:
            StoreError: The location lies elsewhere, or the storage refused or could not be reached.
        """
        system, root = self._files()
        path = f"{root}/{location}" if is_address(location) else self._legacy_path(location)
        with self._mapped_errors("delete", location), suppress(FileNotFoundError):
            system.rm_file(path)

    def scan(self) -> Iterator[tuple[str, int, float]]:
        """Yield (location, size in bytes, time of last modification) of every blob.

        A file system that does not tell times makes every blob look new, so that none is taken for left over.
        """
        system, root = self._files()
        with self._mapped_errors("list", "*"):
            system.invalidate_cache()
            try:
                found = system.find(root, detail=True)
            except FileNotFoundError:
                found = {}
        for path, facts in found.items():
            location = "/".join(path.split("/")[-2:])
            if is_address(location) and path.endswith(f"{root}/{location}"):
                yield location, int(facts.get("size") or 0), _modified(facts)

    def _fetch(self, location: str) -> bytes:
        if not is_address(location):
            raise StoreError(f"{location!r} is no blob location of {self.label}: old URIs are read by load()")
        system, root = self._files()
        with self._mapped_errors("read", location, missing_blob=True):
            data = bytes(system.cat_file(f"{root}/{location}"))
        if not matches(location, data):
            self._damaged.add(
                location
            )  # it has the right name and perhaps the right size: the next put must replace it
            raise CorruptEntryError(
                f"blob {location} in {self.label}", f"its {len(data)} bytes do not have the digest of its name"
            )
        return data

    def _holds(self, location: str, size: int) -> bool:
        if location in self._damaged:
            return False
        system, root = self._files()
        system.invalidate_cache()
        try:
            return bool(system.info(f"{root}/{location}").get("size") == size)
        except FileNotFoundError:
            return False

    def _upload(self, path: str, views: Sequence[memoryview], size: int) -> None:
        system = self._files()[0]
        if self._scheme == "memory" or (self._scheme in _WHOLE and size < _STREAM_FROM):
            system.pipe_file(path, b"".join(views))
        elif self._scheme in _WHOLE:
            _stream(system, path, views)
        else:
            folder = path.rpartition("/")[0]
            temporary = f"{folder}/.{os.getpid()}-{os.urandom(8).hex()}.tmp"
            system.makedirs(folder, exist_ok=True)
            try:
                _stream(system, temporary, views)
                system.mv(temporary, path)
            except BaseException:
                with suppress(Exception):  # the error that is on its way says more
                    system.rm_file(temporary)
                raise

    @property
    def _scheme(self) -> str:
        return self.url.partition("://")[0].partition("::")[0].lower()

    def _files(self) -> tuple[Any, str]:
        """Return this process's file system object and the root path in it."""
        opened = self._opened.get(os.getpid())
        # Two threads may both open; the first one wins and the other object is dropped unused.
        return opened or self._opened.setdefault(os.getpid(), self._open())

    def _open(self) -> tuple[Any, str]:
        fsspec = require("fsspec", feature=f"blob storage at {self.label}", extra="all")
        if self._scheme in _MODULES:
            module, extra = _MODULES[self._scheme]
            require(module, feature=f"blob storage at {self.label}", extra=extra)
        try:
            self._check_class(fsspec.get_filesystem_class(self._scheme))
            system, root = fsspec.core.url_to_fs(self.url, skip_instance_cache=True, **self._client_options())
        except (ValueError, TypeError, ImportError) as error:
            reason = explain(error, secrets_of(self.url, self.options))
            raise ConfigurationError(f"cannot open {self.label}: {reason}") from error
        except SpotError:
            raise
        except Exception as error:  # client libraries raise what they like
            raise self._failure("open", self.label, error) from error
        return system, str(root).rstrip("/")

    def _client_options(self) -> dict[str, Any]:
        """Return what the file system's class is called with."""
        return self.options

    def _check_class(self, kind: type) -> None:
        """Raise ConfigurationError if the file system's class would ignore one of the options."""

    def _legacy_path(self, location: str) -> str:
        """Return the path that an old URI means, if it lies below this URL."""
        scheme, _, rest = location.partition("://")
        base = self.url.partition("://")[2]
        parts = rest.split("/")
        inside = rest.startswith(base + "/") and scheme.lower() in (self._schemes or (self._scheme,))
        if not inside or not is_legacy_name(last_name(rest)) or {"", ".", ".."} & set(parts) or "\0" in location:
            raise StoreError(f"{location!r} is neither a blob location of {self.label} nor an old URI below it")
        return f"{self._files()[1]}/{rest[len(base) + 1 :]}"

    @contextmanager
    def _mapped_errors(self, verb: str, location: str, *, missing_blob: bool = False) -> Iterator[None]:
        if time.monotonic() < self._quiet_until:
            what = f"blob {location} in {self.label}"
            raise StoreError(f"cannot {verb} {what}: its server could not be reached a moment ago: check the network")
        try:
            yield
        except SpotError:
            raise
        except Exception as error:  # client libraries raise what they like; Ctrl-C and the like pass
            if is_unreached(error):
                self._quiet_until = time.monotonic() + _QUIET
            if missing_blob and isinstance(error, FileNotFoundError) and "bucket does not exist" not in str(error):
                raise BlobMissingError(location) from error
            raise self._failure(verb, f"blob {location} in {self.label}", error) from error

    def _failure(self, verb: str, what: str, error: Exception) -> StoreError:
        return StoreError(f"cannot {verb} {what}: {explain(error, secrets_of(self.url, self.options))}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.label!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FsspecStorage):
            return NotImplemented
        return (type(self), self.url, self.options) == (type(other), other.url, other.options)

    def __hash__(self) -> int:
        return hash((type(self), self.url))

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_opened": {}, "_damaged": set(), "_quiet_until": -math.inf}


def _checked_url(url: object, schemes: tuple[str, ...]) -> str:
    wanted = f"{schemes[0]}://bucket/prefix" if schemes else "scheme://place/folder"
    text = url if isinstance(url, str) else ""
    scheme, found, rest = text.partition("://")
    parts = rest.rstrip("/").split("/")
    if not found or not scheme or not parts[-1] or "\0" in text or {".", ".."} & set(parts):
        raise ConfigurationError(f"expected a URL like {wanted!r}, not {without_credentials(str(url))!r}")
    if schemes and (scheme.lower() not in schemes or not parts[0].strip()):
        raise ConfigurationError(f"expected a URL like {wanted!r}, not {without_credentials(text)!r}")
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def _checked_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    if options is not None and not isinstance(options, Mapping):
        raise ConfigurationError(f"storage options are a mapping of names to values, not a {type(options).__name__}")
    checked = dict(options or {})
    if not all(isinstance(name, str) for name in checked):
        raise ConfigurationError("the names of storage options are text")
    if checked.get("asynchronous"):
        raise ConfigurationError("asynchronous=True is not for a storage: beautyspot calls it in threads of its own")
    return checked


def _stream(system: Any, path: str, views: Sequence[memoryview]) -> None:
    file = system.open(path, "wb", block_size=_PART)
    try:
        for view in views:
            for start in range(0, view.nbytes, _PART):
                file.write(view[start : start + _PART])
        file.close()
    except BaseException:
        # Closing would publish what was sent so far. The attribute tells the file's finaliser that it is done with.
        with suppress(Exception):
            file.discard()
        with suppress(Exception):
            file.closed = True
        raise


def _modified(facts: Mapping[str, Any]) -> float:
    for name in _TIMES:
        value = facts.get(name)
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
        if isinstance(value, int | float):
            return float(value)
    return time.time()
