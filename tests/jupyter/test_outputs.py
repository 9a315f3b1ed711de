"""Folding what a cell showed into what is stored."""

from __future__ import annotations

import pytest

from beautyspot_jupyter import outputs
from beautyspot_jupyter.outputs import fold


@pytest.mark.parametrize(
    ("events", "items"),
    [
        ([("stdout", "a"), ("stdout", "b\n"), ("stderr", "c")], [["stdout", "ab\n"], ["stderr", "c"]]),
        ([("stdout", "10%\r20%\r"), ("stdout", "30%")], [["stdout", "30%"]]),
        ([("stdout", "abc\rX")], [["stdout", "Xbc"]]),
        ([("stdout", "ab\b\bX\n")], [["stdout", "Xb\n"]]),
        ([("stdout", "a\r\nb")], [["stdout", "a\nb"]]),
        ([("stdout", "a"), ("clear", False), ("stdout", "b")], [["stdout", "b"]]),
        ([("stdout", "a"), ("clear", True), ("stdout", "b")], [["stdout", "b"]]),
        ([("stdout", "a"), ("clear", True)], [["stdout", "a"]]),
        (
            [("display", {"text/plain": "1"}, {}, "i"), ("update", {"text/plain": "2"}, {}, "i")],
            [["display", {"text/plain": "2"}, {}, "i"]],
        ),
    ],
)
def test_fold(events: list, items: list) -> None:
    """Only what would be seen at the end is stored."""
    assert fold(events).items == items


def test_updates_of_other_cells_are_noticed() -> None:
    """An update of an output that this cell did not make cannot be replayed."""
    assert fold([("update", {"text/plain": "2"}, {}, "elsewhere")]).foreign_update


def test_long_text_is_cut_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends are kept, and the cut is marked."""
    monkeypatch.setattr(outputs, "TEXT_LIMIT", 10)
    folded = fold([("stdout", "abcdefghijklmnopqrstuvwxyz")])
    assert folded.items[0][1].startswith("abcde\n[... 16 characters")
    assert folded.items[0][1].endswith("vwxyz")
    assert folded.notices


def test_too_much_output_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the total limit no output is stored, and the user is told."""
    monkeypatch.setattr(outputs, "TOTAL_LIMIT", 10)
    folded = fold([("display", {"image/png": b"x" * 11}, {}, None)])
    assert (folded.items, len(folded.notices)) == ([], 1)


def test_widgets_leave_their_text() -> None:
    """A widget's view cannot come back; its text does, and says so."""
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "IntSlider(value=0)"}
    folded = fold([("display", view, {}, None)])
    assert folded.items[0][1] == {"text/plain": "IntSlider(value=0) (widget not restored; re-run with --force)"}
