"""Every page on a furnished platform, and on an empty one."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pyarrow.csv as pacsv
import pytest
from tests.web import stories
from tests.web.conftest import browsing, served
from tests.web.scene import Scene

from wellkept.kernel.errors import StoreError
from wellkept.kernel.finding import Evidence, FindingKind, Severity

PAGES = (
    "/",
    "/incidents",
    "/incidents?show=live",
    "/findings",
    "/findings?show=all&kind=forecast",
    "/detectors",
    "/detectors/anomaly",
    "/models",
    "/models/fraud",
    "/approvals",
    "/audit",
)


def incident(scene: Scene, words: str) -> str:
    """The id of the incident whose title holds these words."""
    return next(found.id for found in scene.deps.stream.incidents() if words in found.title)


@pytest.mark.parametrize("path", PAGES)
def test_pages_allow_nothing_from_outside(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert not re.search(r"\sstyle=|\son\w+=|<script(?! src=\"/static/)", answer.text)
    assert not re.search(r"(?:src|href|action)=\"(?!/|#|\?|http://127\.0\.0\.1:)", answer.text)


@pytest.mark.parametrize("path", [*PAGES, "/incidents/inc-1", "/incidents/inc-1/predictions/fraud.csv"])
def test_strangers_are_asked_for_the_token(stranger: httpx.Client, path: str) -> None:
    answer = stranger.get(path, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_the_overview_shows_systems_and_models_at_a_glance(client: httpx.Client) -> None:
    text = client.get("/").text
    for word in ("checkout", "shop-1", "/var/log/payments", "fraud", "Restart a service that leaks memory", "Lately"):
        assert word in text
    assert "Memory of shop/checkout will be exhausted" in text
    assert "2 plans wait for a person" in text


def test_the_overview_says_what_is_stored_and_what_had_to_go(scene: Scene) -> None:
    lines = ["Telemetry takes 9 GiB of its 10 GiB", "Housekeeping removed 1 GiB of <logs>"]
    said = replace(scene, deps=replace(scene.deps, storage=lambda: lines))
    with served(said) as address, browsing(address) as client:
        text = client.get("/").text
    assert lines[0] in text
    assert "removed 1 GiB of &lt;logs&gt;" in text


def test_an_incident_shows_cause_findings_verdict_and_what_it_did_to_predictions(
    client: httpx.Client, scene: Scene
) -> None:
    answer = client.get(f"/incidents/{incident(scene, 'shop/features')}")
    for word in ("91 %", "broken upstream", "here because", "line-chart", "histogram", "Neighbourhood", "Timeline"):
        assert word in answer.text
    assert re.search(r"<b class=\"num\">[1-9]\d*</b> predictions of <a href=\"/models/fraud\">", answer.text)


def test_findings_are_listed_the_worst_first_and_lead_to_a_page_of_their_own(client: httpx.Client) -> None:
    text = client.get("/findings").text
    severities = re.findall(r"class=\"pill (critical|error|warning|info)\"", text)
    assert severities == sorted(severities, key=["critical", "error", "warning", "info"].index)
    forecasts = client.get("/findings?kind=forecast").text
    assert "Memory in use of shop/checkout grows" in forecasts
    assert "drift" not in re.sub(r"<nav.*?</nav>", "", forecasts, flags=re.DOTALL)
    page = client.get(re.findall(r"href=\"(/findings/[^\"]+)\"", forecasts)[0]).text
    for word in ("exhaustion 1", "/incidents/inc", "Never, as far as is stored"):
        assert word in page


def test_a_finding_says_when_the_same_was_found_before(client: httpx.Client, scene: Scene) -> None:
    stream, evidence = scene.deps.stream, Evidence("process.cpu.utilization", unit="1")
    said = ("service:shop/ledger", FindingKind.ANOMALY, Severity.INFO, 50.0, "CPU in use of shop/ledger is 90 %.")
    first = stories.finding(scene, *said, evidence)
    stream.close([first.fingerprint], first.starts_at + timedelta(minutes=2))
    again = stream.publish([replace(first, starts_at=first.starts_at + timedelta(minutes=5))], scene.now)[0]
    stream.close([first.fingerprint], again.starts_at + timedelta(minutes=3))
    assert f"/findings/{first.id}" in client.get(f"/findings/{again.id}").text
    over = client.get("/findings?show=over").text
    assert first.id in over
    assert again.id in over
    assert first.id not in client.get("/findings").text


def test_a_finding_that_is_not_there_is_said_to_be_unknown(client: httpx.Client) -> None:
    answer = client.get("/findings/fnd-1")
    assert answer.status_code == 404
    assert "finding fnd-1: is not known" in answer.text


def test_an_incident_shows_the_whole_plan(client: httpx.Client, scene: Scene) -> None:
    record = scene.deps.gate.plans(subject=incident(scene, "Memory of shop/checkout"))[0]
    text = client.get(f"/incidents/{record.plan.subject}").text
    for word in (
        "dry run",
        "pid 4711",
        "to undo",
        "Verified when",
        "Holds while",
        record.plan.hash,
        "Approve",
        "Reject",
    ):
        assert word in text


def test_the_model_page_shows_versions_performance_and_drift(client: httpx.Client) -> None:
    text = client.get("/models/fraud").text
    for word in ("promised 0.74", "PSI 1.21", "no value", "v3", "refused", "champion", "Gates and lineage"):
        assert word in text
    verdicts = text.split("<h2>Verdicts</h2>")[1].split("</section>")[0]
    assert 'class="dot info" role="img" aria-label="yes"' in verdicts, "a sign is neither passed nor failed"
    assert "passed" not in verdicts
    assert "20 seconds of each thirtieth" not in text
    assert "20 seconds of each thirtieth" in client.get("/models/fraud?range=7d").text
    assert client.get("/models/fraud?range=nonsense").status_code == 200


def test_the_affected_predictions_are_a_table(client: httpx.Client, scene: Scene) -> None:
    answer = client.get(f"/incidents/{incident(scene, 'shop/features')}/predictions/fraud.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    table = pacsv.read_csv(io.BytesIO(answer.content))
    assert {"id", "time", "score", "feature.spend_1h"} <= set(table.column_names)
    assert table.num_rows > 100
    assert table["feature.spend_1h"].null_count > 100


def test_the_audit_page_says_that_the_chain_is_whole(client: httpx.Client, scene: Scene) -> None:
    assert f'<b class="num">{scene.deps.audit.verify()}</b>' in client.get("/audit").text
    plan = scene.deps.gate.plans()[0].plan.id
    assert plan in client.get(f"/audit?subject={plan}&limit=5").text
    assert client.get("/audit?limit=none").status_code == 200


@pytest.mark.parametrize("path", ["/incidents/inc-unknown", "/models/unknown", "/incidents/inc-1/predictions/x.csv"])
def test_what_is_not_there_is_said_on_a_page(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "is not known" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_text_from_outside_is_never_markup(client: httpx.Client, scene: Scene) -> None:
    text = client.get(f"/incidents/{incident(scene, 'shop/features')}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    nasty = client.get("/models/<script>alert(1)<%2Fscript>")
    assert "<script>alert" not in nasty.text
    assert "<script>alert" not in client.get("/audit?subject=<script>alert(1)</script>").text


def test_a_page_that_has_not_changed_is_not_sent_again(client: httpx.Client) -> None:
    first = client.get("/approvals")
    again = client.get("/approvals", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_static_files_are_a_closed_list(stranger: httpx.Client) -> None:
    for name, media in (("wellkept.css", "text/css"), ("wellkept.js", "javascript"), ("mark.svg", "image/svg")):
        answer = stranger.get(f"/static/{name}")
        assert media in answer.headers["content-type"]
        assert "immutable" in answer.headers["cache-control"]
    assert stranger.get("/static/..%2fpages.py").status_code == 404


def test_a_page_comes_up_when_telemetry_does_not(scene: Scene) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("telemetry engine, query: TIMEOUT_EXCEEDED (code 159)")

    class Broken:
        window = red = between = affected = staticmethod(fail)

    class Telemetry:
        metrics = spans = predictions = changes = serving = Broken()

    broken = replace(scene, deps=replace(scene.deps, telemetry=Telemetry()))  # type: ignore[arg-type]
    with served(broken) as address, browsing(address) as client:
        answer = client.get("/")
        assert answer.status_code == 200
        assert "TIMEOUT_EXCEEDED" in answer.text
        for path in ("/models/fraud", f"/incidents/{incident(scene, 'shop/features')}"):
            assert client.get(path).status_code == 200


def test_every_page_says_what_of_the_platform_itself_stands_still(scene: Scene) -> None:
    stuck = {"detect": "has come to no good end for 95 s: <no such column>"}
    deps = replace(scene.deps, standing=lambda: stuck)
    with served(replace(scene, deps=deps)) as address, browsing(address) as client:
        for path in ("/", "/approvals"):
            text = client.get(path).text
            assert "Part of Wellkept stands still." in text
            assert "detect has come to no good end for 95 s: &lt;no such column&gt;" in text
    with served(scene) as address, browsing(address) as client:
        assert "stands still" not in client.get("/").text
