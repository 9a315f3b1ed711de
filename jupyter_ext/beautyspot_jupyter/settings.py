"""Settings of the process that a cell might change: environment, working directory, options of libraries."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["changed", "deviations", "snapshot"]


def _numpy_printing(numpy: Any) -> object:
    return sorted((name, repr(value)) for name, value in numpy.get_printoptions().items())


def _pandas_options(pandas: Any) -> object:
    config = sys.modules.get("pandas._config.config")
    return repr(getattr(config, "_global_config", None)) if pandas is not None else None


_LIBRARIES: tuple[tuple[str, str, Callable[[Any], object]], ...] = (
    ("numpy", "how arrays are printed", _numpy_printing),
    ("numpy", "how NumPy handles errors", lambda numpy: sorted(numpy.geterr().items())),
    ("pandas", "options of pandas", _pandas_options),
    ("matplotlib", "the style of plots", lambda matplotlib: dict(matplotlib.rcParams.items())),
    ("decimal", "the decimal context", lambda decimal: repr(decimal.getcontext()).partition("flags=")[0]),
    ("locale", "the locale", lambda locale: locale.setlocale(locale.LC_ALL)),
)


_PRINTING = {
    "edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8, "suppress": False, "linewidth": 75,
    "nanstr": "nan", "infstr": "inf", "sign": "-", "formatter": None, "legacy": False,
}  # fmt: skip
_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_BACKEND = frozenset({"backend", "backend_fallback", "interactive", "toolbar"})  # the notebook sets these by itself


def _differing(present: Mapping[str, object], usual: Mapping[str, object]) -> dict[str, str]:
    return {name: repr(value) for name, value in present.items() if name in usual and value != usual[name]}


def _pandas_deviations(_: Any) -> dict[str, str]:
    config = sys.modules.get("pandas._config.config")
    present: dict[str, object] = {}
    stack = [("", dict(getattr(config, "_global_config", {})))]
    while stack:
        prefix, options = stack.pop()
        for name, value in options.items():
            if isinstance(value, dict):
                stack.append((f"{prefix}{name}.", value))
            else:
                present[prefix + name] = value
    registered = getattr(config, "_registered_options", {})
    return _differing(present, {name: option.defval for name, option in registered.items()})


def _style_deviations(matplotlib: Any) -> dict[str, str]:
    present = {name: value for name, value in dict.items(matplotlib.rcParams) if name not in _BACKEND}
    return _differing(present, dict(dict.items(matplotlib.rcParamsOrig)))


def _decimal_deviation(decimal: Any) -> str:
    present, usual = (repr(c).partition("flags=")[0] for c in (decimal.getcontext(), decimal.DefaultContext))
    return "" if present == usual else present


_DEVIATIONS: tuple[tuple[str, str, Callable[[Any], object]], ...] = (
    ("numpy", "how arrays are printed", lambda numpy: _differing(numpy.get_printoptions(), _PRINTING)),
    ("numpy", "how NumPy handles errors", lambda numpy: _differing(numpy.geterr(), _ERRORS)),
    ("pandas", "options of pandas", _pandas_deviations),
    ("matplotlib", "the style of plots", _style_deviations),
    ("decimal", "the decimal context", _decimal_deviation),
)


def deviations() -> dict[str, object]:
    """Settings of libraries that are not as these libraries set them: they change what cells print and compute."""
    found: dict[str, object] = {}
    for library, name, read in _DEVIATIONS:
        module = sys.modules.get(library)
        try:
            deviation = read(module) if module is not None else None
        except Exception:  # noqa: S112  # a library of another version: it is not watched; it must not stop the cell
            continue
        if deviation:
            found[name] = deviation
    return found


def snapshot() -> dict[str, object]:
    """The settings now."""
    found: dict[str, object] = {
        "an environment variable": dict(os.environ),
        "the working directory": Path.cwd(),
        "sys.path": list(sys.path),
        "the warning filters": list(warnings.filters),
        "the level of logging": logging.getLogger().level,
        "the handlers of logging": len(logging.getLogger().handlers),
        "the recursion limit": sys.getrecursionlimit(),
        "loaded modules": len(sys.modules),
    }
    for library, name, read in _LIBRARIES:
        module = sys.modules.get(library)
        if module is None:
            continue
        try:
            found[name] = read(module)
        except Exception:  # noqa: S112  # a library in a strange state is not watched; it must not stop the cell
            continue
    return found


def changed(before: dict[str, object], after: dict[str, object]) -> list[str]:
    """The settings that differ. What importing a library does to them does not count: a later import does it again."""
    imported = before["loaded modules"] != after["loaded modules"]
    quiet = {"an environment variable", "the warning filters", "the style of plots", "the handlers of logging"}
    found = []
    for name, value in after.items():
        if name == "loaded modules" or name not in before or (imported and name in quiet):
            continue
        if before[name] != value:
            found.append(name)
    return found
