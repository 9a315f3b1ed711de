"""Spots in memory and a counter that is no part of any key."""

from __future__ import annotations

import pytest

import beautyspot as bs


class Runs:
    """Counts how often a function's body ran."""

    __spot_infrastructure__ = True

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count


@pytest.fixture
def runs() -> Runs:
    """A counter."""
    return Runs()


@pytest.fixture
def spot(tmp_path):
    """A Spot in memory."""
    with bs.Spot("test", db="memory://", storage=tmp_path / "blobs") as opened:
        yield opened
