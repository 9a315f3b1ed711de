"""Polars frames and series, as an Arrow IPC file; columns of Python objects cell by cell.

What was written is compared with what would be read in names and types at save, because not every type of every Polars
version has an exact Arrow form. Lossy: the note that a column is known to be sorted, and how it is split into chunks.
Refused: lazy frames, and objects nested in other types.
"""

from __future__ import annotations

import io
from typing import Any

import polars as pl
from msgpack import ExtType

from beautyspot.codecs import tags
from beautyspot.codecs.arrow_ipc import check_ipc_file
from beautyspot.codecs.state import DecodeFn, Decoding, EncodeFn, Encoding, Refused, check_plain, dict_of, list_of
from beautyspot.errors import DecodeError

__all__ = ["DECODERS", "find"]

_FRAME, _SERIES = range(tags.POLARS, tags.POLARS + 2)


def find(cls: type) -> EncodeFn | None:
    """Return the handler of exactly this class."""
    if cls is pl.DataFrame:
        return _encode_frame
    return _encode_series if cls is pl.Series else None


def _encode_frame(state: Encoding, value: pl.DataFrame) -> ExtType:
    return state.ext(_FRAME, _described(state, value, value))


def _decode_frame(state: Decoding, data: bytes) -> pl.DataFrame:
    return _built(state, state.unpack(data))


def _encode_series(state: Encoding, value: pl.Series) -> ExtType:
    return state.ext(_SERIES, [value.name, *_described(state, value.alias("").to_frame(), value)])


def _decode_series(state: Decoding, data: bytes) -> pl.Series:
    name, *rest = state.parts(data)
    frame = _built(state, rest)
    if frame.width != 1:
        raise DecodeError("stored data has a frame where a series belongs")
    return frame.to_series().alias(name)


def _described(state: Encoding, frame: pl.DataFrame, owner: object) -> list[Any]:
    """Return the height, the columns of objects by their place, and the IPC file of the others."""
    objects = {
        place: [frame.columns[place], column.to_list()]
        for place, column in enumerate(frame.get_columns())
        if column.dtype == pl.Object
    }
    rest = frame.select([name for place, name in enumerate(frame.columns) if place not in objects])
    sink = io.BytesIO()
    try:
        rest.write_ipc(sink, compression="uncompressed", compat_level=pl.CompatLevel.newest())
        sink.seek(0)
        exact = not rest.width or pl.read_ipc_schema(sink) == dict(rest.schema)
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise Refused(owner, f"Polars cannot write it ({error}): convert the column first") from error
    if not exact:
        raise Refused(owner, "a column has a type without an exact Arrow form: cast it first")
    return [frame.height, objects, state.put(sink.getbuffer()) if rest.width else b""]


def _built(state: Decoding, described: list[Any]) -> pl.DataFrame:
    height, objects, place = list_of(described)
    check_plain(height)
    try:
        frame = _read(state.take(place))
    except BaseException as error:
        # A panic of the Rust library is no Exception, and damaged data must not end the program.
        if isinstance(error, Exception) or type(error).__name__ != "PanicException":
            raise
        raise DecodeError(f"stored data is no Polars frame: {error}") from error
    if objects:
        columns = frame.get_columns()
        for position in sorted(dict_of(objects)):
            name, cells = objects[position]
            columns.insert(position, pl.Series(name, list_of(cells), dtype=pl.Object))
        frame = pl.DataFrame(columns)
    if frame.height != height:
        raise DecodeError("stored data has a frame of another height")
    return frame


def _read(view: memoryview) -> pl.DataFrame:
    if not view.nbytes:
        return pl.DataFrame()
    check_ipc_file(view)
    return pl.read_ipc(io.BytesIO(view))


DECODERS: dict[int, DecodeFn] = {_FRAME: _decode_frame, _SERIES: _decode_series}
