"""What is not stored is refused with its place in the result and what to do."""

from __future__ import annotations

import functools
import io
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace

import matplotlib.figure
import msgpack
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression

from beautyspot.codecs import Codec
from beautyspot.errors import CodecError, UnsupportedTypeError


@dataclass
class Holder:
    inside: object


KNOWN = {"Holder": Holder}


@pytest.mark.parametrize(
    ("value", "name", "remedy"),
    [
        ((x for x in ()), "generator", "return a list"),
        (lambda: 1, "function", "return what it computes"),
        (functools.partial(print), "functools.partial", "return what it computes"),
        (sys, "module", "return what it computes"),
        (int, "type", "return its name"),
        (ValueError("x"), "ValueError", "exceptions are not stored"),
        (memoryview(b"x"), "memoryview", "return bytes"),
        (msgpack.ExtType(127, b"\x01"), "msgpack.ext.ExtType", "msgpack's own types"),
        (msgpack.Timestamp(1), "msgpack.ext.Timestamp", "msgpack's own types"),
        ({}.keys(), "dict_keys", r"list\(d\)"),
        (object(), "object", "return a plain value"),
        (io.BytesIO(), "_io.BytesIO", "return what you read"),
        (threading.Lock(), "_thread.lock", "belongs to this process"),
        (defaultdict(lambda: 1), "collections.defaultdict", r"return dict\(value\)"),
        (matplotlib.figure.Figure(), "matplotlib.figure.Figure", "savefig"),
        (LinearRegression(), "sklearn.linear_model._base.LinearRegression", "register_type"),
        (np.random.default_rng(0), "numpy.random._generator.Generator", "register_type"),
        (np.zeros(2, [("a", "O")]), "numpy.ndarray", "return its columns"),
        (np.poly1d([1]), "numpy.poly1d", "register_type"),
        (pl.LazyFrame(), "polars.lazyframe.frame.LazyFrame", "collect"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_type_and_remedy(value, name, remedy, codec):
    """The message names the type and the remedy, wherever the value lies."""
    for result, where in (
        (value, "result"),
        ({"model": [1, (value,)]}, r"result\['model'\]\[1\]\[0\]"),
        (Holder({3: value}), r"result\.inside\[3\]"),
        (SimpleNamespace(a=value), r"result\.a"),
    ):
        with pytest.raises(UnsupportedTypeError, match=rf"^{where} \({name}\) cannot be stored: .*{remedy}") as caught:
            codec.encode(result, KNOWN)
        assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, ValueError)


def test_paths_into_library_values(codec):
    """Cells of object arrays and columns have paths as well."""
    bad = object()
    cells = np.array([1, bad], dtype=object)
    for value, where in (
        (cells, "result.flat[1]"),
        (pd.DataFrame({"a": [1, 2], "b": cells}), "result['b'][1]"),
        (pl.DataFrame({"o": pl.Series([1, bad], dtype=pl.Object)}), "result['o'][1]"),
        ({(1, 2): {bad}}, "result[(1, 2)] item <object object"),
        ({("k", bad): 1}, "result key ('k', <object object"),
    ):
        with pytest.raises(UnsupportedTypeError) as caught:
            codec.encode(value)
        assert caught.value.where.startswith(where)


def test_cycles_are_refused(codec):
    """A value that contains itself ends in an error that says where."""
    in_list: list = [1]
    in_list.append({"again": in_list})
    in_tuple: list = []
    in_tuple.append((in_tuple,))
    holder = Holder(None)
    holder.inside = [holder]
    array = np.empty(1, dtype=object)
    array[0] = array
    for value in (in_list, in_tuple, holder, array):
        with pytest.raises(UnsupportedTypeError, match="it contains itself"):
            codec.encode(value, KNOWN)


def test_shared_parts_are_no_cycle(codec):
    """One object in two places is stored twice."""
    part = [1]
    assert codec.decode(codec.encode([part, part, (part,)])) == [[1], [1], ([1],)]


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}])
def test_endless_nesting_is_refused(codec, wrap):
    """Depth ends in an error, not in a crash."""
    value: object = 1
    for _ in range(5000):
        value = wrap(value)
    with pytest.raises(UnsupportedTypeError, match="nested too deeply"):
        codec.encode(value)


def test_codec_works_on_after_a_refusal(codec):
    """A failure leaves nothing behind."""
    for _ in range(3):
        with pytest.raises(CodecError):
            codec.encode([np.zeros(10_000), (object(),)])
        payload = codec.encode([np.zeros(10_000), (1,)])
        assert len(payload.buffers) == 1
        assert codec.decode(payload)[1] == (1,)


def test_a_failing_repr_does_not_hide_the_reason():
    """Paths print keys, whose repr is the user's code."""

    class Key:
        def __repr__(self):
            raise RuntimeError

    with pytest.raises(UnsupportedTypeError, match="Key"):
        Codec().encode({Key(): 1})
