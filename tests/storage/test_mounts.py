"""Telling network file systems from local ones."""

from __future__ import annotations

import pytest

from beautyspot.storage.mounts import network_file_system

TABLE = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /data rw shared:2 - nfs4 server:/export rw,vers=4.2
31 30 0:26 / /data/fast rw - xfs /dev/vdb rw
32 22 0:27 / /mnt/with\040space rw - fuse.sshfs me@host: rw
33 22 0:28 / /shared rw - cifs //server/share rw
34 22 0:29 / /over rw - nfs server:/a rw
35 22 0:30 / /over rw - tmpfs tmpfs rw
""".lstrip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me", None),
        ("/data", "nfs4"),
        ("/data/cache/blobs", "nfs4"),
        ("/database", None),
        ("/data/fast/cache", None),
        ("/mnt/with space/x", "fuse.sshfs"),
        ("/shared/x", "cifs"),
        ("/over/x", None),
    ],
)
def test_kind_of_mount(tmp_path, path, kind):
    """The innermost mount decides, and the later of two on one folder."""
    table = tmp_path / "mountinfo"
    table.write_text(TABLE)
    assert network_file_system(path, str(table)) == kind


def test_without_a_table(tmp_path):
    """Where the kernel tells nothing, everything counts as local."""
    assert network_file_system("/", str(tmp_path / "none")) is None


def test_this_machine(tmp_path):
    """The real table can be read."""
    assert network_file_system(str(tmp_path)) in {None, "9p", "virtiofs", "nfs", "nfs4"}
