"""A ranking is judged while it is live: by what was chosen of all that was offered, against its own first answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.ml.watch.conftest import after
from tests.ml.watch.life import DIGEST, NOON
from tests.store.fixtures import state_in

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ml.contract import parse_contract
from wellkept.ml.estimate.asking import Performance
from wellkept.ml.estimate.reading import Histories
from wellkept.ml.metrics import roc_auc
from wellkept.ml.reference import make_reference, write_reference
from wellkept.ml.releases import PROMISE_ERROR, Releases
from wellkept.ml.retrain.casefile import Known, policy_case
from wellkept.ml.retrain.policy import Act, decide
from wellkept.ml.watch.monitors.performance import ranks
from wellkept.ml.watch.promised import PROMISED_BY, Promises, Spans, first_of
from wellkept.ml.watch.stage import WatchRunner
from wellkept.spine.audit import Audit
from wellkept.spine.plugins import load
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion, Registry, VersionState
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.artifacts.artifacts import Artifacts
from wellkept.store.telemetry.predictions import LABELS, PREDICTIONS
from wellkept.store.telemetry.telemetry import Telemetry

CONTRACT = """
name: films
task: ranking
owner: shop front
ranking: {user: user, item: item}
inputs: [{name: user, type: int}, {name: item, type: int}]
metrics: {primary: ndcg@10}
label: {delay_s: 30}
monitors:
  drift: {window_s: 600, min_rows: 400, psi: 0.5}
  performance: {window_s: 600, min_labels: 400, drop: 0.15}
retrain: {window_s: 7200, min_rows: 300, cooldown_s: 600}
"""
USERS, ITEMS, RATE = 60, 40, 10
FILMS = parse_contract(CONTRACT)


class Shop:
    """Films are offered ten times a second, and it is known half a minute later what was chosen."""

    def __init__(self, telemetry: Telemetry, folder: Path) -> None:
        self.telemetry, self.state = telemetry, state_in(folder / "state")
        self.registry, self.stream = Registry(self.state), Stream(self.state, self.telemetry.changes)
        self.random = np.random.default_rng(3)
        self.version = DIGEST
        self.taste, self.bad = self.random.normal(size=(USERS, ITEMS)), list[tuple[datetime, datetime]]()
        self._release(Artifacts(str(folder / "artifacts")), folder / "model")
        serving, audit = self.telemetry.serving, Audit(self.state)
        self.promises = Promises(self.registry, self.releases, serving, self.stream, audit, self._bad)
        histories = Histories(self.telemetry.arrivals, serving)
        self.performance = Performance(self.registry, self.releases, histories, self.stream)
        monitors = [monitor() for monitor in load("monitor").values()]
        topology, tells = Topology(self.state), self.performance.of_version
        self.runner = WatchRunner(serving, self.releases, self.stream, topology, monitors, tells=tells)

    @property
    def champion(self) -> ModelVersion:
        (champion,) = self.releases.champions()
        return champion

    def close(self) -> None:
        self.state.close()

    def live(self, start_s: float, end_s: float, *, turned: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Offer and hear; ``turned``: everybody wants what somebody else wanted. Gives labels and scores."""
        count = round((end_s - start_s) * RATE)
        rows, scores = self._offers(count)
        user, item = rows.astype(int).T
        wanted = self.taste[(user + 1) % USERS if turned else user, item]
        labels = (self.random.random(count) < 1 / (1 + np.exp(2 - 2 * wanted))).astype(float)
        times = [after(start_s + index / RATE) for index in range(count)]
        ids = [f"{start_s:.0f}-{index}" for index in range(count)]
        said = {
            "id": ids,
            "time": times,
            "model": ["films"] * count,
            "version": [self.version] * count,
            "score": scores,
        }
        features = [[("user", float(one)), ("item", float(other))] for one, other in rows.tolist()]
        columns = ["id", "time", "model", "version", "score", "features"]
        schema = PREDICTIONS.empty_table().select(columns).schema
        self.telemetry.predictions.write(pa.table({**said, "features": features}, schema=schema))
        known = [time + timedelta(seconds=25) for time in times]
        told = {"prediction_id": ids, "model": ["films"] * count, "time": known, "value": labels}
        self.telemetry.labels.write(pa.table(told, schema=LABELS))
        return labels, scores

    def look(self, at_s: float) -> list[Finding]:
        """One turn, some seconds after noon."""
        self.promises.follow(after(at_s))
        return self.runner.tick(after(at_s))

    def _bad(self, model: str) -> Spans:
        assert model == "films"
        return self.bad

    def _offers(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        user, item = self.random.integers(0, USERS, count), self.random.integers(0, ITEMS, count)
        return np.column_stack([user, item]).astype(float), 0.5 * self.taste[user, item]

    def _release(self, artifacts: Artifacts, folder: Path) -> None:
        folder.mkdir()
        rows, scores = self._offers(20_000)
        write_reference(make_reference(rows, ("user", "item"), scores), folder)
        tree, metrics = artifacts.put_tree(folder), {"ndcg@10": 0.3}
        state = VersionState.PASSED
        version = ModelVersion("films", DIGEST, NOON, tree, "onnx", DIGEST, metrics=metrics, state=state)
        self.registry.save_contract("films", CONTRACT, DIGEST, NOON)
        self.registry.register(version)
        self.registry.set_alias("films", CHAMPION, DIGEST, expected=None, at=NOON, by="ada")
        self.releases = Releases(self.registry, artifacts)


@pytest.fixture
def shop(telemetry: Telemetry, tmp_path: Path) -> Iterator[Shop]:
    found = Shop(telemetry, tmp_path)
    yield found
    found.close()


def test_a_ranking_promises_what_its_first_window_was_worth(shop: Shop) -> None:
    labels, scores = shop.live(0, 600)
    shop.look(490)
    assert "roc_auc" not in shop.champion.metrics
    shop.live(600, 700)
    shop.look(700)
    promised = shop.champion.metrics["roc_auc"]
    assert promised == pytest.approx(roc_auc(labels, scores), abs=1e-3)
    assert 0.001 < float(shop.champion.lineage[PROMISE_ERROR]) < 0.02
    shop.live(700, 1400, turned=True)
    shop.look(1400)
    assert shop.champion.metrics["roc_auc"] == promised


def test_a_ranking_that_is_as_good_as_it_was_is_not_told_of(shop: Shop) -> None:
    shop.live(0, 700)
    for start in range(700, 2400, 170):
        shop.live(start, start + 170)
        shop.look(start + 170)
    assert shop.stream.open_findings() == []


def test_a_ranking_whose_users_want_other_things_has_lost_and_is_worth_a_retrain(shop: Shop) -> None:
    shop.live(0, 700)
    shop.look(700)
    shop.live(700, 1200)
    shop.live(1200, 1500, turned=True)
    shop.look(1500)
    (lost,) = [one for one in shop.stream.open_findings() if one.detector == "performance"]
    assert lost.sentence.startswith("Roc auc of films is 0.")
    assert "labelled predictions; worse since" in lost.sentence, "its own first ones are the measure"
    assert lost.starts_at == pytest.approx(after(1200), abs=timedelta(seconds=60))
    history = shop.performance.of("films", after(1500))
    assert history is not None
    assert history.metric == "roc_auc"
    assert history.promised == shop.champion.metrics["roc_auc"]
    known = Known(history, (), 5000, 5000)
    decision = decide(policy_case(FILMS, shop.champion, [lost], None, known, after(1500)))
    assert decision.action is Act.RETRAIN
    assert decision.numbers["from_fallen"] > 0.1
    calm = decide(policy_case(FILMS, shop.champion, [], None, replace(known, history=None), after(1500)))
    assert calm.action is Act.NONE


def test_no_promise_is_learned_while_data_is_broken_nor_from_the_time_in_which_it_was(shop: Shop) -> None:
    broken = Finding(
        "fp",
        "sentinels",
        "1",
        "feature:films/user",
        FindingKind.DATA_QUALITY,
        Severity.WARNING,
        0.9,
        "",
        after(100),
        "User is 0.",
        attributes={"cause": "default_spike"},
    )
    shop.live(0, 700, turned=True)
    shop.stream.publish([broken], after(650))
    shop.promises.follow(after(700))
    assert "roc_auc" not in shop.champion.metrics
    shop.stream.close(["fp"], after(710))
    shop.bad.append((after(0), after(710)))
    shop.live(710, 1200)
    shop.promises.follow(after(1200))
    assert "roc_auc" not in shop.champion.metrics
    shop.live(1200, 1400)
    shop.promises.follow(after(1400))
    assert shop.champion.metrics["roc_auc"] > 0.8


def test_a_version_is_held_to_the_promise_of_the_one_before_until_it_has_its_own(shop: Shop) -> None:
    shop.live(0, 700)
    shop.look(700)
    shop.live(700, 1000, turned=True)
    shop.look(1000)
    first, digest = shop.champion, "sha256:" + "b" * 64
    lineage = {key: value for key, value in first.lineage.items() if not key.startswith(("promise", "reference"))}
    shop.registry.register(replace(first, digest=digest, number=0, metrics={}, lineage=lineage))
    shop.registry.set_alias("films", PREVIOUS, DIGEST, expected=None, at=after(1000), by="ada")
    shop.registry.set_alias("films", CHAMPION, digest, expected=DIGEST, at=after(1000), by="ada")
    shop.version = digest
    shop.live(1000, 1700, turned=True)
    shop.look(1700)
    assert shop.champion.metrics == {"roc_auc": first.metrics["roc_auc"]}
    assert shop.champion.lineage[PROMISED_BY] == "1"
    assert [one.detector for one in shop.stream.open_findings()].count("performance") == 1
    shop.live(1700, 2300)
    shop.look(2300)
    assert "performance" not in {one.detector for one in shop.stream.open_findings()}
    for start in range(2300, 3600, 260):
        shop.live(start, start + 260)
        shop.look(start + 260)
    assert PROMISED_BY not in shop.champion.lineage
    assert 0.8 < shop.champion.metrics["roc_auc"] != first.metrics["roc_auc"]


def test_too_few_labels_or_of_one_kind_alone_promise_nothing() -> None:
    def rows(count: int, chosen: int) -> pa.Table:
        at = NOON.timestamp() + np.linspace(0, 700, count)
        return pa.table({"at": at, "score": np.arange(count) * 1.0, "label": (np.arange(count) < chosen) * 1.0})

    assert first_of(rows(399, 100), FILMS, ()) is None
    assert first_of(rows(2000, 0), FILMS, ()) is None
    assert first_of(rows(2000, 2000), FILMS, ()) is None
    assert first_of(rows(0, 0), FILMS, ()) is None
    found = first_of(rows(2000, 100), FILMS, ())
    assert found is not None
    assert len(found) == pytest.approx(2000 * 600 / 700, abs=2)
    many = first_of(rows(200_000, 100_000), FILMS, ())
    assert many is not None
    assert 40_000 < len(many) <= 50_000


def test_a_rank_is_the_share_of_scores_that_are_not_above() -> None:
    assert ranks(np.array([5.0, -1.0, 5.0, 9.0])).tolist() == [0.75, 0.25, 0.75, 1.0]
