"""``eval logs``: scores by their definitions, a stream with fresh values, sessions, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wellkept.evaluation.log_stream import Source, fresh_lines, timed
from wellkept.evaluation.logs import evaluate
from wellkept.evaluation.sessions import session_scores
from wellkept.evaluation.templates import scores
from wellkept.kernel.errors import InputError


def test_perfect_templates_score_one() -> None:
    truth = ["a <*>", "a <*>", "b"]
    assert scores([1, 1, 2], truth, truth) == {"ga": 1.0, "fga": 1.0, "pa": 1.0, "fta": 1.0}


def test_groups_and_texts_are_scored_apart() -> None:
    # One group of two is right though its text is wrong; the other two lines were torn apart.
    found = scores([1, 1, 2, 3], ["a 5", "a 5", "b", "c"], ["a <*>", "a <*>", "b", "b"])
    assert found["ga"] == 0.5
    assert found["fga"] == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))
    assert found["pa"] == 0.25
    assert found["fta"] == pytest.approx(2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2))


def test_a_stream_keeps_what_is_said_and_draws_values_anew() -> None:
    lines = [f"user {name} paid {n} EUR at host{n}.example.com" for n, name in enumerate(["anna", "bert", "carl"])]
    source = Source(lines, ["user <*> paid <*> EUR at <*>"] * 3)
    stream = fresh_lines([source], 300, seed=7)
    assert stream == fresh_lines([source], 300, seed=7)
    assert len(set(stream)) > 250
    assert all(line.startswith("user ") and " EUR at " in line for line in stream)
    assert len({line.split()[1] for line in stream}) > 100


def test_a_stream_is_stored_and_mined() -> None:
    timing = timed([f"user u{n} paid {n} EUR" for n in range(500)] + ["disk full"] * 5)
    assert (timing.stored, timing.patterns, timing.evicted) == (505, 2, 0)
    assert timing.lines_per_s > 0


def test_sessions_are_scored_at_the_stated_prevalence() -> None:
    rows = pa.table(
        {
            "part": ["fit"] * 200 + ["eval"] * 4,
            "abnormal": [0] * 202 + [1, 1],
            "events": [[1, 2]] * 200 + [[2, 1], [1, 2], [1, 3], [1]],
        }
    )
    found = session_scores(rows)
    assert (found["recall"], found["false_positive_rate"], found["f1"]) == (1.0, 0.0, 1.0)
    assert found["f1_at_limit"] < 1.0


def test_a_folder_is_known_by_its_columns(tmp_path: Path) -> None:
    lines = [f"value {n} of user u{n}" for n in range(20)] + ["started"]
    labels = ["value <*> of user <*>"] * 20 + ["started"]
    rows = {"line_id": list(range(21)), "content": lines, "template": labels}
    pq.write_table(pa.table(rows), tmp_path / "anything.parquet")
    pq.write_table(pa.table({"system": ["x"]}), tmp_path / "other.parquet")
    found = evaluate(tmp_path, lines=0)
    assert (found["ga"], found["fga"], found["pa"], found["fta"]) == (1.0, 1.0, 1.0, 1.0)
    assert list(found["systems"]) == ["anything"]
    assert "lines_per_s" not in found
    assert evaluate(tmp_path, lines=100)["stream"]["stored"] == 100


def test_a_folder_without_labelled_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="content"):
        evaluate(tmp_path)


def test_peers_that_are_not_there_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"content": ["a"], "template": ["a"]}), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="logs_drain3"):
        evaluate(tmp_path, peers=tmp_path, lines=10)
