"""Paths that beautyspot 1.x and 2.x stored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from beautyspot.errors import BlobMissingError, CorruptEntryError, StoreError
from beautyspot.storage import LocalStorage
from beautyspot.storage import local as module


def test_old_paths(tmp_path, monkeypatch):
    """Locations of 1.x and 2.x are read: absolute, relative to the current directory, or of a cache that was moved."""
    storage = LocalStorage(tmp_path / "new" / "blobs")
    Path(storage.base_dir).mkdir(parents=True)
    file = Path(storage.base_dir) / "0123abcd.bin"
    file.write_bytes(b"old")
    monkeypatch.chdir(tmp_path / "new")
    moved = ["/elsewhere/blobs/0123abcd.bin", "C:\\Users\\me\\blobs\\0123abcd.bin", ".beautyspot\\blobs\\0123abcd.bin"]
    relative = ["blobs/0123abcd.bin", "./blobs/0123abcd.bin", "../new/blobs/0123abcd.bin", "0123abcd.bin"]
    for location in [str(file), *relative, *moved, "\\\\server\\share\\0123abcd.bin"]:
        assert storage.load(location) == b"old"
    assert list(storage.scan()) == []
    with pytest.raises(BlobMissingError):
        storage.load("/elsewhere/blobs/ffff.bin")
    storage.delete("blobs/0123abcd.bin")
    storage.delete("blobs/0123abcd.bin")
    assert not file.exists()


def test_old_paths_do_not_lead_out(tmp_path, monkeypatch):
    """A file outside the folder is not read, also if it is called like a blob of 2.x."""
    (tmp_path / "secret.bin").write_bytes(b"secret")
    storage = LocalStorage(tmp_path / "blobs")
    storage.put([b"x"])
    monkeypatch.chdir(tmp_path / "blobs")
    for location in ("../secret.bin", str(tmp_path / "secret.bin"), "secret.bin", "../blobs/../secret.bin"):
        with pytest.raises(StoreError):
            storage.load(location)
        storage.delete(location)
    assert (tmp_path / "secret.bin").read_bytes() == b"secret"
    (tmp_path / "blobs-too").mkdir()
    (tmp_path / "blobs-too" / "x.bin").write_bytes(b"neighbour")
    with pytest.raises(StoreError):
        storage.load(str(tmp_path / "blobs-too" / "x.bin"))


@pytest.mark.parametrize(
    "location",
    ["/net/evil/share/x.bin", "\\\\evil\\share\\x.bin", "//evil/share/x.bin", "s3://evil/x.bin", "file:///etc/x.bin"],
)
def test_places_elsewhere_are_not_looked_at(tmp_path, monkeypatch, location):
    """A row that names a share or a server makes nobody connect to it: only its file name is looked up here."""
    storage = LocalStorage(tmp_path / "blobs")
    storage.put([b"x"])
    asked = []
    for name in ("realpath", "isfile", "lexists"):
        real = getattr(os.path, name)
        monkeypatch.setattr(module.os.path, name, lambda path, real=real: (asked.append(str(path)), real(path))[1])
    with pytest.raises(BlobMissingError):
        storage.load(location)
    assert asked
    assert [path for path in asked if not path.startswith(storage.base_dir)] == []


def test_link_to_the_folder(tmp_path):
    """A path that was stored under another name of the folder is found."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "0123.bin").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for folder in ("real", "link"):
        for stored in ("real", "link"):
            assert LocalStorage(tmp_path / folder).load(str(tmp_path / stored / "0123.bin")) == b"old"


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file(tmp_path, kind):
    """A pipe or folder that is called like an old blob is neither waited for nor read."""
    storage = LocalStorage(tmp_path)
    path = tmp_path / "0123.bin"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    for location in ("0123.bin", str(path), "/elsewhere/0123.bin"):
        with pytest.raises(CorruptEntryError, match="not a file"):
            storage.load(location)
