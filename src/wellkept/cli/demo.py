"""``wellkept demo``: see both loops at work on real processes."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import threading
from pathlib import Path

import click

from wellkept.kernel.errors import NotFoundError

FOLDER = Path(".wellkept/demo")
WIDTH = 160
"""Columns of the table where there is no terminal that has a width."""


@click.command(name="demo")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end; progress goes to stderr.")
@click.option("--keep", is_flag=True, help="Leave everything running at the end, until Ctrl-C.")
@click.option("--by-hand", is_flag=True, help="Approve nothing: wait for you, on the page or with `wellkept approve`.")
@click.option("--port", type=click.IntRange(1, 65_535), default=None, help="Port of the pages (default: a free one).")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    show_default=True,
    help="Where it keeps its files; those of an earlier demo are replaced.",
)
@click.pass_context
def command(context: click.Context, as_json: bool, keep: bool, by_hand: bool, port: int | None, folder: Path) -> None:
    """Break a small shop of real processes in five acts, and see what the platform makes of it.

    Ends with code 0 only if every act came out as told. Takes about four minutes; Ctrl-C ends it and everything
    that it started.
    """
    _check_extra()
    from rich.console import Console

    from wellkept.demo.run import Options, played
    from wellkept.demo.screen import print_ending, screen_for

    console = Console(stderr=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, width=WIDTH)
    with played(Options(folder, port, by_hand), screen_for(console)) as ending:
        if as_json:
            click.echo(json.dumps(ending.as_json(), indent=2))
        else:
            print_ending(ending, console)
        if keep:
            console.print("everything runs on; Ctrl-C ends it")
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
    context.exit(ending.exit_code)


def _check_extra() -> None:
    """The shop and the model need more than the platform does."""
    for module in ("lightgbm", "opentelemetry.sdk"):
        if importlib.util.find_spec(module.partition(".")[0]) is None or importlib.util.find_spec(module) is None:
            raise NotFoundError(f"package {module}", "is not installed; `pip install 'wellkept[demo]'` brings it")
