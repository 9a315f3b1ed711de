"""Cache keys: what a call depends on, as one digest.

`canonical` hashes values, `source` hashes code, `arguments` binds a call, `key` puts them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beautyspot.keys.arguments import Binder, compile_binder
    from beautyspot.keys.buffers import DIGEST_SIZE
    from beautyspot.keys.canonical import digest, encode, register_hash
    from beautyspot.keys.key import KeyMaker, KeyParts, compile_key
    from beautyspot.keys.rules import file_content, file_stat

__all__ = [
    "DIGEST_SIZE",
    "Binder",
    "KeyMaker",
    "KeyParts",
    "compile_binder",
    "compile_key",
    "digest",
    "encode",
    "file_content",
    "file_stat",
    "register_hash",
]

_HOMES = {
    "Binder": "arguments",
    "DIGEST_SIZE": "buffers",
    "KeyMaker": "key",
    "KeyParts": "key",
    "compile_binder": "arguments",
    "compile_key": "key",
    "digest": "canonical",
    "encode": "canonical",
    "file_content": "rules",
    "file_stat": "rules",
    "register_hash": "canonical",
}


def __getattr__(name: str) -> object:
    """Load a part when its name is used, so that importing one part does not import all."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
