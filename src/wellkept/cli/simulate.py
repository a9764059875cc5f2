"""``wellkept simulate``: models are watched and refreshed through months that pass in minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import json_option, say_json, say_table
from wellkept.simulate.kinds import EXAMPLES, FAULTS

FOLDER = Path(".wellkept/simulation")
_PLACE = click.Path(path_type=Path, file_okay=False)


@click.command(name="simulate")
@click.argument("examples", nargs=-1, metavar="[EXAMPLE]...")
@click.option("--all", "every", is_flag=True, help="All four examples, on one platform.")
@click.option("--months", type=click.IntRange(1, 24), default=4, show_default=True, help="Months of 30 days.")
@click.option("--fault", type=click.Choice(FAULTS), default="none", show_default=True,
              help="What goes wrong half way.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of all that is made up.")
@click.option("--examples", "where", type=_PLACE, default=None, help="Where examples are (default: ./examples).")
@click.option("--folder", type=_PLACE, default=FOLDER, show_default=True,
              help="Where all is kept; what an earlier simulation left there is replaced.")  # fmt: skip
@json_option
@click.pass_context
def command(context: click.Context, /, examples: tuple[str, ...], folder: Path, as_json: bool, **asked: Any) -> None:
    """Watch and refresh models through months that pass in minutes.

    EXAMPLE is churn, demand, fraud or recommendations, or the folder of a model project with a world.py. Ends with code
    0 only if every fault was found for what it is, and models were retrained when, and only when, that helps.
    """
    from wellkept.simulate.base import Plan
    from wellkept.simulate.examples import cleared, find_examples
    from wellkept.simulate.report import HEADINGS, decided, rows
    from wellkept.simulate.report import as_json as report
    from wellkept.simulate.run import simulate

    every, where = asked.pop("every"), asked.pop("where")
    if every == bool(examples):
        raise click.UsageError("name an EXAMPLE, or all of them with --all")
    found = find_examples(EXAMPLES if every else examples, where)
    plan = Plan(found, cleared(folder), _last_monday(), **asked)
    told = simulate(plan, lambda text: click.echo(text, err=as_json))
    if as_json:
        say_json(report(plan, told))
    else:
        say_table(f"{plan.months} month{'s' * (plan.months > 1)}, fault: {plan.fault}", HEADINGS, rows(plan, told), "")
        for one in told:
            for line in decided(one):
                click.echo(f"{one.model}, {line}")
            for words in one.failed:
                click.secho(f"{one.model}: {words}", fg="red")
        click.echo(f"\nto look at it: wellkept up --config {folder / 'wellkept.yaml'}")
    context.exit(1 if any(one.failed for one in told) else 0)


def _last_monday() -> datetime:
    """The months end there: so the same seed gives the same weekdays, whenever it is run."""
    now = datetime.now(UTC)
    return datetime(now.year, now.month, now.day, tzinfo=UTC) - timedelta(days=now.weekday())
