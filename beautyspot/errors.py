"""Every exception and warning that beautyspot raises on purpose.

::

    SpotError
    ├── ConfigurationError (also ValueError)     a wrong option, at construction or decoration
    │   └── UnitError                            "7 parsecs" is no duration
    ├── KeyingError (also TypeError)             no safe cache key can be made
    │   └── UnhashableError                      an argument, global or closure value has no canonical digest
    ├── CodecError (also TypeError)              a value has no safe, type-exact encoding
    │   ├── UnsupportedTypeError                 no codec for this type
    │   └── DecodeError                          stored bytes do not decode here
    ├── StoreError                               the database or the blob storage failed
    │   ├── BlobMissingError                     the row is there, its blob is not
    │   ├── CorruptEntryError                    checksum or framing does not fit
    │   ├── ReadOnlyStoreError                   a write to a store that was opened for reading
    │   └── SchemaVersionError                   the file was written by a newer beautyspot
    ├── CacheMissError (also LookupError)        mode "frozen" met a key that is not stored
    ├── LimitError (also ValueError)             a cost or quota that can never be granted
    ├── ClosedError (also RuntimeError)          the Spot was closed
    └── MissingExtraError (also ImportError)     an optional dependency is not installed

    SpotWarning (UserWarning)                    the cache could not do its work; your value is right all the same
    └── NotStoredWarning                         a result was returned but not saved
    SpotDeprecationWarning (DeprecationWarning)  a name of beautyspot 1.x or 2.x

Constructors take the values that the message is made of and keep them as attributes.
A message says what was seen and what to do about it.
"""

from __future__ import annotations

__all__ = [
    "BlobMissingError",
    "CacheMissError",
    "ClosedError",
    "CodecError",
    "ConfigurationError",
    "CorruptEntryError",
    "DecodeError",
    "KeyingError",
    "LimitError",
    "MissingExtraError",
    "NotStoredWarning",
    "ReadOnlyStoreError",
    "SchemaVersionError",
    "SpotDeprecationWarning",
    "SpotError",
    "SpotWarning",
    "StoreError",
    "UnhashableError",
    "UnitError",
    "UnsupportedTypeError",
]


class SpotError(Exception):
    """Root of every error that beautyspot raises on purpose."""


class ConfigurationError(SpotError, ValueError):
    """An option is unknown, has the wrong type or an impossible value."""


class UnitError(ConfigurationError):
    """A duration, size or rate text that cannot be read.

    Attributes:
        text: What was given.
        expected: What would have been understood, with an example.
    """

    def __init__(self, text: object, expected: str) -> None:
        super().__init__(f"cannot read {text!r}: expected {expected}")
        self.text = text
        self.expected = expected


class KeyingError(SpotError, TypeError):
    """No cache key can be made that would be safe to hit."""


class UnhashableError(KeyingError):
    """A value that a key depends on has no canonical digest.

    Attributes:
        where: The place of the value as a reader would name it: ``"conn"``, ``"config['db']"``, ``"global ENGINE"``.
        type_name: Qualified name of the value's type.
        remedy: What to do, as an imperative sentence without a final stop.
    """

    def __init__(self, where: str, type_name: str, remedy: str) -> None:
        super().__init__(f"{where} ({type_name}) cannot be part of a cache key: {remedy}")
        self.where = where
        self.type_name = type_name
        self.remedy = remedy


class CodecError(SpotError, TypeError):
    """A value cannot be stored or restored exactly and safely."""


class UnsupportedTypeError(CodecError):
    """No codec restores this value with its type.

    Attributes:
        where: Path of the value inside the result: ``"result"``, ``"result['model']"``.
        type_name: Qualified name of the value's type.
        remedy: What to do.
    """

    def __init__(self, where: str, type_name: str, remedy: str) -> None:
        super().__init__(f"{where} ({type_name}) cannot be stored: {remedy}")
        self.where = where
        self.type_name = type_name
        self.remedy = remedy


class DecodeError(CodecError):
    """Stored bytes that are intact but cannot be decoded in this program (a class that it does not know, say)."""


class StoreError(SpotError):
    """The database or the blob storage could not do what was asked."""


class BlobMissingError(StoreError):
    """A row refers to a blob that does not exist.

    Attributes:
        location: The location that the row names.
    """

    def __init__(self, location: str) -> None:
        super().__init__(f"blob {location} does not exist")
        self.location = location


class CorruptEntryError(StoreError):
    """Bytes came back that are not the bytes that were written.

    Attributes:
        what: The row or blob, as a reader would name it.
        detail: How it was noticed.
    """

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what} is damaged: {detail}")
        self.what = what
        self.detail = detail


class ReadOnlyStoreError(StoreError):
    """A write reached a store that can only be read."""


class SchemaVersionError(StoreError):
    """A database file that a newer beautyspot wrote.

    Attributes:
        path: The file.
        found: Its schema number.
        supported: The newest schema number known here.
    """

    def __init__(self, path: str, found: int, supported: int) -> None:
        super().__init__(
            f"{path} has schema {found}, this beautyspot knows schemas up to {supported}: upgrade beautyspot"
        )
        self.path = path
        self.found = found
        self.supported = supported


class CacheMissError(SpotError, LookupError):
    """In mode ``"frozen"`` a call was not in the cache.

    Attributes:
        name: The function or cell.
        key: The key that was looked up.
    """

    def __init__(self, name: str, key: str, reason: str | None = None) -> None:
        because = f" ({reason})" if reason else ""
        super().__init__(f"{name} is not cached under {key[:12]}{because} and the mode is frozen: it was not run")
        self.name = name
        self.key = key
        self.reason = reason


class LimitError(SpotError, ValueError):
    """A cost or quota that can never be granted, or a wait that would exceed its timeout."""


class ClosedError(SpotError, RuntimeError):
    """A call through a Spot that was closed."""


class MissingExtraError(SpotError, ImportError):
    """An optional dependency is missing.

    Attributes:
        feature: What needs it.
        extra: The extra that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f'{feature} needs an optional dependency: pip install "beautyspot[{extra}]"')
        self.feature = feature
        self.extra = extra


class SpotWarning(UserWarning):
    """The cache could not do its work. The value that the program got is right all the same."""


class NotStoredWarning(SpotWarning):
    """A result was returned to the caller but not saved."""


class SpotDeprecationWarning(DeprecationWarning):
    """A name of beautyspot 1.x or 2.x that works and will go."""
