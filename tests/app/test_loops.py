"""Either loop works alone: the other one's doors and pages are not there, and everything else is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.app.running import Running, running, until
from tests.ml.workshop import project

PREDICTION = {"id": "p1", "model": "fraud", "version": "v", "score": 0.5}
OF_ML = ["/models", "/api/v1/models", "/api/v1/deployments", "/api/v1/models/fraud", "/api/v1/jobs/1"]
OF_ALL = ["/", "/incidents", "/approvals", "/audit", "/api/v1/incidents", "/api/v1/findings", "/api/v1/plans",
          "/api/v1/audit", "/api/v1/topology", "/api/v1/status", "/api/v1/agents", "/api/openapi.json"]  # fmt: skip


@pytest.fixture(scope="module")
def without_ops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("without-ops")
    with running(folder, WELLKEPT_OPS__ENABLED="false", WELLKEPT_AGENT__ENABLED="true") as found:
        yield found


@pytest.fixture(scope="module")
def without_ml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("without-ml")
    # The model server is wished for, and must not start all the same.
    with running(folder, WELLKEPT_ML__ENABLED="false", WELLKEPT_ML__SERVE="true") as found:
        yield found


def jobs(server: Running) -> dict[str, int]:
    """How often each job has failed, when each has run at least once."""

    def all_ran() -> dict[str, int] | None:
        found = server.client.get("/api/v1/status")["jobs"]
        return {job["job"]: job["failures"] for job in found} if all(job["runs"] for job in found) else None

    return until(all_ran, "every job has run")


def test_what_runs_is_told(without_ops: Running, without_ml: Running) -> None:
    ops, ml = (server.client.get("/api/v1/status") for server in (without_ml, without_ops))

    assert (ops["ops"], ops["ml"]) == (True, False)
    assert (ml["ops"], ml["ml"]) == (False, True)
    assert jobs(without_ml).keys() >= {"gate", "discover", "detect", "correlate", "diagnose", "remediate"}
    assert jobs(without_ops).keys() >= {"gate", "discover", "watch", "retrain"}
    assert not jobs(without_ml).keys() & {"watch", "retrain"}
    assert not jobs(without_ops).keys() & {"detect", "correlate", "diagnose", "remediate"}


def test_no_job_fails_for_want_of_the_other_loop(without_ops: Running, without_ml: Running) -> None:
    for server in (without_ops, without_ml):
        assert set(jobs(server).values()) == {0}
        assert server.errors() == ""


@pytest.mark.parametrize("path", OF_ML)
def test_the_ml_loop_has_no_doors_when_it_is_off(path: str, without_ml: Running, without_ops: Running) -> None:
    with without_ml.http(accept="application/json") as http:
        assert http.get(path).status_code == 404
        assert "Models" not in http.get("/").text.partition("<main")[0]
    with without_ops.http(accept="application/json") as http:
        if "fraud" not in path and "jobs" not in path:
            assert http.get(path).status_code == 200


def test_a_command_of_the_loop_that_is_off_says_so(without_ml: Running) -> None:
    done = without_ml.ask("models", "list")

    assert done.returncode == 4
    assert "/api/v1/models: is no address of this server (those of a loop that is switched off" in done.stderr


@pytest.mark.parametrize("path", OF_ALL)
def test_what_belongs_to_no_loop_is_there_either_way(path: str, without_ops: Running, without_ml: Running) -> None:
    for server in (without_ops, without_ml):
        with server.http() as http:
            assert http.get(path).status_code == 200


def test_predictions_and_telemetry_come_in_either_way(without_ops: Running, without_ml: Running) -> None:
    for server in (without_ops, without_ml):
        record = {**PREDICTION, "time": datetime.now(UTC).isoformat()}
        assert server.client.post("/v1/predictions", {"predictions": [record]}) == {"accepted": 1}
        assert server.client.post("/v1/labels", {"labels": [{"prediction_id": "p1", "value": 1}]}) == {"accepted": 1}
        with server.http() as http:
            assert http.post("/v1/metrics", json={"resourceMetrics": []}).status_code == 200


def test_without_ops_the_host_is_still_known_and_a_model_can_be_trained(without_ops: Running, tmp_path: Path) -> None:
    host = until(
        lambda: without_ops.client.get("/api/v1/topology", kind="host")["entities"], "the agent's host is discovered"
    )
    assert host

    done = without_ops.json("models", "train", str(project(tmp_path)))

    assert (done["state"], done["details"]["judgement"]) == ("done", "pass")


def test_without_ml_no_model_server_runs(without_ml: Running) -> None:
    assert without_ml.family() == []
