"""What every storage does: one suite over a folder, fsspec's file and memory systems, S3 and Google Cloud Storage."""

from __future__ import annotations

import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blake3 import blake3

from beautyspot.errors import BlobMissingError, CorruptEntryError, StoreError
from beautyspot.storage import Storage

LARGE = 20 << 20  # bytes; above every threshold of mapping, streaming and parallel hashing


def large(seed: int = 1) -> bytes:
    return blake3(bytes([seed])).digest(length=LARGE)


def test_follows_the_protocol(storage):
    """The class has every member that the engine calls."""
    assert isinstance(storage, Storage)


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 40, bytes(300_000)], ids=len)
def test_gives_back_what_was_put(storage, data):
    """The bytes come back, whatever their number."""
    assert bytes(storage.get(storage.put([data]))) == data


def test_joins_chunks(storage):
    """A blob is the concatenation of its chunks, of any buffer type; empty ones count for nothing."""
    words = memoryview(bytes(range(16))).cast("I")
    location = storage.put([b"head", bytearray(b"-"), memoryview(b""), words, *[b"."] * 2000])
    assert bytes(storage.get(location)) == b"head-" + bytes(range(16)) + b"." * 2000


def test_large_blob(storage):
    """A blob that is sent in parts comes back whole, twice."""
    data = large()
    location = storage.put([data[:7], data[7:]])
    assert storage.get(location) == data
    assert storage.put([data]) == location
    assert storage.get(location) == data


def test_location_is_made_of_the_content(storage):
    """Equal bytes have one location, however they are cut; others have another."""
    assert storage.put([b"ab", b"c"]) == storage.put([b"abc"])
    assert storage.put([b"abd"]) != storage.put([b"abc"])
    digest = blake3(b"abc").hexdigest()
    assert storage.put([b"abc"]) == f"{digest[:2]}/{digest}.blob"
    assert len(list(storage.scan())) == 2


@pytest.mark.parametrize("size", [100, 1 << 20])
def test_result_is_writable_and_private(storage, size):
    """The caller may write to what it got; the next caller sees the blob."""
    data = b"a" * size
    location = storage.put([data])
    view = storage.get(location)
    view[:3] = b"zzz"
    assert bytes(view[:4]) == b"zzza"
    assert storage.get(location) == data
    assert storage.load(location) == data


def test_missing_blob(storage):
    """A blob that does not exist is told from one that cannot be read."""
    location = storage.put([b"here"])
    storage.delete(location)
    with pytest.raises(BlobMissingError) as caught:
        storage.get(location)
    assert caught.value.location == location
    with pytest.raises(BlobMissingError):
        storage.load(location)


def test_delete_twice(storage):
    """Deleting what is gone is fine, also where nothing was ever put."""
    location = storage.put([b"here"])
    storage.delete(location)
    storage.delete(location)
    assert list(storage.scan()) == []


@pytest.mark.parametrize("damage", ["flipped", "truncated", "extended", "emptied"])
@pytest.mark.parametrize("size", [1000, 1 << 20])
def test_damaged_blob_is_noticed_and_healed(storage, rewrite, damage, size):
    """Other bytes than were stored are never returned, and storing the content again repairs the blob."""
    data = bytes(range(250)) * (size // 250)
    location = storage.put([data])
    assert storage.get(location) == data
    flipped = bytearray(data)
    flipped[size // 2] ^= 1
    bad = {"flipped": bytes(flipped), "truncated": data[:-1], "extended": data + b"x", "emptied": b""}[damage]
    rewrite(storage, location, bad)
    with pytest.raises(CorruptEntryError):
        storage.get(location)
    with pytest.raises(CorruptEntryError):
        storage.load(location)
    assert storage.put([data]) == location
    assert storage.get(location) == data


def test_damaged_large_blob_is_healed(storage, rewrite):
    """A damaged blob of the right size does not pass for stored."""
    data = large(2)
    location = storage.put([data])
    rewrite(storage, location, bytes(LARGE))
    with pytest.raises(CorruptEntryError):
        storage.get(location)
    storage.put([data])
    assert storage.get(location) == data


def test_scan(storage, rewrite):
    """Blobs are listed with size and time; files of others are not."""
    before = time.time()
    expected = {storage.put([bytes(n)]): n for n in range(1, 6)}
    first = next(iter(expected))
    for stranger in ("notes.txt", "ab/notes.blob", f"zz{first[2:]}", f"{first}.bak", "ab/.1-0123456789abcdef.tmp"):
        if hasattr(storage, "base_dir"):
            Path(storage.base_dir, stranger).parent.mkdir(exist_ok=True)
            Path(storage.base_dir, stranger).write_bytes(b"?")
        else:
            system, root = storage._files()
            if storage.url.startswith("file"):
                system.makedirs(f"{root}/{stranger}".rpartition("/")[0], exist_ok=True)
            rewrite(storage, stranger, b"?")
    found = list(storage.scan())
    assert {location: size for location, size, _ in found} == expected
    assert all(before - 60 < modified < time.time() + 60 for *_, modified in found)


def test_scan_of_nothing(storage):
    """A storage that was never written to has no blobs."""
    assert list(storage.scan()) == []


BAD = [
    "",
    "\0",
    "..",
    "../x.blob",
    "/etc/passwd",
    "etc/passwd",
    "C:\\Windows\\win.ini",
    "C:/Windows/win.ini",
    "\\\\server\\share\\x",
    "//server/share/x",
    "file:///etc/passwd",
    "ab/" + "ab" * 32,
    "ab/" + "ab" * 32 + ".blob\n",
    "ab/" + "AB" * 32 + ".blob",
    "cd/" + "ab" * 32 + ".blob",
    "ab\\" + "ab" * 32 + ".blob",
    "../ab/" + "ab" * 32 + ".blob",
    "/ab/" + "ab" * 32 + ".blob",
    "ab/../ab/" + "ab" * 32 + ".blob",
    "\ud800",
    "a\0b.bin",
    "nul\0/x.bin",
    ".bin",
    "x.bin:stream",
]


def test_foreign_locations_are_refused(storage):
    """Text that is no location of ours reaches no file."""
    storage.put([b"something"])
    for location in BAD:
        for call in (storage.get, storage.load, storage.delete):
            with pytest.raises(StoreError, match=r"is no |is neither|no path") as caught:
                call(location)
            assert not isinstance(caught.value, CorruptEntryError | BlobMissingError)
    assert len(list(storage.scan())) == 1


def test_legacy_names(storage):
    """`save` and `load` work as in 2.x; the location comes from the content."""
    location = storage.save("my-key", b"data")
    assert storage.load(location) == b"data"
    assert bytes(storage.get(location)) == b"data"
    assert location == storage.put([b"data"])


def test_pickle_and_equality(storage):
    """A storage is pickled as its configuration, also after use; the copy reads the same blobs."""
    location = storage.put([b"data"])
    copy = pickle.loads(pickle.dumps(storage))
    assert copy == storage
    assert hash(copy) == hash(storage)
    assert storage != "something else"
    assert bytes(copy.get(location)) == b"data"


def test_threads(storage):
    """Threads that write and read the same blobs at once all get what they should."""
    bodies = [bytes([n]) * 5000 for n in range(4)]
    start = threading.Barrier(8)

    def work(n):
        start.wait()
        return [bytes(storage.get(storage.put([body]))) == body for body in bodies[n % 4 :] + bodies[: n % 4]]

    with ThreadPoolExecutor(8) as pool:
        assert all(all(result) for result in pool.map(work, range(8)))
    assert len(list(storage.scan())) == 4


def test_label_names_the_place(storage):
    """The label is the path or URL, and so is the repr."""
    assert storage.label in repr(storage)
    assert storage.label
