"""What goes into SQL and what comes out: columns of an entry, conditions of a query, tags, times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgpack

from beautyspot.entry import Entry, EntryInfo, Kind, Query
from beautyspot.errors import ConfigurationError, StoreError

__all__ = ["COLUMNS", "PUT", "conditions", "encode_tags", "entry_values", "info", "page", "plain", "tidy"]

_WRITTEN = (
    "cache_key",
    "func_name",
    "kind",
    "input_id",
    "version",
    "result_type",
    "result_data",
    "result_value",
    "content_type",
    "checksum",
    "size",
    "created_at",
    "expires_at",
    "duration",
    "code_digest",
    "arguments",
    "components",
    "tags",
    "meta",
)
# A replaced row starts counting again, and keeps its pin: the user pinned the key, not one result of it. The condition
# only fails if a damaged index leads to the row of another key.
PUT = (
    f"INSERT INTO tasks({', '.join(_WRITTEN)}) VALUES({', '.join('?' * len(_WRITTEN))}) ON CONFLICT(cache_key)"
    f" DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _WRITTEN[1:])},"
    " hits = 0, last_hit = NULL, updated_at = CURRENT_TIMESTAMP WHERE tasks.cache_key = excluded.cache_key"
)

COLUMNS = (
    "cache_key, func_name, kind, input_id, version, result_type, result_value, content_type, size, created_at,"
    " expires_at, duration, code_digest, arguments, components, tags, meta, pinned, hits, last_hit"
)
"""The columns of an `EntryInfo`, in the order of its fields."""

_ORDERS = frozenset({"created_at", "size", "hits", "duration", "func_name"})


def plain(text: str) -> str:
    r"""Return `text` as SQLite can hold and search it: no NUL, no lone surrogates.

    Example:
        >>> plain("a\x00b\udc80")
        'a\\x00b\\udc80'
    """
    if "\0" in text:  # SQLite's text functions stop at a NUL
        text = text.replace("\0", "\\x00")
    return text.encode("utf-8", "backslashreplace").decode()


def tidy(values: Iterable[object]) -> tuple[object, ...]:
    """Return statement parameters with every text made `plain`."""
    return tuple(plain(value) if isinstance(value, str) else value for value in values)


def _encode_tag(tag: str) -> str:
    import json

    try:
        tag.encode()
    except UnicodeEncodeError:
        return json.dumps(tag)
    return json.dumps(tag, ensure_ascii=False)  # readable for whoever opens the file with another tool


def encode_tags(tags: Iterable[str]) -> str:
    """Return the text of the column ``tags``: a JSON string a line, between line feeds, so that one can be searched."""
    lines = [_encode_tag(tag) for tag in tags]
    return "\n".join(["", *lines, ""]) if lines else ""


def _decode_tags(text: object) -> tuple[str, ...]:
    if not text:
        return ()
    import json

    try:
        return tuple(str(json.loads(line)) for line in str(text).split("\n") if line)
    except ValueError:
        return ()  # a damaged list of tags must not hide the entry


def _pack(mapping: Mapping[str, object], what: str, key: str) -> bytes | None:
    if not mapping:
        return None
    try:
        return cast("bytes", msgpack.packb(dict(mapping), unicode_errors="surrogatepass"))
    except (TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"{what} of {key} cannot be stored: {error}") from error


def _unpack(data: object) -> Mapping[str, Any]:
    if not isinstance(data, bytes):
        return {}
    try:
        found = msgpack.unpackb(data, unicode_errors="surrogatepass", strict_map_key=False)
    except (ValueError, msgpack.UnpackException):
        return {}  # as with tags
    return found if isinstance(found, dict) else {}


def entry_values(entry: Entry, now: float) -> tuple[object, ...]:
    """Return the parameters of `PUT`.

    Args:
        entry: What to write.
        now: The time of creation of an entry that names none, in seconds since the epoch.
    """
    name, arguments = entry.func_name, entry.arguments
    if "\0" in name or "\0" in arguments:
        name, arguments = plain(name), plain(arguments)
    return (
        entry.cache_key,
        name,
        entry.kind,
        entry.input_id,
        entry.version,
        entry.result_type,
        entry.result_data,
        entry.result_value,
        entry.content_type,
        entry.checksum,
        entry.size,
        entry.created_at or now,
        entry.expires_at,
        entry.duration,
        entry.code_digest,
        arguments,
        _pack(entry.components, "components", entry.cache_key),
        encode_tags(entry.tags) if entry.tags else "",
        _pack(entry.meta, "meta", entry.cache_key),
    )


def info(row: tuple[Any, ...]) -> EntryInfo:
    """Return the list entry of a row of `COLUMNS`."""
    return EntryInfo(
        cache_key=row[0],
        func_name=row[1] or "",
        kind=cast("Kind", row[2]),
        input_id=row[3] or "",
        version=row[4],
        result_type=row[5] or "",
        result_value=row[6],
        content_type=row[7],
        size=row[8],
        created_at=row[9] or 0.0,
        expires_at=row[10],
        duration=row[11],
        code_digest=row[12],
        arguments=row[13],
        components=_unpack(row[14]),
        tags=_decode_tags(row[15]),
        meta=_unpack(row[16]),
        pinned=bool(row[17]),
        hits=row[18],
        last_hit=row[19],
    )


def conditions(query: Query) -> tuple[str, list[object]]:
    """Return the WHERE clause of a query's filters (empty if it has none) and its parameters."""
    exact = {
        "func_name = ?": query.function,
        "code_digest = ?": query.code_digest,
        "kind = ?": query.kind,
        "created_at < ?": query.created_before,
        "created_at > ?": query.created_after,
        "expires_at <= ?": query.expired_at,
    }
    clauses = [clause for clause, value in exact.items() if value is not None]
    values: list[object] = [value for value in exact.values() if value is not None]
    if query.tag is not None:
        clauses.append("instr(tags, ?) > 0")
        values.append(encode_tags([query.tag]))
    if query.key_prefix:
        clauses.append("cache_key >= ? AND cache_key < ?")
        values += [query.key_prefix, query.key_prefix + "\U0010ffff"]
    if query.text:
        clause, value = _text_condition(plain(query.text))
        clauses.append(clause)
        values += [value] * 3
    return (" WHERE " + " AND ".join(clauses) if clauses else ""), list(tidy(values))


def _text_condition(text: str) -> tuple[str, str]:
    folded = text.casefold()
    if not text.isascii() and (folded != text or text.upper() != text):
        # LIKE knows upper and lower case of ASCII only. Scripts without cases take the fast way below.
        test, value = "instr(casefold({}), ?) > 0", folded
    else:
        for special in "\\%_":
            text = text.replace(special, "\\" + special)
        test, value = "{} LIKE ? ESCAPE '\\'", f"%{text}%"
    return "(" + " OR ".join(test.format(name) for name in ("func_name", "arguments", "cache_key")) + ")", value


def page(query: Query) -> tuple[str, list[object]]:
    """Return the SELECT of one page of a query and its parameters."""
    if query.order not in _ORDERS:
        raise ConfigurationError(f"unknown order {query.order!r}: choose one of {', '.join(sorted(_ORDERS))}")
    where, values = conditions(query)
    direction, beyond = ("DESC", "<") if query.descending else ("ASC", ">")
    if query.after is not None:
        where += (" AND " if where else " WHERE ") + f"({query.order}, cache_key) {beyond} (?, ?)"
        values += tidy(query.after)
    # Few entries of many have expired: the plus keeps SQLite from walking them all in order to save a small sort.
    sorting = query.order if query.expired_at is None else f"+{query.order}"
    sql = (
        f"SELECT {COLUMNS} FROM tasks{where}"  # noqa: S608 - names from constants, values as parameters
        f" ORDER BY {sorting} {direction}, cache_key {direction} LIMIT ?"
    )
    return sql, [*values, max(query.limit, 0)]
