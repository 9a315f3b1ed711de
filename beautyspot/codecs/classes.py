"""Classes of the user: enumerations, named tuples, dataclasses, attrs classes and pydantic models.

A class is stored by its qualified name alone and found again among the classes that the function names or that were
registered: data never causes an import. Instances are restored attribute by attribute with ``object.__new__`` and
``object.__setattr__``'s own means: neither ``__init__``, ``__post_init__``, validators nor properties run.
The names of the fields are checked, so that an instance of a changed class is never made up.

Lossy: nothing. Refused: classes with a built-in base (``class Row(dict)``), because their contents are out of reach,
and fields that a descriptor keeps outside of the instance.
"""

from __future__ import annotations

import enum
import inspect
import types
from typing import Any
from zlib import crc32

from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused, check_plain, dict_of, list_of
from beautyspot.errors import DecodeError

__all__ = ["DECODERS", "find", "is_restorable"]

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement
_UNSTORED_SLOTS = frozenset({"__dict__", "__weakref__"})
_ATTRS_HASH = "_attrs_cached_hash"
_MODEL_STATE_TYPES = ((dict,), (set,), (dict, type(None)), (dict, type(None)))  # of __dict__, then of _MODEL_STATE
_MODEL_STATE = ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


def is_restorable(cls: type) -> bool:
    """Whether `find` has a handler for a class."""
    return find(cls) is not None


def find(cls: type) -> EncodeFn | None:
    """Return the handler of a user's class, chosen by what kind of class it is; None for other classes."""
    if issubclass(cls, enum.Enum):
        return _encode_enum
    if issubclass(cls, tuple):
        return _encode_named_tuple if _named_tuple_fields(cls) is not None and _is_pure(cls, tuple) else None
    if not _is_pure(cls, object):
        return None
    if any(base.__name__ == "BaseModel" and base.__module__ == "pydantic.main" for base in cls.__mro__):
        return _encode_model
    return _encode_instance if _fields(cls) is not None else None


def _is_pure(cls: type, root: type) -> bool:
    return all(base in (root, object) or base.__flags__ & _HEAP_TYPE for base in cls.__mro__)


def _fields(cls: type) -> tuple[str, ...] | None:
    declared = getattr(cls, "__dataclass_fields__", None)
    if declared is not None:
        # ClassVar and InitVar pseudo-fields are in the mapping too: they belong to the schema as much.
        return tuple(declared)
    attributes = getattr(cls, "__attrs_attrs__", None)
    return None if attributes is None else tuple(attribute.name for attribute in attributes)


def _named_tuple_fields(cls: type) -> tuple[str, ...] | None:
    fields = getattr(cls, "_fields", None)
    return fields if type(fields) is tuple and all(type(name) is str for name in fields) else None


def _digest(fields: tuple[str, ...] | None) -> int:
    return crc32("\0".join(fields or ()).encode("utf-8", "surrogatepass"))


def _name_of(state: Encoding, value: object) -> str:
    """Return the name under which the value's class will be found again, or refuse the value."""
    cls = type(value)
    name = state.names.get(cls)
    if name is None:
        name = cls.__qualname__
        found = state.codec.class_called(name, state.known)
        if found is None:
            plain = ", return tuple(value)," if isinstance(value, tuple) else ""
            raise Refused(value, f"annotate the return type{plain} or call spot.register_class({cls.__name__})")
        if found is not cls:
            raise Refused(
                value,
                f"the name {name} stands for another class here ({found.__module__}.{name}): rename one of them,"
                " or return a plain value",
            )
        state.names[cls] = name
    return name


def _class_called(state: Decoding, name: object) -> type:
    found = state.codec.class_called(name, state.known) if type(name) is str else None
    if found is None:
        raise DecodeError(
            f"the stored value is a {name}, which this program does not name: annotate the return type with it"
            " or call spot.register_class"
        )
    return found


def _encode_enum(state: Encoding, value: enum.Enum) -> ExtType:
    name = _name_of(state, value)
    cls = type(value)
    if isinstance(value, enum.Flag):
        return state.ext(tags.ENUM, [name, None, value._value_])
    member = value._name_  # the public names may be properties of the user
    if cls.__members__.get(member) is not value:
        raise Refused(value, "it is no member of its class as the class is now")
    return state.ext(tags.ENUM, [name, member])


def _decode_enum(state: Decoding, data: bytes) -> enum.Enum:
    name, member, *flags = state.parts(data)
    check_plain(member, *flags)
    cls = _class_called(state, name)
    if not issubclass(cls, enum.Enum) or issubclass(cls, enum.Flag) is not bool(flags):
        raise _changed(name)
    restored = cls(flags[0]) if flags else cls.__members__.get(member)
    if type(restored) is not cls:
        raise _changed(name)
    return restored


def _encode_named_tuple(state: Encoding, value: Any) -> ExtType:
    name = _name_of(state, value)
    document = [name, _digest(_named_tuple_fields(type(value))), list(value)]
    if extra := getattr(value, "__dict__", None):
        document.append(extra)
    return state.ext(tags.NAMED_TUPLE, document)


def _decode_named_tuple(state: Decoding, data: bytes) -> Any:
    name, digest, values, *extra = state.parts(data)
    check_plain(digest)
    cls = _class_called(state, name)
    fields = _named_tuple_fields(cls) if issubclass(cls, tuple) else None
    if fields is None or _digest(fields) != digest or len(list_of(values)) != len(fields):
        raise _changed(name)
    restored: Any = tuple.__new__(cls, values)
    if extra:
        vars(restored).update(dict_of(extra[0]))
    return restored


def _slots(cls: type) -> dict[str, Any]:
    """Return the member descriptors of every slot, those of the bases first."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        declared: Any = vars(base).get("__slots__", ())
        for name in (declared,) if isinstance(declared, str) else tuple(declared):
            if name in _UNSTORED_SLOTS:
                continue
            mangled = f"_{base.__name__.lstrip('_')}{name}" if name.startswith("__") and name[-2:] != "__" else name
            found[mangled] = vars(base)[mangled]
    return found


def _encode_instance(state: Encoding, value: Any) -> ExtType:
    name = _name_of(state, value)
    cls = type(value)
    attributes: dict[str, Any] = {}
    for slot, member in _slots(cls).items():
        try:
            attributes[slot] = member.__get__(value, cls)
        except AttributeError:  # a slot may be empty, and is restored empty
            continue
    attributes.update(getattr(value, "__dict__", {}))
    if _ATTRS_HASH in attributes:
        attributes[_ATTRS_HASH] = None  # the hash of a text differs in the next process: attrs computes it again
    fields = _fields(cls)
    _refuse_fields_elsewhere(value, cls, fields or (), attributes)
    document: list[Any] = [name, _digest(fields)]
    document.append(list(attributes.values()) if tuple(attributes) == fields else attributes)
    return state.ext(tags.INSTANCE, document)


def _refuse_fields_elsewhere(value: object, cls: type, fields: tuple[str, ...], attributes: dict[str, Any]) -> None:
    """Refuse an instance with a field that a descriptor keeps outside of it: it would come back without."""
    if "__orig_class__" in attributes:
        raise Refused(attributes["__orig_class__"], f"make the instance with {cls.__name__}(...), without the brackets")
    for field in fields:
        kind = type(inspect.getattr_static(cls, field, None))
        if field in attributes or kind is types.MemberDescriptorType or not hasattr(kind, "__set__"):
            continue
        try:
            kept = getattr(_restored(cls, attributes), field) == getattr(value, field)
        except Exception:  # the descriptor is the user's code
            kept = False
        if kept is False:
            raise Refused(value, f"a descriptor keeps its field {field} elsewhere: call spot.register_type(...)")


def _decode_instance(state: Decoding, data: bytes) -> Any:
    name, digest, attributes = state.parts(data)
    check_plain(digest)
    cls = _class_called(state, name)
    fields = _fields(cls)
    if fields is None or find(cls) is not _encode_instance or _digest(fields) != digest:
        raise _changed(name)
    if type(attributes) is list:
        attributes = dict(zip(fields, attributes, strict=True))
    return _restored(cls, attributes)


def _restored(cls: type, attributes: dict[str, Any]) -> Any:
    restored: Any = object.__new__(cls)
    slots = _slots(cls)
    rest = {}
    for attribute, content in dict_of(attributes).items():
        if attribute in slots:
            slots[attribute].__set__(restored, content)
        else:
            rest[attribute] = content
    if rest:
        vars(restored).update(rest)
    return restored


def _encode_model(state: Encoding, value: Any) -> ExtType:
    name = _name_of(state, value)
    digest = _digest(tuple(type(value).model_fields))
    hidden = [getattr(value, slot, None) for slot in _MODEL_STATE]
    return state.ext(tags.MODEL, [name, digest, dict(vars(value)), *hidden])


def _decode_model(state: Decoding, data: bytes) -> Any:
    name, digest, attributes, *hidden = state.parts(data)
    check_plain(digest)
    cls: Any = _class_called(state, name)
    if not all(type(part) in kinds for part, kinds in zip((attributes, *hidden), _MODEL_STATE_TYPES, strict=True)):
        raise DecodeError(f"stored data has a {name} whose state is none of pydantic's")
    if find(cls) is not _encode_model or _digest(tuple(cls.model_fields)) != digest:
        raise _changed(name)
    restored: Any = object.__new__(cls)
    object.__setattr__(restored, "__dict__", attributes)
    for slot, content in zip(_MODEL_STATE, hidden, strict=True):
        member = inspect.getattr_static(cls, slot)
        if type(member) is types.MemberDescriptorType:  # a root model has a None of its class in place of some slots
            member.__set__(restored, content)
    return restored


def _changed(name: object) -> DecodeError:
    return DecodeError(f"class {name} has changed since the value was stored")


DECODERS: dict[int, DecodeFn] = {
    tags.ENUM: _decode_enum,
    tags.NAMED_TUPLE: _decode_named_tuple,
    tags.INSTANCE: _decode_instance,
    tags.MODEL: _decode_model,
}
