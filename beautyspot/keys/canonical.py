"""Values as canonical, type-exact bytes: equal value and type give equal bytes, anything else gives other bytes.

Plain data is packed by msgpack in one C call with `strict_types`, which tells None, bool, int, float, str, list, dict
apart. Every other type reaches `_hook` and comes back as an msgpack extension with a code of its own (`tags.py`)
around the packed parts that make up the value. Two kinds of content need a second look, found by a search in the
packed bytes: what msgpack would write like `bytes` (bytearray, memoryview) and bytes that are large.

Structures that are cyclic or very deep are encoded by `cyclic.py`, after the byte 0xc1, which msgpack never writes.

dict is order-sensitive, because a function can see the order. Sets are not. Every NaN that Python makes equals itself.
"""

from __future__ import annotations

import operator
import re
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import msgpack

from beautyspot.errors import ConfigurationError, KeyingError, UnhashableError
from beautyspot.keys import builtin_types as _builtin_types  # noqa: F401  # fills HANDLERS
from beautyspot.keys import tags
from beautyspot.keys.buffers import DIGEST_SIZE, LARGE, digest_bytes
from beautyspot.keys.dispatch import HANDLERS, Handler, find, register
from beautyspot.keys.refusal import REMEDY, Refusal, TooDeepError, place_of, type_name, unreadable

__all__ = ["DIGEST_SIZE", "digest", "encode", "register_hash"]

T = TypeVar("T")

_DEEPEST = (
    64  # tagged values inside tagged values; a fixed number, so that the choice of encoder depends on the value alone
)
_DEEPEST_PLAIN = 100
_SEARCHED = 512
_KEPT = 1 << 20  # bytes
_NAN = float("nan")
_NEGATIVE_NAN = b"\xcb\xff\xf8\x00\x00\x00\x00\x00\x00"  # what x86 makes of inf - inf
_suspect = re.compile(b"[\xc4-\xc6]|" + re.escape(_NEGATIVE_NAN)).search
_PLAIN = frozenset({type(None), bool, int, str})
_PLAIN_OR_FLOAT = _PLAIN | {float}
_NATIVE = frozenset({type(None), bool, int, float, str, bytes, list, tuple, dict, bytearray, memoryview})


class _Walk(threading.local):
    """State of the value that this thread is packing."""

    depth = 0

    def __init__(self) -> None:
        self.memo: dict[int, tuple[object, msgpack.ExtType]] = {}


_walk = _Walk()
_idle: list[msgpack.Packer] = []  # list.pop and list.append are atomic; a packer in use is in nobody else's hands


def _hook(value: Any) -> msgpack.ExtType:  # noqa: C901  # in one piece, for every call of it costs
    """What msgpack asks about every object that it does not know exactly."""
    kind = type(value)
    if kind is tuple:  # the most frequent guest by far
        return _tuple(value)
    try:
        code, parts_of, heavy = HANDLERS.get(kind) or find(kind)
    except Exception as error:  # a metaclass may raise anything when its class is looked at
        raise unreadable(value, error) from error
    walk = _walk
    if heavy:
        known = walk.memo.get(id(value))
        if known is not None:
            return known[1]
    if walk.depth >= _DEEPEST:
        raise TooDeepError
    walk.depth += 1
    try:
        data = pack(parts_of(value))
    except (Refusal, TooDeepError, KeyingError):
        raise
    except RecursionError:
        raise TooDeepError from None
    except Exception as error:  # foreign code (__reduce__, properties) may raise anything: then there is no safe key
        raise unreadable(value, error) from error
    finally:
        walk.depth -= 1
    if len(data) >= LARGE:
        data = b"\xc1" + digest_bytes(data)
    extension = tags.tagged(code, data)
    if heavy:
        walk.memo[id(value)] = (value, extension)  # the reference keeps the id from being used again
    return extension


def _tuple(value: tuple[Any, ...]) -> msgpack.ExtType:
    walk = _walk
    if walk.depth >= _DEEPEST:
        raise TooDeepError
    walk.depth += 1
    try:
        data = pack(list(value))
    finally:
        walk.depth -= 1
    return tags.tagged(tags.TUPLE, data if len(data) < LARGE else b"\xc1" + digest_bytes(data))


def _new_packer(unicode_errors: str | None = None) -> msgpack.Packer:
    return msgpack.Packer(default=_hook, strict_types=True, use_bin_type=True, unicode_errors=unicode_errors)


def pack(value: object) -> bytes:
    """Canonical bytes of one value by the fast encoder.

    Raises:
        Refusal: Some part has no canonical form.
        TooDeepError: Cyclic or very deep.
    """
    try:
        packer = _idle.pop()
    except IndexError:
        packer = _new_packer()
    try:
        data: bytes = packer.pack(value)
    except UnicodeEncodeError:
        data = _new_packer("surrogatepass").pack(value)  # the same bytes for all text that has no lone surrogates
    except BufferError:  # a memoryview with steps
        return _pack_exact(exact_plain(value))
    except ValueError:  # nested deeper than msgpack goes, or one item of 4 GiB and more
        raise TooDeepError from None
    except RuntimeError as error:  # "dictionary changed size during iteration"
        raise unreadable(value, error) from error
    if len(data) < _KEPT:  # a packer never gives its buffer back
        _idle.append(packer)
    if len(data) < _SEARCHED:
        if _suspect(data) is None:
            return data
    elif not (b"\xc6" in data or b"\xc5" in data or b"\xc4" in data or _NEGATIVE_NAN in data):
        return data
    exact = exact_plain(value, _PLAIN if _NEGATIVE_NAN in data else _PLAIN_OR_FLOAT)
    return data if exact is value else _pack_exact(exact)


def _pack_exact(exact: object) -> bytes:
    return _new_packer("surrogatepass").pack(exact)  # type: ignore[no-any-return]


def is_bulk(value: Any) -> bool:
    """Return whether a value is better not packed first and looked at afterwards: large bytes."""
    kind = type(value)
    return (kind is bytes or kind is bytearray) and len(value) >= LARGE


def exact_plain(value: Any, plain: frozenset[type] = _PLAIN, depth: int = 0) -> Any:  # noqa: PLR0911  # one per type
    """Replace what msgpack would confuse in lists and dicts; the very same object if there is nothing to replace.

    Args:
        value: Any value.
        plain: Types that need no look at their values.
        depth: Number of lists and dicts around the value.
    """
    kind = type(value)
    if kind is list:
        return _exact_list(value, plain, depth)
    if kind is dict:
        return _exact_dict(value, plain, depth)
    if kind is bytes:
        return value if len(value) < LARGE else tags.tagged(tags.LARGE_BYTES, digest_bytes(value))
    if kind is float:
        return value if value == value else _NAN  # noqa: PLR0124  # only NaN differs from itself
    if kind is bytearray:
        return tags.tagged(tags.BYTEARRAY, pack(bytes(value) if len(value) < LARGE else [digest_bytes(value)]))
    if kind is memoryview:
        return tags.tagged(tags.MEMORYVIEW, _view(value))
    return value


def _exact_list(value: list[Any], plain: frozenset[type], depth: int) -> list[Any]:
    if depth > _DEEPEST_PLAIN:
        raise TooDeepError
    if plain.issuperset(map(type, value)):
        return value
    items = [exact_plain(item, plain, depth + 1) for item in value]
    return value if all(map(operator.is_, items, value)) else items


def _exact_dict(value: dict[Any, Any], plain: frozenset[type], depth: int) -> dict[Any, Any]:
    if depth > _DEEPEST_PLAIN:
        raise TooDeepError
    if plain.issuperset(map(type, value.values())) and plain.issuperset(map(type, value)):
        return value
    # A NaN as a key stays as it is: two of them must not become one.
    keys = [key if type(key) is float else exact_plain(key, plain, depth + 1) for key in value]
    items = [exact_plain(item, plain, depth + 1) for item in value.values()]
    same = all(map(operator.is_, keys, value)) and all(map(operator.is_, items, value.values()))
    return value if same else dict(zip(keys, items, strict=True))


def _view(value: memoryview) -> bytes:
    """Format, shape and C-order content of a memoryview."""
    size = value.nbytes
    flat = value.cast("B") if value.c_contiguous and size else memoryview(value.tobytes())
    kept: object = flat.tobytes() if size < LARGE else [size, digest_bytes(flat)]
    return pack([value.format, list(value.shape or ()), kept])


def _set_parts(value: set[Any] | frozenset[Any]) -> object:
    """Elements in an order that depends on their content alone."""
    kinds = set(map(type, value))
    if kinds in ({str}, {int}):
        return sorted(value)
    return sorted(map(pack, value))


HANDLERS[set] = Handler(tags.SET, _set_parts)
HANDLERS[frozenset] = Handler(tags.FROZENSET, _set_parts)


def pack_document(value: object) -> bytes:
    """Canonical bytes of a whole value by whichever encoder can take it.

    Raises:
        Refusal: Some part has no canonical form.
    """
    walk = _walk
    try:
        data = pack(value)
    except TooDeepError:
        from beautyspot.keys.cyclic import encode_graph

        try:
            data = encode_graph(value)
        except (TooDeepError, RecursionError):
            raise Refusal(value, f"it is nested too deeply, or a set in it leads back to itself; {REMEDY}") from None
    finally:
        if walk.memo and not walk.depth:
            walk.memo.clear()
    return data


def encode(value: object, where: str = "value") -> bytes:
    """Canonical, type-tagged, unambiguous bytes of a value.

    Large content (64 KiB and more) is in them by its digest.

    Args:
        value: Any value.
        where: How a reader would name the value in an error message, e.g. ``"argument 'conn'"``.

    Raises:
        UnhashableError: The value, or something in it, has no canonical form.

    Example:
        >>> encode([1, True]) == encode([1, 1])
        False
        >>> encode({3, 1, 2}) == encode({1, 2, 3})
        True
    """
    walk = _walk
    outer, walk.depth, walk.memo = (walk.depth, walk.memo), 0, {}
    try:
        return pack_document(exact_plain(value) if is_bulk(value) else value)
    except Refusal as refusal:
        place = place_of(refusal.value, value, where)
        raise UnhashableError(place, type_name(refusal.value), refusal.remedy) from refusal.__cause__
    finally:
        walk.depth, walk.memo = outer


def digest(value: object, where: str = "value") -> bytes:
    """Digest of a value, `DIGEST_SIZE` bytes long. Arguments and errors as for `encode`.

    Example:
        >>> digest("spot") == digest("spot"), digest("spot") == digest(b"spot")
        (True, False)
    """
    return digest_bytes(encode(value, where))


def register_hash(type_: type[T], function: Callable[[T], object]) -> None:
    """Teach the hash of a type and its subclasses.

    The object that `function` returns is hashed in place of the value. A method ``__spot_hash__(self)`` on the class
    does the same. Both come before everything that beautyspot knows about a type; the nearest in the MRO wins.

    Args:
        type_: The class.
        function: Returns anything hashable that says all about the value that results may depend on.

    Raises:
        ConfigurationError: Not a class, or one whose hash is fixed (None, bool, int, float, str, bytes, bytearray,
            memoryview, list, tuple, dict, object).

    Example:
        >>> class Connection:
        ...     def __init__(self, url): self.url = url
        >>> register_hash(Connection, lambda connection: connection.url)
        >>> digest(Connection("db:1")) == digest(Connection("db:1"))
        True
    """
    if not issubclass(type(type_), type) or type_ in _NATIVE or type_ is object:
        raise ConfigurationError(f"register_hash() takes a class whose hash is not fixed, not {type_!r}")
    if not callable(function):
        raise ConfigurationError(f"register_hash({type_.__qualname__}, ...) takes a function of the value")
    register(type_, function)
