"""Previews: short, printable, bounded, and nothing of the user's is run."""

import datetime as dt
import decimal
import enum
import pathlib
import subprocess
import sys
import threading
import uuid
import zoneinfo
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from beautyspot.preview import MASK, is_secret, summarise, summarise_call, summarise_error


def boom(*_):
    """Stand in for user code that must not run."""
    raise AssertionError("user code was run")


HOSTILE = [
    *(
        "__repr__",
        "__str__",
        "__len__",
        "__iter__",
        "__getattribute__",
        "__getattr__",
        "__format__",
        "__hash__",
        "__eq__",
    ),
    *("__bool__", "__getitem__", "__contains__", "__next__", "__int__", "__index__", "__float__", "__array__"),
]


class HostileMeta(type):
    """A class whose every attribute is a trap."""

    __name__ = property(boom)
    __module__ = property(boom)
    __getattribute__ = boom
    __instancecheck__ = boom
    __eq__ = boom
    __hash__ = boom


def hostile(*bases):
    """Make a class whose methods and properties all fail when they are called."""
    members = dict.fromkeys(HOSTILE, boom) | dict.fromkeys(
        ["__class__", "shape", "dtype", "name", "columns"], property(boom)
    )
    return type("Point", bases, members)


class Colour(enum.Enum):
    """An enum that prints itself."""

    RED = 1
    __repr__ = __str__ = boom


class Pair(NamedTuple):
    """A tuple with names is a type of the user's."""

    a: int
    b: int


SELF_LIST: list = [1]
SELF_LIST.append(SELF_LIST)
SELF_DICT: dict = {}
SELF_DICT["me"] = SELF_DICT


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((None, "None"), (True, "True"), (3, "3"), (1.5, "1.5"), (2j, "2j"), (..., "Ellipsis"), ("abc", "'abc'")),
        *(
            (b"\x00a", "b'\\x00a'"),
            (bytearray(b"a"), "bytearray(b'a')"),
            ([], "[]"),
            ((), "()"),
            ((1,), "(1,)"),
            ({}, "{}"),
        ),
        *(([1, (2, "x")], "[1, (2, 'x')]"), ({1}, "{1}"), (set(), "set()"), (frozenset(), "frozenset()")),
        *((frozenset({1}), "frozenset({1})"), ({"a": [1]}, "{'a': [1]}"), (range(3), "range(0, 3, 1)")),
        *((int, "<class int>"), (Pair, "<class Pair>"), (Pair(1, 2), "<Pair>"), (OrderedDict(a=1), "<OrderedDict>")),
        *((boom, "<function boom>"), (len, "<function len>"), (sys, "<module sys>"), (object(), "<object>")),
        *((lambda: 0, "<function <lambda>>"), (Colour.RED, "<Colour.RED>"), (10**5000, "<int of 16610 bits>")),
        *((SELF_LIST, "[1, [1, [1, [1, […]]]]]"), (SELF_DICT, "{'me': {'me': {'me': {'me': {…}}}}}")),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_builtin_values(value, text):
    """Exact built-in types are written out; everything else is the name of its type."""
    assert summarise(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((10, 10)), "ndarray(float64, 10x10)"),
        (np.array(1), "ndarray(int64, 0-d)"),
        (np.zeros(3, dtype="i4,f8"), "ndarray(structured, 3)"),
        (np.ma.zeros(3), "MaskedArray(float64, 3)"),
        (np.float64(1.5), "1.5"),
        (np.bool_(1), "True"),
        (np.longdouble(1), "<longdouble>"),
        (pd.DataFrame({"a": range(1000)}), "DataFrame(1000 x 1)"),
        (pd.Series([1.0]), "Series(float64, 1)"),
        (pl.DataFrame({"a": [1], "b": [2]}), "DataFrame(1 x 2)"),
        (pl.Series([1]), "Series(Int64, 1)"),
        (pa.table({"a": [1, 2]}), "Table(2 x 1)"),
        (Image.new("RGB", (3, 4)), "Image(RGB, 3x4)"),
        (dt.date(2020, 1, 2), "date(2020-01-02)"),
        (dt.datetime(2020, 1, 2, tzinfo=dt.UTC), "datetime(2020-01-02T00:00:00+00:00)"),
        (dt.datetime(2020, 1, 2, tzinfo=zoneinfo.ZoneInfo("Asia/Tokyo")), "datetime(2020-01-02T00:00:00+09:00)"),
        (dt.timedelta(days=1), "timedelta('1 day, 0:00:00')"),
        (decimal.Decimal("1.10"), "Decimal('1.10')"),
        (uuid.UUID(int=1), "UUID('00000000-0000-0000-0000-000000000001')"),
        (pathlib.PurePosixPath("/a"), "<PurePosixPath>"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_library_values(value, text):
    """Arrays and tables are written as type, dtype and shape, well-known scalars as text."""
    assert summarise(value) == text


def test_paths_are_named_without_their_flavour():
    """A path reads the same on every system."""
    assert summarise(pathlib.Path("data.csv")) == "Path('data.csv')"


@pytest.mark.parametrize(
    "base", [(), (str,), (int,), (list,), (dict,), (set,), (bytes,), (np.ndarray,), (pd.DataFrame,)], ids=str
)
def test_nothing_of_the_users_is_run(base):
    """Subclasses, even of known types, are named and left alone, alone and inside containers."""
    kind = hostile(*base)
    point = object.__new__(kind) if not base else base[0].__new__(kind, *([(2,)] if base == (np.ndarray,) else []))
    assert summarise(point) == "<Point>"
    assert summarise([point, (point,), {1: point}]) == "[<Point>, (<Point>,), {1: <Point>}]"
    assert summarise_call({"p": point, "password": point}) == f"p=<Point>, password={MASK}"


def test_metaclasses_are_not_run():
    """A class that answers for its own name is not asked."""
    kind = HostileMeta("Trap", (), {})
    assert summarise(kind) == "<class Trap>"
    assert summarise(object.__new__(kind)) == "<Trap>"


def test_users_tzinfo_is_not_asked():
    """The text of an aware time would call the user's utcoffset."""
    zone = type("Zone", (dt.tzinfo,), {"utcoffset": boom, "__repr__": boom})()
    assert summarise(dt.datetime(2020, 1, 1, tzinfo=zone)) == "<datetime>"


def test_impostors_are_not_taken_for_arrays():
    """A class that claims to be numpy's is not read like numpy's."""
    fake = type("ndarray", (), {"__module__": "numpy", "shape": property(boom), "dtype": property(boom)})
    assert summarise(fake()) == "<ndarray>"


def test_class_names_that_do_not_print_are_left_out():
    """A type name with a line break does not break the line."""
    assert summarise(type("a\nb", (), {})()) == "<object>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a" * 100, "'aaaaaaaaaaaaaaaaa…'"),
        ("\ud800" * 9, "'\\ud800\\ud800…'"),
        ("\x1b[0m\n\u202e", "'\\x1b[0m\\n\\u202e'"),
        ("it's", '"it\'s"'),
        (b"\x00" * 100, "b'\\x00\\x00\\x00\\x00…'"),
        (list(range(1000)), "[0, 1, … 1000 items]"),
        (["x" * 50, "y"], "['xxxx…', 'y']"),
        ({"k" * 50: 1}, "{'kkkkk…': 1}"),
    ],
)
def test_long_and_unprintable_text_is_cut_between_characters(value, text):
    """Texts end with an ellipsis inside their quotes, and never in the middle of an escape."""
    assert summarise(value, limit=20) == text
    assert len(text) <= 20


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(JSON_LIKE, st.integers(8, 100))
def test_every_preview_fits_and_prints(value, limit):
    """Any value gives one printable line within the limit, that can be written as UTF-8."""
    text = summarise(value, limit)
    assert 0 < len(text) <= limit
    assert text.isprintable()
    text.encode()


@given(st.dictionaries(st.sampled_from(["a", "text", "api_key", "number_of_things"]), JSON_LIKE), st.integers(20, 200))
def test_every_call_preview_fits(values, limit):
    """Arguments together stay within the limit too."""
    assert len(summarise_call(values, limit)) <= limit


def test_huge_values_cost_no_more_than_small_ones():
    """Only as many elements are touched as the text has room for."""
    touched = []

    class Counted:
        def __class_getitem__(cls, _):
            touched.append(1)

    for huge in ("x" * 10**7, list(range(10**6)), dict.fromkeys(range(10**5)), [[[Counted()] * 10**5] * 10] * 10**5):
        assert len(summarise(huge)) <= 60
    assert not touched


def test_nesting_does_not_multiply():
    """A container of containers of containers is still bounded by the room."""
    value = "x"
    for _ in range(60):
        value = [value] * 60
    assert summarise(value) == "[[[[[…], … 60 items], … 60 items], … 60 items], … 60 items]"


def test_container_that_another_thread_changes_is_named():
    """A preview is best effort: it never raises."""
    shared = dict.fromkeys(range(50))
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            shared.pop(next(iter(shared)))
            shared[object()] = None

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        texts = {summarise(shared, 400) for _ in range(300)}
    finally:
        stop.set()
        thread.join()
    assert all(text == "<dict>" or text.startswith("{") for text in texts)


def test_calls_read_like_calls():
    """The arguments of a call in one line, each of them short, cut as a whole where there are many."""
    values = {"text": "abc" * 50, "n": 3, "df": pd.DataFrame({"a": [1]}), "a": np.zeros((2, 2))}
    assert summarise_call(values).endswith("…', n=3, df=DataFrame(1 x 1), a=ndarray(float64, 2x2)")
    assert summarise_call({}) == ""
    assert summarise_call({"first": 1, "second": "x" * 50}, limit=20) == "first=1, second='xx…"
    assert summarise_call({"first": 1, "second": 2}, limit=12) == "first=1, …"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *(("password", True), ("db_passwd", True), ("API_KEY", True), ("apikey", True), ("openai-api-key", True)),
        *(("token", True), ("accessToken", True), ("client_secret", True), ("Authorization", True)),
        *(
            ("aws_credentials", True),
            ("private_key", True),
            ("text", False),
            ("key", False),
            ("author", False),
            ("n", False),
        ),
    ],
)
def test_names_of_secrets(name, secret):
    """What is called like a secret is one."""
    assert is_secret(name, "x") is secret
    assert (MASK in summarise_call({name: "hunter2"})) is secret
    assert ("hunter2" in summarise_call({name: "hunter2"})) is not secret
    assert ("hunter2" in summarise({"outer": {name: "hunter2"}})) is not secret


def test_numbers_of_tokens_are_no_secrets():
    """The commonest parameter of a language model stays readable; tokens that are text do not."""
    assert summarise_call({"max_tokens": 256, "access_tokens": ["a"], "token": None, "pin_token": 1234}) == (
        f"max_tokens=256, access_tokens={MASK}, token=None, pin_token={MASK}"
    )


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgres://user:pw@host/db", f"'postgres://user:{MASK}@host/db'"),
        ("https://h/x?api_key=abc&b=1", f"'https://h/x?api_key={MASK}&b=1'"),
        ("http://localhost:8080/x", "'http://localhost:8080/x'"),
        ("postgres://user:" + "x" * 100 + "@h", f"'postgres://user:{MASK}…'"),
        ("s3://bucket/key", "'s3://bucket/key'"),
    ],
)
def test_secrets_inside_urls_are_masked(url, text):
    """Passwords and keys in addresses do not reach lists, not even when the text is cut before the at sign."""
    assert summarise(url) == text


def test_nothing_is_imported():
    """Previews need no library that the program does not use."""
    code = "import sys, beautyspot.preview as p; p.summarise([1, object()]); print('numpy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"


def test_exceptions_run_no_code():
    """An exception is written as its repr would be, without the repr of what it carries."""

    class Carried:
        def __repr__(self):
            raise RuntimeError

    class Failure(Exception):
        def __str__(self):
            raise RuntimeError

    assert summarise_error(ValueError("no", 1)) == "ValueError('no', 1)"
    assert summarise_error(Failure(Carried())) == "Failure(<Carried>)"
    assert len(summarise_error(ValueError("x" * 1000))) == 200
