"""The functions that are cached and the data they are given: the same for every contestant.

Bodies do next to nothing, so that what is timed is the cache. Every result carries the time of its run, which is how a
call that was not served from the cache is noticed.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

ARRAY_BYTES = 80_000_000
NUMERIC_FRAME_BYTES = 200_000_000
MIXED_FRAME_ROWS = 200_000


def small(number: int, label: str = "abc") -> dict[str, object]:
    return {"number": number, "label": label, "values": [1, time.perf_counter(), None, True]}


def of_array(array: Any) -> float:  # noqa: ARG001
    return time.perf_counter()


def array_result(size: int) -> Any:
    array = random_array(size)
    array[0] = time.perf_counter()
    return array


def numeric_frame(size: int) -> Any:
    import numpy as np
    import pandas as pd

    columns = 10
    data = np.random.default_rng(1).random((size // 8 // columns, columns))
    data[0, 0] = time.perf_counter()
    return pd.DataFrame(data, columns=[f"c{index}" for index in range(columns)])


def mixed_frame(rows: int) -> Any:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(2)
    amount = random.random(rows)
    amount[0] = time.perf_counter()
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "name": [f"customer {number}" for number in random.integers(0, 50_000, rows)],
            "city": pd.Categorical(random.choice(["東京", "大阪", "Paris", "Zürich"], rows)),
            "amount": amount,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 365, rows), unit="D"),
        }
    )


def herd(number: int, marks: str) -> int:
    """Take a while and leave a mark, so that executions can be counted over threads and processes."""
    descriptor = os.open(marks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, b"x")
    os.close(descriptor)
    time.sleep(0.3)
    return number


@cache
def random_array(size: int) -> Any:
    import numpy as np

    return np.random.default_rng(0).random(size // 8)
