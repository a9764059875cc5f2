"""Tables are as wide as the terminal, and elsewhere as their lines."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wellkept.cli.render import client, say_table
from wellkept.cli.token import command as token
from wellkept.kernel.errors import NotFoundError

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


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a command is started in, with a configuration that keeps its data elsewhere."""
    for name in ("WELLKEPT_URL", "WELLKEPT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wellkept.yaml").write_text("data: elsewhere\n", encoding="utf-8")
    return tmp_path


def test_a_command_asks_the_server_that_is_configured_where_it_is_started(place: Path) -> None:
    for folder, port in (("elsewhere", 1), (".wellkept/data", 2), ("other", 3)):
        (place / folder).mkdir(parents=True)
        (place / folder / "address").write_text(f"http://127.0.0.1:{port}\n", encoding="ascii")
        (place / folder / "token").write_text("secret\n", encoding="ascii")

    with click.Context(click.Command("list")):
        assert client(None).url == "http://127.0.0.1:1"
        assert client(Path("other")).url == "http://127.0.0.1:3"
    assert CliRunner().invoke(token, []).output == "http://127.0.0.1:1/?token=secret\n"
    (place / "wellkept.yaml").unlink()
    with click.Context(click.Command("list")):
        assert client(None).url == "http://127.0.0.1:2"


def test_where_no_server_ran_it_says_how_to_name_another(place: Path) -> None:
    with (
        click.Context(click.Command("list")),
        pytest.raises(NotFoundError, match=r"server on elsewhere: .* or say where"),
    ):
        client(None)
