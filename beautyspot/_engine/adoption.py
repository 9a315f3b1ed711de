"""Results of beautyspot 1.x and 2.x: found under their old keys, and taken over under the new one.

Their keys say nothing of the code. So a row is given out once, to the first code that asks for it: after an edit or an
invalidation the function runs again, as it does with every other result.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from beautyspot._engine.effects import Blocking, Effect
from beautyspot._engine.payloads import Restored, restore
from beautyspot._engine.plan import Draft, Request
from beautyspot.entry import LEGACY_TYPES, Entry, EntryInfo, Query, Row
from beautyspot.errors import CodecError, StoreError

if TYPE_CHECKING:
    from beautyspot._engine.engine import Engine
    from beautyspot.keys.key import KeyParts

__all__ = ["adopt", "adoptable"]


def adopt(engine: Engine, request: Request) -> Generator[Effect, Any, Restored | None]:
    """Look for a call among the old rows.

    Returns:
        Its result, or None.

    Raises:
        StoreError: The database or the file behind the row cannot be read.
        CodecError: The old value cannot be decoded.
    """
    if request.legacy_keys is None or not engine.has_legacy_rows():
        return None
    keys = request.legacy_keys()
    found: tuple[Row, EntryInfo] | None = yield Blocking(
        partial(adoptable, engine, keys, request.options.ttl), engine.db.remote
    )
    if found is None:
        return None
    load = partial(restore, found[0], codec=engine.codec, storage=engine.storage, known=request.known())
    restored: Restored = yield Blocking(load, slow=True)
    engine.warn(
        f"{request.name}: results that beautyspot 1.x or 2.x stored are used as they are; their keys say nothing "
        "about the code they came from. Spot(..., legacy=False) computes them anew"
    )
    if engine.switch_for(request.options.mode).writes:
        parts = engine.describe(request)
        if parts is not None:
            yield Blocking(partial(_take_over, engine, request, parts, found, restored.value), slow=True)
    return restored


def adoptable(engine: Engine, keys: list[str], ttl: float | None) -> tuple[Row, EntryInfo] | None:
    """Return the first of these old rows that nobody has taken over yet and that is not older than `ttl`, or None.

    Raises:
        StoreError: The database cannot be read.
    """
    for key in keys:
        row = engine.db.get(key)
        if row is None or row.result_type not in LEGACY_TYPES:
            continue
        listed = engine.db.scan(Query(key_prefix=key, limit=1))
        if not listed or listed[0].cache_key != key or listed[0].code_digest:
            continue
        if ttl is None or listed[0].created_at + ttl > engine.clock():
            return row, listed[0]
    return None


def _take_over(engine: Engine, request: Request, parts: KeyParts, old: tuple[Row, EntryInfo], value: object) -> None:
    """Store the value under the new key, and note in the old row whose it is now."""
    row, info = old
    draft = Draft(parts, info.created_at or engine.clock(), 0.0, {"adopted": info.cache_key})
    try:
        engine.write(request, engine.codec.encode(value, request.known()), draft)
        engine.db.put(replace(_as_it_was(row, info), code_digest=parts.code))
    except (CodecError, StoreError) as error:
        engine.not_stored(request.name, str(error), error)


def _as_it_was(row: Row, info: EntryInfo) -> Entry:
    shared = {name: getattr(info, name) for name in Entry.__slots__ if hasattr(info, name)}
    return Entry(**shared | {"result_data": row.result_data, "checksum": row.checksum})
