"""Paths, exit codes, and terminals of every kind."""

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from beautyspot import __version__
from beautyspot.cli.places import find_dbs


def test_version(run):
    """--version names program and version."""
    assert run("--version") == (0, f"beautyspot {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["ls", "--limit", "0"],
        ["ls", "--limit", "x"],
        ["ls", "--sort", "taste"],
        ["ui", "--port", "70000"],
        ["show"],
    ],
)
def test_wrong_usage_is_exit_code_2(run, arguments):
    """What cannot be understood is told with the usage."""
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "usage: beautyspot" in err


@pytest.mark.parametrize("command", [["ls"], ["stats"], ["ui", "--no-browser"]])
def test_a_missing_file_is_told_and_not_made(run, tmp_path, command):
    """A wrong path is exit code 1 and leaves no file behind."""
    path = tmp_path / "nope.db"
    code, out, err = run(command[0], path, *command[1:])
    assert (code, out) == (1, "")
    assert f"there is no file {path}" in err
    assert not path.exists()


def test_a_file_that_is_no_database(run, tmp_path):
    """A text file is refused in one line."""
    (tmp_path / "a.db").write_text("hello, this is no database at all\n" * 50)
    code, out, err = run("stats", tmp_path / "a.db")
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1


def test_odd_paths_are_told_in_one_line(run):
    """Empty, too long and hostile paths: one line that a terminal can show."""
    for path in ("", "x" * 5000, "a\x1b[31mb.db", "nul\0byte"):
        code, out, err = run("ls", path)
        assert (code in {1, 2}, out, len(err.splitlines())) == (True, "", 1)
        assert "\x1b" not in err
        assert err.startswith("beautyspot: ")
        assert not err.startswith("beautyspot:  ")


def test_a_database_of_another_program(run, cache, tmp_path):
    """A wrong file is refused, and never gets our tables; in a folder it is passed over."""
    other = cache.with_name("other.db")
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE photos(name)")
    before = other.read_bytes()
    for command in (
        ["ls", other],
        ["stats", other],
        ["show", other, "a"],
        ["ui", other, "--allow-edit", "--no-browser"],
    ):
        code, out, err = run(*command)
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert "is a database of another program" in err
    with find_dbs([str(cache.parent)], read_only=True) as dbs:
        assert [Path(db.label) for db in dbs] == [cache]
    assert other.read_bytes() == before


def test_a_folder_lists_its_databases(run, cache):
    """A folder is no database, but tells which ones it holds."""
    code, _, err = run("ls", cache.parent)
    assert code == 2
    assert str(cache) in err


def test_the_only_database_of_the_workspace_is_the_default(run, cache, tmp_path):
    """Without a path the workspace decides, if it can."""
    home = tmp_path / "home"
    assert run("stats")[0] == 1
    home.mkdir()
    shutil.copy(cache, home / "one.db")
    assert "3 hits" in run("stats")[1]
    shutil.copy(cache, home / "two.db")
    code, _, err = run("stats")
    assert code == 2
    assert "two.db" in err


def test_a_url_of_no_known_database(run):
    """An unknown scheme is wrong usage."""
    assert run("ls", "ftp://host/x")[0] == 2


def test_ui_needs_something_to_show(run, tmp_path):
    """Without a database, in a folder or in the workspace, ui tells where it looked."""
    code, out, err = run("ui", tmp_path, "--no-browser")
    assert (code, out, err) == (1, "", f"beautyspot: there is no database in {tmp_path}: give the path of one\n")
    code, _, err = run("ui", "--no-browser")
    assert code == 1
    assert str(tmp_path / "home") in err


def test_ui_refuses_a_named_file_that_is_no_cache(run, cache, tmp_path):
    """A damaged file is told before a browser opens, in one line."""
    (tmp_path / "a.db").write_text("hello, this is no database at all\n" * 50)
    code, out, err = run("ui", cache, tmp_path / "a.db", "--no-browser")
    assert (code, out, len(err.splitlines())) == (1, "", 1)


def test_ui_takes_files_and_folders(cache, tmp_path, monkeypatch):
    """Every database is found once; one in a folder that cannot be read does not hide the others."""
    (tmp_path / "broken.db").write_text("hello, this is no database at all\n" * 50)
    with find_dbs([str(cache), str(cache.parent)], read_only=True) as dbs:
        assert [Path(db.label).name for db in dbs] == ["実験.db", "broken.db"]
    monkeypatch.setenv("BEAUTYSPOT_HOME", str(cache.parent))
    with find_dbs([], read_only=True) as dbs:
        assert len(dbs) == 2
    assert sorted(path.suffix for path in cache.parent.iterdir() if path.is_file()) == [".db", ".db"]


def test_ui_says_that_a_port_is_taken(run, cache):
    """A port in use is exit code 1 and one line."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, out, err = run("ui", cache, "--no-browser", "--port", port)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert f"port {port} cannot be used" in err


def start(arguments, encoding="ascii", **options):
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C"}
    return subprocess.Popen(
        [sys.executable, "-m", "beautyspot.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        **options,
    )


def test_ascii_terminals_get_escapes(cache):
    """Text that the terminal has no letters for is escaped, not an error."""
    out, err = start(["ls", cache]).communicate(timeout=60)
    assert err == b""
    assert b"\\u7ffb\\u8a33" in out
    out.decode("ascii")
    out, err = start(["stats", cache, "--json"]).communicate(timeout=60)
    assert b"\\u7ffb" in out
    assert err == b""


@pytest.mark.parametrize(("encoding", "sign"), [("cp932", "◆"), ("cp1252", "*"), ("ascii", "*")])
def test_signs_have_plain_forms(cache, encoding, sign):
    """A console that lacks our own signs gets plain ones, and the columns stay aligned."""
    out, err = start(["stats", cache], encoding).communicate(timeout=60)
    assert err == b""
    assert out.decode(encoding).startswith(f"{sign} ")


def test_a_reader_that_leaves_early_is_no_error(cache):
    """`beautyspot ls | head` ends silently."""
    process = start(["ls", cache])
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


def test_a_missing_extra_is_named(run, cache, monkeypatch):
    """Without Panel, ui says what to install."""
    monkeypatch.setitem(sys.modules, "panel", None)
    code, _, err = run("ui", cache, "--no-browser")
    assert code == 1
    assert 'pip install "beautyspot[dashboard]"' in err
