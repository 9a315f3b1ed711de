"""What is configured outside the program: environment variables and the project's ``pyproject.toml``.

Precedence: arguments, then environment, then the ``[tool.beautyspot]`` table, then defaults. The table is read from the
nearest ``pyproject.toml`` at or above the current directory.

======================  ==================  =================================================
Environment             Table key           Meaning
======================  ==================  =================================================
``BEAUTYSPOT_MODE``     ``mode``            on, off, refresh, frozen or read-only
``BEAUTYSPOT_HOME``     ``home``            directory of databases and blobs
``BEAUTYSPOT_STRICT``   ``strict``          whether cache problems raise instead of warn
..                      ``offload_threshold``  size above which a result goes to blob storage
======================  ==================  =================================================
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from beautyspot.errors import ConfigurationError, UnitError
from beautyspot.units import byte_count

__all__ = [
    "DEFAULT_OFFLOAD_THRESHOLD",
    "MODES",
    "WORKSPACE_NAME",
    "Config",
    "Mode",
    "load_config",
    "parse_mode",
    "prepare_workspace",
    "workspace",
]

Mode = Literal["on", "off", "refresh", "frozen", "read-only"]
"""What calls do: look up, run and store; only run; run and store anew; only look up; look up, run and store nothing."""

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
DEFAULT_OFFLOAD_THRESHOLD: Final = 128 * 1024
WORKSPACE_NAME: Final = ".beautyspot"

_KEYS: Final = ("home", "mode", "strict", "offload_threshold")
_MARKERS: Final = (WORKSPACE_NAME, "pyproject.toml", ".git", "setup.cfg", "setup.py")
_TRUTH: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration that holds where a program says nothing itself.

    Attributes:
        home: Directory of databases and blobs, absolute; None means: of the project (see `workspace`).
        mode: What calls do.
        strict: Whether cache problems raise instead of warn.
        offload_threshold: Bytes above which a result goes to blob storage.
    """

    home: Path | None = None
    mode: Mode = "on"
    strict: bool = False
    offload_threshold: int = DEFAULT_OFFLOAD_THRESHOLD


def load_config(
    start: Path | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    mode: str | None = None,
    strict: bool | None = None,
    offload_threshold: str | int | None = None,
) -> Config:
    """Work the configuration out.

    Args:
        start: Directory to search from; the current one by default.
        home: Overrides everything, as do the following ones.
        mode: One of `MODES`.
        strict: True or False.
        offload_threshold: Bytes, or a size such as ``"64 KiB"``.

    Returns:
        The configuration, complete.

    Raises:
        ConfigurationError: A key is unknown or a value is wrong; the message names the file or variable.

    Example:
        >>> load_config(mode="frozen").mode
        'frozen'
    """
    arguments = {"home": home, "mode": mode, "strict": strict, "offload_threshold": offload_threshold}
    config = _apply(Config(), _project_table(start), start)
    config = _apply(config, _environment(os.environ), start)
    return _apply(
        config, {key: (value, f"argument {key}") for key, value in arguments.items() if value is not None}, start
    )


def workspace(start: Path | None = None) -> Path:
    """Return the directory of databases and blobs, whether it exists or not.

    It is the same for a notebook in a sub-directory and for a script at the top of one project: the configured home,
    or ``.beautyspot`` in the nearest directory at or above `start` that has one already or is the top of a project
    (``pyproject.toml``, ``.git``, ``setup.cfg``, ``setup.py``), or else in `start` itself. The user's home directory
    and the root of the file system are not taken for projects.

    Args:
        start: Directory to search from; the current one by default.

    Raises:
        ConfigurationError: The configuration is wrong, or the current directory does not exist.
    """
    home = load_config(start).home
    if home is not None:
        return home
    first = _start(start)
    for place in _upwards(first):
        if any(_exists(place / marker) for marker in _MARKERS):
            return place / WORKSPACE_NAME
    return first / WORKSPACE_NAME


def prepare_workspace(home: Path) -> None:
    """Make the directory of databases and blobs, and keep its content out of version control."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".gitignore").open("x", encoding="utf-8") as file:
            file.write("*\n")
    except OSError:  # it is there already, or the place is read-only: then the stores say so when they are used
        return


def parse_mode(value: object, where: str = "mode") -> Mode:
    """Check a mode.

    Args:
        value: What was given; letter case and ``_`` for ``-`` are forgiven.
        where: Where it was given, as the subject of a sentence.

    Raises:
        ConfigurationError: There is no such mode.
    """
    text = value.strip().lower().replace("_", "-") if isinstance(value, str) else value
    if text not in MODES:
        raise ConfigurationError(f"{where} is {value!r}: expected one of {', '.join(MODES)}")
    return text


def _environment(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    names = {key: f"BEAUTYSPOT_{key.upper()}" for key in ("home", "mode", "strict")}
    found = {key: (environ.get(name, "").strip(), f"environment variable {name}") for key, name in names.items()}
    return {key: (value, where) for key, (value, where) in found.items() if value}


def _project_table(start: Path | None) -> dict[str, tuple[object, str]]:
    """Read the table of the nearest pyproject.toml, relative homes resolved against its directory."""
    try:
        first = _start(start)
    except ConfigurationError:  # the directory is gone: environment and arguments may still say all that is needed
        return {}
    for place in _upwards(first):
        file = place / "pyproject.toml"
        if _exists(file):
            table = _read_table(file)
            home = table.get("home")
            if isinstance(home, str) and home.strip():
                table["home"] = str(place / Path(home.strip()).expanduser())
            return {key: (value, f"{key} in [tool.beautyspot] of {file}") for key, value in table.items()}
    return {}


def _read_table(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error
    # Most projects say nothing of beautyspot: they need not pay for a TOML parser, nor for what others broke.
    if "beautyspot" not in text:
        return {}
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is no valid TOML: {error}") from error
    tool = document.get("tool", {})
    table = tool.get("beautyspot", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"tool.beautyspot in {file} is no table: write [tool.beautyspot]")
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise ConfigurationError(
            f"[tool.beautyspot] of {file} has an unknown key {unknown[0]!r}: there are {', '.join(_KEYS)}"
        )
    return dict(table)


def _apply(config: Config, given: Mapping[str, tuple[object, str]], start: Path | None) -> Config:
    changes: dict[str, Any] = {}
    for key, (value, where) in given.items():
        if key == "home":
            changes[key] = _home(value, where, start)
        elif key == "mode":
            changes[key] = parse_mode(value, where)
        elif key == "strict":
            changes[key] = _truth(value, where)
        else:
            changes[key] = _size(value, where)
    return replace(config, **changes) if changes else config


def _home(value: object, where: str, start: Path | None) -> Path:
    if not isinstance(value, (str, os.PathLike)) or not str(value).strip():
        raise ConfigurationError(f"{where} is {value!r}: expected the path of a directory")
    try:
        path = Path(value).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(f"{where} is {value!r}: {error}") from error
    path = path if path.is_absolute() else _start(start) / path
    if path.is_file():
        raise ConfigurationError(f"{where} is {str(path)!r}: that is a file, expected a directory")
    return Path(os.path.normpath(path))


def _truth(value: object, where: str) -> bool:
    known = value if isinstance(value, bool) else _TRUTH.get(value.lower()) if isinstance(value, str) else None
    if known is None:
        raise ConfigurationError(f"{where} is {value!r}: expected true or false")
    return known


def _size(value: object, where: str) -> int:
    try:
        return byte_count(cast("str", value))
    except UnitError as error:
        raise ConfigurationError(f"{where} is {value!r}: expected {error.expected}") from None


def _start(start: Path | None) -> Path:
    if start is not None:
        return Path(os.path.abspath(start))  # noqa: PTH100  # resolve() would follow links out of the project
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise ConfigurationError("the current directory no longer exists: set BEAUTYSPOT_HOME") from error


def _upwards(first: Path) -> Iterator[Path]:
    """Yield a directory and those above it, without the user's home and the root of the file system."""
    tops = {Path(first.anchor)}
    try:
        home = Path.home()
        tops |= {home, home.resolve()}
    except (OSError, RuntimeError):  # an account without a home
        pass
    for place in (first, *first.parents):
        if place in tops:
            return
        yield place


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a directory that may not be looked into
        return False
