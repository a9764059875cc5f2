"""Groupings of known quality get known scores, and a folder is told by its columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from wellkept.cli.eval import command
from wellkept.evaluation import correlate_alerts
from wellkept.evaluation.correlate import evaluate
from wellkept.evaluation.correlate_scores import Placed, scores
from wellkept.kernel.errors import InputError


def placed(*cells: tuple[str, str, int]) -> list[Placed]:
    return [Placed(fault, group, float(at), count) for at, (fault, group, count) in enumerate(cells)]


def test_a_perfect_grouping_scores_one_everywhere() -> None:
    found = scores(placed(("a", "1", 4), ("b", "2", 6)))
    assert (found["pairwise_f1"], found["homogeneity"], found["completeness"], found["ari"]) == (1, 1, 1, 1)
    assert (found["over_merge_rate"], found["impure_groups"], found["incidents_per_fault"]) == (0, 0, 1)
    assert found["compression"] == 0.8


def test_pairs_are_counted_as_by_hand() -> None:
    found = scores(placed(("a", "1", 2), ("a", "2", 1), ("b", "1", 1)))
    assert (found["pairwise_precision"], found["pairwise_recall"]) == (round(1 / 3, 4), round(1 / 3, 4))
    assert found["incidents_per_fault"] == 1.5
    assert found["impure_groups"] == 0.5


def test_two_faults_without_an_incident_of_their_own_are_merged_over() -> None:
    assert scores(placed(("a", "1", 5), ("b", "1", 5), ("c", "2", 5)))["over_merge_rate"] == round(2 / 3, 4)
    assert scores(placed(("a", "1", 5), ("a", "2", 1), ("b", "2", 5)))["over_merge_rate"] == 0


def test_an_incident_is_opened_when_its_main_group_has_a_first_alert() -> None:
    found = scores([Placed("a", "1", 0.0), Placed("a", "2", 7.0, 5)])
    assert found["time_to_open_s"] == {"median": 7.0, "p90": 7.0}


def test_noise_counts_for_compression_alone() -> None:
    found = scores(placed(("a", "1", 4), ("", "2", 4)))
    assert (found["compression"], found["pairwise_f1"], found["faults"]) == (0.75, 1.0, 1)


def failures(folder: Path) -> Path:
    rows: list[dict[str, Any]] = []
    for number in range(6):
        for seq, name in enumerate(("cpu", "latency", "errors", "threads")):
            instance = f"svc-{number % 3}"
            rows.append(
                {"system": "shop", "incident_id": f"f{number}", "seq": seq, "source": "metric", "instance": instance,
                 "caller": None, "host": None, "name": name, "state": "up"}
            )  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "alerts.parquet")
    known = [
        {
            "system": "shop",
            "incident_id": f"f{number}",
            "failure_type": "cpu",
            "root_cause_instance": f"svc-{number % 3}",
        }
        for number in range(6)
    ]
    pq.write_table(pa.Table.from_pylist(known), folder / "incidents.parquet")
    edges = [{"system": "shop", "incident_id": "f0", "source": "svc-0", "target": "svc-1"}]
    pq.write_table(pa.Table.from_pylist(edges), folder / "topology.parquet")
    return folder


def events(folder: Path) -> Path:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {"time": begin + timedelta(seconds=at), "scenario": "s", "detector": "d", "name": name, "host": host,
         "ip": "", "event_label": label}
        for at, name, host, label in (
            (0, "scan", "h1", "scan"), (1, "scan", "h1", "scan"), (30, "scan", "h1", "scan"), (50, "noise", "h2", "-"),
            (5000, "scan", "h1", "late"),
        )
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "alerts.parquet")
    return folder


def test_failures_begin_in_the_order_of_the_file_and_are_spread_over_two_minutes(tmp_path: Path) -> None:
    (stream,) = correlate_alerts.read(failures(tmp_path))
    begins = [a.finding.starts_at.timestamp() for a in stream.alerts if a.finding.sentence == "cpu up"]
    of_first = [a.finding.starts_at.timestamp() for a in stream.alerts if "f0" in a.faults]
    assert begins == sorted(begins)
    assert [b - a for a, b in pairwise(of_first)] == pytest.approx([30, 30, 30], abs=1e-3)
    assert stream.graph.dependencies("service:shop/svc-0") == {"service:shop/svc-1": 1}


def test_an_event_that_goes_on_is_one_finding_with_a_count(tmp_path: Path) -> None:
    (stream,) = correlate_alerts.read(events(tmp_path))
    assert [a.faults for a in stream.alerts] == [{"s/scan": 3}, {"": 1}, {"s/late": 1}]


def test_the_command_tells_all_figures(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    failures(tmp_path / "one")
    events(tmp_path / "two")
    ran = CliRunner().invoke(command, ["correlate", "--data", str(tmp_path), "--json"])
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.stdout)
    keys = {"compression", "pairwise_precision", "pairwise_recall", "pairwise_f1", "over_merge_rate",
            "incidents_per_fault", "alerts_per_s", "baselines"}  # fmt: skip
    assert keys <= found.keys()
    assert keys <= found["folders"]["one"].keys()
    assert found["folders"]["two"]["pairwise_f1"] == 1.0
    assert found["folders"]["two"]["noise"]["groups"] == 1
    assert found["baselines"].keys() == {"random", "time_window_only"}


def test_who_knows_what_each_failure_shows_parts_two_at_once_and_time_alone_does_not(tmp_path: Path) -> None:
    """Failures of eight instances, each twice: by the history of its kind each alert finds its own."""
    failed = [(f"f{number}", f"svc-{number % 8}") for number in range(16)]
    rows = [
        {"system": "shop", "incident_id": failure, "seq": seq, "source": "metric", "instance": instance,
         "caller": None, "host": None, "name": f"m{seq}", "state": "up"}
        for failure, instance in failed
        for seq in range(20)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "alerts.parquet")
    known = [
        {"system": "shop", "incident_id": failure, "failure_type": "cpu", "root_cause_instance": instance}
        for failure, instance in failed
    ]
    pq.write_table(pa.Table.from_pylist(known), tmp_path / "incidents.parquet")
    ceiling = evaluate(tmp_path)["ceiling"]
    assert ceiling["all_known_but_whose"]["pairwise_f1"] == 1.0
    assert ceiling["onsets_known"]["pairwise_f1"] < 0.9


def test_a_folder_with_nothing_to_evaluate_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"alerts\.parquet"):
        evaluate(tmp_path)
