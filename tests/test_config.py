"""Configuration from environment and pyproject.toml, and where the workspace lies."""

import subprocess
import sys
from pathlib import Path

import pytest

from beautyspot.config import DEFAULT_OFFLOAD_THRESHOLD, MODES, Config, load_config, parse_mode, workspace
from beautyspot.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch, tmp_path):
    """Start without variables and with a home of the test's own."""
    for name in ("BEAUTYSPOT_MODE", "BEAUTYSPOT_HOME", "BEAUTYSPOT_STRICT"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))


@pytest.fixture
def project(tmp_path):
    """Return a function that writes a pyproject.toml and returns its directory."""
    top = tmp_path / "home" / "work" / "project"
    (top / "notebooks" / "deep").mkdir(parents=True)

    def write(table):
        (top / "pyproject.toml").write_text(table, encoding="utf-8")
        return top

    return write


def test_defaults_without_anything(tmp_path):
    """Missing files and variables are fine."""
    assert load_config(tmp_path) == Config(None, "on", False, DEFAULT_OFFLOAD_THRESHOLD)


def test_table_of_the_nearest_project_is_read(project):
    """The table counts from any directory below it; a relative home is relative to the file."""
    top = project(
        '[tool.beautyspot]\nmode = "frozen"\nhome = "data/cache"\nstrict = true\noffload_threshold = "64 KiB"\n'
    )
    expected = Config(top / "data" / "cache", "frozen", True, 65536)
    assert load_config(top) == expected
    assert load_config(top / "notebooks" / "deep") == expected


def test_precedence_is_argument_then_environment_then_table(project, monkeypatch, tmp_path):
    """Each level wins over the next, key by key."""
    top = project('[tool.beautyspot]\nmode = "frozen"\nstrict = true\noffload_threshold = 1\n')
    monkeypatch.setenv("BEAUTYSPOT_MODE", "refresh")
    monkeypatch.setenv("BEAUTYSPOT_HOME", str(tmp_path / "env"))
    assert load_config(top) == Config(tmp_path / "env", "refresh", True, 1)
    assert load_config(top, mode="off", home=tmp_path / "arg", strict=False, offload_threshold="2 B") == Config(
        tmp_path / "arg", "off", False, 2
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("off", False), ("", False), (" ", False)],
)
def test_strict_in_the_environment(text, value, monkeypatch, tmp_path):
    """The usual words for yes and no are read; empty means not set."""
    monkeypatch.setenv("BEAUTYSPOT_STRICT", text)
    assert load_config(tmp_path).strict is value


@pytest.mark.parametrize("mode", MODES)
def test_modes_are_read_from_the_environment(mode, monkeypatch, tmp_path):
    """Every mode can be chosen from outside, whatever the case of letters."""
    monkeypatch.setenv("BEAUTYSPOT_MODE", f" {mode.upper().replace('-', '_')} ")
    assert load_config(tmp_path).mode == mode


@pytest.mark.parametrize("value", ["sometimes", "", None, 1, True, ["on"]])
def test_unknown_modes_are_refused(value):
    """The message says where it was given and what there is."""
    with pytest.raises(
        ConfigurationError, match=r"argument mode is .*expected one of on, off, refresh, frozen, read-only"
    ):
        parse_mode(value, "argument mode")


@pytest.mark.parametrize(("name", "value"), [("MODE", "sometimes"), ("STRICT", "maybe")])
def test_wrong_variables_are_named(name, value, monkeypatch, tmp_path):
    """A wrong environment variable is an error that names it."""
    monkeypatch.setenv(f"BEAUTYSPOT_{name}", value)
    with pytest.raises(ConfigurationError, match=rf"BEAUTYSPOT_{name} is '{value}': expected"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('colour = "red"', "unknown key 'colour': there are home, mode, strict, offload_threshold"),
        ("mode = true", "mode in .* is True: expected one of on, off"),
        ("strict = 3", "strict in .* is 3: expected true or false"),
        ("home = 3", "home in .* is 3: expected the path of a directory"),
        ('home = " "', "home in .* expected the path of a directory"),
        ('home = "pyproject.toml"', "that is a file, expected a directory"),
        ('offload_threshold = "many"', "offload_threshold in .* is 'many': expected a whole number of bytes"),
        ("offload_threshold = 1.5", "offload_threshold in .* is 1.5: expected"),
    ],
)
def test_wrong_tables_are_refused_with_file_and_key(project, line, says):
    """A typing error in the table is not ignored: the message names the file, the key and what is right."""
    top = project(f"[tool.beautyspot]\n{line}\n")
    with pytest.raises(ConfigurationError, match=says) as caught:
        load_config(top)
    assert "pyproject.toml" in str(caught.value)


@pytest.mark.parametrize("text", ["[tool]\nbeautyspot = 3\n", "[tool.beautyspot\n", "tool.beautyspot = [1]\n"])
def test_files_that_are_no_table_are_refused(project, text):
    """Broken TOML and a table that is none are said, not ignored."""
    top = project(text)
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml"):
        load_config(top)


def test_file_that_is_not_text_is_refused(project):
    """Bytes that are no UTF-8 name the file."""
    top = project("")
    (top / "pyproject.toml").write_bytes(b"\xff\xfe\x00beautyspot")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_config(top)


@pytest.mark.parametrize("text", ['[project]\nname = "x"\n', "", "[tool]\n", "# beautyspot\n", "this is broken [[["])
def test_projects_that_say_nothing_are_fine(project, text):
    """Other people's files are left alone, even broken ones."""
    assert load_config(project(text)) == Config()


def test_windows_byte_order_mark_is_fine(project):
    """An editor's byte order mark does not hide the table."""
    assert load_config(project('\ufeff[tool.beautyspot]\nmode = "off"\n')).mode == "off"


def test_home_may_start_with_a_tilde(project, tmp_path, monkeypatch):
    """A tilde is the user's home, in the table and in the environment."""
    top = project('[tool.beautyspot]\nhome = "~/cache"\n')
    assert load_config(top).home == tmp_path / "home" / "cache"
    monkeypatch.setenv("BEAUTYSPOT_HOME", "~/other")
    assert workspace(top) == tmp_path / "home" / "other"


def test_relative_home_in_the_environment_is_relative_to_the_start(tmp_path, monkeypatch):
    """The result is absolute, so that a later chdir changes nothing."""
    monkeypatch.setenv("BEAUTYSPOT_HOME", "../cache")
    assert workspace(tmp_path / "home") == tmp_path / "cache"


@pytest.mark.parametrize("marker", ["pyproject.toml", ".git", "setup.cfg", "setup.py", ".beautyspot"])
def test_notebook_and_script_agree_on_the_workspace(marker, tmp_path):
    """From anywhere in a project the workspace is that of its top."""
    top = tmp_path / "home" / "project"
    deep = top / "notebooks" / "deep"
    deep.mkdir(parents=True)
    (top / marker).mkdir() if marker.startswith(".") else (top / marker).touch()
    assert workspace(top) == workspace(deep) == top / ".beautyspot"


def test_nearest_marker_wins(tmp_path):
    """A project inside a project has its own workspace."""
    inner = tmp_path / "home" / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner.parent / ".git").mkdir()
    (inner / ".beautyspot").mkdir()
    assert workspace(inner) == inner / ".beautyspot"


def test_home_directory_is_no_project(tmp_path):
    """Dotfiles under version control, or a cache at home, do not swallow every directory below."""
    home = tmp_path / "home"
    for marker in (".git", ".beautyspot"):
        (home / marker).mkdir()
    (home / "pyproject.toml").write_text('[tool.beautyspot]\nmode = "off"\n', encoding="utf-8")
    (home / "scratch").mkdir()
    assert workspace(home / "scratch") == home / "scratch" / ".beautyspot"
    assert workspace(home) == home / ".beautyspot"
    assert load_config(home / "scratch").mode == "on"


def test_root_of_the_file_system_is_no_project():
    """At the root the workspace is the root's own, and the search ends."""
    root = Path(Path.cwd().anchor)
    assert workspace(root) == root / ".beautyspot"


def test_start_is_the_current_directory(project, monkeypatch):
    """Without a start the current directory counts."""
    top = project('[tool.beautyspot]\nmode = "off"\n')
    monkeypatch.chdir(top / "notebooks")
    assert load_config().mode == "off"
    assert workspace() == top / ".beautyspot"


def test_current_directory_that_is_gone(tmp_path, monkeypatch):
    """A deleted directory is an error that says what helps, and the remedy works."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigurationError, match="set BEAUTYSPOT_HOME"):
        workspace()
    monkeypatch.setenv("BEAUTYSPOT_HOME", str(tmp_path))
    assert workspace() == tmp_path


def test_toml_parser_is_not_imported_without_need():
    """Programs in projects that say nothing do not pay for the parser."""
    code = "import sys, beautyspot.config as c; c.load_config(); print('tomllib' in sys.modules)"
    root = Path(Path.cwd().anchor)
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
