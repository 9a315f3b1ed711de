"""Settings of the process that a cell might change: environment, working directory, options of libraries."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["changed", "snapshot"]


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
