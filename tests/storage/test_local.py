"""The folder of blobs: files, mappings, crashes and other programs."""

from __future__ import annotations

import mmap
import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from beautyspot.errors import (
    BlobMissingError,
    ConfigurationError,
    CorruptEntryError,
    ReadOnlyStoreError,
    StoreError,
)
from beautyspot.storage import LocalStorage, buffers, publish
from beautyspot.storage import local as module

BIG = 1 << 20


def path_of(storage: LocalStorage, location: str) -> Path:
    return Path(storage.base_dir, location)


def python(code: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_constructor_makes_nothing(tmp_path):
    """The folder appears with the first blob."""
    storage = LocalStorage(tmp_path / "a" / "b")
    assert list(storage.scan()) == []
    assert storage.sweep() == 0
    assert not (tmp_path / "a").exists()
    storage.put([b"x"])
    assert (tmp_path / "a" / "b").is_dir()


def test_relative_folder_is_taken_at_construction(tmp_path, monkeypatch):
    """A later change of the current directory does not move the cache."""
    monkeypatch.chdir(tmp_path)
    storage = LocalStorage("blobs")
    monkeypatch.chdir("/")
    storage.put([b"x"])
    assert storage.label == str(tmp_path / "blobs")
    assert len(list(LocalStorage(tmp_path / "blobs").scan())) == 1


def test_home_is_expanded(tmp_path, monkeypatch):
    """A tilde means the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert LocalStorage("~/cache").label == str(tmp_path / "cache")


@pytest.mark.parametrize("folder", ["", " ", "a\0b", b"bytes", None, 3, "s3://bucket/x", "memory:/x"])
def test_impossible_folders(folder):
    """What is no path of a folder is refused at construction."""
    with pytest.raises(ConfigurationError):
        LocalStorage(folder)


def test_storing_again_touches_nothing(local):
    """An intact blob is left alone, with its time and inode."""
    path = path_of(local, local.put([b"data"]))
    before = path.stat()
    local.put([b"data"])
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_files_have_ordinary_permissions(local):
    """A blob is as readable for others as the user's umask says: caches are shared."""
    umask = os.umask(0o022)
    try:
        path = path_of(local, local.put([b"data"]))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_durable_blob(tmp_path, monkeypatch):
    """With durable=True the file and its folder are flushed to the disk."""
    flushed = []
    real = os.fsync
    monkeypatch.setattr(publish.os, "fsync", lambda descriptor: (flushed.append(descriptor), real(descriptor)))
    storage = LocalStorage(tmp_path, durable=True)
    assert storage.get(storage.put([b"data"])) == b"data"
    assert len(flushed) == 2
    assert storage != LocalStorage(tmp_path)
    assert "durable" in repr(storage)


def test_large_blob_is_mapped_privately(local):
    """Loading a large blob copies nothing, and what the caller writes reaches neither the file nor other callers."""
    location = local.put([b"a" * BIG])
    mine, other = local.get(location), local.get(location)
    assert isinstance(mine.obj, mmap.mmap)
    mine[:5] = b"mine!"
    mine[-1:] = b"!"
    assert bytes(other[:5]) == b"aaaaa"
    assert path_of(local, location).read_bytes() == b"a" * BIG
    assert bytes(mine[:6]) == b"mine!a"


def test_deleted_and_replaced_files_leave_loaded_values_alone(local):
    """A value in use survives the eviction of its blob, and the blob can be stored again."""
    location = local.put([b"a" * BIG])
    held = local.get(location)
    local.delete(location)
    with pytest.raises(BlobMissingError):
        local.get(location)
    assert local.put([b"a" * BIG]) == location
    assert held == b"a" * BIG
    assert local.get(location) == held


def test_folder_deleted_under_a_running_process(local):
    """The whole cache may vanish: reads miss, writes make it anew."""
    import shutil

    location = local.put([b"data"])
    shutil.rmtree(local.base_dir)
    with pytest.raises(BlobMissingError):
        local.get(location)
    assert local.put([b"data"]) == location
    assert local.get(location) == b"data"


def test_digest_is_checked_once_per_file(local, monkeypatch):
    """Later loads of an unchanged file hash nothing; a rewritten file of the same size is hashed."""
    checked = []
    real = module.matches
    monkeypatch.setattr(module, "matches", lambda *a: (checked.append(a[0]), real(*a))[1])
    location = local.put([b"a" * BIG])
    for _ in range(3):
        local.get(location)
    assert checked == [location]
    path = path_of(local, location)
    path.write_bytes(b"b" * BIG)
    os.utime(path, ns=(0, 1_000_000_000))
    with pytest.raises(CorruptEntryError):
        local.get(location)


def test_what_was_checked_is_remembered_in_bounds(local, monkeypatch):
    """The memory of checked files does not grow without end."""
    monkeypatch.setattr(module, "_verified", {})
    monkeypatch.setattr(module, "_MOST_VERIFIED", 3)
    for n in range(10):
        local.get(local.put([bytes([n])]))
    assert len(module._verified) <= 3


def test_mappings_leave_files_to_the_program(local, monkeypatch):
    """Beyond a share of the open files allowed, blobs are read instead of mapped."""
    monkeypatch.setattr(buffers, "_map_limit", lambda: len(buffers._open_maps) if len(held) >= 2 else 10**6)
    location = local.put([b"a" * BIG])
    held = []
    for _ in range(4):
        held.append(local.get(location))  # noqa: PERF401 - the limit looks at the list while it grows
    always = sys.version_info >= (3, 13)  # there a mapping keeps no file open
    assert [isinstance(view.obj, mmap.mmap) for view in held] == [True, True, always, always]
    assert all(view == b"a" * BIG for view in held)


def test_network_file_systems_are_read(local, monkeypatch):
    """Nothing is mapped where a file can vanish under the mapping."""
    monkeypatch.setattr(module, "network_file_system", lambda path: "nfs4")
    location = local.put([b"a" * BIG])
    assert isinstance(local.get(location).obj, bytearray)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_damage(local, kind):
    """A folder or pipe in a blob's place is neither read nor waited for."""
    location = local.put([b"data"])
    path = path_of(local, location)
    path.unlink()
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(CorruptEntryError, match="not a file"):
        local.get(location)


def test_symbolic_links_do_not_lead_out(local, tmp_path):
    """A link in the folder that points elsewhere is not followed, whatever it holds."""
    location = local.put([b"data"])
    path, outside = path_of(local, location), tmp_path / "outside.blob"
    path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(StoreError, match="leads out"):
        local.get(location)
    with pytest.raises(StoreError, match="leads out"):
        local.delete(location)
    (Path(local.base_dir) / "old.bin").symlink_to(outside)
    for name in ("old.bin", str(Path(local.base_dir) / "old.bin")):
        with pytest.raises(StoreError, match="leads out"):
            local.load(name)
    assert outside.read_bytes() == b"data"


def test_linked_folder_works(tmp_path):
    """The folder itself may be reached through a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    storage = LocalStorage(tmp_path / "link")
    location = storage.put([b"data"])
    assert storage.load(location) == b"data"
    assert LocalStorage(tmp_path / "real").get(location) == b"data"
    storage.delete(location)


def test_read_only_folder(local, monkeypatch):
    """A folder that cannot be written to says so, and is read all the same."""
    location = local.put([b"data"])

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(publish, "_create", refuse)
    with pytest.raises(ReadOnlyStoreError, match="writable"):
        local.put([b"more"])
    assert local.put([b"data"]) == location
    monkeypatch.setattr(module.os, "remove", refuse)
    with pytest.raises(ReadOnlyStoreError, match="owns"):
        local.delete(location)


def test_folder_that_is_a_file(tmp_path):
    """A file in the folder's place is named in the error."""
    (tmp_path / "file").write_bytes(b"")
    storage = LocalStorage(tmp_path / "file")
    with pytest.raises(StoreError, match="is a folder"):
        storage.put([b"data"])
    with pytest.raises(StoreError):
        list(storage.scan())


FULL_DISK = """
import os, resource, sys
from beautyspot.errors import StoreError
from beautyspot.storage import LocalStorage
storage = LocalStorage(sys.argv[1])
kept = storage.put([b"k" * 1000])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
try:
    storage.put([b"head", b"x" * 1_000_000])
except StoreError as error:
    print(error)
    print(type(error.__cause__).__name__)
print(bytes(storage.get(kept)) == b"k" * 1000)
print(sum(len(files) for _, _, files in os.walk(sys.argv[1])))
"""


def test_no_room_for_a_blob(tmp_path):
    """When the system refuses to write on, the error says how much was needed and nothing partial stays."""
    done = python(FULL_DISK, str(tmp_path / "blobs"))
    message, cause, kept, files = done.stdout.splitlines()
    assert "1000004 bytes were needed" in message
    assert str(tmp_path) in message
    assert (cause, kept, files) == ("OSError", "True", "1")


WRITER = """
import sys
from beautyspot.storage import LocalStorage
storage = LocalStorage(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for n in range(30):
    body = bytes([n]) * (300_000 + n)
    assert storage.get(storage.put([body])) == body
"""


def test_processes_that_write_the_same_content(tmp_path):
    """Writers of equal blobs in several processes all succeed and leave one file each."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.communicate(b"go\n", timeout=120)
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    storage = LocalStorage(tmp_path)
    assert sorted(size for _, size, _ in storage.scan()) == [300_000 + n for n in range(30)]
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 30


KILLED = """
import os, sys
from beautyspot.storage import LocalStorage, publish
real = publish._write
def die(descriptor, views):
    real(descriptor, [views[0][:1000]])
    os.kill(os.getpid(), 9)
publish._write = die
LocalStorage(sys.argv[1]).put([b"x" * 100_000])
"""


def test_killed_writer_leaves_no_blob(tmp_path):
    """A writer that is killed half way leaves a temporary file, which is no blob and is swept when it is old."""
    assert python(KILLED, str(tmp_path)).returncode == -9
    storage = LocalStorage(tmp_path)
    assert list(storage.scan()) == []
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(left) == 1
    modified = left[0].stat().st_mtime
    assert storage.sweep(now=modified + 3599) == 0
    assert storage.sweep(now=modified + 3601) == 1
    assert storage.get(storage.put([b"x" * 100_000])) == b"x" * 100_000


def test_sweep_leaves_other_files_alone(local):
    """Only this package's temporary files are removed."""
    location = local.put([b"data"])
    strangers = [path_of(local, location).with_name(name) for name in (".keep.tmp", "x.tmp", ".1-2.tmp")]
    for path in strangers:
        path.write_bytes(b"")
    assert local.sweep(0, now=1e12) == 0
    assert all(path.exists() for path in strangers)


def test_interrupted_write_leaves_nothing(local, monkeypatch):
    """Ctrl-C during a write removes the temporary file."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(publish, "_write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        local.put([b"data"])
    assert not [path for path in Path(local.base_dir).rglob("*") if path.is_file()]


def test_short_writes_are_continued(local, monkeypatch):
    """A system that takes only part of the buffers gets the rest in further calls."""
    real = os.writev
    monkeypatch.setattr(publish.os, "writev", lambda descriptor, views: real(descriptor, [views[0][:3]]))
    chunks = [b"ab", b"cdefghi", b"j"]
    assert local.get(local.put(chunks)) == b"abcdefghij"


@pytest.mark.parametrize("replaced", [True, False])
def test_replacing_a_mapped_file_where_that_is_refused(local, monkeypatch, replaced):
    """Windows refuses to replace a file in use: fine if it holds the same bytes, else an error."""
    real = os.replace

    def refuse(source, target):
        if replaced:
            real(source, target)
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(publish.os, "replace", refuse)
    if replaced:
        assert local.get(local.put([b"data"])) == b"data"
    else:
        with pytest.raises(ReadOnlyStoreError):
            local.put([b"data"])


FORKED = """
import os, sys
from beautyspot.storage import LocalStorage
storage = LocalStorage(sys.argv[1])
data = b"x" * 10_000_000
held = storage.get(storage.put([data]))
pid = os.fork()
if pid == 0:
    held[:1] = b"y"
    other = b"z" * 10_000_000
    os._exit(0 if storage.get(storage.put([other])) == other else 1)
print(os.waitpid(pid, 0)[1], held == data)
"""


def test_forked_child(tmp_path):
    """A child hashes, writes and reads, and its writes to inherited memory stay its own."""
    assert python(FORKED, str(tmp_path)).stdout.split() == ["0", "True"]


def test_readers_and_writers_meet(local):
    """Readers that race with deletion and re-storing see the whole blob or none."""
    body = b"r" * 400_000
    location = local.put([body])
    start = threading.Barrier(4)

    def read():
        start.wait()
        seen = 0
        for _ in range(60):
            try:
                assert local.get(location) == body
                seen += 1
            except BlobMissingError:
                pass
        return seen

    def churn():
        start.wait()
        for _ in range(60):
            local.delete(location)
            local.put([body])
        return 1

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(work) for work in (read, read, churn, churn)]
        assert all(result.result() for result in results[2:])
        assert [result.result() >= 0 for result in results[:2]] == [True, True]
    assert local.get(location) == body
