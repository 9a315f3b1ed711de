"""Make ``data/rides.csv``: two invented years of a bike rental, with the faults that real files have.

Run it again and it writes the same bytes: ``python notebooks/make_rides.py``. The stations are real places, the
numbers are not.
"""

from __future__ import annotations

import csv
import io
import math
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

__all__ = ["make"]

FIRST_DAY = date(2024, 1, 1)
DAYS = 731
# Name, English name, rides on a mild working day, share of rides that weekends add, degrees against Tokyo
STATIONS = (
    ("渋谷駅前", "Shibuya", 410.0, -0.20, 0.0),
    ("上野公園", "Ueno Park", 260.0, 0.45, 0.1),
    ("横浜みなと", "Yokohama Harbour", 330.0, 0.30, 0.6),
    ("京都御所", "Kyoto Palace", 290.0, 0.40, 0.4),
    ("札幌大通", "Sapporo Odori", 180.0, 0.10, -7.5),
    ("福岡天神", "Fukuoka Tenjin", 300.0, -0.05, 1.2),
)


def make() -> str:
    """Return the file's text.

    Example:
        >>> make().splitlines()[0]
        'date,station,station_en,temperature,rain,wind,rides'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("date", "station", "station_en", "temperature", "rain", "wind", "rides"))
    writer.writerows(_rows(random.Random(20240101)))  # noqa: S311  (numbers to look at, not secrets)
    return text.getvalue()


def _rows(chance: random.Random) -> Iterator[tuple[str, ...]]:
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        season = math.cos(2 * math.pi * (number - 210) / 365.25)  # 1 at the end of July, -1 at the end of January
        front = chance.random()  # one weather for the country, a little different everywhere
        for name, english, usual, weekend, degrees in STATIONS:
            temperature = 16.0 + degrees + 10.5 * season + 5.0 * (chance.random() - 0.5)
            rain = max(0.0, (0.6 * front + 0.4 * chance.random() - 0.62) * 90.0)
            wind = 1.0 + 5.0 * chance.random() ** 2 + 2.0 * front
            comfort = math.exp(-(((temperature - 21.0) / 14.0) ** 2))
            level = usual * (0.25 + 0.75 * comfort) * math.exp(-rain / 14.0) * (1.0 - 0.03 * wind)
            level *= 1.0 + (weekend if day.weekday() > 4 else 0.0) + 0.0002 * number
            rides = max(0, round(level * (0.9 + 0.2 * chance.random())))
            yield from _recorded(chance, (day.isoformat(), name, english), (temperature, rain, wind), rides)


def _recorded(
    chance: random.Random, place: tuple[str, ...], weather: tuple[float, ...], rides: int
) -> Iterator[tuple[str, ...]]:
    """Write a row as a tired logger does: gaps, now and then a broken sensor, now and then a row twice."""
    fields = ["" if chance.random() < 0.015 else f"{value:.1f}" for value in weather]
    if chance.random() < 0.004:
        fields[0] = "-99.9"  # what the thermometer says when it is broken
    row = (*place, *fields, "" if chance.random() < 0.01 else str(rides))
    yield row
    if chance.random() < 0.003:
        yield row


if __name__ == "__main__":
    target = Path(__file__).parent / "data" / "rides.csv"
    target.parent.mkdir(exist_ok=True)
    target.write_text(make(), encoding="utf-8", newline="\n")
