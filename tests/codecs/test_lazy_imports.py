"""Libraries are imported when one of their values is met, and never for other values."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from beautyspot.codecs import Codec, registry
from beautyspot.errors import DecodeError

HEAVY = "numpy pandas polars pyarrow PIL pydantic scipy decimal uuid zoneinfo ipaddress pickle"


def _run(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()


def test_plain_values_import_nothing():
    """The codec itself needs msgpack and a few small modules."""
    script = (
        "import sys; from beautyspot.codecs import Codec; c = Codec();"
        "c.decode(c.encode({'a': (1, {2}, 'x'), 3: bytearray(b'y')}));"
        f"print(*[name for name in {HEAVY.split()!r} if name in sys.modules])"
    )
    assert _run(script) == []


def test_decoding_a_library_value_imports_that_library():
    """A row that needs NumPy loads NumPy alone."""
    head = Codec().encode([np.arange(3)]).head
    script = (
        f"import sys; from beautyspot.codecs import Codec; value = Codec().decode_head({head!r});"
        "print(type(value[0]).__name__, 'pandas' in sys.modules)"
    )
    assert _run(script) == ["ndarray", "False"]


def test_missing_library_is_named(monkeypatch):
    """The error says what to install."""
    payload = Codec().encode(pd.Series([1]))
    monkeypatch.setattr(registry, "_decoders", {})
    monkeypatch.setitem(sys.modules, "beautyspot.codecs.pandas_frames", None)
    with pytest.raises(DecodeError, match="pip install pandas"):
        Codec().decode(payload)
