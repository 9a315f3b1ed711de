"""Which handler takes which type, and which library a tag belongs to.

A library's handlers are imported when one of its types is met while encoding (the library is loaded then) or when a tag
of its range is met while decoding. The names of these modules are constants of this file, never taken from data.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from beautyspot.codecs import containers, pickled, tags
from beautyspot.codecs.state import DecodeFn, EncodeFn
from beautyspot.errors import DecodeError

__all__ = ["builtin_decoder", "builtin_encoder"]


class _Library(NamedTuple):
    handlers: str  # module of this package
    distribution: str  # what pip installs


class _Handlers(Protocol):
    """What a module of handlers has."""

    DECODERS: Mapping[int, DecodeFn]

    def find(self, cls: type) -> EncodeFn | None:
        """Return the handler of exactly this class."""


_STDLIB = _Library("stdlib", "Python itself")
_CLASSES = _Library("classes", "Python itself")
_LIBRARIES: dict[str, _Library] = {
    **dict.fromkeys(
        ("datetime", "decimal", "fractions", "uuid", "pathlib", "re", "ipaddress", "zoneinfo", "types", "array"),
        _STDLIB,
    ),
    "numpy": _Library("arrays", "numpy"),
    "pandas": _Library("pandas_frames", "pandas"),
    "polars": _Library("polars_frames", "polars"),
    "pyarrow": _Library("arrow", "pyarrow"),
    "PIL": _Library("image", "pillow"),
    "scipy": _Library("sparse", "scipy"),
    "pytz": _Library("zones", "pytz"),
    "dateutil": _Library("dateutil_zones", "python-dateutil"),
}
_BY_TAG: dict[int, _Library] = {
    tags.NUMPY: _LIBRARIES["numpy"],
    tags.PANDAS: _LIBRARIES["pandas"],
    tags.POLARS: _LIBRARIES["polars"],
    tags.ARROW: _LIBRARIES["pyarrow"],
    tags.PILLOW: _LIBRARIES["PIL"],
    tags.SCIPY: _LIBRARIES["scipy"],
    tags.PYTZ: _LIBRARIES["pytz"],
    tags.DATEUTIL: _LIBRARIES["dateutil"],
}

_encoders: dict[type, EncodeFn] = dict(containers.ENCODERS)
_decoders: dict[int, DecodeFn] = {**containers.DECODERS, tags.PICKLE: pickled.decode}


def builtin_encoder(cls: type) -> EncodeFn | None:
    """Return the handler of exactly this class, or None."""
    found = _encoders.get(cls)
    if found is None:
        library = _LIBRARIES.get(cls.__module__.partition(".")[0])
        if library is not None:
            found = _load(library).find(cls)
            if found is not None:
                _encoders[cls] = found
    return found


def builtin_decoder(tag: int) -> DecodeFn:
    """Return the handler of a tag.

    Raises:
        DecodeError: The tag is unknown, or its library is not installed.
    """
    found = _decoders.get(tag)
    if found is None:
        if tag < tags.ENUM:
            library = _STDLIB
        elif tag < tags.NUMPY:
            library = _CLASSES
        else:
            library = _BY_TAG.get(tag & ~15, _CLASSES)
        _load(library)
        found = _decoders.get(tag)
        if found is None:
            raise DecodeError(f"stored data has the type number {tag}, which this beautyspot does not know: upgrade it")
    return found


def _load(library: _Library) -> _Handlers:
    try:
        handlers: _Handlers = importlib.import_module(f"beautyspot.codecs.{library.handlers}")
    except ImportError as error:
        raise DecodeError(
            f"the stored value needs {library.distribution}: pip install {library.distribution}"
        ) from error
    for tag, decode in handlers.DECODERS.items():
        _decoders.setdefault(tag, decode)
    return handlers
