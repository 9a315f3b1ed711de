"""From a function and the arguments of a call to its cache key.

The key is a digest over the format number, the digest of the code, the user's ``version`` and the packed arguments::

    key = blake3("beautyspot key" . schema . version . options . code . arguments)    48 hexadecimal digits

Everything that can be settled at decoration is: which parameters count, which rules apply, the binder that returns
just these values. What is left of a call's key is one call of that binder, one pack and one hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgpack
from blake3 import blake3

from beautyspot.errors import KeyingError, UnhashableError
from beautyspot.keys import tags
from beautyspot.keys.arguments import AS_CALLED, LEFT_OUT
from beautyspot.keys.buffers import DIGEST_SIZE, digest_bytes
from beautyspot.keys.canonical import digest, encode, exact_plain, is_bulk, pack_document
from beautyspot.keys.choice import Choice, choose
from beautyspot.keys.refusal import REMEDY, Refusal
from beautyspot.keys.source import CodeIdentity, code_identity

__all__ = ["KeyMaker", "KeyParts", "compile_key"]

_LARGEST = 2**31 - 1  # what msgpack's reader can take


_Make = Callable[[tuple[Any, ...], dict[str, Any]], str]


@dataclass(frozen=True, slots=True)
class KeyParts:
    """A key and what it was made of.

    Attributes:
        key: 48 lower-case hexadecimal digits.
        input_id: Digest of the arguments alone, in hexadecimal digits.
        code: Digest of the code, in hexadecimal digits.
        components: Digests by part: ``"arg:text"``, ``"code"``, ``"code:helper"``, ``"global:K"``, ``"version"`` ...
        arguments: The call's arguments as a reader would like to see them, shortened.
    """

    key: str
    input_id: str
    code: str
    components: dict[str, str]
    arguments: str


class KeyMaker:
    """Makes the keys of one function's calls.

    Attributes:
        identity: Code of the function.
        names: Parameters that are part of the key.
        make: The same as calling the object, without the detour over its class: for the hot path.

    Example:
        >>> def double(x): return 2 * x
        >>> keys = compile_key(double)
        >>> keys((1,), {}) == keys((), {"x": 1}), len(keys((1,), {}))
        (True, 48)
    """

    __slots__ = (
        "_all_names",
        "_bind_all",
        "_head",
        "_is_custom",
        "_options",
        "_values",
        "_version",
        "identity",
        "make",
        "names",
    )

    def __init__(self, function: Callable[..., Any], choice: Choice, version: str | None) -> None:
        self.identity: CodeIdentity = code_identity(function, choice.left_out)
        self.names = choice.names
        self._values = choice.values
        self._all_names = choice.all_names
        self._bind_all = choice.bind_all
        self._is_custom = choice.is_custom
        self._version = version
        self._options = choice.functions
        self._head = b"beautyspot key" + msgpack.packb([tags.SCHEMA, version, *choice.settings()])
        self.make: _Make = self._compile(self._code if self._options else self.identity.digest)

    def _compile(self, code: Callable[[], bytes]) -> _Make:
        values, head, pack, refused = self._values, self._head, pack_document, self._refused

        def make(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
            listed = values(*args, **kwargs)
            for value in listed:
                if is_bulk(value):
                    listed = [exact_plain(each) if is_bulk(each) else each for each in listed]
                    break
            try:
                packed = pack(listed)
            except Refusal as refusal:
                raise refused(listed) from refusal.__cause__
            return blake3(head + code() + packed).hexdigest(DIGEST_SIZE)

        return make

    def _code(self, own: bytes | None = None) -> bytes:
        return (own or self.identity.digest()) + b"".join([option.digest() for option in self._options])

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Key of a call.

        Args:
            args: Positional arguments of the call.
            kwargs: Keyword arguments of the call.

        Returns:
            48 lower-case hexadecimal digits.

        Raises:
            TypeError: The arguments do not fit the function.
            UnhashableError: An argument, or a value that the code uses, has no canonical form.
            KeyingError: A rule could not be applied.
        """
        return self.make(args, kwargs)

    def unchanged(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: str) -> bool:
        """Whether a call that ran meanwhile has left everything that its key was made of as it was.

        That the function has loaded the modules that it imports itself is no change.

        Args:
            args: Positional arguments of the call.
            kwargs: Keyword arguments of the call.
            key: Key of the call before it ran.
        """
        if self.make(args, kwargs) == key:
            return True
        return self._compile(lambda: self._code(self.identity.digest_before_imports()))(args, kwargs) == key

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, object]:
        """Values of all parameters by name, with defaults applied, also of those that are not part of the key.

        Defaults behind a wrapper that takes anything are left out, for it need not pass them on.
        """
        values = self._bind_all(*args, **kwargs)
        names = _names_of(values, self._all_names)
        bound = zip(names, values, strict=True)
        return {name: value for name, value in bound if value is not LEFT_OUT and value is not AS_CALLED}

    def describe(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> KeyParts:
        """Key of a call with its parts. Arguments, key and errors as for a call of the object.

        Every argument is hashed once. Parameters that are ignored are not mentioned.
        """
        from beautyspot.preview import summarise_call

        listed = self._values(*args, **kwargs)
        try:
            packed = pack_document(listed)
        except Refusal as refusal:
            raise self._refused(listed) from refusal.__cause__
        components = {
            label: part.hex() for label, part in zip(self._labels(listed), self._split(packed, listed), strict=True)
        }
        components.update(self.identity.components())
        components.update({option.label: option.digest().hex() for option in self._options})
        if self._version is not None:
            components["version"] = digest(self._version).hex()
        return KeyParts(
            key=blake3(self._head + self._code() + packed).hexdigest(DIGEST_SIZE),
            input_id=digest_bytes(packed).hex(),
            code=self.identity.digest().hex(),
            components=components,
            arguments=summarise_call(self._shown(listed, args, kwargs)),
        )

    def _labels(self, listed: list[object]) -> list[str]:
        return ["key"] if self._is_custom else [f"arg:{name}" for name in _names_of(listed, self.names)]

    def _shown(self, listed: list[object], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, object]:
        """What to show of the arguments: the values that were passed, not what rules made of them."""
        if self._is_custom:
            return {"key": listed[0]}
        bound = self.bind(args, kwargs)
        if _is_as_called(listed):
            return bound
        return {name: bound[name] for name in self.names if name in bound}

    def _split(self, packed: bytes, listed: list[object]) -> list[bytes]:
        """Digests of the elements of a packed list."""
        if packed[:1] == b"\xc1" or len(packed) > _LARGEST:  # a cyclic document has no elements of its own
            return [digest(value) for value in listed]
        reader = msgpack.Unpacker(max_buffer_size=_LARGEST)
        reader.feed(packed)
        count = reader.read_array_header()
        parts = []
        view = memoryview(packed)
        for _ in range(count):
            start = reader.tell()
            reader.skip()
            parts.append(digest_bytes(view[start : reader.tell()]))
        return parts

    def _remedy(self, remedy: str, name: str) -> str:
        """What really helps with this argument."""
        if self._is_custom:
            return remedy.replace(REMEDY, "let key= return plain data, or teach its hash with bs.register_hash")
        if name in self.names:
            return remedy.replace("ignore=[...]", f"ignore=[{name!r}]")
        return remedy.replace("leave it out with ignore=[...], ", "")

    def _refused(self, listed: list[object]) -> KeyingError:
        """The error that names the parameter: found by trying the arguments one by one."""
        names = ("key",) if self._is_custom else _names_of(listed, self.names)
        for name, value in zip(names, listed, strict=True):
            where = "the value of key=" if self._is_custom else f"argument {name!r}"
            try:
                encode(value, where)
            except UnhashableError as error:
                return UnhashableError(error.where, error.type_name, self._remedy(error.remedy, name))
        return KeyingError("the arguments changed while their key was made: do not change them from another thread")


def _is_as_called(values: list[object]) -> bool:
    return bool(values) and values[0] is AS_CALLED


def _names_of(values: list[object], names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of bound values; those of a call that was taken as it was made are its parts."""
    return ("call", "*args", "**kwargs") if _is_as_called(values) else names


def compile_key(
    function: Callable[..., Any],
    *,
    ignore: Iterable[str] = (),
    key: Callable[..., object] | None = None,
    rules: Mapping[str, Callable[[Any], object]] | None = None,
    version: str | None = None,
) -> KeyMaker:
    """Settle how the calls of a function are keyed.

    Args:
        function: Any callable with a signature.
        ignore: Parameters that have no influence on the result; their values are not even looked at.
        key: Called with the arguments of a call; what it returns is hashed in place of all of them.
        rules: By parameter, a function of its value whose result is hashed in its place.
        version: Any text; another text makes other keys.

    Returns:
        The maker of keys.

    Raises:
        ConfigurationError: A name that is no parameter, a rule or key that is not callable, or ``key=`` together with
            ``ignore=`` or ``rules=``.
        KeyingError: The callable does not tell its signature and there is no ``key=``.

    Example:
        >>> def load(path, verbose=False): ...
        >>> keys = compile_key(load, ignore=["verbose"])
        >>> keys(("a.csv", True), {}) == keys(("a.csv",), {})
        True
    """
    return KeyMaker(function, choose(function, ignore, key, rules), version)
