"""What is done with a trained version: its card is read, as a command and as a page; its champion scores a file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.app.running import running, until
from tests.ml.workshop import project


def test_a_version_has_a_card_and_scores_a_file(tmp_path: Path) -> None:
    with running(tmp_path / "data", ["--no-agent"]) as server:
        source = str(project(tmp_path / "project"))
        job = server.client.post("/api/v1/models/train", {"project": source, "by": "ada"})["job"]
        until(lambda: server.client.get(f"/api/v1/jobs/{job['id']}")["job"]["state"] == "done", "it is trained")

        runs = server.ask("models", "jobs", "fraud")
        read = server.ask("models", "log", job["id"])
        late = server.ask("models", "cancel", job["id"])
        printed = server.ask("models", "card", "fraud")
        written = server.ask("models", "card", "fraud", "--version", "1", "--folder", str(tmp_path / "card"))
        missing = server.ask("models", "card", "fraud", "--version", "7")
        rows, scored = tmp_path / "rows.parquet", tmp_path / "scored.parquet"
        pq.write_table(pa.table({"amount": [0.5, 0.5], "risk": [0.1, 0.9]}), rows)
        too_early = server.ask("models", "score", "fraud", str(rows), str(scored))
        plan = server.client.post("/api/v1/models/fraud/promote", {"by": "ada"})
        decided = {"hash": plan["hash"], "by": "ada", "why": "a test"}
        server.client.post(f"/api/v1/plans/{plan['id']}/approve", decided)
        until(lambda: server.client.get("/api/v1/deployments")["deployments"], "it is the champion")
        batch = server.ask("models", "score", "fraud", str(rows), str(scored))
        with server.http() as http:
            page = http.get("/api/v1/models/fraud/versions/1/card")
            of_run = http.get(f"/models/fraud/runs/{job['id']}")
            rest = http.get(f"/api/v1/jobs/{job['id']}/log", params={"after": len(read.stdout.encode()) - 5}).json()
        with server.stranger() as stranger:
            refused = stranger.get("/api/v1/models/fraud/versions/1/card")

    assert job["id"][:8] in runs.stdout
    assert "version 1: pass" in runs.stdout
    assert read.stdout.startswith("-- snapshot\n-- snapshot took ")
    assert rest["text"] == read.stdout[-5:]
    assert late.returncode == 5
    assert "does not run; its state is, got 'done'" in late.stderr
    assert of_run.status_code == 200
    assert "register took" in of_run.text
    assert printed.returncode == written.returncode == 0, printed.stderr + written.stderr
    assert "# Model card: fraud" in printed.stdout
    assert "roc_auc (higher is better)" in printed.stdout
    names = {path.name for path in (tmp_path / "card").iterdir()}
    assert names >= {"card.html", "card.md", "calibration.svg", "precision.svg"}
    assert missing.returncode == 4
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in page.headers["content-security-policy"]
    assert page.text == (tmp_path / "card" / "card.html").read_text("utf-8")
    assert refused.status_code == 401
    assert (too_early.returncode, batch.returncode) == (4, 0), batch.stderr
    assert "2 rows scored by version 1 of fraud" in batch.stdout
    low, high = pq.read_table(scored)["score"].to_pylist()
    assert 0 < low < 0.5 < high < 1
