"""Text from outside that would like to be markup: in logs, findings, incidents, models, plans, audit and reports."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.attacks.victim import TOKEN, Victim

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.ml.reports import as_junit, as_markdown
from wellkept.ml.trial import Report, Step
from wellkept.spine.registry import ModelVersion

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'{{7*7}}${7*7}<!--"
TAG = re.compile(r"<script>alert|<img src=x|onerror=alert\(1\)>|>49<")


@pytest.fixture(scope="module")
def marked(platform: Victim) -> Victim:
    """A platform into which an attacker has written wherever text can be written."""
    made, now = platform, datetime.now(UTC)
    inner = made.platform
    evidence = Evidence(HOSTILE, {HOSTILE: HOSTILE}, HOSTILE, now, now, samples=(HOSTILE,), values={HOSTILE: 1.0})
    found = Finding(
        "f", "anomaly", "1", f"service:{HOSTILE}", FindingKind.ANOMALY, Severity.ERROR, 9.0, HOSTILE, now, HOSTILE,
        evidence=(evidence,), attributes={HOSTILE: HOSTILE},
    )  # fmt: skip
    (kept,) = inner.stream.publish([found], now)
    member = Member(kept.id, kept.entity, now, HOSTILE)
    incident = Incident("inc-1", HOSTILE, IncidentState.OPEN, Severity.ERROR, now, now, (member,), ticket=HOSTILE)
    inner.stream.save_incident(incident.note(now, HOSTILE, HOSTILE))
    inner.audit.append(now, HOSTILE, HOSTILE[:80], HOSTILE, {HOSTILE: HOSTILE})
    inner.registry.save_contract("fraud", json.dumps({"name": HOSTILE}), "sha256:1", now)
    lineage = {HOSTILE: HOSTILE, "code": HOSTILE}
    inner.registry.register(ModelVersion("fraud", "sha256:1", now, HOSTILE, HOSTILE, HOSTILE, lineage=lineage,
                                            metrics={HOSTILE: 1.0}))  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": HOSTILE}}]}
    record = {"timeUnixNano": str(time.time_ns()), "severityNumber": 17, "body": {"stringValue": HOSTILE},
              "attributes": [{"key": HOSTILE, "value": {"stringValue": HOSTILE}}]}  # fmt: skip
    logs = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}
    assert made.ask("POST", "/v1/logs", TOKEN, json=logs).status_code == 200
    return made


def test_it_is_on_no_page_as_markup(marked: Victim) -> None:
    names = "incidents incidents/inc-1 findings patterns detectors rules models models/fraud approvals audit"
    asked = ("audit?subject=", "findings?kind=", "patterns?service=", "detectors/anomaly?series=", "models/")
    word = quote(HOSTILE, safe="")
    paths = ["/", *(f"/{name}" for name in names.split()), *(f"/{name}{word}" for name in asked)]
    finding = marked.platform.stream.open_findings()[0].id
    seen = 0

    for path in (*paths, f"/findings/{finding}"):
        answer = marked.ask("GET", path, headers={**marked.cookie, "Referer": f"https://x/{HOSTILE}"})
        is_page = answer.headers["content-type"].startswith("text/html")
        assert is_page or answer.status_code == 404, path
        assert not is_page or not TAG.search(answer.text), path
        assert not is_page or "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        seen += "&lt;script&gt;" in answer.text
    assert seen >= 5, "it is shown as the text that it is"


def test_a_link_that_runs_code_is_made_of_no_text(marked: Victim) -> None:
    for path in ("/incidents/inc-1", "/models/fraud", "/audit"):
        text = marked.ask("GET", path, headers={**marked.cookie, "Referer": "javascript:alert(1)"}).text
        assert not re.search(r"href=[\"']?\s*(javascript|data|vbscript):", text, re.IGNORECASE), path


def test_the_interface_answers_in_json_and_never_in_markup(marked: Victim) -> None:
    for path in (
        "/api/v1/incidents",
        "/api/v1/audit",
        "/api/v1/models/fraud",
        f"/api/v1/models/{HOSTILE}",
        f"/api/v1/{HOSTILE}",
    ):
        answer = marked.ask("GET", path, TOKEN)
        assert answer.headers["content-type"].startswith("application/json"), path


WORDS = st.text("<>&|`*[]()!\"'\n\r\0\x0b\ufffe abc{}$#-_~\\", max_size=60)


@given(model=WORDS, name=WORDS, sentence=WORDS)
def test_a_report_for_a_pull_request_holds_no_markup_of_others(model: str, name: str, sentence: str) -> None:
    """The summary is shown by GitHub and GitLab, and read by tools as XML."""
    report = Report("p", model, "t", (Step(name, False, sentence), Step(name, None, sentence)), {"m": 1.0}, 1)

    root = ET.fromstring(as_junit(report))
    assert len(root.findall(".//testcase")) == 2
    text = as_markdown(report)
    assert not re.search(r"<(?!/?(?:br|b|i)\b)[a-z!/]", text)
    cells = [line for line in text.splitlines() if line.startswith(("| ❌", "| ⏭"))]
    assert len(cells) == 2
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in cells)
