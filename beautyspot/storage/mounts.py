"""Tells local file systems from those behind a network.

A mapped file of a network file system can vanish under the mapping (another machine deletes it, the server restarts),
and touching the memory then kills the process. Such files are read instead.
"""

from __future__ import annotations

import os
import re

__all__ = ["network_file_system"]

_NETWORK = frozenset(
    {"9p", "afs", "autofs", "beegfs", "ceph", "cifs", "davfs", "drvfs", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "ocfs2", "pvfs2", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"}
)
_OCTAL = re.compile(rb"\\([0-7]{3})")


def network_file_system(path: str, table: str = "/proc/self/mountinfo") -> str | None:
    """Return the type of the network file system that `path` is on, or None if it is on a local one.

    Args:
        path: A file or folder; it need not exist.
        table: The kernel's list of mounts. Where there is none every file system counts as local.

    Example:
        >>> network_file_system("/home/me/data", table="/no/such/table") is None
        True
    """
    try:
        with open(table, "rb") as file:  # noqa: PTH123 - importing pathlib takes longer than the rest of this module
            lines = file.read().splitlines()
    except OSError:
        return None
    real = os.fsencode(os.path.realpath(path)) + b"/"
    longest, found = -1, ""
    for line in lines:
        fields, _, kind = line.partition(b" - ")
        mount = _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), fields.split(b" ")[4]).rstrip(b"/") + b"/"
        # Of two mounts on one folder the later one covers the other.
        if real.startswith(mount) and len(mount) >= longest:
            longest, found = len(mount), kind.split(b" ")[0].decode()
    return found if found in _NETWORK or found.startswith("fuse.") else None
