"""Tables are as wide as the terminal, and elsewhere as their lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wellkept.cli.render import client, configured, say_table
from wellkept.cli.token import command as token
from wellkept.kernel.errors import InputError, NotFoundError

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
    for name in ("WELLKEPT_URL", "WELLKEPT_TOKEN", "WELLKEPT_DATA"):
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data: elsewhere\nops: {nonsense: 1}\n", Path("elsewhere")),
        ("data: [1]\n", None),
        ("ops: {}\n", None),
        ("", None),
        ("- 1\n", None),
    ],
)
def test_only_the_data_folder_is_read_of_a_configuration(place: Path, text: str, expected: Path | None) -> None:
    (place / "wellkept.yaml").write_text(text, encoding="utf-8")

    assert configured() == expected


def test_the_environment_names_the_data_folder_before_the_configuration(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WELLKEPT_DATA", "here")

    assert configured() == Path("here")


def test_a_configuration_that_is_no_yaml_is_said(place: Path) -> None:
    (place / "wellkept.yaml").write_text("data: [\n", encoding="utf-8")

    with pytest.raises(InputError, match=r"configuration wellkept.yaml: is not YAML"):
        configured()


def test_a_command_loads_nothing_of_the_server(place: Path) -> None:
    """What it costs to start is waited for by people: the engines alone take seconds."""
    script = "import sys; from wellkept.cli.render import configured; configured(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=place, capture_output=True, text=True, check=True)

    assert not {"sqlalchemy", "chdb", "pyarrow", "wellkept.app.settings"} & set(loaded.stdout.split())
