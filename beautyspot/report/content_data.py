"""Tables and arrays: shape, types, first rows, statistics, a small plot. Loads no library that is not loaded."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from beautyspot.report import human
from beautyspot.report.blocks import Block, Facts, Plot, Table
from beautyspot.report.content_tree import short

__all__ = ["array_blocks", "is_array", "is_table", "table_blocks"]

_ROWS = 20
_COLUMNS = 20
_CELL = 120
_POINTS = 240
_SERIES = 5
_STATISTICS = 50_000_000  # elements; larger arrays are described without reading all of them


def is_table(value: object) -> bool:
    """Return whether `value` is a DataFrame or Series of pandas or polars, or an Arrow table."""
    root, name = type(value).__module__.partition(".")[0], type(value).__name__
    return root in {"pandas", "polars", "pyarrow"} and name in {"DataFrame", "Series", "Table", "RecordBatch"}


def is_array(value: object) -> bool:
    """Return whether `value` is a NumPy array."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def table_blocks(value: Any) -> tuple[Block, ...]:
    """Show the first rows and columns of a table."""
    root, name = type(value).__module__.partition(".")[0], type(value).__name__
    if root == "pandas":
        table = _pandas(value if name == "DataFrame" else value.to_frame())
    elif root == "polars":
        table = _polars(value if name == "DataFrame" else value.to_frame())
    else:
        table = _arrow(value)
    rows, columns = table.shape
    facts = Facts((("type", f"{root}.{name}"), ("shape", f"{human.count(rows)} × {human.count(columns)}")))
    return facts, table


def _cells(columns: Iterable[Sequence[Any]]) -> tuple[tuple[str, ...], ...]:
    return tuple(zip(*([_cell(value) for value in column] for column in columns), strict=True))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return human.clip(human.plain(value), _CELL)
    if isinstance(value, float):
        return f"{value:.6g}"
    return short(value, _CELL)


def _pandas(frame: Any) -> Table:
    part = frame.iloc[:_ROWS, :_COLUMNS]
    return Table(
        columns=tuple(_cell(label) for label in part.columns),
        dtypes=tuple(str(dtype) for dtype in part.dtypes),
        index=tuple(_cell(label) for label in part.index),
        rows=_cells(list(part.iloc[:, i]) for i in range(part.shape[1])),
        shape=(frame.shape[0], frame.shape[1]),
    )


def _polars(frame: Any) -> Table:
    names = frame.columns[:_COLUMNS]
    part = frame.select(names).head(_ROWS) if names else frame
    return Table(
        columns=tuple(_cell(name) for name in names),
        dtypes=tuple(str(dtype) for dtype in part.dtypes),
        index=(),
        rows=_cells(part.get_column(name).to_list() for name in names),
        shape=(frame.height, frame.width),
    )


def _arrow(table: Any) -> Table:
    part = table.slice(0, _ROWS)
    width = min(table.num_columns, _COLUMNS)
    return Table(
        columns=tuple(_cell(name) for name in table.schema.names[:width]),
        dtypes=tuple(str(kind) for kind in table.schema.types[:width]),
        index=(),
        rows=_cells(part.column(i).to_pylist() for i in range(width)),
        shape=(table.num_rows, table.num_columns),
    )


def array_blocks(array: Any) -> tuple[Block, ...]:
    """Describe an array: shape, dtype, statistics, first values, and a line plot of numbers."""
    facts = [
        ("type", type(array).__name__),
        ("dtype", str(array.dtype)),
        ("shape", " × ".join(human.count(n) for n in array.shape) or "scalar"),
        ("size", human.size(array.nbytes)),
    ]
    plain = _numbers(array)
    blocks: list[Block] = []
    if plain is not None and plain.size:
        if plain.size <= _STATISTICS:
            facts += _statistics(plain)
        plot = _plot(plain)
        if plot is not None:
            blocks.append(plot)
    if array.ndim == 1 and array.size:
        values = ", ".join(_cell(value) for value in array[:_ROWS].tolist())
        facts.append(("values", values + (", …" if array.size > _ROWS else "")))
    elif array.ndim == 2 and array.dtype.names is None and array.size:
        blocks.append(_grid(array))
    return Facts(tuple(facts)), *blocks


def _numbers(array: Any) -> Any | None:
    """Return the data as an array of numbers that compare and average, or None."""
    data = getattr(array, "filled", None)
    if array.dtype.kind not in "biuf":
        return None
    if callable(data):  # masked arrays: masked places become gaps
        return array.astype("f8").filled(math.nan)
    return array


def _statistics(array: Any) -> list[tuple[str, str]]:
    import numpy as np

    finite = array
    if array.dtype.kind == "f":
        mask = np.isfinite(array)
        gaps = int(array.size - np.count_nonzero(mask))
        if gaps:
            finite = array[mask]
            if not finite.size:
                return [("not finite", human.count(gaps))]
    else:
        gaps = 0
    facts = [
        ("min", f"{finite.min():.6g}" if array.dtype.kind != "b" else str(finite.min())),
        ("max", f"{finite.max():.6g}" if array.dtype.kind != "b" else str(finite.max())),
        ("mean", f"{finite.mean(dtype='f8'):.6g}"),
    ]
    return facts + ([("not finite", human.count(gaps))] if gaps else [])


def _plot(array: Any) -> Plot | None:
    if array.ndim == 1 and array.size > 1:
        lines = [array]
    elif array.ndim == 2 and 1 < array.shape[1] <= _SERIES < array.shape[0]:
        lines = [array[:, i] for i in range(array.shape[1])]
    else:
        return None
    series = tuple(_thin(line) for line in lines)
    seen = [value for line in series for value in line if value is not None]
    return Plot(series, min(seen), max(seen)) if seen else None


def _thin(line: Any) -> tuple[float | None, ...]:
    """Keep the shape of a long line: the minimum and maximum of each of 120 stretches, in their order."""
    if line.size > _POINTS:
        import numpy as np

        edges = [i * line.size // (_POINTS // 2) for i in range(_POINTS // 2 + 1)]
        spots: list[int] = []
        for start, stop in itertools.pairwise(edges):
            part = line[start : min(stop, start + 100_000)]
            if part.dtype.kind == "f" and np.isnan(part).any():
                part = np.nan_to_num(part, nan=float(np.nanmean(part)) if not np.isnan(part).all() else 0.0)
            spots += sorted((start + int(part.argmin()), start + int(part.argmax())))
        line = line[spots]
    return tuple(value if math.isfinite(value) else None for value in map(float, line))


def _grid(array: Any) -> Table:
    part = array[:_ROWS, :_COLUMNS].tolist()
    width = min(array.shape[1], _COLUMNS)
    return Table(
        columns=tuple(str(i) for i in range(width)),
        dtypes=(str(array.dtype),) * width,
        index=tuple(str(i) for i in range(len(part))),
        rows=tuple(tuple(_cell(value) for value in row) for row in part),
        shape=(array.shape[0], array.shape[1]),
    )
