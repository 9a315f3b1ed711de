"""The number of every built-in type in stored data.

A number is never given to another type: old rows must stay readable.

All built-ins share msgpack's extension code `EXT_CODE`; the codes below it are the users'. The first byte of the
extension's data is the tag, the rest is the handler's own.
"""

from __future__ import annotations

__all__: list[str] = []

EXT_CODE = 127

# Containers and what msgpack itself would decay
TUPLE = 1
SET = 2
FROZENSET = 3
BIG_INT = 4
BYTEARRAY = 5
LARGE_BYTES = 6
COMPLEX = 7
RANGE = 8
SLICE = 9
SINGLETON = 10
ORDERED_DICT = 11
DEFAULT_DICT = 12
COUNTER = 13
DEQUE = 14
NAMESPACE = 15

# Standard library values
DATETIME = 16
DATE = 17
TIME = 18
TIMEDELTA = 19
TIMEZONE = 20
ZONEINFO = 21
DECIMAL = 22
FRACTION = 23
UUID = 24
PATH = 25
PATTERN = 26
ADDRESS = 27
ARRAY = 28

# Classes of the user
ENUM = 32
NAMED_TUPLE = 33
INSTANCE = 34
MODEL = 35
PICKLE = 36

# Libraries: sixteen numbers each, so that a tag names the library
NUMPY = 64
PANDAS = 80
POLARS = 96
ARROW = 112
PILLOW = 128
SCIPY = 144
PYTZ = 160
DATEUTIL = 176
