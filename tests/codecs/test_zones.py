"""Time zones of pytz, which hands out one object for each zone."""

from __future__ import annotations

import datetime as dt

import pytest
import pytz

PRAGUE = pytz.timezone("Europe/Prague")
ZONES = [pytz.utc, PRAGUE, pytz.FixedOffset(60), PRAGUE.localize(dt.datetime(2024, 7, 1)).tzinfo]  # noqa: DTZ001


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_zones_are_the_same_objects(zone, round_trip):
    """Zones are compared by identity there."""
    assert round_trip(zone) is zone


def test_localized_times(round_trip):
    """Winter, summer and the hour that there is twice."""
    for naive, is_dst in [
        (dt.datetime(2024, 1, 1), False),  # noqa: DTZ001
        (dt.datetime(2024, 7, 1), True),  # noqa: DTZ001
        (dt.datetime(2024, 10, 27, 2, 30), True),  # noqa: DTZ001
        (dt.datetime(2024, 10, 27, 2, 30), False),  # noqa: DTZ001
    ]:
        moment = PRAGUE.localize(naive, is_dst=is_dst)
        restored = round_trip(moment)
        assert restored == moment
        assert restored.tzinfo is moment.tzinfo
        assert restored.utcoffset() == moment.utcoffset()
