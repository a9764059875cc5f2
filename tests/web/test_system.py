"""The page of one system: how it goes, what is wrong with it, what depends on it, and all that it tells."""

from __future__ import annotations

import re

import httpx
import pytest
from tests.web.conftest import NOW
from tests.web.scene import Scene

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.conventions import unit_of
from wellkept.web.views.looks import about

pytestmark = pytest.mark.usefixtures("later")

CHECKOUT, HOST, DISK = "service:shop/checkout", "host:h1", "disk:h1:/var/log/payments"


def page(client: httpx.Client, **asked: str) -> str:
    answer = client.get("/system", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_service_shows_its_figures_findings_incidents_and_changes(client: httpx.Client, scene: Scene) -> None:
    scene.telemetry.changes.write([Change(CHECKOUT, ChangeKind.DEPLOY, NOW, "mia", "release <7>")])
    found = scene.deps.stream.findings(entity=CHECKOUT, limit=1)[0]
    incident = next(one for one in scene.deps.stream.incidents(limit=50) if CHECKOUT in one.entities)

    text = page(client, entity=CHECKOUT)

    for figure in ("Requests", "Failed requests", "Slowest twentieth", "Memory"):
        assert f"<figcaption>{figure}</figcaption>" in text
    assert re.search(r'<th scope="row" class="mono">checkout request</th><td class="right num">[\d.]+ /s</td>', text)
    assert f'href="/findings/{found.id}"' in text
    assert f'href="/incidents/{incident.id}"' in text
    assert "release &lt;7&gt;" in text
    assert 'href="/series?name=process.memory.usage&entity=service%3Ashop/checkout' in text
    assert 'href="/system?entity=service%3Ashop%2Fpayments"' in text, "what it calls is a click away"
    assert "owner" not in text.partition("columns")[0], "nobody is known to own it"


def test_a_host_shows_what_is_used_its_disks_and_what_is_wrong_with_them(client: httpx.Client) -> None:
    text = page(client, entity=HOST)

    for figure in ("CPU in use", "Memory in use"):
        assert f"<figcaption>{figure}</figcaption>" in text
    assert 'href="/system?entity=disk%3Ah1%3A%2Fvar%2Flog%2Fpayments">/var/log/payments</a>' in text
    assert text.index("/var/log/payments</a>") < text.index(">/</a>"), "the fullest first"
    assert "<figcaption>Disk in use</figcaption>" in page(client, entity=DISK)


def test_what_a_model_depends_on_leads_to_the_model(client: httpx.Client) -> None:
    for system in ("service:wellkept/model-server", "service:shop/features", HOST):
        text = page(client, entity=system)
        assert "Models that depend on it" in text, system
        assert 'href="/models/fraud"' in text, system
    assert "Models that depend on it" not in page(client, entity="host:h2")


def test_metrics_are_looked_for_by_a_part_of_their_name(client: httpx.Client) -> None:
    assert "system.cpu.utilization</a>" in page(client, entity=HOST, q="CPU")
    assert "system.memory.utilization</a>" not in page(client, entity=HOST, q="CPU")
    assert "nothing that is called so" in page(client, entity=HOST, q="<none>")


@pytest.mark.parametrize("span", ["1h", "6h", "1d", "7d", "nonsense"])
def test_any_span_is_shown(client: httpx.Client, span: str) -> None:
    shown = span if span != "nonsense" else "1h"
    assert f"last {shown}</span>" in page(client, entity=HOST, span=span)


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [("", 422, "must be in the address"), ("?entity=service:nobody", 404, "told of nothing in the last 1h")],
)
def test_what_is_not_known_is_said(client: httpx.Client, asked: str, status: int, words: str) -> None:
    answer = client.get(f"/system{asked}")
    assert answer.status_code == status
    assert words in answer.text


def test_overview_findings_series_and_graphs_lead_to_it(client: httpx.Client, scene: Scene) -> None:
    found = scene.deps.stream.findings(entity=CHECKOUT, limit=1)[0]
    there = 'href="/system?entity=service%3Ashop%2Fcheckout"'
    incident = next(one for one in scene.deps.stream.incidents(limit=50) if CHECKOUT in one.entities)
    series = f"/series?name=process.memory.usage&entity={CHECKOUT}"
    for path in ("/", f"/findings/{found.id}", f"/incidents/{incident.id}", series):
        assert there in client.get(path).text, path


@pytest.mark.parametrize(
    ("entity", "address"),
    [
        ("service:a/b c", "/system?entity=service%3Aa%2Fb+c"),
        ("model:fraud", "/models/fraud"),
        ("feature:fraud/age", "/models/fraud"),
        ("", ""),
    ],
)
def test_every_entity_has_an_address(entity: str, address: str) -> None:
    assert about(entity) == address


@pytest.mark.parametrize(
    ("name", "told", "unit"),
    [
        ("node_memory_MemTotal_bytes", "", "By"),
        ("node_network_receive_bytes_total", "", "By"),
        ("request_duration_seconds", "", "s"),
        ("process_start_time_seconds", "", ""),
        ("backup_timestamp_seconds", "", ""),
        ("last_scrape_connect_time_seconds", "", "s"),
        ("process_cpu_seconds_total", "", ""),
        ("queue_bytes", "{job}", "{job}"),
        ("bytes", "", ""),
        ("up", "", ""),
    ],
)
def test_a_unit_is_the_one_that_was_told_or_that_the_name_ends_in(name: str, told: str, unit: str) -> None:
    assert unit_of(name, told) == unit
