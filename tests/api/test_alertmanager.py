"""What Prometheus and Alertmanager send, byte for byte, and the answers that they act on."""

from __future__ import annotations

import gzip
import json

import pytest
from tests.api.calls import TOKEN, Doors, recorded
from tests.ops.ingest.outside import Outside

from wellkept.api import alertmanager
from wellkept.api.alertmanager_silences import SilenceDoor
from wellkept.kernel.errors import OverloadError, StoreError, WellkeptError
from wellkept.kernel.finding import Severity

WEBHOOK, ALERTS = "/alertmanager/webhook", "/alertmanager/api/v2/alerts"


@pytest.fixture
def doors(world: Outside) -> Doors:
    return Doors(
        alertmanager.routes(world.alerts, world.reader, world.clock, 1 << 20, SilenceDoor(world.silences, world.clock))
    )


def test_what_prometheus_sends_is_found_and_ends(doors: Doors, world: Outside) -> None:
    answer = doors.post(ALERTS, recorded("prometheus_firing.json"), content_type="application/json")

    assert (answer.status_code, answer.content) == (200, b"")
    found = {finding.entity: finding for finding in world.findings()}
    assert found.keys() == {"service:checkout", "disk:4c4c-web-1:/data"}
    assert found["service:checkout"].severity is Severity.CRITICAL
    assert found["disk:4c4c-web-1:/data"].sentence == "Disk of web-1:9100 is almost full"
    assert found["service:checkout"].evidence[0].samples[0].startswith("http://vm:18090/graph?g0.expr=")

    assert doors.post(ALERTS, recorded("prometheus_resolved.json")).status_code == 200
    assert {finding.entity: finding.is_open for finding in world.findings()} == {
        "service:checkout": False,
        "disk:4c4c-web-1:/data": True,
    }


def test_what_alertmanagers_webhook_sends_is_found_and_ends(doors: Doors, world: Outside) -> None:
    for name in ("alertmanager_firing.json", "alertmanager_disk_firing.json"):
        answer = doors.post(WEBHOOK, recorded(name), content_type="application/json")
        assert (answer.status_code, answer.json()) == (200, {"accepted": 1})
    assert [finding.is_open for finding in world.findings()] == [True, True]
    assert all(finding.ends_at is None for finding in world.findings())  # sent as 0001-01-01

    assert doors.post(WEBHOOK, recorded("alertmanager_resolved.json")).status_code == 200
    ended = [finding for finding in world.findings() if not finding.is_open]
    assert [finding.entity for finding in ended] == ["service:checkout"]


def test_open_alerts_are_listed_under_alertmanagers_own_fingerprints(doors: Doors) -> None:
    doors.post(ALERTS, recorded("prometheus_firing.json"))
    told = {json.loads(recorded(f"alertmanager_{n}firing.json"))["alerts"][0]["fingerprint"] for n in ("", "disk_")}

    assert {alert["fingerprint"] for alert in doors.call("GET", ALERTS).json()} == told


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"HighLatency", "DiskAlmostFull"}),
        ("?filter=severity%3D%22critical%22", {"HighLatency"}),
        ("?filter=severity%3D~%22crit.%2B%22&filter=job%3D%22node%22", set()),
        ("?active=false", set()),
        ("?receiver=well.*", {"HighLatency", "DiskAlmostFull"}),
        ("?receiver=other", set()),
    ],
)
def test_the_list_is_filtered(query: str, names: set[str], doors: Doors) -> None:
    doors.post(ALERTS, recorded("prometheus_firing.json"))

    assert {alert["labels"]["alertname"] for alert in doors.call("GET", f"{ALERTS}{query}").json()} == names


def test_a_filter_that_is_none_is_refused(doors: Doors) -> None:
    answer = doors.call("GET", f"{ALERTS}?filter=nothing")
    assert (answer.status_code, answer.json()[:12]) == (400, "matcher: mus")


def test_gzip_is_unpacked(doors: Doors, world: Outside) -> None:
    body = gzip.compress(recorded("alertmanager_firing.json"))
    assert doors.post(WEBHOOK, body, content_encoding="gzip").status_code == 200
    assert len(world.findings()) == 1


@pytest.mark.parametrize("path", [WEBHOOK, ALERTS])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"7", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"x", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"[]", mtime=0)[:-3], {"content_encoding": "gzip"}, 400),
        (b"[]", {"content_encoding": "zstd"}, 415),
        (b" " * (1 << 20) + b"[]", {}, 413),
        (gzip.compress(b" " * (1 << 24), 1, mtime=0), {"content_encoding": "gzip"}, 413),
    ],
)
def test_what_is_at_fault_is_not_to_be_sent_again(
    body: bytes, headers: dict[str, str], status: int, path: str, doors: Doors, world: Outside
) -> None:
    answer = doors.post(path, body, **headers)

    assert answer.status_code == status
    assert answer.json()
    assert "retry-after" not in answer.headers
    assert world.findings() == []


@pytest.mark.parametrize("path", [WEBHOOK, ALERTS])
def test_of_a_list_with_a_bad_alert_the_good_ones_are_stored(path: str, doors: Doors, world: Outside) -> None:
    alerts = [{"status": "firing", "labels": {"alertname": "A"}}, {"status": "firing", "labels": {"alertname": 1}}]
    body = json.dumps(alerts if path == ALERTS else {"alerts": alerts}).encode()

    answer = doors.post(path, body)

    assert answer.status_code == 400
    assert "1 were stored, 1 were not" in answer.text
    assert "alerts[1].labels.alertname: must be a text, got 1" in answer.text
    assert len(world.findings()) == 1


@pytest.mark.parametrize(
    ("error", "wait"), [(OverloadError("later", retry_after_s=7), "7"), (StoreError("broken"), "1")]
)
@pytest.mark.parametrize("path", [WEBHOOK, ALERTS])
def test_what_may_be_sent_again_is_503(
    path: str, error: WellkeptError, wait: str, doors: Doors, world: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(world.stream, "keep", refuse)
    name = "prometheus_firing.json" if path == ALERTS else "alertmanager_firing.json"

    answer = doors.post(path, recorded(name))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, wait)
    monkeypatch.undo()
    assert doors.post(path, recorded(name)).status_code == 200
    assert all(finding.is_open for finding in world.findings())


def test_a_surprise_is_503_too(doors: Doors, world: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.stream, "keep", lambda *_: 1 / 0)

    answer = doors.post(WEBHOOK, recorded("alertmanager_firing.json"))

    assert answer.status_code == 503
    assert "division" not in answer.text


def test_what_clients_ask_first(doors: Doors) -> None:
    assert doors.call("GET", "/alertmanager/-/ready").text == "OK"
    assert doors.call("GET", "/alertmanager/-/healthy").text == "OK"
    status = doors.call("GET", "/alertmanager/api/v2/status").json()
    assert status["cluster"] == {"status": "disabled", "peers": []}
    assert status["versionInfo"]["version"]
    assert doors.call("GET", "/alertmanager/api/v2/receivers").json() == [{"name": "wellkept"}]


@pytest.mark.parametrize("path", [WEBHOOK, ALERTS])
def test_strangers_are_told_nothing(path: str, doors: Doors) -> None:
    assert doors.post(path, b"[]", token=None).status_code == 401
    assert doors.post(path, b"[]", token="wrong").status_code == 401


def test_the_token_may_be_a_password(doors: Doors) -> None:
    import base64

    for user, password, status in (("any", TOKEN, 200), ("", TOKEN, 200), (TOKEN, "", 401), ("any", "wrong", 401)):
        given = base64.b64encode(f"{user}:{password}".encode()).decode()
        assert doors.post(ALERTS, b"[]", authorization=f"Basic {given}").status_code == status
    assert doors.post(ALERTS, b"[]", authorization="Basic \xe9").status_code == 401
