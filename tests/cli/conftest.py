"""A database file that the commands look into, written through the library."""

from zlib import crc32

import pytest

from beautyspot.cli import main
from beautyspot.codecs import Codec, join
from beautyspot.db import SQLiteTaskDB
from beautyspot.entry import Entry, StatsDelta
from beautyspot.storage import LocalStorage


@pytest.fixture
def cache(tmp_path):
    """A file with a function, a cell, a blob and a name in Japanese; returns its path."""
    path, codec, storage = tmp_path / "実験.db", Codec(), LocalStorage(tmp_path / "blobs")

    def entry(key, value, name, *, blob=False, **fields):
        data = b"".join(bytes(part) for part in join(codec.encode(value)))
        place = {"result_type": "SPOT_BLOB", "result_value": storage.put([data])} if blob else {
            "result_type": "SPOT_FRAMES", "result_data": data, "checksum": crc32(data)}  # fmt: skip
        return Entry(cache_key=key * 48, func_name=name, size=len(data), duration=2.0, **place, **fields)

    with SQLiteTaskDB(path) as db:
        db.put(entry("a", {"text": "こんにちは"}, "翻訳する", arguments="text='hello'", created_at=100.0, tags=("ja",)))
        db.put(entry("b", "from a blob", "fetch", blob=True, created_at=200.0))
        db.put(entry("c", [1, 2], "load", kind="cell", created_at=300.0))
        db.touch([], [StatsDelta("翻訳する", 3, 1, 0, 6.0, 2.0), StatsDelta("fetch", 0, 1, 0, 0.0, 2.0)])
    return path


@pytest.fixture
def run(capsys):
    """Run the command line; get its exit code, standard output and standard error."""

    def call(*arguments):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return code, out, err

    return call
