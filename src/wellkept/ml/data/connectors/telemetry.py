"""The platform's own store: series of a metric on a grid, or what a model answered, read over HTTP."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.ml.data.base import Asked, Found
from wellkept.ml.part import Part
from wellkept.sdk.client import Client

MOST_STEPS = 10_000
SERIES_A_PAGE = 200
ROWS_A_PAGE = 20_000
KEPT = ("id", "time", "version", "score", "label", "label_time", "entity_key")


class TelemetrySeries:
    """A metric becomes rows of ``time`` (a step's end), ``value``, ``entity``, and a column for each of ``labels``.

    Predictions become rows of ``id``, ``time``, ``version``, ``score``, ``label``, ``label_time``, ``entity_key``, and
    a column for each of ``inputs``. Both need a platform that runs.
    """

    name = "telemetry"
    version = "1"

    class Options(Part):
        """Either a metric with its selector and step, or a model."""

        metric: Annotated[str, Field(min_length=1, max_length=500)] | None = None
        match: tuple[Annotated[str, Field(pattern=r"^[^=!]+!?=.*$", max_length=500)], ...] = ()
        """``key=value`` or ``key!=value``, of the series' attributes or of its resource's."""
        entity: str = ""
        step_s: Annotated[float, Field(ge=0.1, le=86_400 * 31)] = 60.0
        labels: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = Field(default={})
        """Columns by name, each with the attribute that it shows."""
        predictions: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")] | None = None
        """The model whose logged predictions are read."""
        inputs: tuple[str, ...] = ()

        @model_validator(mode="after")
        def _is_one(self) -> TelemetrySeries.Options:
            if (self.metric is None) == (self.predictions is None):
                raise ValueError("must name either a metric or predictions")
            return self

    def read(self, options: Options, asked: Asked) -> Found:
        try:
            client = Client.from_environment(asked.access.platform)
        except WellkeptError as error:
            rule = f"needs a running platform (WELLKEPT_URL and WELLKEPT_TOKEN, or its data folder): {error}"
            raise InputError(f"source {asked.source}", rule) from error
        try:
            if options.metric is not None:
                origin: dict[str, Any] = {
                    "metric": options.metric,
                    "match": list(options.match),
                    "step_s": options.step_s,
                }
                return Found(asked.collected(_series(client, options, asked), _metric_schema(options)), origin)
            pages = _predictions(client, options, asked)
            return Found(asked.collected(pages), {"predictions": options.predictions})
        except WellkeptError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"source {asked.source}", f"the platform did not answer: {error}") from error
        finally:
            client.close()


def _metric_schema(options: TelemetrySeries.Options) -> pa.Schema:
    fixed = [("time", pa.timestamp("us", tz="UTC")), ("value", pa.float64()), ("entity", pa.string())]
    return pa.schema([*fixed, *((name, pa.string()) for name in options.labels)])


def _series(client: Client, options: TelemetrySeries.Options, asked: Asked) -> Iterator[pa.Table]:
    """A table a page; the span is asked for in parts that have no more steps than an answer may have."""
    schema = _metric_schema(options)
    for start, end in _parts(asked, options.step_s):
        cursor = ""
        while True:
            answer = client.get(
                "/api/v1/telemetry/metrics",
                name=options.metric,
                start=start.isoformat(),
                end=end.isoformat(),
                step=options.step_s,
                match=list(options.match),
                entity=options.entity or None,
                limit=SERIES_A_PAGE,
                cursor=cursor or None,
            )
            yield _rows(answer["series"], options, schema)
            cursor = answer.get("next") or ""
            if not cursor:
                break


def _parts(asked: Asked, step_s: float) -> Iterator[tuple[datetime, datetime]]:
    width = timedelta(seconds=step_s * MOST_STEPS)
    start = asked.start
    while start < asked.end:
        end = min(start + width, asked.end)
        yield start, end
        start = end


def _rows(series: list[dict[str, Any]], options: TelemetrySeries.Options, schema: pa.Schema) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for one in series:
        count = len(one["times"])
        columns["time"] += [datetime.fromisoformat(moment) for moment in one["times"]]
        columns["value"] += one["values"]
        columns["entity"] += [one["entity"]] * count
        attributes = {**one["resource_attributes"], **one["attributes"]}
        for name, attribute in options.labels.items():
            columns[name] += [attributes.get(attribute)] * count
    return pa.table({name: pa.array(columns[name], schema.field(name).type) for name in schema.names})


def _predictions(client: Client, options: TelemetrySeries.Options, asked: Asked) -> Iterator[pa.Table]:
    """A table a page, by time; a page begins behind the last row of the one before."""
    assert options.predictions is not None
    place, start = f"/api/v1/models/{quote(options.predictions, safe='')}/predictions", asked.start.isoformat()
    while start:
        query = f"start={quote(start)}&end={quote(asked.end.isoformat())}&limit={ROWS_A_PAGE}"
        with pa.ipc.open_stream(io.BytesIO(client.raw(f"{place}?{query}"))) as reader:
            page = reader.read_all()
        columns = {name: page[name] for name in KEPT}
        columns |= {name: pc.map_lookup(page["features"], name, "first") for name in options.inputs}
        yield pa.table(columns)
        start = (page.schema.metadata or {}).get(b"next", b"").decode()
