"""Which series there are: by selector, their labels, and what is known of the metrics."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from wellkept.store.telemetry.arrow import text_maps
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.points.known import SEEN_WITHIN_MS
from wellkept.store.telemetry.promql.limits import Limits
from wellkept.store.telemetry.promql.matching import Matchers, any_of, conditions
from wellkept.store.telemetry.promql.values import NAME, Labels, labels_of
from wellkept.store.telemetry.statements import load

_REMEMBERED = 200_000

_SPAN = (
    "last_seen >= fromUnixTimestamp64Milli({since:Int64}) AND first_seen <= fromUnixTimestamp64Milli({until:Int64}) "
    "AND ($conditions)"
)
_LABEL_NAMES = f"""
SELECT DISTINCT arrayJoin(mapKeys(labels)) AS name FROM prometheus_series WHERE {_SPAN}
ORDER BY name LIMIT {{limit:UInt64}}"""  # noqa: S608 - fixed text
_METRICS = f"""
SELECT DISTINCT toString(metric) AS value FROM prometheus_series WHERE {_SPAN}
ORDER BY value LIMIT {{limit:UInt64}}"""  # noqa: S608 - fixed text
_LABEL_VALUES = f"""
SELECT DISTINCT labels[{{label:String}}] AS value FROM prometheus_series WHERE {_SPAN} AND value != ''
ORDER BY value LIMIT {{limit:UInt64}}"""  # noqa: S608 - fixed text
_METADATA = """
SELECT toString(metric) AS name, toString(any(type)) AS type, toString(any(unit)) AS unit
FROM prometheus_series WHERE {metric:String} = '' OR metric IN (
    {metric:String}, concat({metric:String}, '_bucket'), concat({metric:String}, '_count'),
    concat({metric:String}, '_sum'))
GROUP BY name ORDER BY name LIMIT {limit:UInt64}"""
_TOLD = """
SELECT metric, toString(type) AS type, toString(unit) AS unit, help FROM prometheus_metadata FINAL
WHERE {metric:String} = '' OR metric = {metric:String} ORDER BY metric LIMIT {limit:UInt64}"""

_MISSING = "SELECT series FROM metric_series WHERE series NOT IN (SELECT series FROM prometheus_series) LIMIT 1"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of a metric."""

    type: str
    unit: str
    help: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a series."""

    labels: Labels
    is_delta: bool


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when (both included, in milliseconds) series have to have been there."""

    since_ms: int
    until_ms: int

    @property
    def parameters(self) -> dict[str, object]:
        return {"since": self.since_ms - SEEN_WITHIN_MS, "until": self.until_ms + SEEN_WITHIN_MS}


@dataclass(frozen=True, slots=True)
class Found:
    """A series, with when its points were seen first and last (milliseconds)."""

    series: int
    known: Known
    since_ms: int
    seen_ms: int

    def is_within(self, span: Span) -> bool:
        """Whether it may have points in a span."""
        return self.seen_ms >= span.since_ms - SEEN_WITHIN_MS and self.since_ms <= span.until_ms + SEEN_WITHIN_MS


class Catalogue:
    """Reads prometheus_series. It remembers what a series is called, since that never changes for a series id."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine, self._limits = engine, limits
        self._known: dict[int, Known] = {}
        self._lock = threading.Lock()

    def find(self, matchers: Matchers, span: Span, what: str) -> dict[int, Known]:
        """Series by id, those first that were seen last."""
        condition, parameters = conditions(matchers)
        sql = load("promql/series_found.sql").replace("$conditions", condition)
        rows = self._engine.query(sql, {**parameters, **span.parameters, "limit": self._limits.series + 1})
        self._limits.check_series(rows.num_rows, what)
        return self._named(rows["series"].to_pylist(), condition, parameters)

    def of(self, metrics: Collection[str], span: Span, most: int) -> dict[str, list[Found] | None]:
        """The series of metrics, as :meth:`find` has them; None of a metric that has more than ``most`` of them."""
        parameters: dict[str, object] = {"metrics": list(metrics)}
        given = {**parameters, **span.parameters, "most": most + 1, "limit": _REMEMBERED}
        rows = self._engine.query(load("promql/series_of_metrics.sql"), given)
        if rows.num_rows == _REMEMBERED:
            return dict.fromkeys(metrics)
        ids, called, since, seen = (rows[name].to_pylist() for name in ("series", "called", "since", "seen"))
        named = self._named(ids, "metric IN {metrics:Array(String)}", parameters)
        found: dict[str, list[Found]] = {metric: [] for metric in metrics}
        for series, metric, first, last in zip(ids, called, since, seen, strict=True):
            if series in named:
                found[metric].append(Found(series, named[series], first, last))
        return {metric: some if len(some) <= most else None for metric, some in found.items()}

    def series(self, selectors: Sequence[Matchers], span: Span, limit: int) -> list[Labels]:
        """The distinct label sets of what any of the selectors matches, in their order."""
        condition, parameters = any_of(selectors)
        sql = load("promql/series_found.sql").replace("$conditions", condition)
        rows = self._engine.query(sql, {**parameters, **span.parameters, "limit": limit})
        found = self._named(rows["series"].to_pylist(), condition, parameters)
        return sorted({known.labels for known in found.values()})

    def label_names(self, selectors: Sequence[Matchers], span: Span, limit: int) -> list[str]:
        names = self._column(_LABEL_NAMES, "name", selectors, span, {"limit": limit})
        return sorted({*names, NAME}) if names or self.metrics(selectors, span, 1) else []

    def label_values(self, label: str, selectors: Sequence[Matchers], span: Span, limit: int) -> list[str]:
        if label == NAME:
            return self.metrics(selectors, span, limit)
        return self._column(_LABEL_VALUES, "value", selectors, span, {"limit": limit, "label": label})

    def metrics(self, selectors: Sequence[Matchers], span: Span, limit: int) -> list[str]:
        return self._column(_METRICS, "value", selectors, span, {"limit": limit})

    def metadata(self, metric: str, limit: int) -> dict[str, Metadata]:
        """What is known of metrics by their names; a histogram and a summary by the name without its suffixes.

        What senders of remote write told of a metric counts before what its series say.
        """
        parameters = {"metric": metric, "limit": limit}
        rows = self._engine.query(_METADATA, parameters).to_pylist()
        found = {_family(row["name"], row["type"]): Metadata(row["type"], row["unit"], "") for row in rows}
        told = self._engine.query(_TOLD, parameters).to_pylist()
        return found | {row["metric"]: Metadata(row["type"], row["unit"], row["help"]) for row in told}

    def _column(
        self, sql: str, name: str, selectors: Sequence[Matchers], span: Span, more: dict[str, object]
    ) -> list[str]:
        condition, parameters = any_of(selectors)
        given = {**parameters, **span.parameters, **more}
        column: list[str] = self._engine.query(sql.replace("$conditions", condition), given)[name].to_pylist()
        return column

    def _named(self, ids: list[int], condition: str, parameters: dict[str, object]) -> dict[int, Known]:
        with self._lock:
            known = {series: self._known[series] for series in ids if series in self._known}
        missing = [series for series in ids if series not in known]
        if missing:
            sql = load("promql/series_named.sql").replace("$conditions", condition)
            rows = self._engine.query(sql, {**parameters, "series": missing})
            columns = (rows[name].to_pylist() for name in ("series", "called", "in_deltas"))
            found = {
                series: Known(labels_of([(NAME, metric), *labels.items()]), is_delta)
                for (series, metric, is_delta), labels in zip(
                    zip(*columns, strict=True), text_maps(rows["labelled"]), strict=True
                )
            }
            with self._lock:
                if len(self._known) + len(found) > _REMEMBERED:
                    self._known.clear()
                self._known.update(found)
            known |= found
        return {series: known[series] for series in ids if series in known}


def mend(engine: Engine) -> None:
    """Let prometheus_series have every series that there is. It costs two passes over ids at every opening.

    A row of it is written beside that of metric_series; a sudden end between the two leaves it out, until the series is
    noted again, which one that has ended is not.
    """
    if engine.query(_MISSING).num_rows:
        engine.command(load("promql/mended.sql"))


def _family(name: str, kind: str) -> str:
    if kind not in ("histogram", "summary"):
        return name
    return next((name.removesuffix(end) for end in ("_bucket", "_count", "_sum") if name.endswith(end)), name)
