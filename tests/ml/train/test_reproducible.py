"""The same seed and the same data give the same bytes, whatever the library draws by itself."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingClassifier
from tests.ml.train.test_train_worker import frame, trained
from tests.ml.workshop import CONTRACT

from wellkept.kernel.errors import InputError
from wellkept.ml.canonical import canonical_skops
from wellkept.ml.contract import parse_contract
from wellkept.ml.runtime import SkopsScorer
from wellkept.ml.train.fitting import takes_parameters
from wellkept.store.artifacts.artifacts import Artifacts

ESTIMATORS = {
    "lightgbm": "lightgbm.LGBMClassifier(n_estimators=6, n_jobs=1, verbose=-1, subsample=0.5, subsample_freq=1)",
    "forest": "sklearn.ensemble.RandomForestClassifier(4, max_depth=3)",
    "boosted": "sklearn.ensemble.HistGradientBoostingClassifier(max_iter=4)",
    "network": "sklearn.linear_model.SGDClassifier('modified_huber', max_iter=5, tol=None)",
}
TRAIN = """
import random
import lightgbm
import numpy as np
import sklearn.ensemble
import sklearn.linear_model

def train(frame, parameters):
    print(parameters, random.random())
    rows = np.column_stack([frame["amount"].to_numpy(), frame["risk"].to_numpy()])
    return {estimator}.fit(rows, frame["label"].to_numpy())
"""


@pytest.mark.usefixtures("workers_world")
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_same_seed_and_data_are_the_same_artifact(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifacts, digests = Artifacts(str(tmp_path / "artifacts")), []
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        folder = tmp_path / name
        folder.mkdir()
        trained(folder, frame(), TRAIN.replace("{estimator}", ESTIMATORS[kind]), seed=seed, parameters={"depth": 2})
        digests.append(artifacts.put_tree(folder / "model"))

    assert digests[0] == digests[1]
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == second != third
    assert first.startswith("{'depth': 2} 0.")


@pytest.mark.usefixtures("workers_world")
def test_parameters_need_a_train_that_takes_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be train\(frame, parameters\)"):
        trained(tmp_path, frame(), "def train(frame):\n    return None\n", parameters={"depth": 2})


def test_a_train_that_takes_parameters_is_told_by_its_signature() -> None:
    assert takes_parameters(lambda frame, parameters: None)
    assert takes_parameters(lambda frame, parameters=None: None)
    assert takes_parameters(lambda *given: None)
    assert not takes_parameters(lambda frame: None)


def test_a_contract_without_a_search_begins_with_its_own_parameters() -> None:
    spaces = "{rate: {low: 0.01, high: 1.0, log: true}, depth: {choices: [1]}}"
    train = f"train: {{parameters: {{depth: 3}}, search: {{parameters: {spaces}}}}}\n"

    starting = parse_contract(CONTRACT + train).train.starting

    assert starting == {"rate": pytest.approx(0.1), "depth": 3}


def test_a_canonical_model_of_skops_scores_the_same_and_says_nothing_of_its_process() -> None:
    random = np.random.default_rng(1)
    rows = random.random((60, 2))
    model = HistGradientBoostingClassifier(max_iter=3).fit(rows, rows[:, 0] > 0.5)
    data = canonical_skops(skops.io.dumps(model))

    assert np.array_equal(SkopsScorer(data).score(rows), model.predict_proba(rows)[:, 1])
    assert canonical_skops(data) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert str(id(model)) not in archive.read("schema.json").decode()
