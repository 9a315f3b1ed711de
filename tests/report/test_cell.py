"""Stored notebook cells."""

import base64
import json

from beautyspot.report import entry_detail, to_json
from beautyspot.report.content_cell import CellLink, cell_preview

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def kinds(group):
    return [type(block).__name__ for block in group.blocks]


def test_outputs_then_variables():
    """A cell shows what it printed, displayed and assigned."""
    outputs = [
        ["stdout", "hello\n"],
        ["display", {"text/html": "<b>x</b>", "text/plain": "x"}, {}, None],
        ["display", {"image/png": PIXEL}, {}, "id"],
        ["display", {"image/png": base64.b64decode(PIXEL)}, {}, None],
        ["display", {"application/x-unknown": "?"}, {}, None],
        ["result", {"text/plain": "5"}, {}],
    ]
    shown, n = cell_preview({"names": {"n": 5}, "outputs": outputs})
    assert kinds(shown) == ["Text", "Frame", "Media", "Media", "Notice", "Text"]
    assert (n.title, n.blocks[0].root.text) == ("n", "5")


def test_outputs_as_notebook_files_spell_them():
    """Lines of text come as lists there."""
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
        {"output_type": "display_data", "data": {"text/html": ["<b>", "x</b>"]}, "metadata": {}},
    ]
    (shown,) = cell_preview({"names": {}, "outputs": outputs})
    assert kinds(shown) == ["Text", "Frame"]
    assert shown.blocks[0].text == "a\nb"


def test_links_lead_to_shared_objects():
    """Shared objects are shown where they are used, inputs by their place."""
    names = {"a": CellLink(index=0), "b": CellLink(name="rows", path=(3, "k")), "c": CellLink(index=9)}
    a, b, _ = cell_preview({"names": names, "objects": [[1, 2]], "outputs": None})
    assert a.blocks[0].root.text == "2 items"
    assert b.blocks[0].text == "the same object as rows[3]['k']"


def test_empty_huge_and_strange_cells():
    """Cells without content say so, long ones are cut, other values are shown as they are."""
    assert cell_preview({"names": {}})[0].text.startswith("The cell printed nothing")
    many = cell_preview({"names": {f"v{i}": i for i in range(500)}, "outputs": [["stdout", "x"]] * 500})
    assert len(many) == 32
    assert len(json.dumps(to_json(many))) < 50_000
    assert cell_preview([1, 2])[0].root.text == "2 items"
    odd = {"names": {}, "outputs": [None, 5, [], ["display"], {"data": {"image/png": "%%%"}}]}
    assert json.dumps(to_json(cell_preview(odd)))


def test_a_stored_cell_is_decoded_without_the_notebook_side(shelf):
    """Links are decoded by the view's own stand-in."""
    value = {"names": {"x": CellLink(index=0)}, "objects": [[1, 2, 3]], "outputs": [["stdout", "hi"]]}
    key = shelf.put(value, kind="cell", known={"CellLink": CellLink})
    detail = entry_detail(shelf.db, shelf.storage, shelf.codec, key)
    assert [block.title for block in detail.blocks] == ["Output", "x"]
    assert detail.blocks[1].blocks[0].root.text == "3 items"
