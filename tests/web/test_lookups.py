"""Evidence opens where it can be looked at: a series, log lines, a trace, a change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from markupsafe import Markup
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.web import scene as scenes
from tests.web import shop, stories
from tests.web.conftest import NOW
from tests.web.scene import Scene

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import to_nanos
from wellkept.kernel.diagnosis import Cause, Exhibit, Look, Pointer, Reason, Reworded
from wellkept.kernel.incident import Incident
from wellkept.sdk.otlp import key_values
from wellkept.store.telemetry.otlp.writer import Signal
from wellkept.web.readings import Readings
from wellkept.web.recent import Recent
from wellkept.web.views.incident import incident_view
from wellkept.web.views.lines import words_of
from wellkept.web.views.pointers import pointed

pytestmark = pytest.mark.usefixtures("later")

START, ONSET = NOW - timedelta(minutes=30), NOW - timedelta(minutes=10)
CHECKOUT, PAYMENTS = "service:shop/checkout", "service:shop/payments"
SLOW = "5" * 32
CHANGED = Change(
    CHECKOUT, ChangeKind.DEPLOY, ONSET - timedelta(seconds=45), "mia", "release <7>", "git#7",
    {"files": "a/pay.py\nb.sql", "diff": "+DROP INDEX <x>\n+password: hunter2", "api_key": "hunter3"},
)  # fmt: skip
OTHERS = tuple(
    replace(CHANGED, at=CHANGED.at + timedelta(minutes=minutes), summary=f"release {minutes} min later")
    for minutes in (-90, -2, 3, *range(4, 24))
)


def pointer(look: Look, name: str, entity: str = CHECKOUT, where: str = "") -> Pointer:
    return Pointer(look, name, entity, START, NOW, ONSET, where)


LINE = "payment of order <order> failed: connection to <ip>:5432 refused"
POINTERS = (
    pointer(Look.SERIES, "process.memory.usage"),
    pointer(Look.SERIES, "span.duration.p95"),
    pointer(Look.CHANGE, CHANGED.id),
)
EXHIBITS = (
    Exhibit("lines", "shop/checkout says something new.", (pointer(Look.LOGS, LINE),), "payment of order 1 failed"),
    Exhibit("trace", "SELECT is slow.", (pointer(Look.TRACE, SLOW, PAYMENTS, "SELECT"),)),
)


def traces(scene: Scene) -> None:
    """Forty requests as they should be, and one in which the payments' query fails late."""
    request = ExportTraceServiceRequest()
    scopes = {}
    for name in ("checkout", "payments"):
        block = request.resource_spans.add()
        block.resource.attributes.extend(key_values({"service.name": name, "service.namespace": "shop"}))
        scopes[name] = block.scope_spans.add()
    for number in range(41):
        is_slow = number == 40
        at = ONSET + timedelta(seconds=30) if is_slow else START + timedelta(seconds=10 * number)
        trace = bytes.fromhex(SLOW) if is_slow else number.to_bytes(16, "big")
        query = 0.5 if is_slow else 0.01
        ids = [bytes([number + 1, part] * 4) for part in range(3)]
        told = (
            ("checkout", "POST /pay", Span.SPAN_KIND_SERVER, b"", 0.0, query + 0.02),
            ("payments", "POST /charge", Span.SPAN_KIND_SERVER, ids[0], 0.005, query + 0.01),
            ("payments", "SELECT", Span.SPAN_KIND_INTERNAL, ids[1], 0.01, query),
        )
        for own, (service, name, kind, parent, late, seconds) in zip(ids, told, strict=True):
            begins = to_nanos(at) + int(late * 1e9)
            made = scopes[service].spans.add(
                trace_id=trace, span_id=own, parent_span_id=parent, name=name, kind=kind,
                start_time_unix_nano=begins, end_time_unix_nano=begins + int(seconds * 1e9),
            )  # fmt: skip
            if is_slow:
                made.status.code, made.status.message = Status.STATUS_CODE_ERROR, "too <late>, token=hunter4"
    scene.telemetry.otlp.insert(Signal.TRACES, [request.SerializeToString()], to_nanos(NOW))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = scenes.empty(tmp_path_factory.mktemp("lookups"), NOW)
    try:
        shop.topology(made)
        shop.metrics(made)
        shop.logs(made)
        traces(made)
        for change in (CHANGED, *OTHERS):
            made.deps.stream.record(change)
        stories.leak_incident(made)
        known = made.deps.stream.diagnosis(incident(made).id)
        assert known is not None
        reasons = (Reason("headroom", 0.9, "memory grows.", pointers=POINTERS),)
        cause = Cause(PAYMENTS, 0.9, reasons, probability=0.999, path=(PAYMENTS, CHECKOUT), exhibits=EXHIBITS)
        said = Reworded("In other words.", "small", NOW)
        found = replace(known, causes=(cause,), story="One paragraph.", none=0.0, reworded=said)
        made.deps.stream.save_diagnosis(found)
        yield made
    finally:
        made.close()


def incident(scene: Scene) -> Incident:
    return scene.deps.stream.incidents()[0]


def opened(client: httpx.Client, asked: Pointer) -> str:
    answer = client.get(pointed(asked).href)
    assert answer.status_code == 200, answer.text[-2000:]
    return answer.text


def test_the_incident_shows_evidence_inline_and_links_every_piece(client: httpx.Client, scene: Scene) -> None:
    text = client.get(f"/incidents/{incident(scene).id}").text
    for found in (*POINTERS, *(one for exhibit in EXHIBITS for one in exhibit.pointers)):
        assert str(Markup.escape(pointed(found).href)) in text
    assert text.count('class="chart line-chart"') >= 2, "the series of the cause are drawn"
    for words in ("payment of order 1 failed", "In other words.", "One paragraph.", "over 99 %", "under 1 %"):
        assert words in text


def test_the_way_of_the_trouble_is_drawn_on_the_map(scene: Scene, client: httpx.Client) -> None:
    readings = Readings(scene.telemetry, Recent(scene.deps.clock), scene.deps.clock)
    view = incident_view(scene.deps, readings, incident(scene).id, NOW)
    assert [(link.source, link.target) for link in view.links if link.is_way] == [(CHECKOUT, PAYMENTS)]
    assert {node.id for node in view.nodes if node.is_on_way} == {CHECKOUT, PAYMENTS}
    assert 'class="edge way"' in client.get(f"/incidents/{view.id}").text


def test_a_series_is_shown_with_what_was_usual(client: httpx.Client) -> None:
    text = opened(client, POINTERS[0])
    assert "process.memory.usage" in text
    for drawn in ('class="band', 'class="shade', "Median before"):
        assert drawn in text
    assert 'class="series' in opened(client, POINTERS[1]), "an indicator of a service comes from its spans"
    assert "No such series" in opened(client, pointer(Look.SERIES, "no.such.metric"))


def test_lines_of_a_pattern_are_shown_with_how_often_they_came(client: httpx.Client, scene: Scene) -> None:
    counted = scene.telemetry.patterns.listed(START, NOW, entity=CHECKOUT)["template"].to_pylist()
    text = opened(client, pointer(Look.LOGS, next(one for one in counted if "refused" in one)))
    assert text.count("refused</td>") == 50
    assert "was paid in" not in text
    assert "How often" in text
    assert "No line fits" in opened(client, pointer(Look.LOGS, "what nobody says"))


def test_a_trace_marks_the_span_that_differs_and_not_those_that_wait_for_it(client: httpx.Client) -> None:
    text = opened(client, EXHIBITS[1].pointers[0])
    assert "SELECT of shop/payments took 500 ms, where 10 ms is usual" in text
    assert "POST /pay of shop/checkout took" not in text
    assert len(re.findall(r'class="span error marked"', text)) == 1
    assert text.count('class="span error"') == 2
    assert "too &lt;late&gt;, token=***" in text
    healthy = client.get(f"/traces/{0:032x}").text
    assert "Nowhere" in healthy


def test_a_change_shows_what_it_brought(client: httpx.Client) -> None:
    text = opened(client, POINTERS[2])
    for words in ("release &lt;7&gt;", "+DROP INDEX &lt;x&gt;", "a/pay.py", "45 s before the onset", "mia"):
        assert words in text
    assert "hunter" not in text, "secrets are masked"
    told = [minutes for minutes in (-90, -2, 3, 20, 21, 22, 23) if f"release {minutes} min later" in text]
    assert told == [-2, 3, 20, 21], "the twenty nearest, none more than an hour away"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/traces/unknown", 404, "is not known"),
        ("/changes/chg-0", 404, "is not among those"),
        ("/series?name=x", 422, "must both be in the address"),
        ("/lines?start=yesterday", 422, "must be a moment"),
        ("/lines?start=2026-11-24T10:00:00", 422, "must name its time zone"),
        ("/lines?start=2026-11-24T15:00:00Z&end=2026-11-24T14:00:00Z", 422, "must be after start"),
    ],
)
def test_what_cannot_be_shown_is_said(client: httpx.Client, path: str, status: int, words: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, words in answer.text) == (status, True)


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("user <user> left", {"user", "left"}),
        ("pay.go:118 charge # of card # failed", {"of card", "charge", "failed", "pay.go:118"}),
        ("", set()),
    ],
)
def test_a_pattern_is_looked_for_by_its_fixed_pieces(pattern: str, pieces: set[str]) -> None:
    assert set(re.findall(r'"([^"]+)"', words_of(pattern))) == pieces
