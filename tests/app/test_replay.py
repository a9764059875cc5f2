"""Replay: a recorded outage is found, grouped and explained; twice the same; and nothing is done about it."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from tests.app import outage

from wellkept.app.replay import Outcome, Progress, Replay, Wish, at_step, replay, shortage, step_for
from wellkept.app.settings import Ops
from wellkept.cli.main import cli
from wellkept.cli.replay import show
from wellkept.kernel.errors import ConflictError, InputError
from wellkept.kernel.finding import FindingKind
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.ingest.recording.recording import find, read
from wellkept.store.state.state import State
from wellkept.store.telemetry.telemetry import Telemetry


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return outage.record(tmp_path_factory.mktemp("outage"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "data"


@pytest.fixture(scope="module")
def told() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def outcome(recorded: Path, kept: Path, told: list[Progress]) -> Outcome:
    """What came of a replay of the outage with a runbook for it, its store kept."""
    book = recorded.parent / "books"
    book.mkdir(exist_ok=True)
    (book / "calm.yaml").write_text(
        """
name: calm-the-back
description: restart what is busy
match: {findings: [anomaly], signals: ["*"], entity: service}
risk: low
actions: [{action: restart_service, arguments: {service: "{service}"}}]
"""
    )
    return replay(Wish(recorded, data=kept), Ops(runbooks=(book,)), told.append)


def test_an_outage_is_found_grouped_and_explained(outcome: Outcome) -> None:
    assert {(f.entity, f.kind) for f in outcome.findings} >= {
        ("service:shop/back", FindingKind.ANOMALY),
        ("service:shop/front", FindingKind.ANOMALY),
    }
    (incident,) = outcome.incidents
    onset = outage.START + timedelta(seconds=outage.STEP_S * outage.ONSET)
    assert abs(incident.opened_at - onset) <= timedelta(seconds=2 * outage.STEP_S)
    (diagnosis,) = outcome.diagnoses
    assert diagnosis.best is not None
    assert diagnosis.best.entity == "service:shop/back"
    assert outcome.telemetry == {"logs": outage.STEPS, "metrics": 2 * outage.STEPS, "traces": outage.STEPS}
    assert outcome.step_s == 10.0


@pytest.fixture(scope="module")
def paced(recorded: Path, outcome: Outcome) -> dict[str, Any]:
    """What the command prints of the same recording, at a pace and with the same runbooks."""
    config = recorded.parent / "wellkept.yaml"
    config.write_text(f"ops: {{runbooks: [{recorded.parent / 'books'}]}}\n")
    asked = ["replay", str(recorded), "--speed", "1000000", "--config", str(config), "--json"]
    answer = CliRunner().invoke(cli, asked)
    assert answer.exit_code == 0, answer.output
    document: dict[str, Any] = json.loads(answer.stdout)
    return document


def test_a_replay_of_the_same_recording_is_the_same_byte_for_byte(paced: dict[str, Any], outcome: Outcome) -> None:
    """Fast with its insert of many steps at once, or at a pace with an insert for each step: the same."""
    assert json.dumps(paced) == json.dumps(outcome.document())


def test_what_would_be_proposed_is_told_and_nothing_is_run(outcome: Outcome, kept: Path) -> None:
    (plan,) = outcome.proposed
    assert (plan.runbook, plan.subject) == ("calm-the-back", outcome.incidents[0].id)
    assert not (kept / "runs").exists()
    state = State.open(kept / "state")
    with state.reading() as connection:
        tables = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert {"plans", "audit"} <= tables
        assert connection.exec_driver_sql("SELECT count(*) FROM plans").scalar() == 0
        assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar() == 0
    state.close()


def test_a_kept_store_holds_everything_and_says_how_to_open_it(outcome: Outcome, recorded: Path, kept: Path) -> None:
    telemetry = Telemetry.open(kept / "telemetry")
    spans = telemetry.raw.spans(outcome.first - timedelta(minutes=1), outcome.last + timedelta(minutes=1))
    telemetry.close()
    assert spans.num_rows == 60 * outage.STEPS
    assert "metrics_days: 36500" in (kept / "wellkept.yaml").read_text()

    with pytest.raises(ConflictError, match="must be empty, because a replay needs a fresh store"):
        replay(Wish(recorded, data=kept), Ops())


def test_a_hole_in_a_recording_is_not_the_silence_of_its_systems(tmp_path: Path) -> None:
    folder = outage.record(tmp_path / "holes", steps=60, onset=99, holes=range(34, 52))

    answer = CliRunner().invoke(cli, ["replay", str(folder), "--json"])

    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)["findings"]
    assert [one["sentence"] for one in found if one["kind"] == FindingKind.MISSING_DATA] == []


def test_a_replay_of_few_series_asks_few_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at metrics asks twice (what resources and what changes there are), where it asked thirteen times."""
    file = outage.record(tmp_path / "outage", steps=60, onset=200) / "all.jsonl"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if "resourceMetrics" in line))
    recording = read(find(file.parent, None), "")
    asked: list[str] = []
    with closing(Replay(recording, tmp_path / "data", at_step(Ops(), 10.0))) as run:
        plain = run.telemetry.engine.query

        def counted(sql: str, *told: Any, **named: Any) -> pa.Table:
            asked.append(sql)
            return plain(sql, *told, **named)

        monkeypatch.setattr(run.telemetry.engine, "query", counted)
        looks = len(list(run.moments()))
        run.run()
    assert len(asked) < 4 * looks


def test_alerts_of_a_recording_open_incidents(tmp_path: Path) -> None:
    """Few rows, no warm-up, an alert from outside and a declared graph: the road from an alert to a diagnosis."""
    minutes = [datetime(2024, 3, 1, 12, minute) for minute in range(20)]  # noqa: DTZ001 - a file's times have no zone
    rows = {
        "at": minutes * 2,
        "service": ["front"] * 20 + ["back"] * 20,
        "cpu": [0.2] * 20 + [0.2] * 15 + [0.97] * 5,
    }
    pq.write_table(pa.table(rows), tmp_path / "load.parquet")
    pq.write_table(pa.table({"at": minutes[16:17], "who": ["front"]}), tmp_path / "alerts.parquet")
    pq.write_table(pa.table({"a": ["front"], "b": ["back"]}), tmp_path / "edges.parquet")
    (tmp_path / "recording.yaml").write_text(
        """
metrics:
  - {file: load.parquet, time: at, resource: {service.name: service},
     metrics: [{column: cpu, name: process.cpu.utilization, unit: "1"}]}
alerts: [{file: alerts.parquet, time: at, resource: {service.name: who}, sentence: {value: it is slow}}]
edges: [{file: edges.parquet, source: {service.name: a}, target: {service.name: b}}]
"""
    )
    said: list[str] = []

    outcome = replay(Wish(tmp_path), Ops(), warn=said.append)

    assert outcome.step_s == 60.0
    (diagnosis,) = outcome.diagnoses
    assert diagnosis.best is not None
    assert diagnosis.best.entity == "service:back"
    assert "holds 19 steps of 60 s and detectors need 34" in said[0]


def test_settings_grow_with_the_step() -> None:
    slow = at_step(Ops(), 60.0)

    assert (slow.detect.step_s, slow.diagnose.step_s) == (60.0, 60.0)
    assert slow.detect.steps == DetectSettings().steps
    assert slow.correlate.onset_s >= CorrelateSettings().onset_s
    assert at_step(Ops(), 10.0) == Ops()


def test_the_step_suits_the_recording(recorded: Path) -> None:
    recording = read(find(recorded))

    assert step_for(recording, Ops()) == 10.0
    assert step_for(recording, Ops(detect=DetectSettings(step_s=30.0, window_s=5400.0))) == 30.0
    assert shortage(recording, at_step(Ops(), 10.0)) == ""
    assert "detectors need 34" in shortage(recording, at_step(Ops(), 60.0))


@pytest.mark.usefixtures("outcome")
def test_progress_is_told_and_grows(told: list[Progress]) -> None:
    shares = [one.share for one in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert told[-1].incidents == 1


def test_the_command_prints_one_document_for_machines(paced: dict[str, Any]) -> None:
    assert {"findings", "incidents", "diagnoses", "proposed", "telemetry"} <= paced.keys()
    assert paced["diagnoses"][0]["causes"][0]["entity"] == "service:shop/back"


def test_people_get_tables(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    show(outcome)

    said = capsys.readouterr().out
    assert "Most likely cause: shop/back" in said
    assert "Would have been proposed: restart what is busy (back)" in said
    assert "looked at every 10 s" in said


@pytest.mark.parametrize(("argument", "said"), [("0s", "is not a duration"), ("soon", "is not a duration")])
def test_a_step_that_is_no_duration_is_refused(argument: str, said: str, recorded: Path) -> None:
    answer = CliRunner().invoke(cli, ["replay", str(recorded), "--step", argument])

    assert answer.exit_code == 2
    assert said in answer.stderr


def test_a_folder_without_a_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must hold OTLP files"):
        replay(Wish(tmp_path), Ops())
