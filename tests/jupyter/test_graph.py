"""Sharing of objects among what is stored, and with what was read."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest

from beautyspot.codecs import Codec
from beautyspot_jupyter.graph import CellLink, Tangled, map_inputs, pack, unpack


def through(outputs: dict[str, Any], before: dict[str, Any], now: dict[str, Any] | None = None) -> dict[str, Any]:
    """Store variables and take them out again, the inputs being those of another session."""
    packed = pack(outputs, map_inputs(before))
    codec, known = Codec(), {"CellLink": CellLink}
    names, objects = codec.decode(codec.encode([packed.names, packed.objects], known), known)
    return unpack(names, objects, before if now is None else now)


def test_two_names_of_one_object() -> None:
    """A list under two names comes back as one list."""
    shared = [1]
    back = through({"a": shared, "b": shared, "c": {"x": (shared,)}}, {})
    assert back["a"] is back["b"] is back["c"]["x"][0]
    assert back["a"] == [1]


def test_equal_objects_stay_apart() -> None:
    """Two equal lists do not become one."""
    back = through({"a": [1], "b": [1]}, {})
    assert back["a"] is not back["b"]


def test_a_row_repeated() -> None:
    """``[[0]] * 2`` holds one row twice."""
    back = through({"g": [[0]] * 2}, {})
    assert back["g"][0] is back["g"][1]


def test_aliases_of_inputs_and_of_their_parts() -> None:
    """What the cell took over from an input is the present input's own object."""
    before = {"records": [{"a": 1}, {"a": 2}]}
    now = {"records": [{"a": 1}, {"a": 2}]}
    back = through({"same": before["records"], "rows": [before["records"][1]]}, before, now)
    assert back["same"] is now["records"]
    assert back["rows"][0] is now["records"][1]


def test_cycles() -> None:
    """A list that contains itself does so again."""
    cycle: list[Any] = [1]
    cycle.append(cycle)
    back = through({"c": cycle, "d": deque([cycle], maxlen=2)}, {})
    assert back["c"][1] is back["c"]
    assert back["d"] == deque([back["c"]])
    assert back["d"].maxlen == 2


def test_an_input_that_has_another_form_is_noticed() -> None:
    """A link that leads nowhere raises, so that the cell runs."""
    before = {"records": [{"a": 1}, {"a": 2}]}
    with pytest.raises(LookupError):
        through({"rows": [before["records"][1]]}, before, {"records": []})


class Box:
    """A class of the user."""

    def __init__(self, content: object) -> None:
        self.content = content


@pytest.mark.parametrize("place", ["two boxes", "a box and a name", "an input in a box"])
def test_sharing_inside_instances_is_refused(place: str) -> None:
    """What lies inside an instance cannot be linked, so it is not stored at all."""
    shared = [1]
    outputs = {"two boxes": {"a": Box(shared), "b": Box(shared)}, "a box and a name": {"a": Box(shared), "b": shared},
               "an input in a box": {"a": Box(shared)}}[place]  # fmt: skip
    with pytest.raises(Tangled):
        pack(outputs, map_inputs({"shared": shared} if "input" in place else {}))


def test_views() -> None:
    """A view of an input becomes a copy, with a notice; two outputs over one memory are refused."""
    data = np.arange(10.0)
    assert pack({"head": data[:3]}, map_inputs({"data": data})).notices == [
        "head is a view of data and was stored as a copy"
    ]
    with pytest.raises(Tangled, match="share memory"):
        pack({"a": data, "b": data[1:]}, map_inputs({}))
    assert pack({"a": np.arange(6).reshape(2, 3)}, map_inputs({})).notices == []
