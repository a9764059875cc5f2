"""The doors for formats of others on a running server, and what it says of them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.api.calls import recorded
from tests.app.running import Running, refused, running, until
from tests.store.fixtures import stores_in

SYSLOG: dict[str, Any] = {
    "WELLKEPT_INGEST__SYSLOG__ENABLED": "true",
    "WELLKEPT_INGEST__SYSLOG__UDP_PORT": "0",
    "WELLKEPT_INGEST__SYSLOG__TCP_PORT": "0",
    "WELLKEPT_ML__ENABLED": "false",
    "WELLKEPT_CATALOGUE__ENTRIES": json.dumps([{"match": "service:ledger", "owner": "books"}]),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("doors"), **SYSLOG) as found:
        yield found


def stored(server: Running) -> dict[str, int]:
    found = server.client.get("/api/v1/stored", since="2026-01-01T00:00:00Z")["stored"]["logs"]
    assert isinstance(found, dict)
    return found


def test_an_alert_becomes_an_incident_and_its_end_ends_it(server: Running) -> None:
    with server.http() as http:
        assert http.post("/alertmanager/webhook", content=recorded("alertmanager_firing.json")).status_code == 200
        incident = until(lambda: server.client.get("/api/v1/incidents")["incidents"], "an incident")[0]
        assert incident["title"] == "Checkout is slow"
        assert http.get("/incidents").status_code == 200
        assert "Checkout is slow" in http.get(f"/incidents/{incident['id']}").text
        assert http.post("/alertmanager/webhook", content=recorded("alertmanager_resolved.json")).status_code == 200

    counts = server.client.get("/api/v1/status")["doors"]["alerts"]
    assert (counts["opened"], counts["resolved"]) == (1, 1)


def test_every_door_for_logs_stores_under_the_entity_that_is_named(server: Running) -> None:
    ports = server.client.get("/api/v1/status")["doors"]["syslog"]
    with socket.create_connection(("127.0.0.1", ports["tcp_port"])) as connection:
        connection.sendall(b"<14>1 - web-9 by-syslog - - - hello\n")
    loki = {"streams": [{"stream": {"app": "by-loki"}, "values": [["1795629218000000000", "hello"]]}]}
    event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "said", "data": {"service": "by-event"}}
    with server.http() as http:
        for _ in range(2):
            http.post("/loki/api/v1/push", json=loki).raise_for_status()
        media = {"Content-Type": "application/cloudevents+json"}
        http.post("/cloudevents", content=json.dumps(event), headers=media).raise_for_status()
        http.post("/v1/lines?service=by-line", content=b"hello").raise_for_status()

    wanted = {f"service:by-{name}" for name in ("syslog", "loki", "event", "line")}
    until(lambda: wanted <= stored(server).keys(), "all of them are stored")
    assert server.client.get("/api/v1/status")["doors"]["duplicates"] == {"logs": 1, "traces": 0}


def test_a_file_is_imported(server: Running, tmp_path: Path) -> None:
    file = tmp_path / "old.jsonl"
    day = datetime.now(UTC) - timedelta(days=1)
    file.write_text(
        "".join(f'{{"time":"{day:%Y-%m-%d}T12:00:{n:02d}Z","msg":"line {n}"}}\n' for n in range(60)), "utf-8"
    )

    found = server.json("import", str(file), "--about", "service=imported")

    assert found["records"] == 60
    assert stored(server)["service:imported"] == 60
    assert server.ask("import", str(tmp_path / "nothing.jsonl")).returncode == 4
    refused = server.ask("import", str(file), "--about", "color=blue")
    assert refused.returncode == 2
    assert "?color=: is not known" in refused.stderr


def test_syslog_beyond_loopback_must_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores_in(tmp_path)
    beyond = {**SYSLOG, "WELLKEPT_INGEST__SYSLOG__HOST": "0.0.0.0"}
    code, said = refused(monkeypatch, "up", "--data", str(tmp_path), "--port", "0", **beyond)

    assert code == 3
    assert "ingest.syslog.host 0.0.0.0 is not loopback; set ingest.syslog.allow_remote to mean it" in said


def test_a_syslog_port_that_is_taken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores_in(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        taken = {**SYSLOG, "WELLKEPT_INGEST__SYSLOG__TCP_PORT": port}
        code, said = refused(monkeypatch, "up", "--data", str(tmp_path), "--port", "0", **taken)

    assert code == 5
    assert f"syslog address 127.0.0.1:{port}: cannot be used: Address already in use" in said


def test_owners_of_the_catalogue_match_for_everybody(server: Running) -> None:
    now = datetime.now(UTC)
    alert = {"labels": {"alertname": "Owned", "service": "ledger"}, "startsAt": now.isoformat()}
    with server.http() as http:
        http.post("/alertmanager/api/v2/alerts", json=[alert]).raise_for_status()
        tried = server.client.post("/api/v1/silences/preview", {"match": ["owner=books"]})
        assert [finding["entity"] for finding in tried["findings"]] == ["service:ledger"]
        rule = {"name": "books", "match": ["owner=books"], "by": ["service"]}
        assert server.client.post("/api/v1/grouping/replay", {"rule": rule})["matched"] == 1
        until(lambda: [one for one in live(server) if one["title"].startswith("Owned")], "an incident")
        silence = {"match": ["owner=books"], "comment": "known", "lasts_s": 600}
        made = server.client.post("/api/v1/silences", silence)["silence"]["id"]
        until(lambda: server.client.get("/api/v1/held")["counts"].get("silenced"), "the silence holds it")
        (shown,) = http.get("/alertmanager/api/v2/alerts", params={"filter": "alertname=Owned"}).json()
        assert shown["status"]["silencedBy"] == [made]


def live(server: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get("/api/v1/incidents", live=True)["incidents"]
    return found
