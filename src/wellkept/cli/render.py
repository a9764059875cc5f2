"""How commands speak: tables and colour for people, one JSON document for machines."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from wellkept.kernel.codec import encode
from wellkept.kernel.errors import DocumentError, InputError, Problem
from wellkept.sdk.client import Client

WIDEST = 10_000
_ID = re.compile(r"[a-z]{2,5}-[0-9a-f]{8,16}")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The server's data folder (for its address and token; default: that of wellkept.yaml, where there is one).",
)
CONFIGURATION = Path("wellkept.yaml")


def client(data: Path | None) -> Client:
    """The client of the server that runs on a data folder, or the one that the environment names, or else the one that
    `wellkept up` starts in this folder.

    Its connections are closed when the command ends.
    """
    is_named = data is not None or (os.environ.get("WELLKEPT_URL") and os.environ.get("WELLKEPT_TOKEN"))
    found = Client.from_environment(data if is_named else configured())
    click.get_current_context().call_on_close(found.close)
    return found


def configured() -> Path | None:
    """The data folder that the environment, or the configuration of this folder, names; None where neither does.

    Nothing else of the configuration is read: a command neither waits for the whole of it nor fails by its mistakes.

    Raises:
        InputError: it is not YAML.
    """
    if named := os.environ.get("WELLKEPT_DATA"):
        return Path(named)
    if not CONFIGURATION.is_file():
        return None
    import yaml

    try:
        document = yaml.load(CONFIGURATION.read_bytes(), yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise InputError(f"configuration {CONFIGURATION}", f"is not YAML: {error}") from error
    data = document.get("data") if isinstance(document, dict) else None
    return Path(data) if isinstance(data, str) else None


def also_as_list(group: click.Group) -> None:
    """Let a group that lists by itself do so under the name `list`, too, as other groups do."""
    group.add_command(click.Command("list", params=group.params, callback=group.callback, help="List them."))


def say_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2, default=str))


@contextlib.contextmanager
def telling_mistakes(as_json: bool) -> Iterator[list[Problem]]:
    """Around the reading of a document: with ``--json``, what is wrong with it (or that nothing is) is one document.

    What is only worth a warning goes into the list that it gives.
    """
    warnings: list[Problem] = []
    try:
        yield warnings
    except DocumentError as error:
        if not as_json:
            raise
        say_json({"ok": False, "problems": encode(error.problems)})
        raise SystemExit(error.exit_code) from error
    if as_json:
        say_json({"ok": True, "problems": []} | ({"warnings": encode(warnings)} if warnings else {}))


def say_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Print a table, or, when it has no rows, what to do to fill it. Cells come from answers: a number is its digits.

    On a terminal it is as wide as that, elsewhere (a pipe, a file) as its longest lines; ``COLUMNS`` goes before both.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    lines = [["" if cell is None else str(cell) for cell in row] for row in rows]
    for place, column in enumerate(columns):
        are_ids = all(_ID.fullmatch(line[place]) for line in lines)  # on one line, or nobody could copy them
        table.add_column(column, overflow="fold", no_wrap=are_ids)
    for line in lines:
        table.add_row(*(escape(cell) for cell in line))
    console = Console()
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console.width = WIDEST  # nobody sees where a line ends, and what reads it wants each row as one
    console.print(table if table.row_count else escape(empty), soft_wrap=not table.row_count)


def when(moment: str | None) -> str:
    """A moment as a person reads it: local time to the second."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""
