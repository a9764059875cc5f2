"""``wellkept targets``: what is scraped, and how that goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json, when

_COLOURS = {"up": "green", "down": "red"}


@click.command(name="targets")
@click.option("--down", "only_down", is_flag=True, help="Only those that are not up.")
@data_option
@json_option
def command(only_down: bool, data: Path | None, as_json: bool) -> None:
    """List the targets of the configuration, their health, and why one is down."""
    scrape = client(data).get("/api/v1/status")["doors"].get("scrape", {"targets": [], "files": {}})
    targets = [target for target in scrape["targets"] if not only_down or target["health"] != "up"]
    if as_json:
        return say_json({**scrape, "targets": targets})
    for target in targets:
        _say(target)
    for file, mistake in scrape["files"].items():
        click.secho(f"{file}: {mistake}", fg="red", err=True)
    if not scrape["targets"]:
        click.echo("Nothing is scraped. ingest.scrape in wellkept.yaml names what should be.")
    elif not targets:
        click.echo(f"All {len(scrape['targets'])} targets are up.")
    return None


def _say(target: dict[str, Any]) -> None:
    click.secho(f"{target['health']:8}", fg=_COLOURS.get(target["health"]), nl=False)
    click.echo(f"{target['job']}  {target['instance']}  {target['url']}", nl=False)
    if target["scrapes"]:
        scraped, duration = when(target["last_scrape"]), target["last_duration_s"]
        click.echo(f"  {scraped}  {duration:.3f} s  {target['last_samples']} samples", nl=False)
    click.echo(f"\n        {target['last_error']}" if target["last_error"] else "")
