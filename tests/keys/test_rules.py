"""Rules for parameters that name files."""

import os

import pytest

from beautyspot.errors import KeyingError
from beautyspot.keys import compile_key, encode, file_content, file_stat


def read(path):
    return path.read_text()


def test_content_counts_and_place_does_not(tmp_path):
    """Copies agree, edits differ, a time stamp means nothing."""
    one, other = tmp_path / "a.csv", tmp_path / "b.txt"
    one.write_text("x")
    other.write_text("x")
    keys = compile_key(read, rules={"path": file_content})
    first = keys((one,), {})
    os.utime(one, (1, 1))
    assert keys((str(one),), {}) == first == keys((other,), {})
    one.write_text("y")
    assert keys((one,), {}) != first


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1])
def test_files_of_every_size(tmp_path, size):
    """Files of one piece and of many are read with the same care for every byte."""
    path = tmp_path / "data"
    path.write_bytes(b"a" * size)
    before = file_content(path)
    assert before == file_content(os.fspath(path))
    path.write_bytes(b"a" * size + b"b")
    assert file_content(path) != before


def test_stat_is_place_size_and_time(tmp_path):
    """`file_stat` reads no content, but notices every ordinary change."""
    path = tmp_path / "a.csv"
    path.write_text("x")
    os.utime(path, ns=(1, 1))
    before = encode(file_stat(path))
    assert encode(file_stat(tmp_path / "." / "a.csv")) == before
    os.utime(path, ns=(2, 2))
    assert encode(file_stat(path)) != before
    path.write_text("xy")
    os.utime(path, ns=(1, 1))
    assert encode(file_stat(path)) != before


@pytest.mark.parametrize("rule", [file_content, file_stat])
def test_a_missing_file_is_told(rule, tmp_path):
    """The message names the file and the reason."""
    with pytest.raises(KeyingError, match=r"gone\.csv.*No such file"):
        rule(tmp_path / "gone.csv")


def test_a_directory_has_no_content(tmp_path):
    """Only files have content."""
    with pytest.raises(KeyingError, match="cannot be part of a cache key"):
        file_content(tmp_path)


def test_every_kind_of_path(tmp_path):
    """Text, bytes and path objects name one file; what is no path is told as such."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 5_000_000)
    for rule in (file_content, file_stat):
        assert rule(path) == rule(str(path)) == rule(os.fsencode(path))
        for wrong in (None, 1.5, "a\0b", 0):
            with pytest.raises(KeyingError, match="cannot be part of a cache key"):
                rule(wrong)


def test_a_pipe_is_not_waited_for(tmp_path):
    """Nobody may ever write to it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(KeyingError, match="no regular file"):
        file_content(tmp_path / "pipe")
