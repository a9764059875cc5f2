"""prometheus_series follows metric_series, also over a sudden end, and is kept as long."""

from __future__ import annotations

from tests.store.fixtures import Opening
from tests.store.telemetry.promql.scenario import write_series

from wellkept.store.telemetry.migrate import migrate
from wellkept.store.telemetry.promql.values import NAME, labels_of
from wellkept.store.telemetry.retention import apply_retention
from wellkept.store.telemetry.telemetry import Telemetry

UP = labels_of([(NAME, "up"), ("job", "a")])
_TABLES = (
    "SELECT create_table_query AS text FROM system.tables WHERE database = currentDatabase() AND name = {name:String}"
)


def test_series_whose_second_row_was_lost_are_found_again_at_the_next_opening(opening: Opening) -> None:
    store: Telemetry = opening()
    write_series(store.engine, {1: UP}, [(1, 0, 1.0)])
    store.engine.command("TRUNCATE TABLE prometheus_series")
    assert store.promql.series([], 0, 0, 10) == []
    store.close()

    again: Telemetry = opening()

    assert again.promql.series([], 0, 0, 10) == [UP]
    assert again.engine.query("SELECT count() AS n FROM prometheus_series")["n"][0].as_py() == 1


def test_series_that_were_there_before_the_table_are_in_it(opening: Opening) -> None:
    store: Telemetry = opening()
    write_series(store.engine, {1: UP}, [(1, 0, 1.0)])
    store.engine.command("DROP TABLE prometheus_series_from_series SYNC")
    store.engine.command("DROP TABLE prometheus_series SYNC")
    store.engine.command("DELETE FROM schema_migrations WHERE number = 10")

    assert migrate(store.engine) == ("0010_prometheus_series.sql",)

    assert store.promql.series(["up"], 0, 0, 10) == [UP]
    assert store.promql.instant("up", 0).value is not None


def test_they_are_kept_as_long_as_the_longest_tier_also_where_nothing_else_changes(opening: Opening) -> None:
    days = {"metrics": 30, "minutes": 90, "hours": 700}
    store: Telemetry = opening(retention={"metrics": 30})
    store.engine.command("DELETE FROM schema_migrations WHERE number = 13")
    migrate(store.engine)

    assert apply_retention(store.engine, days) == ("minutes", "hours", "series")

    text = store.engine.query(_TABLES, {"name": "prometheus_series"})["text"][0].as_py()
    assert "TTL toDateTime64(last_seen, 3) + toIntervalDay(_CAST(700" in text
    assert apply_retention(store.engine, {"hours": 0}) == ("hours", "series")
    assert "TTL" not in store.engine.query(_TABLES, {"name": "prometheus_series"})["text"][0].as_py()
