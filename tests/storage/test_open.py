"""From paths, URLs, objects and options to storages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from beautyspot.errors import (
    BlobMissingError,
    ConfigurationError,
    CorruptEntryError,
    MissingExtraError,
    SpotDeprecationWarning,
    StoreError,
)
from beautyspot.storage import (
    FsspecStorage,
    GCSStorage,
    LocalStorage,
    S3Storage,
    SaveLoadStorage,
    Storage,
    open_storage,
)
from beautyspot.storage import files as files_module
from beautyspot.storage.faults import explain, secrets_of, without_credentials


@pytest.mark.parametrize(
    ("target", "kind", "label"),
    [
        ("s3://bucket/a/b/", S3Storage, "s3://bucket/a/b"),
        ("S3://Bucket/a", S3Storage, "s3://Bucket/a"),
        ("s3://bucket", S3Storage, "s3://bucket/blobs"),
        ("s3a://bucket/a", S3Storage, "s3a://bucket/a"),
        ("gs://bucket/a", GCSStorage, "gs://bucket/a"),
        ("gcs://bucket/a", GCSStorage, "gcs://bucket/a"),
        ("memory://place", FsspecStorage, "memory://place"),
        ("abfs://container/a", FsspecStorage, "abfs://container/a"),
        ("sftp://me:secret@host/a", FsspecStorage, "sftp://host/a"),
        ("simplecache::s3://bucket/a", FsspecStorage, "simplecache::s3://bucket/a"),
    ],
)
def test_urls(target, kind, label):
    """The scheme chooses the class; the label shows no credentials."""
    storage = open_storage(target)
    assert type(storage) is kind
    assert storage.label == label
    assert storage.remote
    assert "secret" not in repr(storage)


def test_paths(tmp_path):
    """Text without a scheme, path objects and file URLs are folders."""
    expected = LocalStorage(tmp_path / "ä b")
    for target in (
        str(tmp_path / "ä b"),
        tmp_path / "ä b",
        f"file://{tmp_path}/%C3%A4%20b",
        f"file://localhost{tmp_path}/ä b",
    ):
        assert open_storage(target) == expected
    assert not expected.remote
    assert open_storage(tmp_path, {"durable": True}).durable


@pytest.mark.parametrize(
    "target",
    ["", "s3:/bucket/a", "gs:bucket/a", "file://host/a", "file://relative", "s3://", "s3:///a", "s3://b/../c", "://x", "memory://",
     b"bytes", None, 3, object(), LocalStorage, [], "s3://a\0b"],
    ids=lambda target: type(target).__name__ if callable(target) or type(target) is object else ascii(target),
)  # fmt: skip
def test_impossible_targets(target):
    """What is no storage is refused with what would be one."""
    with pytest.raises(ConfigurationError):
        open_storage(target)


@pytest.mark.parametrize("kind", [S3Storage, GCSStorage])
@pytest.mark.parametrize("url", ["/path", "memory://x", "http://bucket/x", "", None, "s3:/x", "s3x://bucket/a"])
def test_wrong_schemes(kind, url):
    """A class for one kind of bucket takes no other URL."""
    with pytest.raises(ConfigurationError, match="expected a URL like"):
        kind(url)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("folder", {"key": "x"}),
        ("folder", {"durable": "yes"}),
        ("s3://b/x", {"asynchronous": True}),
        ("s3://b/x", {"config": object()}),
        ("s3://b/x", {"key": "a", "aws_access_key_id": "b"}),
        ("s3://b/x", {"region_name": "a", "client_kwargs": {"region_name": "b"}}),
        ("s3://b/x", {3: "x"}),
        (SaveLoadStorage(LocalStorage("x")), {"key": "x"}),
    ],
    ids=["key", "durable", "asynchronous", "config", "twice", "twice-nested", "no-name", "object"],
)
def test_impossible_options(target, options):
    """Options that do not fit are refused at construction."""
    with pytest.raises(ConfigurationError):
        open_storage(target, options)


def test_options_are_a_mapping():
    """A text in the options' place is refused."""
    with pytest.raises(ConfigurationError, match="mapping"):
        S3Storage("s3://b/x", "secret")


def test_options_of_2x_are_translated():
    """boto3's names become those of s3fs."""
    old = {
        "aws_access_key_id": "k",
        "aws_secret_access_key": "s",
        "aws_session_token": "t",
        "region_name": "r",
        "verify": False,
    }
    new = {"key": "k", "secret": "s", "token": "t", "client_kwargs": {"region_name": "r", "verify": False}}
    assert S3Storage("s3://b/x", old) == S3Storage("s3://b/x", new)
    assert S3Storage("s3://b/x", old) != S3Storage("s3://b/x")


@pytest.mark.parametrize("url", ["no-such-scheme://x/y", "memory://x"])
def test_impossible_file_systems(url):
    """A scheme or option that fsspec does not know is an error at the first use."""
    storage = FsspecStorage(url, {"no_such_option": 1} if url.startswith("memory") else None)
    if url.startswith("memory"):
        storage.put([b"x"])  # its class takes any option
        return
    with pytest.raises(ConfigurationError, match="cannot open"):
        storage.put([b"x"])


@pytest.mark.parametrize(("url", "module", "extra"), [("s3://b/x", "s3fs", "s3"), ("gs://b/x", "gcsfs", "gcs")])
def test_missing_client_library(monkeypatch, url, module, extra):
    """Without the client library, construction works and the first use names the extra."""
    monkeypatch.setitem(sys.modules, module, None)
    storage = open_storage(url)
    with pytest.raises(MissingExtraError, match=rf"beautyspot\[{extra}\]"):
        storage.put([b"x"])


def test_import_and_construction_load_no_client(tmp_path):
    """Importing the package and making storages imports neither fsspec nor any client library."""
    code = (
        "import sys; from beautyspot.storage import open_storage as o; o('s3://b/x'); o('gs://b/x'); o('memory://x');"
        "s = o(sys.argv[1]); s.get(s.put([b'x' * 300000]));"
        "heavy = {'fsspec', 's3fs', 'gcsfs', 'numpy', 'asyncio', 'inspect', 'pathlib', 'ctypes', 'ssl'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-S", "-c", _PATH + code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


_PATH = f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r};"


def test_storage_passes_through(local):
    """A storage is returned as it is."""
    assert open_storage(local) is local


class OldStyle:
    """A storage as users wrote them for 2.x."""

    def __init__(self):
        self.kept = {}

    def save(self, key, data):
        self.kept[f"place/{key}"] = bytes(data)
        return f"place/{key}"

    def load(self, location):
        return self.kept[location]

    def delete(self, location):
        del self.kept[location]


def test_old_style_object():
    """An object with save and load becomes a storage that checks what comes back."""
    inner = OldStyle()
    storage = open_storage(inner)
    assert isinstance(storage, Storage)
    assert storage.label == "OldStyle"
    location = storage.put([b"ab", b"c"])
    assert location == storage.put([b"abc"])
    view = storage.get(location)
    view[:1] = b"X"
    assert storage.get(location) == b"abc"
    assert storage.load(location) == b"abc"
    assert storage.load(inner.save("old", b"old")) == b"old"
    assert storage.load(storage.save("k", b"v")) == b"v"
    assert list(storage.scan()) == []
    assert storage == SaveLoadStorage(inner)
    assert hash(storage) == hash(SaveLoadStorage(inner))
    with pytest.raises(StoreError, match="no blob location"):
        storage.get("place/old")
    inner.kept[location.partition(":")[2]] = b"abd"
    with pytest.raises(CorruptEntryError):
        storage.get(location)
    storage.delete(location)
    storage.delete(location)
    with pytest.raises(BlobMissingError):
        storage.get(location)


class Broken(OldStyle):
    delete = None

    def save(self, key, data):
        return Path(key) if data == b"path" else 1 / 0

    def load(self, location):
        return "text" if location == "text" else 1 / 0


def test_old_style_object_that_fails():
    """What goes wrong in a user's storage is a StoreError with the cause."""
    storage = open_storage(Broken())
    with pytest.raises(StoreError, match="save failed") as caught:
        storage.put([b"x"])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(StoreError, match="must return text"):
        storage.put([b"path"])
    with pytest.raises(StoreError, match="load failed"):
        storage.load("x")
    with pytest.raises(StoreError, match="must return the bytes"):
        storage.load("text")
    with pytest.raises(StoreError, match="no delete"):
        storage.delete("x")


class Shouting(LocalStorage):
    """A subclass written for 2.x, which changes the bytes on their way."""

    def save(self, key, data):
        return super().save(key, bytes(data).swapcase())

    def load(self, location):
        return super().load(location).swapcase()


def test_old_style_subclass(tmp_path):
    """Overridden save and load are called, not passed by: they may encrypt."""
    inner = Shouting(tmp_path)
    storage = open_storage(inner)
    location = storage.put([b"secret"])
    assert storage.get(location) == b"secret"
    assert [path.read_bytes() for path in tmp_path.rglob("*.blob")] == [b"SECRET"]
    assert not storage.remote

    class Renamed(LocalStorage):
        """Changes nothing."""

    renamed = Renamed(tmp_path)
    assert open_storage(renamed) is renamed


def test_names_of_2x():
    """The old names work, with a deprecation warning that says what to use."""
    import beautyspot.storage as package

    with pytest.warns(SpotDeprecationWarning, match="open_storage"):
        assert package.create_storage("x") == LocalStorage("x")
    with pytest.warns(SpotDeprecationWarning):
        base = package.BlobStorageBase
    with pytest.warns(SpotDeprecationWarning):
        assert package.CacheCorruptedError is CorruptEntryError
    with pytest.raises(AttributeError):
        package.no_such_name  # noqa: B018

    class Mine(OldStyle, base):
        pass

    assert isinstance(open_storage(Mine()), SaveLoadStorage)


def test_messages_show_no_credentials():
    """User names, passwords, queries and secret options are blotted out."""
    url = "sftp://me:pass-word@host/x?token=abc"
    assert without_credentials(url) == "sftp://host/x"
    secrets = secrets_of(
        url, {"key": "AKIA123", "client_kwargs": {"aws_secret": ["deep-secret"]}, "endpoint_url": "http://e"}
    )
    assert {"pass-word", "AKIA123", "deep-secret"} <= set(secrets)
    error = OSError("AKIA123 with deep-secret at sftp://me:pass-word@host/x failed\nsecond line")
    text = explain(error, secrets)
    assert "http://e" not in secrets
    for secret in ("AKIA123", "deep-secret", "pass-word", "second"):
        assert secret not in text


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"mtime": 12.5}, 12.5),
        ({"LastModified": "1970-01-01T00:00:10Z"}, 10.0),
        ({"updated": "1970-01-01T01:00:10+01:00"}, 10.0),
        ({"created": None, "modified": 3}, 3.0),
    ],
)
def test_times(facts, expected):
    """File systems tell times in several ways."""
    assert files_module._modified(facts) == expected


def test_unknown_time_counts_as_new(monkeypatch):
    """A blob whose age is not told is not taken for an old one."""
    monkeypatch.setattr(files_module.time, "time", lambda: 99.0)
    assert files_module._modified({"size": 3, "mtime": "yesterday"}) == 99.0
