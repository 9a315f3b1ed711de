"""A text that says everything about the variables of a shell that a user could notice."""

from __future__ import annotations

import os
import random
import re
import sys
import types
import warnings
from collections import deque
from pathlib import Path
from typing import Any

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...), range)


def describe(namespace: dict[str, Any], hidden: Any) -> dict[str, str]:
    """Describe variables one by one: type, value, and which of them are, hold or share the same objects."""
    seen: dict[int, str] = {}
    keep: list[Any] = []
    found = {}
    for name in sorted(namespace):
        if not hidden(name) and name != "tick":
            found[name] = _text(namespace[name], name, seen, keep)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        arrays = [(name, value) for name, value in sorted(namespace.items())
                  if isinstance(value, numpy.ndarray) and not hidden(name)]  # fmt: skip
        for i, (name, value) in enumerate(arrays):
            for other, second in arrays[:i]:
                if value is not second and numpy.shares_memory(value, second):
                    found[f"{other} and {name}"] = "share memory"
    return found


def describe_process() -> dict[str, str]:
    """Describe what cells can change outside their namespace."""
    found = {
        "random": repr(random.getstate()),
        "environment": repr(sorted(os.environ.items())),
        "folder": str(Path.cwd()),
        "filters": repr(warnings.filters),
    }
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        found["numpy.random"] = repr(numpy.random.get_state(legacy=False))
        found["printing"] = repr(numpy.get_printoptions())
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is not None:
        found["style"] = repr(dict(matplotlib.rcParams.items()))
    return found


def _text(value: Any, path: str, seen: dict[int, str], keep: list[Any]) -> str:
    if isinstance(value, _ATOMS):
        return f"{type(value).__name__} {value!r}"
    if id(value) in seen and not isinstance(value, (types.ModuleType, types.BuiltinFunctionType)):
        return f"same as {seen[id(value)]}"
    seen[id(value)] = path
    keep.append(value)

    def inner(part: Any, step: str) -> str:
        return _text(part, path + step, seen, keep)

    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, dict):
        items = [f"{key!r}: " + inner(item, f"[{key!r}]") for key, item in value.items()]
        return f"{kind} {{{', '.join(items)}}}"
    if isinstance(value, (list, tuple, deque)):
        items = [inner(item, f"[{i}]") for i, item in enumerate(value)]
        return f"{kind} [{', '.join(items)}]"
    if isinstance(value, (set, frozenset)):
        return f"{kind} {sorted(map(repr, value))}"
    return _other(value, kind, inner)


def _other(value: Any, kind: str, inner: Any) -> str:
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if isinstance(value, types.FunctionType):
        cells = [inner(cell.cell_contents, ".cell") for cell in value.__closure__ or ()]
        own = inner({name: item for name, item in vars(value).items() if name != "__spot_identity__"}, ".__dict__")
        return f"function {value.__qualname__} {value.__defaults__} {value.__code__.co_code.hex()} {cells} {own}"
    if isinstance(value, type):
        members = {name: member for name, member in vars(value).items() if not name.startswith("__")}
        return f"class {value.__qualname__} {[base.__qualname__ for base in value.__mro__]} {inner(members, '.')}"
    return _of_library(value, kind, inner)


def _of_library(value: Any, kind: str, inner: Any) -> str:
    library = kind.partition(".")[0]
    if library == "numpy" and hasattr(value, "dtype"):
        content = inner(value.tolist(), ".tolist()") if value.dtype.hasobject else value.tobytes().hex()
        flags = (value.flags.writeable, value.flags.c_contiguous, value.flags.f_contiguous)
        return f"{kind} {value.dtype} {value.shape} {flags} {content}"
    if library == "pandas" and hasattr(value, "to_dict"):
        parts = value.to_dict(orient="split") if value.ndim == 2 else [value.tolist(), value.name]
        types_ = [str(found) for found in value.dtypes] if value.ndim == 2 else value.dtype
        return f"{kind} {types_} {value.index!r} {parts!r} {value.attrs}"
    if type(value).__reduce__ is object.__reduce__ and hasattr(value, "__dict__"):
        return f"{kind} {inner(vars(value), '.__dict__')}"
    return f"{kind} {_ADDRESS.sub('0x', repr(value))}"
