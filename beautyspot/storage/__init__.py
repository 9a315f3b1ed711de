"""Where large results are kept: a local folder, S3, Google Cloud Storage, or any file system that fsspec knows.

Client libraries are imported when a storage is first used.
"""

from __future__ import annotations

import warnings
from typing import Any

from beautyspot.errors import CorruptEntryError, SpotDeprecationWarning
from beautyspot.storage.base import Buffer, Storage
from beautyspot.storage.files import FsspecStorage
from beautyspot.storage.gcs import GCSStorage
from beautyspot.storage.local import LocalStorage
from beautyspot.storage.open import open_storage
from beautyspot.storage.s3 import S3Storage
from beautyspot.storage.saveload import BlobStorageBase as _OldStorage
from beautyspot.storage.saveload import SaveLoadStorage

__all__ = [
    "Buffer",
    "FsspecStorage",
    "GCSStorage",
    "LocalStorage",
    "S3Storage",
    "SaveLoadStorage",
    "Storage",
    "open_storage",
]

_OLD_NAMES = {
    "BlobStorageBase": (_OldStorage, "follow beautyspot.storage.Storage instead; old storages keep working"),
    "CacheCorruptedError": (CorruptEntryError, "it is beautyspot.errors.CorruptEntryError now"),
    "create_storage": (open_storage, "it is beautyspot.storage.open_storage now"),
}


def __getattr__(name: str) -> Any:
    if name not in _OLD_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value, remedy = _OLD_NAMES[name]
    warnings.warn(f"beautyspot.storage.{name} is a name of 2.x: {remedy}", SpotDeprecationWarning, stacklevel=2)
    return value
