"""A server that cannot be reached costs one long wait, not one for each result."""

from __future__ import annotations

import pickle

import pytest

from beautyspot.errors import BlobMissingError, StoreError
from beautyspot.storage import FsspecStorage, files
from beautyspot.storage.faults import is_unreached

LOCATION = "ab/" + "ab" * 32 + ".blob"


@pytest.fixture
def now(monkeypatch):
    """The clock, as a list of one number."""
    clock = [100.0]
    monkeypatch.setattr(files.time, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def attempts(memory, monkeypatch):
    """Errors to be raised by the file system, the next one first; what is left of them was not asked for."""
    errors: list[Exception] = []
    system = memory._files()[0]
    for name in ("cat_file", "pipe_file", "rm_file", "find"):
        real = getattr(system, name)

        def call(*arguments, real=real, **options):
            if errors:
                raise errors.pop(0)
            return real(*arguments, **options)

        monkeypatch.setattr(system, name, call)
    return errors


def test_next_calls_do_not_wait(memory, attempts, now):
    """After a failure to connect, nothing is tried for a moment; then it is, and works again."""
    attempts += [ConnectionError("refused"), TimeoutError("too long")]
    with pytest.raises(StoreError, match="check the network"):
        memory.put([b"data"])
    for call in (
        lambda: memory.put([b"data"]),
        lambda: memory.get(LOCATION),
        lambda: memory.delete(LOCATION),
        lambda: list(memory.scan()),
    ):
        with pytest.raises(StoreError, match="could not be reached a moment ago") as caught:
            call()
        assert not isinstance(caught.value, BlobMissingError)
    assert len(attempts) == 1
    now[0] += files._QUIET
    with pytest.raises(StoreError, match="TimeoutError"):
        memory.put([b"data"])
    now[0] += files._QUIET
    assert memory.get(memory.put([b"data"])) == b"data"


@pytest.mark.parametrize("error", [FileNotFoundError("no connection"), PermissionError("connect"), ValueError("odd")])
def test_other_failures_are_tried_again(memory, attempts, now, error):
    """What a server answered is no reason not to ask it again."""
    attempts.append(error)
    with pytest.raises(StoreError):
        memory.put([b"data"])
    assert memory.get(memory.put([b"data"])) == b"data"


def test_copy_tries_by_itself(memory, attempts, now):
    """A storage that travels to another process does not take the silence along."""
    attempts.append(ConnectionError("refused"))
    with pytest.raises(StoreError):
        memory.put([b"data"])
    copy = pickle.loads(pickle.dumps(memory))
    assert copy == FsspecStorage(memory.url)
    assert copy.get(copy.put([b"data"])) == b"data"


def test_what_counts_as_unreached():
    """Client libraries have errors of their own for it."""
    kind = type("EndpointConnectionError", (Exception,), {})
    assert is_unreached(kind("Could not connect to the endpoint URL"))
    assert is_unreached(OSError("Name or service not known"))
    assert not is_unreached(OSError("No space left on device"))
