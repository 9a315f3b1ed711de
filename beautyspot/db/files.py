"""Facts about a database file that SQLite does not tell: what it is, where it lies, how to name it in a URI."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from beautyspot.errors import SpotWarning

__all__ = ["Identity", "has_content", "identity", "is_path", "network_filesystem", "uri", "warn_if_remote", "writable"]

Identity = tuple[int, int]
"""Device and inode: two names, or one name at two times, are one file if these are equal."""

_NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb3", "smbfs", "afs", "9p", "ncpfs", "drvfs", "vboxsf", "vmhgfs", "prl_fs"}
    | {"lustre", "gpfs", "beegfs", "ceph", "glusterfs", "pvfs2", "ocfs2", "davfs"}
    | {f"fuse.{kind}" for kind in ("sshfs", "s3fs", "gcsfuse", "rclone", "glusterfs", "ceph", "juicefs", "davfs")}
)
_MOUNTS = Path("/proc/mounts")
_warned: set[str] = set()


def identity(path: str) -> Identity | None:
    """Return which file `path` names now, or None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path costs more than the call itself, and every put comes here
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_path(text: str) -> bool:
    """Return whether the system can have a file of this name: no NUL, nothing beyond the file system's encoding."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def has_content(path: str) -> bool:
    """Return whether `path` is a file of at least one byte."""
    file = Path(path)
    return file.is_file() and file.stat().st_size > 0


def writable(path: str) -> bool:
    """Return whether this process may write `path` and make the files that SQLite keeps next to it."""
    if not os.access(Path(path).parent, os.W_OK | os.X_OK):
        return False
    return identity(path) is None or os.access(path, os.W_OK)


def uri(path: str, **options: str | int) -> str:
    """Return the ``file:`` URI of an absolute path, with SQLite's options.

    Example:
        >>> uri("/data/100%.db", mode="ro") if os.sep == "/" else "file:/data/100%25.db?mode=ro"
        'file:/data/100%25.db?mode=ro'
    """
    text = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    if sys.platform == "win32":
        text = "/" + text.replace("\\", "/")
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"file:{text}?{query}"


def network_filesystem(path: str, mounts: str) -> str | None:
    """Return the type of the network file system that holds `path`, or None.

    Args:
        path: Absolute, without symbolic links.
        mounts: Text in the format of ``/proc/mounts``.

    Example:
        >>> network_filesystem("/home/a/x.db", "srv:/home /home nfs4 rw 0 0")
        'nfs4'
    """
    longest, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:  # device, mount point, type
            continue
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(longest):  # a later mount on the same point hides the earlier one
            longest, kind = point, fields[2]
    return kind if kind in _NETWORK_TYPES else None


def warn_if_remote(path: str) -> None:
    """Warn, once per file, if `path` is on a file system whose locks SQLite cannot rely on."""
    path = os.path.realpath(path)
    if path in _warned:
        return
    try:
        kind = network_filesystem(path, _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:
        return  # not Linux: nothing is known, nothing is said
    if kind is not None:
        _warned.add(path)
        message = (
            f"{path} is on a network file system ({kind}), where SQLite can lose data when several machines write: "
            "put the database on a local disk"
        )
        warnings.warn(message, SpotWarning, stacklevel=2)
