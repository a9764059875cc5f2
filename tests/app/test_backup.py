"""Backups of a server that works: what was acknowledged before is in it, and another server goes on from there."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Self

import pytest
from tests.app.running import Running, refused, running, start, until, wellkept


def line(number: int) -> bytes:
    body = {"stringValue": f"line {number}"}
    records = [{"timeUnixNano": str(time.time_ns()), "body": body}]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()


class Sender:
    """Sends lines one after the other for the length of a block."""

    def __init__(self, server: Running) -> None:
        self.sent, self._server, self._stopped = 0, server, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        with self._server.http(**{"Content-Type": "application/json"}) as http:
            while not self._stopped.is_set():
                assert http.post("/v1/logs", content=line(self.sent)).status_code == 200
                self.sent += 1


def test_another_server_goes_on_from_a_backup_of_one_that_worked(tmp_path: Path) -> None:
    again = tmp_path / "again"
    with running(tmp_path / "data") as server:
        alert = {"labels": {"alertname": "Slow", "service": "pay", "severity": "critical"}}
        with server.http() as http:
            assert http.post("/alertmanager/api/v2/alerts", json=[alert]).is_success
        until(lambda: server.client.get("/api/v1/incidents")["incidents"], "the incident is there")
        assert server.json("incidents")["incidents"]
        with Sender(server) as sender:
            until(lambda: sender.sent > 20, "lines are sent")
            before = sender.sent
            made = server.json("backup")
        assert [one["path"] for one in server.json("backup", "--list")] == [made["path"]]

        done = wellkept("restore", made["path"], "--data", str(again))
        assert done.returncode == 0, done.stderr
        assert "stop the server it is a copy of" in done.stdout
        refused = wellkept("restore", made["path"], "--data", str(again))
        assert refused.returncode != 0
        assert "holds data already" in refused.stderr
        token = server.token

    copy = start(again)
    try:
        assert copy.token == token
        assert copy.json("incidents")["incidents"]
        assert copy.json("audit", "verify")["intact"]
        found = copy.client.get("/api/v1/telemetry/logs", limit=1000, text="line")
        numbers = {int(one["body"].removeprefix("line ")) for one in found["logs"]}
        assert set(range(before)) <= numbers
    finally:
        copy.stop()


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_what_is_no_backup_is_said(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    if what == "a file":
        (folder / "backup.json").write_text("{")
    code, said = refused(monkeypatch, "restore", str(folder), "--data", str(tmp_path / "again"))
    assert code != 0
    assert "backup" in said
    assert not (tmp_path / "again").exists()
