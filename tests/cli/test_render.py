"""Tables are as wide as the terminal, and elsewhere as their lines."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from wellkept.cli.render import say_table

LONG = "a sentence that is a good deal longer than the eighty columns that a terminal has where nobody knows better"


@pytest.mark.parametrize(("columns", "lines"), [("", 1), ("60", 2)])
def test_a_row_is_one_line_where_nobody_says_how_wide(
    monkeypatch: pytest.MonkeyPatch, columns: str, lines: int
) -> None:
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    else:
        monkeypatch.delenv("COLUMNS", raising=False)
    with CliRunner().isolation() as (out, *_):
        say_table("T", ("what",), [(LONG,)], "none")
        text = out.getvalue().decode()
    assert (LONG in text) == (lines == 1)
    assert text.count("│") == 2 * lines


def test_what_is_said_of_no_rows_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    with CliRunner().isolation() as (out, *_):
        say_table("T", ("what",), [], LONG)
        assert out.getvalue().decode() == f"{LONG}\n"


def test_a_cell_that_is_no_text_is_told_as_one() -> None:
    with CliRunner().isolation() as (out, *_):
        say_table("T", ("status", "said"), [(201, None), (None, "[b]")], "empty")
        cells = [line.strip("│").split("│") for line in out.getvalue().decode().splitlines() if "│" in line]
    assert [[cell.strip() for cell in line] for line in cells] == [["201", ""], ["", "[b]"]]
