"""Files that a run opens: what it read must be unchanged, and what it wrote must still be there.

An audit hook sees every ``open``, however it was reached. It is installed once, for the life of the process, and
looks at nothing unless a cell is being watched. Paths stay text, as the cell wrote them: a ``Path`` would drop ``./``
and cost time in the hook.
"""

# ruff: noqa: PTH100, PTH109, PTH110, PTH111, PTH112, PTH113, PTH116, PTH118, PTH119, PTH120, PTH123, PTH207, PTH208

from __future__ import annotations

import contextlib
import functools
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from blake3 import blake3

from beautyspot.keys.source_origin import is_library_file
from beautyspot_jupyter import asked
from beautyspot_jupyter.asked import Asked

__all__ = ["Dependency", "Watch", "file_state", "holds"]

Dependency = list[str]
"""``[kind, name, state]``: ``["read", path, digest]``, ``["written", path, digest]``, ``["listing", path, digest]``,
``["folder", path, ""]`` and those of `asked`. Other modules add ``["name", variable, digest]`` and
``["random", generator, digest]``."""

_GONE = "gone"
_CHUNK = 1 << 20
_WRITING = os.O_WRONLY | os.O_RDWR
_IMPORTERS = frozenset({"linecache", "tokenize", "inspect", "pkgutil", "importlib", "zipimport", "traceback"})
_active: list[Watch] = []
_installed = threading.Event()


@dataclass(slots=True)
class Watch:
    """What one run does to files. Use as a context manager.

    Attributes:
        private: Folders and files of the cache itself.
        read: Paths that were read, with their stamp at that moment.
        written: Paths that were created or overwritten.
        effects: Why the run should not be skipped.
    """

    private: tuple[str, ...] = ()
    read: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    written: dict[str, None] = field(default_factory=dict)
    folders: dict[str, None] = field(default_factory=dict)
    effects: dict[str, None] = field(default_factory=dict)
    started_in: str = ""
    others: frozenset[int] = frozenset()
    asked: Asked | None = None

    def __enter__(self) -> Self:
        if not _installed.is_set():
            _installed.set()
            sys.addaudithook(_hook)
        here = threading.get_ident()
        self.started_in = os.getcwd()
        self.others = frozenset(thread.ident or 0 for thread in threading.enumerate()) - {here}
        _active.append(self)
        self.asked = Asked(self._ignored)
        self.asked.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self.asked is not None:
            self.asked.__exit__()
        _active.remove(self)

    def mention(self, texts: Iterable[object]) -> None:
        """Texts any of which may name a file: those that do count as read (some libraries open files out of sight)."""
        for text in texts:
            try:
                path = os.fspath(text)  # type: ignore[call-overload]
                if isinstance(path, str) and os.path.isfile(path) and not self._ignored(path):
                    self.read.setdefault(path, _stamp(path))
            except (TypeError, ValueError, OSError):
                continue

    def dependencies(self) -> list[Dependency]:
        """What must hold for the result to count.

        Raises:
            ValueError: A file changed while it was used; the message is the reason not to store.
        """
        if self.asked is not None:
            self.mention(path for path in self.asked.touched if path not in self.written)
        found: list[Dependency] = []
        for path, stamp in self.read.items():
            if path in self.written:
                continue
            if stamp is None and not os.path.exists(path):
                found.append(["read", path, _GONE])
                continue
            if not os.path.exists(path) and _is_temporary(path):
                continue
            if _stamp(path) != stamp:
                raise ValueError(f"{os.path.basename(path)} changed while the cell ran")
            found.append(["read", path, file_state(path)])
        found += [["written", path, file_state(path)] for path in self.written if os.path.exists(path)]
        found += [["listing", path, state] for path, state in self.listed.items() if not self._made_inside(path)]
        found += [["folder", path, ""] for path in self.folders if os.path.isdir(path)]
        if self.asked is not None:
            known = {path for _, path, _ in found}
            for kind, name, state in self.asked.dependencies(known):
                if (
                    kind in {"stat", "status"}
                    and state != asked.GONE
                    and _is_temporary(name)
                    and not os.path.exists(name)
                ):
                    continue  # the run made it and removed it
                found.append([kind, name, state])
        return found

    def _made_inside(self, folder: str) -> bool:
        where = os.path.abspath(folder)
        return any(os.path.dirname(os.path.abspath(path)) == where for path in (*self.written, *self.folders))

    # events

    def on_open(self, path: str, mode: str | None, flags: int) -> None:
        """Note that a file is opened; arguments as those of the audit event."""
        if self._ignored(path) or os.path.isdir(path):  # O_TMPFILE opens a folder
            return
        if mode is not None:
            writes, appends = any(c in mode for c in "wax+"), "a" in mode or "+" in mode
        else:
            writes, appends = bool(flags & _WRITING), bool(flags & os.O_APPEND) or not flags & (os.O_TRUNC | os.O_EXCL)
        if not writes:
            if path not in self.written:
                self.read.setdefault(path, _stamp(path))
            return
        if path in self.read and not (_is_temporary(path) and self.read[path] is None):
            self.effects[f"it reads and writes {os.path.basename(path)}"] = None
        elif appends and path not in self.written and os.path.exists(path):
            self.effects[f"it changes {os.path.basename(path)}, which was there before"] = None
        self.written[path] = None

    def on_list(self, path: str) -> None:
        """Note that the names in a folder are read."""
        if not self._ignored(path) and path not in self.listed:
            self.listed[path] = _listing(path)

    def on_remove(self, path: str, folder: int = -1) -> None:
        """Note that a file or folder is removed; `folder` is the descriptor that the path is relative to, or -1."""
        if folder != -1:  # a path relative to an open folder, as shutil.rmtree uses
            made = [
                known for known in (*self.written, *self.folders) if os.path.basename(known) == os.path.basename(path)
            ]
            path = made[-1] if made else path
        if self._ignored(path):
            return
        if path in self.written:
            del self.written[path]
        elif path in self.folders:
            del self.folders[path]
        else:
            self.effects[f"it removes {os.path.basename(path)}"] = None

    def on_rename(self, source: str, target: str) -> None:
        """Note that a file is renamed."""
        if self._ignored(target):
            return
        if source in self.written:
            del self.written[source]
            self.written[target] = None
        else:
            self.effects[f"it renames {os.path.basename(source)}"] = None

    def _ignored(self, path: str) -> bool:
        where = os.path.abspath(path)
        if where.startswith(("/proc/", "/dev/", "/sys/")) or where.endswith((".pyc", ".pyi", ".so", ".pyd", ".ttf")):
            return True
        if where.startswith(_own_files_of_libraries()):
            return True
        return where.startswith(self.private) or is_library_file(where)


@functools.cache
def _own_files_of_libraries() -> tuple[str, ...]:
    """Where matplotlib, fontconfig and IPython keep caches and settings of their own."""
    home = os.path.expanduser("~")
    places = (
        ".cache/matplotlib",
        ".config/matplotlib",
        ".cache/fontconfig",
        ".ipython",
        ".jupyter",
        ".local/share/jupyter",
    )
    found = [os.path.join(home, *place.split("/")) for place in places]
    return (*found, *(os.environ[name] for name in ("MPLCONFIGDIR", "IPYTHONDIR") if os.environ.get(name)))


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _active or (event not in _EVENTS and event not in _EFFECTS):
        return
    watch = _active[-1]
    if threading.get_ident() in watch.others or _is_import(sys._getframe(1)):  # noqa: SLF001
        return
    with contextlib.suppress(Exception):  # an error would break the user's open(); what has no path is not followed
        _note(watch, event, args)


def _note(watch: Watch, event: str, args: tuple[Any, ...]) -> None:
    if event in _EFFECTS:
        watch.effects[_EFFECTS[event]] = None
        return
    path = args[0]
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if path is None and event in {"os.listdir", "os.scandir"}:
        path = "."
    if isinstance(path, str) and path:
        _EVENTS[event](watch, path, args)


_EFFECTS = {
    "os.chdir": "it changes the working directory",
    "subprocess.Popen": "it runs a program",
    "os.system": "it runs a program",
    "os.posix_spawn": "it runs a program",
    "os.exec": "it runs a program",
}


def _on_connect(watch: Watch, path: str, _: tuple[Any, ...]) -> None:
    if path != ":memory:":
        watch.on_open(path.removeprefix("file:").partition("?")[0], "r", 0)


_EVENTS: dict[str, Callable[[Watch, str, tuple[Any, ...]], None]] = {
    "open": lambda watch, path, args: watch.on_open(path, args[1], args[2]),
    "os.listdir": lambda watch, path, _: watch.on_list(path),
    "os.scandir": lambda watch, path, _: watch.on_list(path),
    "os.remove": lambda watch, path, args: watch.on_remove(path, args[1] if isinstance(args[1], int) else -1),
    "os.rmdir": lambda watch, path, args: watch.on_remove(path, args[1] if isinstance(args[1], int) else -1),
    "os.rename": lambda watch, path, args: watch.on_rename(path, os.fsdecode(args[1])),
    "os.mkdir": lambda watch, path, _: watch.folders.setdefault(path),
    "sqlite3.connect": _on_connect,
}


def _is_import(frame: Any) -> bool:
    """Whether the import system or the traceback machinery opens: code counts by its digest, not as a file."""
    for _ in range(3):
        if frame is None:
            return False
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] in _IMPORTERS or frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _is_temporary(path: str) -> bool:
    return os.path.abspath(path).startswith(os.path.realpath(tempfile.gettempdir()))


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size


def file_state(path: str) -> str:
    """Digest of a file's content, or a word for a file that is not there."""
    try:
        with open(path, "rb") as file:
            hasher = blake3(max_threads=blake3.AUTO)
            while chunk := file.read(_CHUNK):
                hasher.update(chunk)
    except OSError:
        return _GONE
    return hasher.hexdigest(24)


def _listing(path: str) -> str:
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return _GONE
    return blake3("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest(24)


def holds(dependency: Dependency) -> bool:
    """Whether a dependency on a file or folder holds now."""
    kind, path, state = dependency
    if kind in {"read", "written"}:
        return file_state(path) == state
    if kind == "listing":
        return _listing(path) == state
    return os.path.isdir(path)


def state_of(dependency: Dependency) -> str:
    """The present state of what a dependency names."""
    kind, path, _ = dependency
    if kind in asked.KINDS:
        return asked.state_of(kind, path)
    if kind in {"read", "written"}:
        return file_state(path)
    return _listing(path) if kind == "listing" else str(os.path.isdir(path))


def changed_name(dependency: Dependency) -> str:
    """How to call a dependency that does not hold any more."""
    kind, path, _ = dependency
    return f"the files in {path}" if kind == "listing" else os.path.basename(path) or path


def expand(patterns: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield path and digest of every file that ``--dep`` names."""
    import glob

    for pattern in patterns:
        found = sorted(glob.glob(pattern, recursive=True)) if any(c in pattern for c in "*?[") else [pattern]
        for path in found:
            if os.path.isdir(path):
                yield path, _listing(path)
            else:
                yield path, file_state(path)
