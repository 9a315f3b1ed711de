"""From what a user gives as ``storage=`` to a storage."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from beautyspot.errors import ConfigurationError
from beautyspot.storage.base import Storage
from beautyspot.storage.faults import without_credentials
from beautyspot.storage.files import FsspecStorage
from beautyspot.storage.gcs import GCSStorage
from beautyspot.storage.local import LocalStorage
from beautyspot.storage.s3 import S3Storage
from beautyspot.storage.saveload import SaveLoadStorage

__all__ = ["open_storage"]

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://|::)")
_ONE_SLASH = re.compile(r"(s3|s3a|gs|gcs|abfs|az|memory|file|https?):/?(?!/)", re.IGNORECASE)
_BUCKETS: dict[str, type[FsspecStorage]] = {"s3": S3Storage, "s3a": S3Storage, "gs": GCSStorage, "gcs": GCSStorage}


def open_storage(target: object, options: Mapping[str, Any] | None = None) -> Storage:
    """Make a storage of a path, a URL or an object. Nothing is opened yet.

    Args:
        target: A path or ``file://`` URL (`LocalStorage`), ``s3://`` (`S3Storage`), ``gs://`` or ``gcs://``
            (`GCSStorage`), any other URL that fsspec knows, a storage (returned as it is), or an object with `save` and
            `load` as in beautyspot 2.x (wrapped).
        options: Arguments of the file system behind a URL; ``durable`` for a path.

    Raises:
        ConfigurationError: `target` is none of these, or the options do not fit it.

    Example:
        >>> open_storage("s3://my-bucket/cache")
        S3Storage('s3://my-bucket/cache')
    """
    if isinstance(target, str | os.PathLike):
        return _from_text(os.fspath(target), dict(options or {}))
    if options:
        raise ConfigurationError("storage options go with a path or URL: this storage was made with its own")
    if isinstance(target, type):
        raise ConfigurationError(f"storage is the class {target.__name__}: give an instance of it")
    if isinstance(target, Storage) and not _overrides_old_names(type(target)):
        return target
    if callable(getattr(target, "save", None)) and callable(getattr(target, "load", None)):
        return SaveLoadStorage(target)
    raise ConfigurationError(
        f"storage is a path, a URL, or an object with put, get, load, delete, scan, label and remote, not {target!r}"
    )


def _from_text(target: str | bytes, options: dict[str, Any]) -> Storage:
    if not isinstance(target, str):
        raise ConfigurationError(f"storage is a path or URL as text, not {target!r}")
    match = _URL.match(target)
    if match is None:
        if "://" in target or _ONE_SLASH.match(target):
            raise ConfigurationError(f"{target!r} looks like a URL, but a URL begins with scheme://")
        return _local(target, options)
    scheme = match[1].lower()
    if match[2] == "://" and scheme in {"file", "local"}:
        return _local(_file_path(target), options)
    kind = _BUCKETS.get(scheme, FsspecStorage) if match[2] == "://" else FsspecStorage
    return kind(target, options)


def _local(path: str, options: dict[str, Any]) -> LocalStorage:
    durable = options.pop("durable", False)
    if options or not isinstance(durable, bool):
        names = ", ".join(map(repr, options)) or "durable"
        raise ConfigurationError(f"unknown or wrong option {names} for a local folder: it takes durable=True or False")
    return LocalStorage(path, durable=durable)


def _file_path(url: str) -> str:
    from urllib.parse import unquote

    host, slash, rest = url.partition("://")[2].partition("/")
    if not slash or host.lower() not in {"", "localhost"}:
        raise ConfigurationError(
            f"{without_credentials(url)!r} names a host: write file:///absolute/path, or a plain path"
        )
    path = unquote("/" + rest)
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path


def _overrides_old_names(kind: type) -> bool:
    """Whether a class changes `save` or `load` of a parent that brings `put` and `get`.

    Such a class was written for beautyspot 2.x (to encrypt, say). Calling the `put` that it inherits would pass it by.
    """
    depth = {
        name: next(i for i, parent in enumerate(kind.__mro__) if name in vars(parent)) for name in _NAMES & _all(kind)
    }
    new = min(depth.get("put", 0), depth.get("get", 0))
    return any(depth.get(name, new) < new for name in ("save", "load"))


_NAMES = frozenset({"save", "load", "put", "get"})


def _all(kind: type) -> set[str]:
    return {name for parent in kind.__mro__ for name in vars(parent)}
