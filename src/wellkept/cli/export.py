"""``wellkept export``: take what the server stored of a stretch of time into a folder that can be replayed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, data_option, json_option, say_json
from wellkept.kernel.errors import ConflictError, InputError
from wellkept.sdk.paths import path_of

SIGNALS = ("metrics", "logs", "traces")
SLICE = timedelta(minutes=5)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Moment(click.ParamType[datetime]):
    """``2h`` (that long ago) or a moment in ISO 8601; without a zone it is local time."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if value[:-1].replace(".", "", 1).isdigit() and value[-1] in _UNITS:
            return datetime.now(UTC) - timedelta(seconds=float(value[:-1]) * _UNITS[value[-1]])
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            self.fail(f"{value!r} is neither that long ago (30m, 2h, 1d) nor a moment (2026-01-31T12:00)", param, ctx)


@click.command(name="export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--since", type=Moment(), default="1h", show_default=True, help="From when on: 2h, or 2026-01-31T12:00.")
@click.option("--until", type=Moment(), default=None, help="Until when (default: now).")
@data_option
@json_option
def command(folder: Path, since: datetime, until: datetime | None, data: Path | None, as_json: bool) -> None:
    """Write the telemetry that the server stored into FOLDER, as OTLP files for `wellkept replay FOLDER`."""
    end = until or datetime.now(UTC)
    if since >= end:
        raise InputError("--since", "must be before --until", since.isoformat())
    files = {signal: folder / f"{signal}.binpb" for signal in SIGNALS}
    there = [path for path in files.values() if path.exists()]
    if there:
        raise ConflictError(f"file {there[0]}", "is there already; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    api = client(data)
    for signal, path in files.items():
        with path.open("wb") as sink:
            start = since
            while start < end:
                stop = min(start + SLICE, end)
                span = {"start": start.isoformat(), "end": stop.isoformat()}
                sink.write(api.raw(path_of("/api/v1/export/{}", signal), **span))
                start = stop
    sizes = {signal: path.stat().st_size for signal, path in files.items()}
    if as_json:
        return say_json({"folder": str(folder), "since": since, "until": end, "bytes": sizes})
    for signal, size in sizes.items():
        click.echo(f"{files[signal]}  {size / 1e6:.1f} MB")
    click.echo(f"To see what the detectors make of it: wellkept replay {folder}")
    return None
