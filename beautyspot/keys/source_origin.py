"""Whose code is it: the user's (hashed by its text), a library's (by name), or beautyspot's own (left out)?

User code is everything whose file is not under the standard library or a site-packages directory: scripts, notebook
cells, modules next to them, editable installs.
"""

from __future__ import annotations

import sys
import weakref
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from blake3 import blake3

__all__ = [
    "binary_digest",
    "distributions",
    "is_infrastructure",
    "is_library_file",
    "is_user_code",
    "is_user_module",
    "library_name",
    "own_attribute",
    "static_attribute",
    "top_level",
]

_OWN = frozenset({"beautyspot", "beautyspot_jupyter"})
_MISSING: Any = object()
_BORROWED = frozenset({"builtins", "types"})
"""What classes get as their module where there is none: in `exec` without ``__name__``, in `types.new_class` and
(before Python 3.12) in `make_dataclass`."""
_HEAP_TYPE = 1 << 9  # set for every class that a class statement or a call made


def static_attribute(value: object, name: str) -> Any:
    """Return an attribute without running ``__getattr__`` or ``__getattribute__`` of the value; None if it has none."""
    try:
        if isinstance(value, type):
            return type.__getattribute__(value, name)
        return object.__getattribute__(value, name)
    except Exception:  # a property of a user's class may raise anything: then the attribute is not there for us
        return None


def own_attribute(function: FunctionType, name: str) -> Any:
    """Return an attribute that beautyspot set on this very function; None for a copy made by `functools.wraps`."""
    value = function.__dict__.get(name)
    inner = function.__dict__.get("__wrapped__")
    return None if inner is not None and static_attribute(inner, name) is value else value


def is_infrastructure(value: object) -> bool:
    """Return whether `value` belongs to beautyspot and has no influence on results."""
    if isinstance(value, ModuleType):
        return top_level(value.__name__) in _OWN
    if isinstance(value, FunctionType):
        return own_attribute(value, "__spot_infrastructure__") is True
    if isinstance(value, type):
        return "__spot_infrastructure__" in value.__dict__
    return static_attribute(value, "__spot_infrastructure__") is True


def top_level(module: str) -> str:
    """Return the part of a dotted module name before the first dot."""
    return module.partition(".")[0]


@cache
def _library_roots() -> tuple[str, ...]:
    import os
    import site
    import sysconfig

    paths = sysconfig.get_paths()
    roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib") if name in paths}
    roots.update(getattr(site, "getsitepackages", list)())
    user = site.getusersitepackages() if hasattr(site, "getusersitepackages") else None
    if user:
        roots.add(user)
    roots.update([os.path.realpath(root) for root in roots])
    return tuple(os.path.normcase(root.rstrip(os.sep) + os.sep) for root in sorted(roots))


@cache
def is_library_file(filename: str) -> bool:
    """Return whether a source file belongs to the standard library or an installed distribution."""
    import os

    if filename.startswith("<"):
        return filename.startswith("<frozen ")
    path = os.path.normcase(os.path.abspath(filename))  # noqa: PTH100  (links are followed below)
    parts = path.replace("\\", "/")
    if path.startswith(_library_roots()) or "/site-packages/" in parts or "/dist-packages/" in parts:
        return True
    return os.path.normcase(os.path.realpath(path)).startswith(_library_roots())


def is_user_module(name: str) -> bool:
    """Return whether the loaded module `name` is user code (True for a module that is not loaded and not known)."""
    if name == "__main__":
        return True
    top = top_level(name)
    if top in sys.stdlib_module_names or top in sys.builtin_module_names or top in _OWN:
        return False
    module = sys.modules.get(name) or sys.modules.get(top)
    if module is None:
        return True
    own = getattr(module, "__dict__", {})  # a module's __getattr__ may answer anything
    file = own.get("__file__")
    if isinstance(file, str):
        return not is_library_file(file)
    paths = [path for path in own.get("__path__") or () if isinstance(path, str)]
    return not any(is_library_file(path + "/_") for path in paths)


_binaries: weakref.WeakKeyDictionary[ModuleType, bytes | None] = weakref.WeakKeyDictionary()


def binary_digest(name: str) -> bytes | None:
    """Return the digest of a user's compiled module as it was when first looked at; None for any other module.

    Its functions have no code that could be seen, so the file stands for all of them.
    """
    module = sys.modules.get(name)
    if not isinstance(module, ModuleType):
        return None
    if module not in _binaries:
        from importlib.machinery import EXTENSION_SUFFIXES

        file = vars(module).get("__file__")
        compiled = isinstance(file, str) and file.endswith(tuple(EXTENSION_SUFFIXES)) and not is_library_file(file)
        _binaries[module] = _content(file) if compiled else None
    return _binaries[module]


def _content(file: Any) -> bytes | None:
    try:
        with open(file, "rb") as opened:  # noqa: PTH123  # any kind of path
            return blake3(opened.read()).digest()
    except OSError:
        return None


def is_user_code(obj: object) -> bool:
    """Return whether a function, class, module or code object is the user's own code.

    Example:
        >>> import json
        >>> is_user_code(json.loads), is_user_code(json)
        (False, False)
    """
    if isinstance(obj, CodeType):
        return not is_library_file(obj.co_filename)
    if isinstance(obj, ModuleType):
        return is_user_module(obj.__name__)
    if isinstance(obj, FunctionType):
        filename = obj.__code__.co_filename
        if filename.startswith("<") and isinstance(obj.__module__, str):  # made by exec: whose module is it in?
            return not is_library_file(filename) and is_user_module(obj.__module__)
        return not is_library_file(filename) and top_level(obj.__module__ or "") not in _OWN
    if not isinstance(obj, type):
        obj = type(obj)
    module = type.__getattribute__(obj, "__module__")
    if module in _BORROWED and obj.__flags__ & _HEAP_TYPE:
        return vars(sys.modules[module]).get(obj.__name__) is not obj
    return isinstance(module, str) and is_user_module(module)


def library_name(value: object) -> tuple[str, str] | None:
    """Return the public name of a library's object: (module, qualified name); None if it has none.

    The module is the shortest one along the defining module's path that offers this very object. So the name stays
    the same when a library moves the code (``pathlib.Path`` lives in ``pathlib._local`` in Python 3.13), while objects
    of equal name in different modules (``scipy.fft.fft``, ``scipy.fftpack.fft``) stay apart.
    """
    name = static_attribute(value, "__qualname__")
    if not isinstance(name, str):
        name = static_attribute(value, "__name__")
    if not isinstance(name, str):
        return None
    module = static_attribute(value, "__module__")
    for base in (module, type(value).__module__, type(static_attribute(value, "__self__")).__module__):
        if isinstance(base, str):
            for short in dict.fromkeys((name, name.rpartition(".")[2])):
                found = _exposed(base, short, value)
                if found is not None:
                    return found, short
    if isinstance(value, (FunctionType, type)) and isinstance(module, str):
        return module, name
    return None


def _exposed(module: str, qualname: str, value: object) -> str | None:
    parts = module.split(".")
    for size in range(1, len(parts) + 1):
        prefix = ".".join(parts[:size])
        owner: Any = sys.modules.get(prefix)
        for part in qualname.split("."):
            owner = getattr(owner, "__dict__", {}).get(part, _MISSING)
        if owner is value or (owner is not _MISSING and _unbound(owner) is value):
            return prefix
    return None


def _unbound(value: object) -> object:
    return value.__func__ if isinstance(value, (staticmethod, classmethod)) else value


@cache
def _distribution_of() -> dict[str, str]:
    from importlib.metadata import packages_distributions

    return {module: names[0] for module, names in packages_distributions().items()}


@cache
def _distribution(module: str) -> tuple[str, str] | None:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution(module)
    except PackageNotFoundError:
        name = _distribution_of().get(module)
        if name is None:
            return None
        found = distribution(name)
    return found.metadata["Name"], found.version


def distributions(modules: set[str]) -> dict[str, str]:
    """Return distribution name -> installed version for the top-level modules that come from distributions."""
    found = (_distribution(m) for m in sorted(modules - sys.stdlib_module_names - _OWN))
    return dict(item for item in found if item is not None)
