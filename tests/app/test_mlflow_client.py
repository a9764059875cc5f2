"""An unmodified MLflow client and a real server of MLflow behind our door: it tracks, and is told to ask."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.app.running import running, until

ROOT = Path(__file__).parent.parent.parent
PYTHON = ROOT / ".venv-mlflow" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.is_file(), reason="needs MLflow's own environment: `make mlflow` makes it")


class Client:
    """The script, run as a user would run it: with nothing but the two variables set."""

    def __init__(self, folder: Path, address: str, token: str) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "WELLKEPT_"))}
        told = {"MLFLOW_TRACKING_URI": address, "MLFLOW_TRACKING_TOKEN": token, "MLFLOW_DISABLE_TELEMETRY": "true"}
        self._said = (folder / "client.txt").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [str(PYTHON), str(Path(__file__).with_name("mlflow_script.py")), str(folder)],
            env={**own, **told, "OMP_NUM_THREADS": "1"},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    def found(self) -> dict[str, Any]:
        """The next document that it prints; what it prints for people is passed over."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        self._said.seek(0)
        raise AssertionError(self._said.read())

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Let it end; killed where it does not."""
        for stream in (self._process.stdin, self._process.stdout, self._said):
            assert stream is not None
            stream.close()
        self._process.kill()
        self._process.wait()


def test_a_client_as_it_comes_is_told_to_ask_and_succeeds_after_the_approval(tmp_path: Path) -> None:
    changes = {
        "WELLKEPT_MLFLOW__MODE": "managed",
        "WELLKEPT_MLFLOW__PORT": "0",
        "WELLKEPT_MLFLOW__PYTHON": str(PYTHON),
        "WELLKEPT_MLFLOW__POLL_EVERY_S": "1",
    }
    with running(tmp_path / "data", ["--no-agent"], **changes) as server:

        def door() -> dict[str, Any]:
            told: dict[str, Any] = server.client.get("/api/v1/status")["doors"]["mlflow"]
            return told

        until(lambda: door()["answers"], "MLflow answers")
        address = door()["address"]
        client = Client(tmp_path, address, server.token)
        first = client.found()
        plan = first["champion"].rpartition("`wellkept approve ")[2].rstrip("`")
        approved = server.ask("approve", plan, "--yes", "--by", "ada")
        until(lambda: server.client.get(f"/api/v1/plans/{plan}")["state"] == "succeeded", "the alias is moved")
        client.go_on()
        second = client.found()
        client.close()
        until(lambda: server.client.get("/api/v1/mlflow")["versions"], "the version is known here")
        listed = server.json("models", "mlflow")["versions"]
        version = server.json("models", "show", "fraud")["versions"][0]
        stranger = httpx.get(f"{address}/api/2.0/mlflow/experiments/search")
        behind = psutil.Process(door()["pid"])
        family = [behind, *behind.children(recursive=True)]
        ports = [one for process in family for one in process.net_connections("tcp") if one.status == "LISTEN"]
        server.stop()

    assert first["metrics"] == {"auc": 0.9}
    assert first["read_back"] == 600_000
    assert first["mine"] == "1"
    assert first["champion"].startswith("RestException: PERMISSION_DENIED: Move alias champion of fraud in MLflow")
    assert "needs approval, request pln-" in first["champion"]
    assert "needs approval" in first["deleted"]
    assert "INVALID_PARAMETER_VALUE" in first["local"]
    assert approved.returncode == 0, approved.stderr
    assert second["again"] == "it was done"
    assert second["champion"] == "1"
    assert second["scores"][0] < 0.5 < second["scores"][1]

    assert (listed[0]["name"], listed[0]["state"], listed[0]["model"]) == ("fraud", "done", "fraud")
    assert (version["format"], version["state"]) == ("lightgbm", "unjudged")
    assert version["lineage"]["mlflow.metric.auc"] == "0.9"
    assert stranger.status_code == 401
    assert ports == [], "there is no way around the door"
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)
