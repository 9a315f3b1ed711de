"""Storages on servers: refusals, unreachable places, forks, threads and event loops."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest

from beautyspot.errors import BlobMissingError, CorruptEntryError, StoreError
from beautyspot.storage import FsspecStorage, GCSStorage, S3Storage, files

pytestmark = pytest.mark.server


def test_wrong_secret(s3_server):
    """A wrong secret is refused on writing, reading, listing and deleting, and shows in no message."""
    options = {**s3_server.options, "secret": "a-very-wrong-secret"}
    storage = S3Storage(s3_server.url("s3"), options)
    location = "ab/" + "ab" * 32 + ".blob"
    calls = [
        lambda: storage.put([b"x"]),
        lambda: storage.get(location),
        lambda: storage.delete(location),
        lambda: list(storage.scan()),
    ]
    for call in calls:
        with pytest.raises(StoreError, match="check the credentials") as caught:
            call()
        assert not isinstance(caught.value, BlobMissingError | CorruptEntryError)
        assert caught.value.__cause__ is not None
        assert storage.label in str(caught.value)
        assert "wrong-secret" not in str(caught.value)
    assert "wrong-secret" not in repr(storage)


def test_missing_bucket_is_not_made(s3_server, gcs_server):
    """Writing to a bucket that does not exist says so and creates none."""
    for storage in (
        S3Storage("s3://no-such-bucket/x", s3_server.options),
        GCSStorage("gs://no-such-bucket/x", gcs_server.options),
    ):
        for _ in range(2):
            with pytest.raises(StoreError, match="bucket"):
                storage.put([b"x"])
        with pytest.raises(StoreError):
            storage.get("ab/" + "ab" * 32 + ".blob")


def test_missing_bucket_for_a_large_blob(s3_server):
    """A blob that is sent in parts fails the same way."""
    with pytest.raises(StoreError, match="bucket"):
        S3Storage("s3://no-such-bucket/x", s3_server.options).put([bytes(files._STREAM_FROM)])


def test_unreachable_server():
    """A server that does not answer is an error that names the network, within seconds."""
    options = {
        "key": "k",
        "secret": "s",
        "endpoint_url": "http://127.0.0.1:9",
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    started = time.monotonic()
    with pytest.raises(StoreError, match="check the network"):
        S3Storage("s3://bucket/x", options).put([b"x"])
    assert time.monotonic() - started < 60


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the fork is the point here
def test_forked_child(bucket):
    """A child of a process that used the storage opens its own connection."""
    location = bucket.put([b"from the parent"])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            mine = bucket.put([b"from the child"])
            status = 0 if bucket.get(mine) == b"from the child" and bucket.get(location) == b"from the parent" else 2
        finally:
            os._exit(status)
    reaper = threading.Thread(target=lambda: ended.append(os.waitpid(child, 0)[1]))
    ended: list[int] = []
    reaper.start()
    reaper.join(60)
    if not ended:
        os.kill(child, 9)
        reaper.join()
    assert ended == [0]
    assert bucket.get(location) == b"from the parent"
    assert len(list(bucket.scan())) == 2


def test_beside_and_inside_an_event_loop(bucket):
    """Calls work in a worker thread of a running loop, and (blocking it) in the loop itself."""

    async def run():
        location = await asyncio.to_thread(bucket.put, [b"data"])
        inside = bytes(bucket.get(location))
        beside = await asyncio.gather(*(asyncio.to_thread(bucket.get, location) for _ in range(5)))
        return [inside, *map(bytes, beside)]

    assert asyncio.run(run()) == [b"data"] * 6


def test_interrupted_upload_publishes_nothing(bucket, monkeypatch):
    """When sending parts breaks off, no blob appears, and the next attempt succeeds."""
    data = bytes(files._STREAM_FROM + 5)
    system = bucket._files()[0]
    real = system.open

    def breaking(*arguments, **options):
        file = real(*arguments, **options)
        write, count = file.write, []

        def failing(view):
            count.append(1)
            if len(count) == 3:
                raise KeyboardInterrupt
            return write(view)

        monkeypatch.setattr(file, "write", failing, raising=False)
        return file

    monkeypatch.setattr(system, "open", breaking)
    with pytest.raises(KeyboardInterrupt):
        bucket.put([data])
    monkeypatch.undo()
    assert list(bucket.scan()) == []
    assert bucket.get(bucket.put([data])) == data


def test_large_blob_is_sent_once(bucket, monkeypatch):
    """A large blob that is there is not sent again; a small one is, which costs no more than asking."""
    sent = []
    real = FsspecStorage._upload
    monkeypatch.setattr(FsspecStorage, "_upload", lambda *a: (sent.append(a[3]), real(*a)))
    data = bytes(files._STREAM_FROM)
    for _ in range(2):
        bucket.put([data])
        bucket.put([b"small"])
    assert sorted(sent) == [5, 5, len(data)]


def test_other_programs_are_seen(bucket):
    """Blobs that another storage object writes or deletes are seen at once: no listing is kept."""
    other = type(bucket)(bucket.url, bucket.options)
    assert list(bucket.scan()) == []
    location = other.put([b"data"])
    assert [found for found, *_ in bucket.scan()] == [location]
    assert bucket.get(location) == b"data"
    other.delete(location)
    assert list(bucket.scan()) == []
    with pytest.raises(BlobMissingError):
        bucket.get(location)


def test_old_uris(bucket):
    """URIs of 2.x below the URL are read and deleted; others are refused."""
    system, root = bucket._files()
    system.pipe_file(f"{root}/0123abcd.bin", b"old")
    assert bucket.load(f"{bucket.url}/0123abcd.bin") == b"old"
    assert list(bucket.scan()) == []
    above = bucket.url.rpartition("/")[0]
    for bad in (f"{above}/0123abcd.bin", f"{bucket.url}/../x.bin", f"{bucket.url}x/y.bin", f"{bucket.url}/x.txt"):
        with pytest.raises(StoreError, match="neither"):
            bucket.load(bad)
    with pytest.raises(StoreError, match="neither"):
        bucket.load(f"{bucket.url}/0123abcd.bin".replace("://", "3://"))
    with pytest.raises(BlobMissingError):
        bucket.load(f"{bucket.url}/ffff.bin")
    bucket.delete(f"{bucket.url}/0123abcd.bin")
    bucket.delete(f"{bucket.url}/0123abcd.bin")
    with pytest.raises(BlobMissingError):
        bucket.load(f"{bucket.url}/0123abcd.bin")


def test_options_of_2x(s3_server):
    """The names that 2.x handed to boto3 work."""
    options = {
        "aws_access_key_id": "testkey",
        "aws_secret_access_key": "testsecret",
        "endpoint_url": s3_server.endpoint,
        "region_name": "us-east-1",
    }
    storage = S3Storage(s3_server.url("s3"), options)
    assert storage.get(storage.put([b"data"])) == b"data"


def test_bucket_without_prefix(s3_server):
    """Without a prefix blobs go where 2.x put them, and its URIs are read."""
    storage = S3Storage(f"s3://{s3_server.bucket}", s3_server.options)
    system, root = storage._files()
    assert root == f"{s3_server.bucket}/blobs"
    system.pipe_file(f"{root}/0123abcd.bin", b"old")
    assert storage.load(f"s3://{s3_server.bucket}/blobs/0123abcd.bin") == b"old"


def test_unknown_options(s3_server, gcs_server):
    """An option that the client would ignore is an error at the first use."""
    for storage in (
        S3Storage(s3_server.url("s3"), {**s3_server.options, "secrect": "x"}),
        GCSStorage(gcs_server.url("gs"), {**gcs_server.options, "secrect": "x"}),
    ):
        with pytest.raises(ValueError, match="has no option 'secrect'"):
            storage.put([b"x"])
