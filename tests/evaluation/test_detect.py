"""``wellkept eval detect`` on small folders of each shape."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from wellkept.cli.eval import command
from wellkept.evaluation.curves import read
from wellkept.evaluation.detect import evaluate
from wellkept.evaluation.streams import stream
from wellkept.kernel.errors import InputError
from wellkept.ops.detect.baseline import SHIPPED

START = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = ("cpu", "disk", "latency", "load", "s8", "s9")
"""Names that fall into both halves of the split."""


def wave(rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 50 + 10 * np.sin(np.arange(rows) / 288 * 2 * np.pi) + rng.normal(size=rows)


def pieces(folder: Path, rows: int = 2400) -> Path:
    """Six series of five-minute values, half for learning, each with one jump of six rows in the other half."""
    table: dict[str, list[Any]] = {name: [] for name in ("kpi", "split", "piece", "timestamp", "value", "label")}
    for seed, name in enumerate(NAMES):
        values, labels = wave(rows, seed), np.zeros(rows, dtype=np.int8)
        values[1800:1806] += 40
        labels[1800:1806] = 1
        table["kpi"] += [name] * rows
        table["split"] += ["train" if row < rows // 2 else "test" for row in range(rows)]
        table["piece"] += [0] * rows
        table["timestamp"] += [START + timedelta(minutes=5 * row) for row in range(rows)]
        table["value"] += values.tolist()
        table["label"] += labels.tolist()
    parquet.write_table(pa.table(table), folder / "points.parquet")
    return folder


def windowed(folder: Path, rows: int = 2000) -> Path:
    table: dict[str, list[Any]] = {name: [] for name in ("series", "timestamp", "value")}
    spans: dict[str, list[Any]] = {name: [] for name in ("series", "window", "start", "end")}
    for seed, name in enumerate(NAMES[:3]):
        values = wave(rows, seed)
        values[1500] += 60
        times = [START + timedelta(minutes=5 * row) for row in range(rows)]
        table["series"] += [name] * rows
        table["timestamp"] += times
        table["value"] += values.tolist()
        for key, value in zip(spans, (name, 0, times[1450], times[1550]), strict=True):
            spans[key].append(value)
    parquet.write_table(pa.table(table), folder / "points.parquet")
    parquet.write_table(pa.table(spans), folder / "windows.parquet")
    return folder


def entities(folder: Path, rows: int = 2400) -> Path:
    """Two entities of five metrics; the trouble is in the first two."""
    table: dict[str, list[Any]] = {
        name: [] for name in ("entity", "split", "row", *(f"m{i}" for i in range(5)), "label")
    }
    for seed, name in enumerate(("host-a", "host-b")):
        labels = np.zeros(rows, dtype=np.int8)
        labels[1800:1820] = 1
        for metric in range(5):
            values = wave(rows, 10 * seed + metric)
            if metric < 2:
                values[1800:1820] += 40
            table[f"m{metric}"] += values.tolist()
        table["entity"] += [name] * rows
        table["split"] += ["train" if row < rows // 2 else "test" for row in range(rows)]
        table["row"] += [row % (rows // 2) for row in range(rows)]
        table["label"] += labels.tolist()
    segments = {
        "entity": ["host-a", "host-b"],
        "start_row": [600] * 2,
        "end_row": [619] * 2,
        "metrics": [["m0", "m1"]] * 2,
    }
    parquet.write_table(pa.table(table), folder / "points.parquet")
    parquet.write_table(pa.table(segments), folder / "segments.parquet")
    return folder


def test_the_jump_of_every_series_is_found_within_the_budget_and_told_for_both_halves(tmp_path: Path) -> None:
    said = evaluate(pieces(tmp_path))

    assert said["series"] == said["series_with_anomalies"] == 6
    assert said["event_f1"] > 0.95
    assert said["recall_at_budget"] == 1
    assert said["false_alarms_per_series_week"] < 2  # the way back is one, beside the label
    assert said["delay_median_s"] == 0
    assert said["vus_pr"] > said["references"]["rolling_z_1h"]["vus_pr"]
    assert said["halves"]["tune"]["series"] + said["halves"]["report"]["series"] == 6
    assert said["parameters"] == SHIPPED.version


def test_a_half_is_scored_alone(tmp_path: Path) -> None:
    folder = pieces(tmp_path)

    halves = [evaluate(folder, split=half)["series"] for half in ("tune", "report")]

    assert sum(halves) == 6
    assert all(halves)


def test_a_folder_with_windows_has_the_nab_scores(tmp_path: Path) -> None:
    said = evaluate(windowed(tmp_path))

    assert said["shape"] == "windows"
    assert said["nab_standard"] > 70
    assert {"nab_low_fp", "nab_low_fn"} <= said.keys()


def test_entities_are_judged_as_a_whole_and_the_metrics_to_blame_are_named(tmp_path: Path) -> None:
    said = evaluate(entities(tmp_path), step_s=300)

    assert said["event_f1"] > 0.95
    assert said["hit_rate_100"] == 1


def test_scores_know_nothing_of_what_comes_later(tmp_path: Path) -> None:
    curves = read(pieces(tmp_path))[:2]
    scored, _ = stream(curves, SHIPPED)
    for curve in curves:
        curve.values[2000:] += 500

    again, _ = stream(curves, SHIPPED)

    for before, after in zip(scored, again, strict=True):
        np.testing.assert_array_equal(before.sudden[:2000], after.sudden[:2000])
        np.testing.assert_array_equal(before.unusual[:2000], after.unusual[:2000])
        assert (before.sudden[2000:] != after.sudden[2000:]).any()


def test_rows_that_fit_no_grid_are_taken_as_they_are(tmp_path: Path) -> None:
    folder = windowed(tmp_path)
    table = parquet.read_table(folder / "points.parquet").to_pydict()
    table["timestamp"][700:703] = [table["timestamp"][699]] * 3
    parquet.write_table(pa.table(table), folder / "points.parquet")

    assert evaluate(folder)["series"] == 3


def test_a_folder_of_something_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"points\.parquet"):
        evaluate(tmp_path)
    parquet.write_table(pa.table({"x": [1]}), tmp_path / "points.parquet")
    with pytest.raises(InputError, match="columns"):
        evaluate(tmp_path)


def test_the_command_prints_one_object_or_tables(tmp_path: Path) -> None:
    folder = str(pieces(tmp_path))

    as_json = CliRunner().invoke(command, ["detect", "--data", folder, "--json"])
    as_text = CliRunner().invoke(command, ["detect", "--data", folder, "--split", "report"])

    assert json.loads(as_json.stdout)["series"] == 6
    assert "event_f1" in as_text.stdout
    assert "split report" in as_text.stdout


def test_the_peers_program_is_run_on_the_folder_under_the_name_it_knows(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    program = tmp_path / "peers" / "ts_anomaly" / "run.py"
    program.parent.mkdir(parents=True)
    program.write_text(
        "import json, sys, pathlib\n"
        "data = pathlib.Path(sys.argv[sys.argv.index('--data') + 1])\n"
        "assert (data / 'ts_aiops' / 'points.parquet').exists()\n"
        "metrics = {'curves': 2, 'vus_pr': 0.5, 'event_f1_log': 0.25, 'cpu_s_per_100k': {'median': 0.1}}\n"
        "print(json.dumps({'name': 'peer', 'metrics': metrics}))\n"
    )

    said = evaluate(pieces(folder), peers=tmp_path / "peers")

    assert said["peers"] == {"peer": {"series": 2, "vus_pr": 0.5, "event_f1": 0.25, "seconds_per_million_points": 1.0}}
