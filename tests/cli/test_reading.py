"""``wellkept query`` and ``wellkept logs`` against a real server."""

from __future__ import annotations

import time

import pytest
from tests.app.running import Running, until
from tests.cli.conftest import Program

from wellkept.cli.query import named, sparkline
from wellkept.sdk.otlp import LogLine, MetricsBatch, logs_request

RESOURCE = {"service.name": "till", "service.instance.id": "1"}
ODD = {"service.name": "R&D desk"}
UNWELL = {"service.name": "checkout", "service.namespace": "shop", "host.id": "3d1219c7c4c5404a", "host.name": "web-1"}


@pytest.fixture(scope="module", autouse=True)
def told(server: Running) -> None:
    """A queue that grows for ten minutes, and two records."""
    now = time.time_ns()
    points = b""  # requests of this protocol one behind the other are one request
    for step in range(41):
        batch = MetricsBatch("test", now - (40 - step) * 15 * 10**9)
        batch.gauge(RESOURCE, "queue.length", "{item}", float(step), {})
        batch.gauge(ODD, "queue.length", "{item}", 1.0, {})
        batch.gauge(UNWELL, "process.memory.usage", "By", 1e8 + step, {})
        points += batch.request.SerializeToString()
    with server.http(**{"Content-Type": "application/x-protobuf"}) as http:
        assert http.post("/v1/metrics", content=points).status_code == 200
        lines = [LogLine(now - 10**9, "card refused by bank", "ERROR", {}), LogLine(now, "card taken", "INFO", {})]
        request = logs_request("test", {tuple(RESOURCE.items()): lines})
        assert http.post("/v1/logs", content=request.SerializeToString()).status_code == 200


def test_query_at_a_moment(program: Program) -> None:
    found = program("query", "queue_length", "--json").document

    assert found["resultType"] == "vector"
    assert found["result"][0]["metric"] == {"__name__": "queue_length", "job": "till", "instance": "1"}
    shown = program("query", "queue_length").out
    assert 'queue_length{instance="1",job="till"}' in shown
    assert "40" in shown


def test_query_over_time_draws_its_shape(program: Program) -> None:
    found = program("query", "max(queue_length)", "--since", "5m", "--step", "60", "--json").document

    assert found["resultType"] == "matrix"
    assert len(found["result"][0]["values"]) == 6
    assert "▁" in program("query", "max(queue_length)", "--since", "9m").out
    assert "█" in program("query", "queue_length[9m]").out


def test_query_of_a_number_or_a_text_is_that(program: Program) -> None:
    assert program("query", "1 + 1").out == "2\n"
    assert program("query", '"text"').out == "text\n"


def test_logs_searches_for_its_first_word(program: Program) -> None:
    assert "card refused by bank" in program("logs", "refused").out
    assert "card refused by bank" in program("logs", "--severity", "error").out


def test_query_that_finds_nothing_says_how_to_see_what_there_is(program: Program) -> None:
    said = program("query", "nothing")

    assert (said.code, "No series." in said.out) == (0, True)
    hint = said.out.split("`")[1].removeprefix("wellkept query ").strip("'")
    assert "queue_length" in program("query", hint).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sum(",), "query: cannot be parsed"),
        (("mad_over_time(up[5m])",), "function mad_over_time(): is not supported here"),
        (("up", "--since", "2026-01-02", "--until", "2026-01-01"), "--since: must be before --until"),
    ],
)
def test_a_query_at_fault_says_why(arguments: tuple[str, ...], said: str, program: Program) -> None:
    done = program("query", *arguments)

    assert done.code != 0
    assert said in done.err
    assert "Traceback" not in done.err


def test_logs_are_searched(program: Program) -> None:
    found = program("logs", "CARD", "--json").document["logs"]

    assert [record["body"] for record in found] == ["card taken", "card refused by bank"]
    shown = program("logs", "card").out.splitlines()
    assert shown[0].endswith("service:till  error    card refused by bank")
    assert shown[1].endswith("service:till  info     card taken")
    assert program("logs", "--severity", "error", "--json").document["logs"][0]["body"] == "card refused by bank"
    assert program("logs", "--entity", "service:other").out.startswith("Nothing was logged like that.")
    assert "--limit gives more" in program("logs", "--limit", "1").err


def test_series_are_written_as_promql_writes_them() -> None:
    assert named({"__name__": "up", "b": "2", "a": "1"}) == 'up{a="1",b="2"}'
    assert named({"__name__": "up"}) == "up"
    assert named({"a": "1"}) == '{a="1"}'
    assert named({}) == "{}"


def test_a_sparkline_has_a_character_for_each_number() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5]) == "▁▁"
    assert sparkline([1, float("nan"), 2]) == "▁ █"
    assert sparkline([]) == ""


def test_systems_are_listed_the_unwell_first_and_shown(program: Program) -> None:
    def listed() -> list[dict[str, str]]:
        found: list[dict[str, str]] = program("systems", "--json").document["systems"]
        return found if {"checkout", "till", "web-1", "R&D desk"} <= {one["name"] for one in found} else []

    found = until(listed, "they are discovered")
    assert next((one["name"], one["state"]) for one in found) == ("checkout", "error")
    assert {one["state"] for one in found if one["name"] in ("till", "web-1")} == {"well"}
    assert "Memory of shop/checkout is full in 9 min." in program("systems").out
    assert "checkout" not in program("systems", "--kind", "host").out

    shown = program("systems", "checkout").out
    assert "depends on host:web-1" in shown
    assert "Memory of shop/checkout is full in 9 min." in shown
    assert "/system?entity=service:shop/checkout" in shown
    assert "Nothing is wrong with it." in program("systems", "web-1").out
    assert program("systems", "web-1", "--json").document["depended_on_by"] == ["service:shop/checkout"]
    assert program("systems", "R&D desk").out.endswith("/system?entity=service:R%26D%20desk\n")
    nobody = program("systems", "nobody")
    assert nobody.code != 0
    assert "`wellkept systems` lists all" in nobody.err
