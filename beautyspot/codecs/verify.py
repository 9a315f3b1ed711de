"""The check at save for encodings that are not ours: what comes back must have the type and, where told, the value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beautyspot.errors import CodecError
from beautyspot.preview import summarise, summarise_error

__all__ = ["check_round_trip"]


def check_round_trip(value: object, decode: Callable[[], Any]) -> None:
    """Decode what was just encoded and compare.

    A class without its own ``__eq__``, or whose ``__eq__`` answers with no bool (arrays), is checked by type alone.

    Args:
        value: What was encoded.
        decode: Makes it again.

    Raises:
        CodecError: It does not decode, or differs.
    """
    cls = type(value)
    name = f"{cls.__module__}.{cls.__qualname__}"
    try:
        restored = decode()
    except Exception as error:
        raise CodecError(f"{name} was encoded but does not decode: {summarise_error(error)}") from error
    if type(restored) is not cls:
        raise CodecError(f"{name} was encoded but decodes as {type(restored).__module__}.{type(restored).__qualname__}")
    if getattr(cls, "__eq__", None) is object.__eq__:
        return
    try:
        equal = restored == value
        self_equal = value == value  # noqa: PLR0124 - a value like NaN differs from itself and says nothing
    except Exception:  # comparing runs the user's code; one that fails cannot tell
        return
    if equal is False and self_equal is True:
        raise CodecError(
            f"{name} was encoded but decodes as another value: {summarise(restored)} instead of {summarise(value)}"
        )
