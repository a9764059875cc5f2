"""``wellkept findings``: what detectors and monitors suspect, and what people think of it."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from wellkept.cli.render import also_as_list, client, data_option, json_option, say_json, say_table, when
from wellkept.kernel.feedback import Opinion
from wellkept.kernel.finding import Severity

_DONE = {
    Opinion.USEFUL: "findings like it may come earlier",
    Opinion.NOISE: "the next one of its series must be more unusual",
    Opinion.EXPECTED: "its series is left alone around this time of day",
}


@click.group(name="findings", invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Ended ones too.")
@data_option
@json_option
@click.pass_context
def command(context: click.Context, everything: bool, data: Path | None, as_json: bool) -> None:
    """List findings: what is suspicious, where, since when, how unusual."""
    if context.invoked_subcommand is not None:
        return None
    answer = client(data).get("/api/v1/findings", open_only=not everything)
    if as_json:
        return say_json(answer)
    rows = [
        (
            f["id"],
            when(f["starts_at"]),
            when(f["ends_at"]) or "open",
            Severity(f["severity"]).name.lower(),
            f["sentence"],
        )
        for f in answer["findings"]
    ]
    empty = "Nothing is suspicious. `wellkept findings --all` shows what was."
    say_table("Findings", ("id", "since", "until", "severity", "what"), rows, empty)
    return None


also_as_list(command)


@command.command()
@click.argument("finding")
@click.argument("opinion", type=click.Choice([opinion.value for opinion in Opinion]))
@click.option("--by", default=getpass.getuser, help="Whose opinion it is (default: you).")
@data_option
@json_option
def feedback(finding: str, opinion: str, by: str, data: Path | None, as_json: bool) -> None:
    """Say what a finding was worth: useful, noise, or expected at this time of day.

    It moves the threshold of its series, and a little that of others of the same metric. `wellkept detectors explain`
    shows by how much; the effect fades within months.
    """
    said = client(data).feedback(finding, opinion, by)
    if as_json:
        return say_json({"feedback": said})
    what = said["signal"] or "it"
    click.secho(f"{opinion}: {what} of {said['entity'] or 'the platform'}", fg="green")
    click.echo(f"{_DONE[Opinion(opinion)]}; wellkept detectors explain {said['detector']}")
    return None
