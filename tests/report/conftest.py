"""A small database with entries of many kinds, and a live stand-in for a Spot."""

from zlib import crc32

import pytest

from beautyspot.codecs import Codec, join
from beautyspot.db import MemoryTaskDB
from beautyspot.entry import Entry, StatsDelta
from beautyspot.storage import LocalStorage


class Shelf:
    """A database, a storage and a codec, with a short way to put values."""

    def __init__(self, folder):
        self.db, self.storage, self.codec = MemoryTaskDB(), LocalStorage(folder / "blobs"), Codec()
        self.number = 0

    def put(self, value, *, name="f", key=None, blob=False, known=None, **fields):
        self.number += 1
        key = key or f"{self.number:048x}"
        payload = self.codec.encode(value, known or {})
        data = b"".join(bytes(part) for part in join(payload))
        place = {"result_type": "SPOT_BLOB", "result_value": self.storage.put([data])} if blob else {
            "result_type": "SPOT_FRAMES", "result_data": data, "checksum": crc32(data)}  # fmt: skip
        facts = {"created_at": 1000.0 + self.number, "duration": 2.0, "size": len(data), **place, **fields}
        self.db.put(Entry(cache_key=key, func_name=name, **facts))
        return key


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


@pytest.fixture
def busy(shelf):
    """A shelf with thirty entries of two functions, and their statistics."""
    for i in range(30):
        shelf.put(
            f"value {i}", name="fetch" if i % 3 else "翻訳する", arguments=f"n={i}", tags=("odd",) if i % 2 else ()
        )
    shelf.db.touch([], [StatsDelta("fetch", 30, 10, 1, 60.0, 20.0), StatsDelta("翻訳する", 5, 5, 0, 10.0, 10.0)])
    return shelf


class LiveStub:
    """What a view asks of a Spot, with counters a test can move."""

    def __init__(self, shelf):
        self.name, self.mode = "lab", "on"
        self.db, self.storage, self.codec = shelf.db, shelf.storage, shelf.codec
        self.counters = {"functions": {}, "running": [], "limits": [], "version": 0}

        self.engine = self.recorder = self

    def live(self):
        return self.counters

    def save(self, db):
        """Nothing waits: tests touch the database themselves."""

    def delete(self, keys):
        """Delete rows."""
        return self.db.delete(keys)

    def count(self, name, hits, misses, saved=0.0):
        self.counters["functions"][name] = [hits, misses, 0, saved, 0.0]
        self.counters["version"] += 1


@pytest.fixture
def live(busy):
    return LiveStub(busy)
