"""A model whose data come from a database, a file and the platform's own telemetry, on a real server."""

from __future__ import annotations

import random
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tests.app.running import Running, running, until

from wellkept.ml.data.base import Access, DataSettings
from wellkept.ml.data.sources import Sources
from wellkept.ml.dataspec import Data

CARDS = 8
ORDERS = 240
CONTRACT = """
name: fraud
task: binary_classification
owner: risk team
inputs: [{name: amount}, {name: risk}, {name: spend}]
metrics: {primary: roc_auc}
gates: [{metric: roc_auc, at_least: 0.6}]
retrain: {window_s: 3600, min_rows: 50}
data:
  sources:
    orders:
      connector: sql
      url: SHOP_DB
      query: SELECT card, amount, at, label FROM orders WHERE at >= :start AND at < :end
      time: at
    risk: {connector: parquet, path: risk.parquet, keys: [card], time: at, columns: [risk]}
    spend:
      connector: telemetry
      metric: shop.spend
      step_s: 60
      labels: {card: card}
      keys: [card]
      time: time
      ttl_s: 7200
      columns: {spend: value}
  entity: {source: orders, keys: [card]}
"""
MODEL = """
import numpy as np


def train(frame):
    from sklearn.linear_model import LogisticRegression
    columns = [frame[name].to_numpy(zero_copy_only=False).astype(float) for name in ("amount", "risk", "spend")]
    return LogisticRegression().fit(np.nan_to_num(np.column_stack(columns)), frame["label"].to_numpy())
"""


def project(folder: Path, now: datetime) -> Path:
    folder.mkdir()
    (folder / "model.yaml").write_text(CONTRACT, encoding="utf-8")
    (folder / "model.py").write_text(MODEL, encoding="utf-8")
    cards = [f"c{n}" for n in range(CARDS)]
    times = pa.array([now - timedelta(hours=3)] * CARDS, pa.timestamp("us", tz="UTC"))
    pq.write_table(
        pa.table({"card": cards, "at": times, "risk": [n / CARDS for n in range(CARDS)]}), folder / "risk.parquet"
    )
    with sqlite3.connect(folder / "shop.db") as connection:
        chance = random.Random(3)
        connection.execute("CREATE TABLE orders (card TEXT, amount REAL, at TEXT, label REAL)")
        rows = [
            (
                f"c{n % CARDS}",
                chance.expovariate(0.02),
                (now - timedelta(seconds=5 * n + 5)).strftime("%Y-%m-%d %H:%M:%S.%f"),
                float(chance.random() < (n % CARDS) / CARDS),
            )
            for n in range(ORDERS)
        ]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return folder


def send_spend(server: Running, now: datetime) -> None:
    """A point a card, twenty-five minutes ago: its number."""
    nanos = str(int((now - timedelta(minutes=25)).timestamp()) * 10**9)
    points = [
        {
            "timeUnixNano": nanos,
            "asDouble": float(n),
            "attributes": [{"key": "card", "value": {"stringValue": f"c{n}"}}],
        }
        for n in range(CARDS)
    ]
    service = [{"key": "service.name", "value": {"stringValue": "features"}}]
    metric = {"name": "shop.spend", "gauge": {"dataPoints": points}}
    body = {"resourceMetrics": [{"resource": {"attributes": service}, "scopeMetrics": [{"metrics": [metric]}]}]}
    server.client.post("/v1/metrics", body)


def promoted(server: Running) -> str:
    """The digest of the version that is live now."""
    plan = server.json("models", "promote", "fraud")
    server.client.post(f"/api/v1/plans/{plan['id']}/approve", {"hash": plan["hash"], "by": "ada", "why": "a test"})
    aliases = until(lambda: server.client.get("/api/v1/models/fraud")["aliases"].get("champion"), "it is live")
    return str(aliases)


def served(server: Running, digest: str, now: datetime) -> None:
    """Twenty answers on what the sources say."""
    rows = [
        {
            "id": f"p{n}",
            "time": now.isoformat(),
            "model": "fraud",
            "version": digest,
            "score": 0.5,
            "entity_key": f"c{n % CARDS}",
            "features": {"amount": 1.0, "risk": (n % CARDS) / CARDS, "spend": float(n % CARDS)},
        }
        for n in range(20)
    ]
    server.client.post("/v1/predictions", {"predictions": rows})


def checked(server: Running) -> dict[str, Any]:
    job = server.client.post("/api/v1/models/fraud/skew", {})["job"]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = server.client.get(f"/api/v1/jobs/{job['id']}")["job"]
        return found if found["state"] != "running" else None

    found = until(ended, "the skew check ends")
    assert found["state"] == "done", found
    report: dict[str, Any] = found["details"]["report"]
    return report


def test_from_sources_to_a_skew_check(tmp_path: Path) -> None:
    """The stations depend on each other, so they are one test."""
    now = datetime.fromtimestamp(int(time.time()), UTC)
    source = project(tmp_path / "project", now)
    with running(tmp_path / "data", ["--no-agent"], SHOP_DB=f"sqlite:///{source / 'shop.db'}") as server:
        send_spend(server, now)
        trained = server.json("models", "train", str(source))["details"]
        assert trained["judgement"] == "pass", trained["checks"]
        assert trained["data"]["passed"]
        version = server.client.get("/api/v1/models/fraud")["versions"][0]
        manifest = server.client.get(f"/api/v1/artifacts/{version['lineage']['manifest']}")
        assert manifest["snapshot"] == version["lineage"]["snapshot"]
        assert manifest["sources"]["spend"]["metric"] == "shop.spend"
        assert manifest["joined"]["features"]["spend"] == {"matched": ORDERS, "rows": ORDERS}
        assert manifest["joined"]["features"]["risk"]["matched"] == ORDERS
        assert "shop.db" not in str(manifest)

        digest = promoted(server)
        served(server, digest, now)
        report = checked(server)
        assert (report["verdict"], report["rows"]) == ("ok", 20)
        assert {one["feature"] for one in report["features"]} == {"risk", "spend"}
        read = logged(server, tmp_path, now)
        assert sorted(read["id"].to_pylist()) == sorted(f"p{n}" for n in range(20))
        assert set(read["spend"].to_pylist()) == {float(n) for n in range(CARDS)}
        assert server.errors() == ""


def logged(server: Running, folder: Path, now: datetime) -> pa.Table:
    """What the telemetry connector reads of logged predictions."""
    fields = {"connector": "telemetry", "predictions": "fraud", "inputs": ["spend"], "time": "time"}
    data = Data.model_validate({"sources": {"answers": fields}})
    sources = Sources(data, Access(folder, platform=server.data), DataSettings())
    return sources.rows("answers", (now - timedelta(hours=1), now + timedelta(hours=1))).table
