"""The figures of the diagnosis: ties count against us, kinds must be right too, and healthy moments are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wellkept.evaluation.diagnose import LAYOUTS, evaluate
from wellkept.evaluation.diagnose_cases import Answer, Healthy, Result, Truth, half_of
from wellkept.evaluation.diagnose_figures import figures, summary
from wellkept.evaluation.diagnose_peers import better
from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.recording.recording import find

ONSET = datetime(2024, 3, 1, 12, tzinfo=UTC)


def answer(place: int, kind: int, named: str = "service:a") -> Answer:
    return Answer(place, kind, named, "cpu", (0.9, 0.4), place - 1, 0.1)


def result(name: str, given: Answer, early: Answer | None = None) -> Result:
    answers = {"given": given, "plus60": given, "minus60": given}
    if early is not None:
        answers["first_minute"] = early
    return Result(name, half_of(name), "cpu", "service:a", "cpu", 10, answers)


def test_figures_count_places_kinds_and_names() -> None:
    said = figures(
        [
            result("one", answer(1, 1)),
            result("two", answer(1, 0)),
            result("three", answer(3, 3, "service:b")),
            result("four", answer(0, 0, "")),
        ]
    )
    assert (said["ac1"], said["ac3"], said["ac1_kind"]) == (0.5, 0.75, 0.25)
    assert (said["abstained"], said["named_right"], said["named_wrong"]) == (0.25, 0.5, 0.25)
    assert (said["chance_ac1"], said["lift"]) == (0.1, 5.0)
    assert "ac1_first_minute" not in said


def test_a_summary_has_halves_healthy_moments_and_calibration() -> None:
    results = [result(f"case-{number}", answer(1, 1), answer(2, 2)) for number in range(8)]
    healthy = [Healthy("tune", "", ()), Healthy("report", "service:a", (0.8,))]
    said = summary(results, healthy)
    assert (said["specificity"], said["healthy_moments"], said["ac1_first_minute"]) == (0.5, 2, 0.0)
    assert (said["groups"]["tune"]["specificity"], said["groups"]["report"]["specificity"]) == (1.0, 0.0)
    assert said["calibration"]["report"]["cases"] == said["groups"]["report"]["cases"] + 1


@pytest.mark.parametrize("layout", sorted(LAYOUTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_layout_is_valid_and_names_the_truth(layout: Path, tmp_path: Path) -> None:
    source = find(tmp_path, layout)
    assert source.layout is not None
    assert Truth.model_validate(source.layout.extra["bench"]).fault is not None


def test_where_peers_are_better_is_told() -> None:
    ours: dict[str, Any] = {"ac1": 0.9, "groups": {"cpu": {"ac1": 0.5}, "memory": {"ac1": 1.0}}}
    theirs: dict[str, dict[str, Any]] = {
        "one": {"ac1": 0.8, "groups": {"cpu": 0.6, "memory": 0.9, "unknown": 1.0}},
        "two": {"ac1": None, "groups": {}},
    }
    assert better(ours, theirs) == [{"peer": "one", "group": "cpu", "ac1": 0.6, "ours": 0.5}]


def test_a_folder_without_recorded_faults_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must hold recorded faults"):
        evaluate(tmp_path)


def test_changes_are_told_by_their_tables_and_judged(tmp_path: Path) -> None:
    at = ONSET.replace(tzinfo=None)
    cases = [
        {"case_id": name, "service": "shop", "fired_at": at, "metric": "errors", "summary": "shop fails",
         "root_cause_commit": guilty, "decoy_commits": ["c2"]}
        for name, guilty in (("a", "c1"), ("b", "none"))
    ]  # fmt: skip
    changes = [
        {"case_id": name, "kind": kind, "time": at - timedelta(minutes=minutes), "service": "shop", "commit": commit,
         "text": text, "files": ["shop/x.py"], "diff": f"+{text}"}
        for name in "ab"
        for commit, minutes, text in (("c1", 9, "wish_list"), ("c2", 5, "colours"))
        for kind in ("commit", "deploy")
    ]  # fmt: skip
    said = {"a": 'relation "wish_list" does not exist', "b": "POST https://api.bank.com/pay returned 503"}
    lines = [
        {"case_id": name, "service": "shop", "signature": text, "delta_vs_baseline": "+50", "sentiment": "negative"}
        for name, text in said.items()
    ]
    metrics = [
        {"case_id": name, "service": "shop", "metric": "errors", "time": at + timedelta(minutes=step),
         "value": 9.0 * (step >= 0)}
        for name in "ab"
        for step in range(-20, 10)
    ]  # fmt: skip
    for name, rows in (("cases", cases), ("changes", changes), ("log_patterns", lines), ("metrics", metrics)):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{name}.parquet")
    found = evaluate(tmp_path)
    assert (found["layout"], found["cases"], found["right"], found["innocent_blamed"]) == ("changes", 2, 2, 0)
