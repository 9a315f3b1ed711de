"""The texts of the repository lead somewhere, and speak of nothing but the project."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BINARY = {".db", ".bin", ".png", ".gz", ".parquet", ".ico"}
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
# Written in pieces, so that this file does not name what it looks for.
HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("golang", "org"))]
INVENTED = ("a", "me")  # homes in examples
HOMES = re.compile(rf"(?<![\w.])/(?:home|Users)/(?!(?:{'|'.join(INVENTED)})\b)\w+|(?<![\w.])/(?:root|work)/\w+")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def tracked() -> list[Path]:
    """Every text file of the project: what version control knows, or all that is there in an unpacked archive."""
    if (REPOSITORY / ".git").exists():
        command = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, check=True, capture_output=True).stdout.decode("utf-8").split("\0")
        files = [REPOSITORY / name for name in listed if name]
    else:
        hidden = [path for path in REPOSITORY.rglob("*") if not any(part.startswith(".") for part in path.parts)]
        files = hidden
    return sorted(path for path in files if path.is_file() and path.suffix not in BINARY)


def test_no_registry_hosts_and_no_homes() -> None:
    """No file names the host of a package registry, nor a directory of whoever wrote it."""
    found = []
    for path in tracked():
        text = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(REPOSITORY)}: {host}" for host in HOSTS if host in text]
        found += [f"{path.relative_to(REPOSITORY)}: {match[0]}" for match in HOMES.finditer(text)]
    assert found == []


def anchors(path: Path) -> set[str]:
    """The anchors of the headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_links_resolve(path: Path) -> None:
    """Every link of a document leads to a file of the repository, and to a heading that is there."""
    broken = []
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or not file.is_relative_to(REPOSITORY) or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_nothing_from_outside(path: Path) -> None:
    """No picture or badge is loaded from another place."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"!\[[^\]]*\]\(\w+://", text) == []
    assert re.findall(r"<(?:img|script|iframe)\b", text) == []
