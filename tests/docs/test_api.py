"""The API page names everything that is public, and everything public says what it takes and raises."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

import beautyspot
from beautyspot import MarkedFunction, Spot

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text between one heading and the next."""
    match = re.search(rf"^#+ `?{re.escape(title)}`?\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match is not None, title
    return match[1]


def named(text: str) -> set[str]:
    """The names in code type in the first column of a table."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def public(cls: type) -> list[str]:
    return [name for name, _ in inspect.getmembers(cls) if not name.startswith("_")]


SPOT, MARKED = public(Spot), [name for name in public(MarkedFunction) if name != "__wrapped__"]


def test_names_of_the_package() -> None:
    """Everything in ``__all__`` is in the first table or among the errors, and the tables name nothing else."""
    errors = set(importlib.import_module("beautyspot.errors").__all__)
    assert named(section("beautyspot")) | errors >= set(beautyspot.__all__)
    assert named(section("beautyspot")) <= set(beautyspot.__all__)


def test_errors() -> None:
    """The table of errors is that of `beautyspot.errors`, and what is bold can be imported from the package."""
    text = section("Errors and warnings")
    module = importlib.import_module("beautyspot.errors")
    assert named(text) == set(module.__all__)
    assert set(re.findall(r"\*\*`(\w+)`\*\*", text)) == set(module.__all__) & set(beautyspot.__all__)
    for line in text.splitlines():
        if match := re.match(r"\| \**`(\w+)`\** \| `(\w+)` \|", line):
            assert match[2] in [base.__name__ for base in getattr(module, match[1]).__mro__], line


@pytest.mark.parametrize(("title", "members"), [("Spot", SPOT), ("MarkedFunction", MARKED)])
def test_members(title: str, members: list[str]) -> None:
    """Every public method is listed."""
    assert set(members) <= named(section(title))


@pytest.mark.parametrize("name", ["beautyspot.db", "beautyspot.storage"])
def test_names_of_modules(name: str) -> None:
    """What a module for users exports is listed, and nothing else."""
    assert named(section(name)) == set(importlib.import_module(name).__all__)


@pytest.mark.parametrize("name", [name for name in beautyspot.__all__ if name != "__version__"])
def test_public_names_have_docstrings(name: str) -> None:
    """Every public name says what it is."""
    assert len(inspect.getdoc(getattr(beautyspot, name)) or "") > 20


@pytest.mark.parametrize("owner", [Spot, MarkedFunction], ids=lambda cls: cls.__name__)
def test_methods_document_their_arguments(owner: type) -> None:
    """A public method with several parameters has a section about them, unless they are the call's own."""
    missing = []
    for name in public(owner):
        member = inspect.getattr_static(owner, name)
        doc = inspect.getdoc(member) or ""
        assert doc, name
        if inspect.isfunction(member) and owner is Spot:
            parameters = [each for each in inspect.signature(member).parameters if each != "self"]
            if len(parameters) > 1 and "Args:" not in doc:
                missing.append(name)
    assert missing == []


def test_constructor_documents_its_options() -> None:
    """Every option of `Spot` is in its docstring and in the API page."""
    doc = inspect.getdoc(Spot) or ""
    options = [name for name in inspect.signature(Spot).parameters if name != "legacy_options"]
    assert [name for name in options if f"{name}:" not in doc] == []
    assert [name for name in options if name not in section("Spot")] == []


def test_mark_documents_its_options() -> None:
    """Every option of `mark` is in its docstring and on the page about functions."""
    page = (REPOSITORY / "docs" / "functions.md").read_text(encoding="utf-8")
    (overload,) = [each for each in _overloads(Spot.mark) if "ttl" in inspect.signature(each).parameters]
    hidden = {"self", "function", "input_key_fn"}
    options = [name for name in inspect.signature(overload).parameters if name not in hidden]
    assert [name for name in options if f"\n    {name}: " not in (inspect.getdoc(Spot.mark) or "")] == []
    assert [name for name in options if f"`{name}=" not in page] == []


def _overloads(function: object) -> list[object]:
    from typing import get_overloads

    return list(get_overloads(function))
