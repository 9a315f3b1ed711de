"""The options of ``%%spot``."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from beautyspot_jupyter.options import CellOptions, parse_options


def test_an_empty_line_gives_the_defaults() -> None:
    """Nothing asked for is nothing changed."""
    assert parse_options("  ") == CellOptions()


def test_every_option_is_read() -> None:
    """Long and short forms, with a space or an equals sign, lists repeated or with commas."""
    options = parse_options(
        'load -i a,b --ignore c -w x --dep "my data/*.csv" --env A,B -v 2 --pin pandas --ttl=1d -s exp -f --blob '
        "--no-output --rng strict --files off --allow-effects --strict --min-time 0.2s --tag T -q --also z"
    )
    assert options == CellOptions(
        label="load",
        also=("z",),
        ignore=("a", "b", "c"),
        writes=("x",),
        dep=("my data/*.csv",),
        env=("A", "B"),
        version="2",
        pin=("pandas",),
        ttl=86400.0,
        spot="exp",
        force=True,
        blob=True,
        no_output=True,
        rng="strict",
        files=False,
        allow_effects=True,
        strict=True,
        min_time=0.2,
        tags=("T",),
        quiet=True,
    )


def test_labels_may_be_any_text() -> None:
    """A label may have spaces in quotes, and any letters."""
    assert parse_options("'月次 集計' -q").label == "月次 集計"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--forse", "did you mean --force"),
        ("--nonsense-at-all", "no option --nonsense-at-all"),
        ("-x", "no option -x"),
        ("--codec x=y", "not available in this version"),
        ("--allow-pickle m", "not available in this version"),
        ("a b", "one label"),
        ("--ttl", "needs a value"),
        ("--ttl -q", "needs a value"),
        ("--ttl soon", "--ttl"),
        ("--ttl 0", "longer than zero"),
        ("--ttl 1d --ttl 2d", "given twice"),
        ("--force=yes", "takes no value"),
        ("--force --off", "contradict"),
        ("--reads a --ignore b", "--reads names all reads"),
        ("--ignore a-b", "names of variables"),
        ("--rng maybe", "ignore or strict"),
        ("--files some", "on or off"),
        ("'open", "no closing quotation"),
    ],
)
def test_wrong_options_are_usage_errors(line: str, message: str) -> None:
    """Whatever is not understood is said before anything runs."""
    with pytest.raises(UsageError, match=message):
        parse_options(line)
