"""``wellkept token``: the address and token of the server on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import configured, data_option, json_option, say_json
from wellkept.kernel.errors import NotFoundError

DEFAULT_DATA = Path(".wellkept/data")


@click.command(name="token")
@data_option
@json_option
def command(data: Path | None, as_json: bool) -> None:
    """Print the page's address with the token, for the first visit."""
    folder = data or configured() or DEFAULT_DATA
    token, address = folder / "token", folder / "address"
    if not token.is_file() or not address.is_file():
        raise NotFoundError(f"server on {folder}", "has not been started; run `wellkept up`")
    words = {"address": address.read_text("ascii").strip(), "token": token.read_text("ascii").strip()}
    if as_json:
        return say_json(words)
    click.echo(f"{words['address']}/?token={words['token']}")
    return None
