"""Watching a live model over a real store: quiet when it is well, specific when it is not, over when it is over."""

from __future__ import annotations

from tests.ml.watch.conftest import Watched, after
from tests.ml.watch.life import DIGEST

from wellkept.kernel.entity import EdgeKind
from wellkept.kernel.finding import FindingKind, Severity
from wellkept.ml.watch.base import SkewSeen


def test_a_model_that_is_well_is_left_alone(watched: Watched) -> None:
    watched.life.live(0, 1200)
    for at_s in range(60, 1200, 40):
        watched.tick(at_s)
    assert watched.open() == set()
    assert watched.stream.findings(start=after(0), end=after(1200)) == []


def test_inputs_without_values_are_named_with_their_source_and_end_when_values_come_back(watched: Watched) -> None:
    watched.life.live(0, 400)
    watched.life.live(400, 460, outage=True)
    watched.life.live(460, 700)
    watched.tick(399)
    watched.tick(440)
    broken = {(f"feature:fraud/{name}", "data_quality") for name in ("spend_1h", "risk_7d")}
    assert broken <= watched.open()
    assert ("feature:fraud/amount", "data_quality") not in watched.open()
    (finding,) = [f for f in watched.stream.open_findings() if f.entity == "feature:fraud/risk_7d"]
    assert "from shop/features" in finding.sentence
    assert after(380) <= finding.starts_at <= after(420)
    for at_s in range(460, 700, 20):
        watched.tick(at_s)
    assert watched.open() == set()


def test_scores_drift_with_the_inputs(watched: Watched) -> None:
    watched.life.live(0, 400)
    watched.life.live(400, 500, outage=True)
    watched.tick(460)
    assert ("model:fraud", "drift") in watched.open()


def test_a_feature_that_is_spread_otherwise_drifts_and_the_others_do_not(watched: Watched) -> None:
    watched.life.live(0, 400)
    watched.life.live(400, 520, wide=True)
    watched.tick(500)
    (finding,) = watched.stream.open_findings()
    assert finding.entity == "feature:fraud/amount"
    assert finding.kind is FindingKind.DRIFT
    assert "PSI" in finding.sentence
    assert after(380) <= finding.starts_at <= after(420)


def test_a_stuck_value_is_a_broken_input(watched: Watched) -> None:
    watched.life.live(0, 400)
    draw = watched.life._draw

    def stuck(count: int, *, turned: bool):  # type: ignore[no-untyped-def]
        rows, label = draw(count, turned=turned)
        rows[:, 1] = 0.0
        return rows, label

    watched.life._draw = stuck  # type: ignore[method-assign]
    watched.life.live(400, 500)
    watched.tick(409)  # 180 predictions: far fewer than drift is judged by
    kinds = {f.kind: f for f in watched.stream.open_findings() if f.entity == "feature:fraud/spend_1h"}
    assert FindingKind.DATA_QUALITY in kinds
    assert kinds[FindingKind.DATA_QUALITY].evidence[0].values["stuck_at"] == 0.0


def test_performance_is_judged_on_labels_that_are_due_and_the_drop_is_dated(watched: Watched) -> None:
    watched.life.live(0, 600)
    watched.life.live(600, 900, turned=True)
    assert watched.tick(630) == []
    found = [f for at_s in range(640, 900, 20) for f in watched.tick(at_s) if f.kind is FindingKind.PERFORMANCE]
    assert found
    assert after(560) <= found[0].starts_at <= after(660)
    assert found[0].evidence[0].values["promised"] > found[0].evidence[0].values["value"] + 0.15


def test_few_labels_are_no_verdict(watched: Watched) -> None:
    watched.life.live(0, 15, turned=True)
    watched.tick(100)
    assert watched.open() == set()


def test_a_model_that_fell_silent_is_a_finding_until_it_speaks_again(watched: Watched) -> None:
    watched.life.live(0, 400)
    watched.tick(400)
    watched.tick(480)
    assert ("model:fraud", "missing_data") in watched.open()
    watched.life.live(500, 520)
    watched.tick(520)
    assert ("model:fraud", "missing_data") not in watched.open()


def test_a_model_its_inputs_and_who_feeds_them_are_in_the_topology(watched: Watched) -> None:
    watched.life.live(0, 60)
    watched.tick(60)
    graph = watched.topology.graph(after(60))
    assert EdgeKind.SERVED_BY in graph.edge_kinds("model:fraud", "service:wellkept/model-server")
    assert EdgeKind.FED_BY in graph.edge_kinds("feature:fraud/risk_7d", "service:shop/features")
    assert graph.path("model:fraud", "service:shop/features") == (
        "model:fraud",
        "feature:fraud/risk_7d",
        "service:shop/features",
    )


def test_the_same_look_twice_changes_nothing(watched: Watched) -> None:
    watched.life.live(0, 400)
    watched.life.live(400, 460, outage=True)
    first = watched.tick(450)
    assert [f.id for f in watched.tick(450)] == [f.id for f in first]


def test_served_features_that_are_not_the_recomputed_ones_are_told_of_until_a_check_finds_them_alike(
    watched: Watched,
) -> None:
    watched.life.live(0, 400)
    watched.skews[DIGEST] = SkewSeen(after(300), 0.01, 1000, {"risk_7d": 0.6, "spend_1h": 0.01})
    watched.tick(310)
    watched.skews[DIGEST] = SkewSeen(after(350), 0.01, 1000, {"risk_7d": 0.2, "spend_1h": 0.0})
    watched.tick(360)
    (finding,) = watched.stream.open_findings()
    assert (finding.entity, finding.detector, finding.severity) == ("feature:fraud/risk_7d", "skew", Severity.WARNING)
    assert finding.kind is FindingKind.DATA_QUALITY
    assert finding.starts_at == after(300)
    assert "20% of 1000 predictions; 1% is allowed" in finding.sentence
    assert finding.evidence[0].signal == "training_serving_skew"
    watched.skews[DIGEST] = SkewSeen(after(390), 0.01, 1000, {"risk_7d": 0.0, "spend_1h": 0.0})
    watched.tick(395)
    assert watched.open() == set()
