"""Training: on the older rows, judged on the newer ones, which the project's code never sees."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ml.workshop import CONTRACT, NOON

from wellkept.kernel.errors import InputError
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.contract import parse_contract
from wellkept.ml.evaluate.stage import judge, measure
from wellkept.ml.interval import interval_of
from wellkept.ml.outcome import outcome_of
from wellkept.ml.reference import FILE, SCORE, parse_reference
from wellkept.ml.sample import value_of
from wellkept.ml.train.split import _cut
from wellkept.ml.train.stage import training_request
from wellkept.ml.train.worker import PARITY_NULL_ROWS, _with_nulls, work

pytestmark = pytest.mark.usefixtures("workers_world")
COUNT = 200
TRAIN = """
import json
import numpy as np
from pathlib import Path
from sklearn.linear_model import LogisticRegression

def train(frame):
    seen = Path(__file__).with_name("seen.json")
    seen.write_text(json.dumps([str(moment) for moment in frame["time"].to_pylist()]))
    rows = np.column_stack([frame["amount"].to_numpy(), frame["risk"].to_numpy()])
    return LogisticRegression().fit(rows, frame["label"].to_numpy())
"""


def frame(**columns: Any) -> pa.Table:
    """A snapshot: a row a minute up to noon, given in no order."""
    random = np.random.default_rng(8)
    minutes = random.permutation(COUNT)
    risk = random.random(COUNT)
    found = {
        "time": pa.array([NOON - timedelta(minutes=int(m)) for m in minutes], pa.timestamp("us", tz="UTC")),
        "amount": pa.array(random.random(COUNT)),
        "risk": pa.array(risk),
        "label": pa.array((risk > 0.5).astype(float)),
    }
    return pa.table({**found, **columns})


def trained(folder: Path, table: pa.Table, code: str = TRAIN, **request: Any) -> dict[str, Any]:
    folder.joinpath("model.py").write_text(textwrap.dedent(code), encoding="utf-8")
    pq.write_table(table, folder / "snapshot.parquet")
    return work(
        {
            "project": str(folder),
            "snapshot": str(folder / "snapshot.parquet"),
            **training_request(parse_contract(CONTRACT)),
            "champion": None,
            "out": str(folder / "model"),
            "scores": str(folder / "scores.parquet"),
            **request,
        }
    )


def seen(folder: Path) -> list[str]:
    """The moments of the rows that the project's code was given."""
    found: list[str] = json.loads(folder.joinpath("seen.json").read_text("utf-8"))
    return found


def test_the_newest_quarter_is_held_out(tmp_path: Path) -> None:
    result = trained(tmp_path, frame())

    assert (result["trained_on"], result["held_out"]) == (150, 50)
    assert len(seen(tmp_path)) == 150
    assert max(seen(tmp_path)) == str(NOON - timedelta(minutes=50))
    assert pq.read_table(tmp_path / "scores.parquet").num_rows == 50


def test_of_the_rows_since_the_world_changed_the_newer_half_is_held_out(tmp_path: Path) -> None:
    result = trained(tmp_path, frame(), since=(NOON - timedelta(minutes=19)).timestamp())

    assert (result["trained_on"], result["held_out"]) == (190, 10)


def test_the_artifact_holds_the_model_its_manifest_and_what_it_was_trained_on(tmp_path: Path) -> None:
    result = trained(tmp_path, frame())

    folder = tmp_path / "model"
    assert {path.name for path in folder.iterdir()} == {"model.onnx", "manifest.json", "reference.json"}
    assert json.loads(folder.joinpath("manifest.json").read_text("utf-8")) == result["manifest"]
    reference = parse_reference(folder.joinpath(FILE).read_bytes())
    assert reference.keys() == {"amount", "risk", SCORE}
    assert (reference["amount"].rows, reference[SCORE].rows) == (150, 50)


def test_held_out_rows_are_scored_by_the_form_that_will_be_served(tmp_path: Path) -> None:
    trained(tmp_path, frame())

    scorer, _ = load_scorer(tmp_path / "model")
    newest = frame().sort_by("time").slice(150)
    scores = scorer.score(np.column_stack([newest["amount"].to_numpy(), newest["risk"].to_numpy()]))
    table = pq.read_table(tmp_path / "scores.parquet")
    assert np.array_equal(table["challenger"].to_numpy(), scores)
    assert np.array_equal(table["label"].to_numpy(), newest["label"].to_numpy())


def test_challenger_and_champion_are_scored_on_the_same_rows(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    trained(first, frame())
    trained(second, frame(), champion=str(first / "model"))

    table = pq.read_table(second / "scores.parquet")
    assert table.column_names == ["label", "challenger", "champion", "baseline", "at"]
    assert np.array_equal(table["challenger"].to_numpy(), table["champion"].to_numpy())


def test_a_champion_with_an_input_that_the_rows_do_not_have_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    trained(first, frame())
    code = TRAIN.replace('frame["amount"].to_numpy(), ', "")

    with pytest.raises(InputError, match=r"the champion's inputs too, so that both models .* missing, got 'amount'"):
        trained(second, frame().drop_columns(["amount"]), code, features=["risk"], champion=str(first / "model"))


def test_nulls_are_counted_on_the_held_out_rows(tmp_path: Path) -> None:
    code = """
        import numpy as np
        from sklearn.ensemble import HistGradientBoostingClassifier

        def train(frame):
            rows = np.column_stack([frame["amount"].to_numpy(zero_copy_only=False), frame["risk"].to_numpy()])
            return HistGradientBoostingClassifier(max_iter=3).fit(rows, frame["label"].to_numpy())
        """
    amount = pa.array([None if index % 2 else 1.0 for index in range(COUNT)], pa.float64())
    ordered = frame().sort_by("time").set_column(1, "amount", amount)

    result = trained(tmp_path, ordered, code, nullable=["amount"])

    assert result["null_shares"] == {"amount": 0.5, "risk": 0.0}
    assert result["manifest"]["format"] in ("onnx", "skops")
    assert result["latency_p99_ms"] > 0


def test_rows_without_a_time_are_taken_in_their_order(tmp_path: Path) -> None:
    code = TRAIN.replace('[str(moment) for moment in frame["time"].to_pylist()]', 'frame["amount"].to_pylist()')
    trained(tmp_path, frame().drop_columns(["time"]), code)

    assert seen(tmp_path) == frame()["amount"].to_pylist()[:150]


def test_only_what_may_be_null_is_tried_without() -> None:
    rows = np.arange(12.0).reshape(4, 3)

    tried = _with_nulls(rows, np.array([False, True, True]))

    assert np.array_equal(tried[:4], rows)
    assert np.isnan(tried[4:]).sum(axis=0).tolist() == [0, 4, 4]
    assert np.isnan(tried[4:]).sum(axis=1).tolist() == [1] * 8
    assert np.array_equal(_with_nulls(rows, np.array([False] * 3)), rows)
    assert len(_with_nulls(np.zeros((500, 3)), np.array([True] * 3))) == 500 + 3 * PARITY_NULL_ROWS


@given(st.integers(1, 500), st.one_of(st.none(), st.integers(-10, 600)))
def test_something_is_always_held_out_and_the_oldest_are_trained_on(count: int, since_minute: int | None) -> None:
    times = [NOON + timedelta(minutes=minute) for minute in range(count)]
    table = pa.table({"time": pa.array(times, pa.timestamp("us", tz="UTC"))})
    since = None if since_minute is None else (NOON + timedelta(minutes=since_minute)).timestamp()

    cut = _cut(table, 0.25, since)

    assert 0 <= cut < count
    recent = 0 if since_minute is None else max(0, count - max(0, since_minute))
    if recent >= 2:
        assert count - cut == recent // 2


FEATURES = (
    TRAIN.replace('frame["amount"].to_numpy(), frame["risk"].to_numpy()', 'frame["double"].to_numpy()')
    + """
import pyarrow.compute as pc

def features(frame):
    assert set(frame.column_names) == {"amount", "risk"}, "it sees the inputs, and no label"
    return frame.append_column("double", pc.multiply(frame["risk"], 2.0))

def metrics(frame):
    return {"rows": frame.num_rows, "mean_score": frame["score"].to_numpy().mean()}
"""
)


def test_features_and_metrics_of_the_project_are_heeded(tmp_path: Path) -> None:
    result = trained(tmp_path, frame(), FEATURES, columns=["double"])

    scorer, manifest = load_scorer(tmp_path / "model")
    assert (manifest["inputs"], manifest["columns"]) == (["amount", "risk"], ["double"])
    assert (tmp_path / "model" / "model.py").read_text("utf-8") == (tmp_path / "model.py").read_text("utf-8")
    newest = frame().sort_by("time").slice(150)
    rows = np.column_stack([newest["amount"].to_numpy(), newest["risk"].to_numpy()])
    scores = pq.read_table(tmp_path / "scores.parquet")["challenger"].to_numpy()
    assert np.array_equal(scorer.score(rows), scores)
    assert result["own"] == {"rows": 50.0, "mean_score": pytest.approx(scores.mean())}
    assert result["alone"].keys() == {"double"}


def test_a_champion_is_judged_behind_its_own_features(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    trained(first, frame(), FEATURES, columns=["double"])
    trained(second, frame(), champion=str(first / "model"))

    table, before = pq.read_table(second / "scores.parquet"), pq.read_table(first / "scores.parquet")
    assert np.array_equal(table["champion"].to_numpy(), before["challenger"].to_numpy())


def test_what_is_edited_while_it_trains_has_no_part_in_it(tmp_path: Path) -> None:
    """The features that are served are those that were trained with."""
    edits = """
def train(frame):
    file = Path(__file__)
    file.write_text(file.read_text().replace('return', 'raise'))
    return LogisticRegression().fit(frame["double"].to_numpy()[:, None], frame["label"].to_numpy())
"""
    result = trained(tmp_path, frame(), FEATURES + edits, columns=["double"])

    edited, kept = (file.read_text("utf-8") for file in (tmp_path / "model.py", tmp_path / "model" / "model.py"))
    assert edited != kept == FEATURES + edits
    assert result["own"].keys() == {"rows", "mean_score"}


def test_rows_of_one_class_are_named_before_a_library_stumbles_over_them(tmp_path: Path) -> None:
    rule = r"label: must be of two classes at least in the 150 older rows, which are trained on, got '0.0 alone'"
    with pytest.raises(InputError, match=rule):
        trained(tmp_path, frame(label=pa.array(np.zeros(COUNT))))


def test_too_few_rows_say_nothing_of_groups(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must return rows enough to train on and to hold some out, got '1 rows'"):
        trained(tmp_path, frame().slice(0, 1))


@pytest.mark.parametrize(
    ("answer", "words"), [("7", "must return names and numbers"), ("{'a': 'b'}", "must be a number")]
)
def test_metrics_that_are_no_numbers_are_named(answer: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        trained(tmp_path, frame(), f"{TRAIN}\ndef metrics(frame):\n    return {answer}\n")


def test_a_classifier_of_three_classes_answers_with_the_class(tmp_path: Path) -> None:
    ordered = frame().sort_by("time")
    kinds = np.digitize(ordered["risk"].to_numpy(), [0.33, 0.66]) * 2.0
    table = ordered.set_column(ordered.column_names.index("label"), "label", pa.array(kinds))

    result = trained(tmp_path, table, task="multiclass_classification")

    scorer, manifest = load_scorer(tmp_path / "model")
    assert manifest["classes"] == [0.0, 2.0, 4.0]
    assert set(scorer.score(np.array([[0.5, 0.0], [0.5, 1.0]]))) == {0.0, 4.0}
    assert result["manifest"]["parity_max_difference"] == 0.0


HOMEMADE = """
    import numpy as np
    from lightgbm import LGBMClassifier
    from helping import clipped

    class Homemade:
        def __init__(self, inner, rates):
            self.inner, self.rates = inner, rates

        def predict(self, rows):
            known = [self.rates[round(value)] for value in np.nan_to_num(rows[:, 1])]
            return clipped(0.5 * self.inner.predict_proba(rows)[:, 1] + 0.5 * np.array(known))

    def train(frame):
        rows = np.column_stack([frame["amount"].to_numpy(), frame["risk"].to_numpy()])
        label = frame["label"].to_numpy()
        rates = {0: 0.1, 1: float(label[rows[:, 1] > 0.5].mean())}
        inner = LGBMClassifier(n_estimators=5, num_threads=1, verbose=-1).fit(rows, label)
        return Homemade(inner, rates)
    """


def test_any_object_with_predict_will_do(tmp_path: Path) -> None:
    tmp_path.joinpath("helping.py").write_text("def clipped(scores):\n    return scores.clip(0, 1)\n", encoding="utf-8")

    result = trained(tmp_path, frame(), HOMEMADE)

    kept = {path.name for path in (tmp_path / "model").iterdir()}
    assert (result["manifest"]["format"], result["manifest"]["estimator"]) == ("python", "Homemade")
    assert kept >= {"model.py", "helping.py", "object.skops", "manifest.json"}
    assert "runs in a process of its own" in result["manifest"]["note"]
    scorer, _ = load_scorer(tmp_path / "model")
    scores = scorer.score(np.array([[0.5, 0.0], [0.5, 1.0]]))
    assert 0 <= scores[0] < scores[1] <= 1


def test_a_pipeline_with_a_step_of_the_project_is_kept_with_its_code(tmp_path: Path) -> None:
    code = """
        import numpy as np
        from sklearn.base import BaseEstimator, TransformerMixin
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        class Squares(TransformerMixin, BaseEstimator):
            def fit(self, rows, label=None):
                self.is_fitted_ = True
                return self

            def transform(self, rows):
                return np.column_stack([rows, rows**2])

        def train(frame):
            rows = np.column_stack([frame["amount"].to_numpy(), frame["risk"].to_numpy()])
            return make_pipeline(Squares(), LogisticRegression()).fit(rows, frame["label"].to_numpy())
        """
    result = trained(tmp_path, frame(), code)

    assert (result["manifest"]["format"], result["manifest"]["estimator"]) == ("python", "Pipeline")


def test_an_object_that_holds_what_has_no_plain_form_is_named_with_what_to_do(tmp_path: Path) -> None:
    code = HOMEMADE.replace("= inner, rates", "= inner, rates\n            self.turn = (n for n in ())")
    tmp_path.joinpath("helping.py").write_text("def clipped(scores):\n    return scores.clip(0, 1)\n", encoding="utf-8")

    with pytest.raises(InputError, match=r"Homemade: has no plain form .* or give it to_onnx\(\)"):
        trained(tmp_path, frame(), code)


def test_any_object_with_predict_and_to_onnx_will_do(tmp_path: Path) -> None:
    code = """
        import numpy as np
        from sklearn.linear_model import LogisticRegression
        from skl2onnx import to_onnx

        class Homemade:
            def __init__(self, inner):
                self.inner = inner

            def predict(self, rows):
                return self.inner.predict_proba(rows)[:, 1]

            def to_onnx(self):
                return to_onnx(self.inner, np.zeros((1, 2), np.float32), options={"zipmap": False})

        def train(frame):
            rows = np.column_stack([frame["amount"].to_numpy(), frame["risk"].to_numpy()])
            return Homemade(LogisticRegression().fit(rows, frame["label"].to_numpy()))
        """
    result = trained(tmp_path, frame(), code)

    assert (result["manifest"]["format"], result["manifest"]["estimator"]) == ("onnx", "Homemade")


DEMAND = """
name: demand
task: regression
owner: stores
inputs: [{name: amount}, {name: risk}]
output: {interval: 0.8}
metrics: {primary: mae, others: [coverage, pinball, width]}
gates:
  - {metric: coverage, at_least: 0.7}
  - {versus_champion: pinball, margin: 0.0}
"""
LINE = """
import numpy as np
from sklearn.linear_model import LinearRegression

def train(frame):
    rows = np.column_stack([frame["amount"].to_numpy(), frame["risk"].to_numpy()])
    return LinearRegression().fit(rows, frame["label"].to_numpy())
"""


def demand(seed: int, noise: float) -> pa.Table:
    """What is sold is told by one input, with a noise."""
    random = np.random.default_rng(seed)
    rows = frame()
    label = 100 * rows["risk"].to_numpy() + random.normal(0, noise, rows.num_rows)
    return rows.set_column(rows.column_names.index("label"), "label", pa.array(label))


def test_a_version_learns_its_interval_and_is_judged_by_it_beside_the_champions(tmp_path: Path) -> None:
    contract = parse_contract(DEMAND)
    asked = {**training_request(contract), "held_out": 0.5}
    folders = {name: tmp_path / name for name in ("calm", "wild")}
    for folder in folders.values():
        folder.mkdir()
    calm = trained(folders["calm"], demand(1, 1.0), LINE, **asked)
    wild = trained(folders["wild"], demand(2, 6.0), LINE, **asked, champion=str(folders["calm"] / "model"))

    served = interval_of(json.loads((folders["wild"] / "model" / "manifest.json").read_text("utf-8")))
    assert served is not None
    assert (served.share, served.rows) == (0.8, 100)
    assert served.above[0] - served.below[0] == pytest.approx(2 * 1.28 * 6, rel=0.25)
    outcome = outcome_of(pq.read_table(folders["wild"] / "scores.parquet"), wild)
    measured = measure(contract, outcome)
    assert measured["coverage"] == pytest.approx(0.8, abs=0.12)
    verdict = judge(contract, outcome, "sha256:" + "a" * 64, NOON)
    told = {check.name: check for check in verdict.checks}
    assert told["coverage"].passed
    assert told["pinball versus champion"].passed  # the champion's intervals are much too narrow for the new noise
    assert value_of("coverage", outcome.rival) < 0.4  # type: ignore[arg-type]
    first = outcome_of(pq.read_table(folders["calm"] / "scores.parquet"), calm)
    alone = {check.name: check for check in judge(contract, first, "sha256:" + "b" * 64, NOON).checks}
    assert alone["pinball versus champion"].sentence == "there is no champion to be compared with"
    without = replace(outcome, champion_bounds=None)
    spared = {check.name: check for check in judge(contract, without, "sha256:" + "b" * 64, NOON).checks}
    assert spared["pinball versus champion"].sentence == "the champion answers without an interval of this share"
