"""``wellkept up``: start the platform on this machine."""

from __future__ import annotations

import gc
from pathlib import Path

import click


@click.command(name="up")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Configuration file (default: wellkept.yaml, where there is one).",
)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=None, help="Data folder.")
@click.option("--port", type=click.IntRange(0, 65_535), default=None, help="Port of the pages and doors.")
@click.option("--no-agent", is_flag=True, help="Do not watch this machine.")
@click.option("--json", "as_json", is_flag=True, help="Say that it is ready as one JSON line.")
def command(config: Path | None, data: Path | None, port: int | None, no_agent: bool, as_json: bool) -> None:
    """Start the server, watch this machine, and print the page's address with its token."""
    gc.disable()  # until the server is ready: what is loaded stays; looking through it for rubbish is a seventh of that
    try:
        _serve(config, data, port, no_agent=no_agent, as_json=as_json)
    finally:
        gc.enable()


def _serve(config: Path | None, data: Path | None, port: int | None, *, no_agent: bool, as_json: bool) -> None:
    from wellkept.app.algebra import on_one_thread
    from wellkept.app.frames import without_pandas

    on_one_thread()  # before anything below loads what multiplies matrices
    without_pandas()  # before anything below gives Arrow values

    from wellkept.app.server import serve
    from wellkept.app.settings import load_settings, resumed_demo

    if config is None and data is None and (demo := resumed_demo()) is not None:
        click.echo(f"a demo is running without its server; starting it again on {demo.parent}", err=True)
        config = demo
    settings = load_settings(config)
    changes: dict[str, object] = {}
    if data is not None:
        changes["data"] = data
    if port is not None:
        changes["server"] = settings.server.model_copy(update={"port": port})
    if no_agent:
        changes["agent"] = settings.agent.model_copy(update={"enabled": False})
    serve(settings.model_copy(update=changes), as_json=as_json)
