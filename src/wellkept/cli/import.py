"""``wellkept import``: send a file of lines or a table, or a recording, to the server."""  # noqa: N999 - as its command

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlencode

import click

from wellkept.cli.render import client, data_option, json_option, say_json
from wellkept.kernel.errors import OverloadError
from wellkept.sdk.client import Client


@click.command(name="import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--layout", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help="What the tables of a folder mean (default: recording.yaml in it).")  # fmt: skip
@click.option("--about", multiple=True, metavar="NAME=VALUE", help="What all lines are about, such as service=shop.")
@data_option
@json_option
def command(path: Path, layout: Path | None, about: tuple[str, ...], data: Path | None, as_json: bool) -> None:
    """Send PATH to the server.

    PATH is a file of JSON lines or texts (.gz too), a CSV or Parquet table, whose rows become log
    records, or a folder with a recording (OTLP files, or tables and a recording.yaml).
    """
    from wellkept.app.importing import LINES, pieces

    named = dict(text.partition("=")[::2] for text in about)
    query = f"?{urlencode(named)}" if named else ""
    api = client(data)
    began, bodies, size, records = time.monotonic(), 0, 0, 0
    for piece in pieces(path, layout):
        _send(api, piece.door + (query if piece.media == LINES else ""), piece.body, piece.media)
        bodies, size, records = bodies + 1, size + len(piece.body), records + piece.records
    seconds = time.monotonic() - began
    if as_json:
        return say_json({"path": str(path), "bodies": bodies, "bytes": size, "records": records, "seconds": seconds})
    what = f"{records:,} records" if records else f"{bodies:,} requests"
    click.echo(f"{what} of {path} stored in {seconds:.1f} s ({size / 1e6:.1f} MB)")
    return None


def _send(api: Client, door: str, body: bytes, media: str) -> None:
    """Send one body; while the server has too much to do, wait as long as it asks for."""
    while True:
        try:
            api.send(door, body, media)
            return
        except OverloadError as error:
            time.sleep(error.retry_after_s)
