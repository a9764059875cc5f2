"""The card of a trained version: kept as its artifact, printed by the command, shown as a page that can do nothing."""

from __future__ import annotations

from pathlib import Path

from tests.app.running import running, until
from tests.ml.workshop import project


def test_a_trained_version_has_a_card(tmp_path: Path) -> None:
    with running(tmp_path / "data", ["--no-agent"]) as server:
        source = str(project(tmp_path / "project"))
        job = server.client.post("/api/v1/models/train", {"project": source, "by": "ada"})["job"]
        until(lambda: server.client.get(f"/api/v1/jobs/{job['id']}")["job"]["state"] == "done", "it is trained")

        printed = server.ask("models", "card", "fraud")
        written = server.ask("models", "card", "fraud", "--version", "1", "--folder", str(tmp_path / "card"))
        missing = server.ask("models", "card", "fraud", "--version", "7")
        with server.http() as http:
            page = http.get("/api/v1/models/fraud/versions/1/card")
        with server.stranger() as stranger:
            refused = stranger.get("/api/v1/models/fraud/versions/1/card")

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
