"""The numbers that mark every type which msgpack cannot tell apart itself.

They are part of the key format: a number is never reused, and any change of what stands behind one raises `SCHEMA`.

All are negative. msgpack lets a program build `ExtType` objects with codes 0 to 127 only and keeps -1 for its
time stamps, so nothing that a caller passes can imitate a tagged value.
"""

from __future__ import annotations

from typing import Any

from msgpack import ExtType

__all__ = ["SCHEMA", "tagged"]

SCHEMA = 1
"""Version of the key format; part of every key."""

TUPLE = -2
BIG_INT = -3
BYTEARRAY = -4
MEMORYVIEW = -5
LARGE_BYTES = -6
SET = -7
FROZENSET = -8
COMPLEX = -9
DECIMAL = -10
FRACTION = -11
UUID = -12
PATH = -13
DATETIME = -14
DATE = -15
TIME = -16
TIMEDELTA = -17
TIMEZONE = -18
ZONEINFO = -19
RANGE = -20
SLICE = -21
SINGLETON = -22
ORDERED_DICT = -23
DEFAULT_DICT = -24
COUNTER = -25
DEQUE = -26
MAPPING_PROXY = -27
DICT_VIEW = -28
PATTERN = -29
ARRAY = -30
SENTINEL = -31
INFRASTRUCTURE = -32
CUSTOM = -33
LEFT_OUT = -34
AS_CALLED = -35
ENUM = -40
NAMED_TUPLE = -41
INSTANCE = -42
REDUCED = -43
CLASS = -44
FUNCTION = -45
LIBRARY_FUNCTION = -46
METHOD = -47
BUILTIN = -48
PARTIAL = -49
MODULE = -50
ALIAS = -51
DESCRIPTOR = -52
GLOBAL_NAME = -53
MARKED = -55
PYDANTIC = -56
CONTEXT_VARIABLE = -57
SET_INSTANCE = -58
NDARRAY = -60
NUMPY_SCALAR = -61
DTYPE = -62
MASKED_ARRAY = -63
SPARSE_MATRIX = -64
FRAME = -70
SERIES = -71
INDEX = -72
EXTENSION_ARRAY = -73
PANDAS_SCALAR = -74
POLARS_FRAME = -80
POLARS_SERIES = -81
POLARS_DTYPE = -82
POLARS_EXPRESSION = -87
ARROW_TABLE = -83
ARROW_ARRAY = -84
ARROW_SCALAR = -85
ARROW_SCHEMA = -86
IMAGE = -90

_new = tuple.__new__


def tagged(code: int, data: bytes) -> ExtType:
    """An msgpack extension with one of the codes of this file (the constructor of `ExtType` refuses negative ones)."""
    extension: Any = _new(ExtType, (code, data))
    return extension
