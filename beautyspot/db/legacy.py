"""The cache keys under which beautyspot 1.x and 2.x would have stored a call.

Those versions keyed a result by ``md5("<function name>:<input id>[:<version>]")`` and made the input id of the
arguments as they were written in the call, positional ones apart from named ones:

- 1.x: md5 of the JSON text of ``{"a": args, "k": kwargs}`` with sorted keys;
- 2.x: sha256 of the msgpack of ``[args, kwargs]``, where a dictionary is the list of its items, sorted by key.

Both forget something: that a tuple is no list, that bytes are no text, in which order a dictionary was filled. A stored
result is therefore only looked up if every argument consists of what those ids keep apart well enough: None, bool, int,
float, str, and lists and str-keyed dictionaries of these, of exactly these types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgpack

__all__ = ["legacy_keys"]

_SCALARS = frozenset({type(None), bool, int, float, str})
_DEPTH = 50  # nested deeper, a call is not worth the search


def legacy_keys(
    function_name: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    version: str | None,
    input_id: str | None = None,
) -> list[str]:
    """Return the keys that older versions would have used for this call, the newest first.

    Args:
        function_name: The function's ``__name__``.
        args: Positional arguments as the caller wrote them: 1.x and 2.x did not bind them to names.
        kwargs: Named arguments as the caller wrote them.
        version: The ``version`` option, if any.
        input_id: What the function's own key function returned; the arguments do not matter then.

    Returns:
        Keys, none if the ids of those versions would be ambiguous for these arguments.

    Example:
        >>> legacy_keys("f", (1,), {}, version=None, input_id="a")
        ['a3bbf2f3b9937e54fc27ea06b0349bdb']
    """
    suffix = f":{version}" if version else ""
    ids = [input_id] if input_id is not None else _input_ids(args, kwargs)
    try:
        return [_md5(f"{function_name}:{identity}{suffix}") for identity in ids]
    except UnicodeEncodeError:
        return []  # older versions failed on lone surrogates


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _input_ids(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[str]:
    values = [*args, *kwargs.values()]
    if not all(_keeps_apart(value, _DEPTH) for value in values):
        return []
    ids = []
    try:
        if not any(_looks_like_both(value) for value in values):
            ids.append(_id_of_2(args, kwargs))
        ids.append(_id_of_1(args, kwargs))
    except (UnicodeEncodeError, ValueError, OverflowError):
        # Lone surrogates, integers of more than 64 bits, more than 4300 digits: those versions fell back to repr.
        return []
    return ids


def _id_of_1(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    import json

    return _md5(json.dumps({"a": args, "k": dict(kwargs)}, sort_keys=True, ensure_ascii=False))


def _id_of_2(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgpack.packb([_as_items(list(args)), _as_items(dict(kwargs))])).hexdigest()


def _as_items(value: Any) -> Any:
    if isinstance(value, dict):
        return [[key, _as_items(value[key])] for key in sorted(value)]
    if isinstance(value, list):
        return [_as_items(item) for item in value]
    return value


def _keeps_apart(value: object, depth: int) -> bool:
    """Return whether `value` is made of nothing but types that both id formats keep apart."""
    if type(value) in _SCALARS:
        return True
    if depth == 0:
        return False
    if type(value) is list:
        return all(_keeps_apart(item, depth - 1) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _keeps_apart(item, depth - 1) for key, item in value.items())
    return False


def _looks_like_both(value: object) -> bool:
    """Return whether 2.x could not tell a list in `value` from a dictionary."""
    if isinstance(value, dict):
        return not value or any(_looks_like_both(item) for item in value.values())
    if isinstance(value, list):
        pairs = all(isinstance(item, list) and len(item) == 2 and type(item[0]) is str for item in value)
        return pairs or any(_looks_like_both(item) for item in value)
    return False
