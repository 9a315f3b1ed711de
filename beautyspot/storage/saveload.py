"""Storages written for beautyspot 1.x and 2.x: objects with `save` and `load`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from beautyspot.errors import BlobMissingError, ConfigurationError, CorruptEntryError, SpotError, StoreError
from beautyspot.storage.address import address, as_views, is_address, matches
from beautyspot.storage.base import Buffer
from beautyspot.storage.buffers import blank

__all__ = ["BlobStorageBase", "SaveLoadStorage"]


class BlobStorageBase(ABC):
    """The base class of user-written storages in beautyspot 1.x and 2.x. New ones follow `Storage`."""

    @abstractmethod
    def save(self, key: str, data: Any) -> str:
        """Store `data` and return where."""

    @abstractmethod
    def load(self, location: str) -> Any:
        """Return what was stored at `location`."""


class SaveLoadStorage:
    """Makes a storage of any object with ``save(key, data) -> location`` and ``load(location) -> bytes``.

    The digest of the bytes goes to `save` as the key, and into the location in front of the object's own, so that what
    `load` gives back is checked like everywhere else.

    Args:
        inner: The object. Its `delete` is used if it has one.

    Raises:
        ConfigurationError: `inner` lacks `save` or `load`.

    Example:
        >>> class Shelf(dict):
        ...     def save(self, key, data): self[key] = data; return key
        ...     def load(self, location): return self[location]
        >>> storage = SaveLoadStorage(Shelf())
        >>> bytes(storage.get(storage.put([b"hello"])))
        b'hello'
    """

    def __init__(self, inner: Any) -> None:
        if (
            isinstance(inner, type)
            or not callable(getattr(inner, "save", None))
            or not callable(getattr(inner, "load", None))
        ):
            raise ConfigurationError(f"a storage needs save(key, data) and load(location): {inner!r} lacks them")
        self.inner = inner
        self.remote: bool = bool(getattr(inner, "remote", True))  # unknown ones may wait for a network

    @property
    def label(self) -> str:
        """The class name of the object."""
        return type(self.inner).__name__

    def put(self, chunks: Sequence[Buffer]) -> str:
        """Save the concatenation of `chunks`.

        Raises:
            StoreError: The object failed, or returned something other than text.
        """
        views = as_views(chunks)
        digest = address(views)
        try:
            location = self.inner.save(digest[3:67], b"".join(views))
        except SpotError:
            raise
        except Exception as error:  # user code raises what it likes
            raise StoreError(f"{self.label}.save failed: {error!r}: see its cause") from error
        if not isinstance(location, str):
            raise StoreError(f"{self.label}.save returned {type(location).__name__}: it must return text for load()")
        return f"{digest}:{location}"

    def get(self, location: str) -> memoryview:
        """Load bytes and check them.

        Raises:
            BlobMissingError: The object raised FileNotFoundError or KeyError.
            CorruptEntryError: Its bytes are not the bytes that were saved.
            StoreError: `location` is not one of ours, or the object failed.
        """
        digest, inner = _split(location)
        if digest is None:
            raise StoreError(f"{location!r} is no blob location of {self.label}: old ones are read by load()")
        data = self._load(inner)
        if not matches(digest, data):
            raise CorruptEntryError(f"blob {inner!r} of {self.label}", "other bytes came back than were saved")
        view = blank(len(data))
        view[:] = data
        return view

    def load(self, location: str) -> bytes:
        """Return the bytes behind a location of ours, checked, or behind one that the object itself once returned."""
        return bytes(self.get(location)) if _split(location)[0] else self._load(location)

    def save(self, key: str, data: Buffer) -> str:
        """Save `data` under the object's own rules; the location is the object's own, as in beautyspot 2.x."""
        return str(self.inner.save(key, data))

    def delete(self, location: str) -> None:
        """Delete by the object's own `delete`.

        Raises:
            StoreError: It has none (1.x asked for none), or it failed.
        """
        delete = getattr(self.inner, "delete", None)
        if not callable(delete):
            raise StoreError(f"{self.label} has no delete(location): the blob stays until you add one")
        try:
            delete(_split(location)[1])
        except (FileNotFoundError, KeyError):
            return
        except Exception as error:  # user code raises what it likes
            raise StoreError(f"{self.label}.delete failed: {error!r}: see its cause") from error

    def scan(self) -> Iterator[tuple[str, int, float]]:
        """Yield nothing: such an object cannot list what it holds."""
        return iter(())

    def _load(self, location: str) -> bytes:
        try:
            data = self.inner.load(location)
        except (FileNotFoundError, KeyError) as error:
            raise BlobMissingError(location) from error
        except SpotError:
            raise
        except Exception as error:  # user code raises what it likes
            raise StoreError(f"{self.label}.load failed: {error!r}: see its cause") from error
        if not isinstance(data, bytes | bytearray | memoryview):
            raise StoreError(
                f"{self.label}.load returned {type(data).__name__}: it must return the bytes that were saved"
            )
        return bytes(data)

    def __repr__(self) -> str:
        return f"SaveLoadStorage({self.label})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SaveLoadStorage) and bool(self.inner == other.inner)

    def __hash__(self) -> int:
        return hash((type(self), type(self.inner)))


def _split(location: str) -> tuple[str | None, str]:
    """Return our digest part, or None, and the object's own location."""
    digest, found, inner = location.partition(":")
    return (digest, inner) if found and is_address(digest) else (None, location)
