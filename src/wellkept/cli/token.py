"""``wellkept token``: the address and token of the server on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from wellkept.cli.render import data_option
from wellkept.kernel.errors import NotFoundError

DEFAULT_DATA = Path(".wellkept/data")


@click.command(name="token")
@data_option
def command(data: Path | None) -> None:
    """Print the page's address with the token, for the first visit."""
    folder = data or DEFAULT_DATA
    token, address = folder / "token", folder / "address"
    if not token.is_file() or not address.is_file():
        raise NotFoundError(f"server on {folder}", "has not been started; run `wellkept up`")
    click.echo(f"{address.read_text().strip()}/?token={token.read_text().strip()}")
