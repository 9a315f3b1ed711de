"""Storages as the first example writes them: a URL and nothing else, everything further from the environment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from beautyspot.storage import S3Storage

pytestmark = pytest.mark.server

PROGRAM = """
import sys
from beautyspot.storage import open_storage
storage = open_storage(sys.argv[1])
location = storage.put([b"from the environment"])
print(bytes(storage.get(location)).decode(), len(list(storage.scan())))
"""


def run(url, environment, *, options=()):
    command = [sys.executable, *options, "-c", PROGRAM, url]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def aws(s3_server):
    """The variables that every AWS client reads."""
    return {
        "AWS_ACCESS_KEY_ID": s3_server.options["key"],
        "AWS_SECRET_ACCESS_KEY": s3_server.options["secret"],
        "AWS_ENDPOINT_URL": s3_server.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def test_s3(s3_server, aws, monkeypatch):
    """``S3Storage("s3://my-bucket/cache")`` works with credentials and endpoint from the environment."""
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    storage = S3Storage(s3_server.url("s3"))
    assert storage.options == {}
    assert storage.get(storage.put([b"data"])) == b"data"


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_program_ends_silently(s3_server, gcs_server, aws, kind):
    """A program that used a bucket ends without a word about sessions or loops that were left open."""
    if kind == "s3":
        done = run(s3_server.url("s3"), aws, options=())
    else:
        environment = {"STORAGE_EMULATOR_HOST": gcs_server.endpoint, "GOOGLE_CLOUD_PROJECT": "p"}
        done = run(gcs_server.url("gs"), environment, options=())
    assert done.stdout == "from the environment 1\n", done.stderr
    assert done.stderr == ""
