"""``wellkept query``: what an expression of PromQL is now, or has been over a stretch of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from wellkept.cli.export import Moment
from wellkept.cli.render import client, data_option, json_option, say_json, say_table
from wellkept.kernel.errors import InputError

WIDTH = 60
"""Steps of a stretch of time, where no step is named: what a sparkline has room for."""
SHOWN = 50
_BLOCKS = "▁▂▃▄▅▆▇█"


@click.command(name="query")
@click.argument("expression")
@click.option("--since", type=Moment(), default=None, help="Over time, from when on: 2h, or 2026-01-31T12:00.")
@click.option("--until", type=Moment(), default=None, help="Until when, or at which moment (default: now).")
@click.option("--step", type=click.FloatRange(min=0.001), default=None, help="Seconds between two values.")
@data_option
@json_option
def command(
    expression: str,
    since: datetime | None,
    until: datetime | None,
    step: float | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Evaluate EXPRESSION (PromQL): at a moment, or over time with --since.

    For example: wellkept query 'sum by (job) (rate(http_server_request_duration_seconds_count[5m]))' --since 1h
    """
    end = until or datetime.now(UTC)
    asked: dict[str, Any] = {"query": expression}
    if since is None:
        path, asked["time"] = "/prometheus/api/v1/query", end.timestamp()
    else:
        if since >= end:
            raise InputError("--since", "must be before --until", since.isoformat())
        seconds = step or max(1.0, (end - since).total_seconds() / WIDTH)
        path = "/prometheus/api/v1/query_range"
        asked |= {"start": since.timestamp(), "end": end.timestamp(), "step": seconds}
    found = client(data).get(path, **asked)["data"]
    if as_json:
        return say_json(found)
    return _say(found["resultType"], found["result"])


def _say(kind: str, result: Any) -> None:
    if kind in ("scalar", "string"):
        return click.echo(result[1])
    empty = "No series. `wellkept query 'count by (__name__) ({__name__!=\"\"})'` lists the metrics there are."
    if kind == "vector":
        rows = [(named(row["metric"]), row["value"][1]) for row in result[:SHOWN]]
        say_table("", ("series", "value"), rows, empty)
    else:
        say_table("", ("series", "lowest", "highest", "last", "over time"), map(_shape, result[:SHOWN]), empty)
    if len(result) > SHOWN:
        click.echo(f"The first {SHOWN} of {len(result)} series; --json gives all.")
    return None


def _shape(row: dict[str, Any]) -> Sequence[str]:
    values = [float(value) for _, value in row["values"]]
    finite = [value for value in values if math.isfinite(value)]
    lowest, highest = (f"{pick(finite):g}" if finite else "" for pick in (min, max))
    return named(row["metric"]), lowest, highest, f"{values[-1]:g}", sparkline(values)


def named(metric: dict[str, str]) -> str:
    """A series as PromQL writes it."""
    labels = ",".join(f'{name}="{value}"' for name, value in sorted(metric.items()) if name != "__name__")
    name = metric.get("__name__", "")
    return f"{name}{{{labels}}}" if labels or not name else name


def sparkline(values: Sequence[float]) -> str:
    """The shape of numbers, a character each; a space where there is none."""
    finite = [value for value in values if math.isfinite(value)]
    lowest, span = min(finite, default=0.0), max(finite, default=0.0) - min(finite, default=0.0)
    top = len(_BLOCKS) - 1
    return "".join(
        " " if not math.isfinite(value) else _BLOCKS[round((value - lowest) / span * top) if span else 0]
        for value in values
    )
