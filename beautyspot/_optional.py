"""Imports of optional libraries, with an error that names the extra."""

from __future__ import annotations

import importlib
from typing import Any

from beautyspot.errors import MissingExtraError


def require(module: str, *, feature: str, extra: str) -> Any:
    """Import `module` or say which extra brings it.

    Args:
        module: Dotted module name.
        feature: What the user asked for, as the subject of a sentence.
        extra: Name of the extra in ``pip install "beautyspot[extra]"``.

    Returns:
        The module.

    Raises:
        MissingExtraError: The module's distribution is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".", maxsplit=1)[0] != error.name.split(".")[0]:
            raise  # the library is there and something of its own is missing: that error says more than ours
        raise MissingExtraError(feature, extra) from error
