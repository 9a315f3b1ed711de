"""What all tests share."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest

import beautyspot

REPOSITORY = Path(__file__).parents[1]


def pytest_sessionstart() -> None:
    """Refuse to test the source tree where the wheel should be tested."""
    if os.environ.get("BEAUTYSPOT_TEST_WHEEL"):
        purelib = Path(sysconfig.get_path("purelib"))
        assert purelib in Path(beautyspot.__file__).parents, f"{beautyspot.__file__} is not the installed wheel"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser tests last: Playwright keeps an event loop running in the process that drives it."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the developer's own cache and settings."""
    monkeypatch.setenv("BEAUTYSPOT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BEAUTYSPOT_MODE", raising=False)
    monkeypatch.delenv("BEAUTYSPOT_STRICT", raising=False)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return REPOSITORY
