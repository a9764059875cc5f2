"""Models that are served elsewhere: attached, learned from what they log, followed from version to version."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from tests.ml.watch.elsewhere import CONTRACT, NOON, Elsewhere

from wellkept.kernel.change import ChangeKind
from wellkept.kernel.entity import EdgeKind
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.plan import Action
from wellkept.ml.contract import parse_contract
from wellkept.ml.deploy.stage import deployments, promotion_plan
from wellkept.ml.reference import SCORE
from wellkept.ml.retrain.action import RetrainModel
from wellkept.ml.watch.attached import Attachment
from wellkept.ml.watch.rows import of_frame
from wellkept.spine.registry import CHAMPION, PREVIOUS, ModelVersion


def rows(count: int = 400) -> pa.Table:
    random = np.random.default_rng(3)
    tenure = random.gamma(2, 20, count)
    score = 1 / (1 + np.exp(0.08 * (tenure - 40)))
    return pa.table(
        {
            "tenure": tenure,
            "spend": random.lognormal(3, 0.5, count),
            "plan": random.choice(["basic", "plus", "pro"], count, p=[0.5, 0.3, 0.2]),
            "score": score,
            "label": (random.random(count) < score).astype(float),
        }
    )


def live_version(elsewhere: Elsewhere) -> ModelVersion:
    found = elsewhere.registry.alias("churn", CHAMPION)
    assert found is not None
    return found


def test_until_enough_was_logged_it_says_what_it_waits_for_and_then_it_measures(elsewhere: Elsewhere) -> None:
    told = elsewhere.attach("7", learn=200)
    assert "nothing to measure against yet" in told["reference"]
    assert "0 of 200" in told["reference"]
    elsewhere.live(0, 30)
    assert elsewhere.look(30) == []
    assert "120 of 200" in elsewhere.attachments.show("churn")["reference"]
    assert elsewhere.releases.reference(live_version(elsewhere)) == {}
    elsewhere.live(30, 60)
    elsewhere.look(60)
    assert set(elsewhere.releases.reference(live_version(elsewhere))) == {"tenure", "spend", "plan", SCORE}
    assert "its first 200 predictions" in elsewhere.attachments.show("churn")["reference"]


def test_what_serves_it_is_in_the_topology_once_the_contract_tells(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    elsewhere.look(0)
    model, service = "model:churn", "service:shop/scoring"
    assert not elsewhere.topology.graph().edge_kinds(model, service)
    elsewhere.contract += f"served_by: {service}\n"
    elsewhere.attach("7")
    elsewhere.look(10)
    assert EdgeKind.SERVED_BY in elsewhere.topology.graph().edge_kinds(model, service)


def test_rows_that_are_given_are_the_reference_and_tell_how_good_it_is(elsewhere: Elsewhere) -> None:
    told = elsewhere.attachments.attach(Attachment(CONTRACT, "7", 0, "ada"), rows())
    assert "the 400 rows that were given" in told["reference"]
    version = live_version(elsewhere)
    assert 0.6 < version.metrics["roc_auc"] < 0.95
    assert elsewhere.releases.reference(version)["plan"].categories == ("basic", "plus", "pro")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_time_of_a_row_may_be_as_fine_as_its_file_has_it(unit: str) -> None:
    moments = pa.array([1_790_000_000_123_456_789, None], pa.timestamp("ns", tz="UTC"))
    table = rows(50).append_column("time", pa.concat_arrays([moments] * 25).cast(pa.timestamp(unit, "UTC"), safe=False))

    at = of_frame(table, parse_contract(CONTRACT)).at

    assert at is not None
    known = {"s": 0.0, "ms": 0.123, "us": 0.123456, "ns": 0.123456789}[unit]
    assert at[0] - 1_790_000_000 == pytest.approx(known, abs=1e-6)
    assert np.isnan(at[1])


def with_column(name: str, values: object) -> pa.Table:
    table = rows().drop_columns([name]) if name in rows().column_names else rows()
    return table.append_column(name, pa.array(values))


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (with_column("label", [1.0, 2.0] * 200), "reference rows: label: must be 0 or 1, .*, got 2.0"),
        (
            with_column("score", [0.5, 1.5] * 200),
            "reference rows: score: must be a probability from 0 to 1, .*, got 1.5",
        ),
        (with_column("time", ["24.11.2026"] * 400), "reference rows: time: must be a column of timestamps"),
    ],
)
def test_rows_that_would_be_misread_are_refused(table: pa.Table, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        of_frame(table, parse_contract(CONTRACT))


def test_rows_whose_labels_are_of_one_class_say_that_they_do_not_tell_how_good_it_was(elsewhere: Elsewhere) -> None:
    told = elsewhere.attachments.attach(Attachment(CONTRACT, "7", 0, "ada"), with_column("label", [0.0] * 400))

    assert told["reference"] == "measured against the 400 rows that were given, which do not tell how good it was"


def test_scores_that_are_never_known_are_none(elsewhere: Elsewhere) -> None:
    told = elsewhere.attachments.attach(Attachment(CONTRACT, "7", 0, "ada"), with_column("score", [np.nan] * 400))

    assert "the scores are learned from predictions" in told["reference"]


def test_rows_must_have_every_input(elsewhere: Elsewhere) -> None:
    with pytest.raises(InputError, match=r"must have a column for each input; there are .*, got 'spend'"):
        elsewhere.attachments.attach(Attachment(CONTRACT, "7"), rows().drop_columns(["spend"]))
    assert elsewhere.registry.models() == []


def test_a_version_that_takes_over_is_registered_and_is_a_change(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7", learn=100)
    elsewhere.live(0, 300)
    elsewhere.look(300)
    elsewhere.live(300, 360, "8")
    elsewhere.look(360)
    assert live_version(elsewhere).called == "7"
    assert {one["version"] for one in elsewhere.attachments.show("churn")["versions"]} == {"7", "8"}
    elsewhere.live(360, 560, "8")
    elsewhere.look(560)
    version = live_version(elsewhere)
    previous = elsewhere.registry.alias("churn", PREVIOUS)
    assert (version.called, previous.called if previous else None) == ("8", "7")
    changes = elsewhere.stream.changes(NOON, NOON + timedelta(seconds=600))
    assert [change.kind for change in changes] == [ChangeKind.PROMOTION] * 2
    assert "version 8 of churn began to answer beside version 7" in changes[0].summary
    assert "took over from version 7" in changes[1].summary
    assert changes[0].at == NOON + timedelta(seconds=300)


def test_of_two_versions_that_share_the_traffic_neither_takes_over_again_and_again(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7", learn=100)
    for start in range(0, 400, 40):
        elsewhere.live(start, start + 18, "7")
        elsewhere.live(start + 18, start + 40, "8")
        elsewhere.look(start + 40)
    changes = elsewhere.stream.changes(NOON, NOON + timedelta(seconds=600))
    assert sum("took over" in change.summary for change in changes) == 0
    assert live_version(elsewhere).called == "7"


def test_whichever_version_is_heard_of_first_is_it_where_none_was_named(elsewhere: Elsewhere) -> None:
    elsewhere.attach()
    elsewhere.live(0, 60, "2026-11-a")
    elsewhere.look(60)
    assert live_version(elsewhere).called == "2026-11-a"
    assert len(elsewhere.registry.versions("churn")) == 1


def test_a_version_for_every_request_is_a_finding_and_no_versions(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    elsewhere.live(0, 120)
    for index in range(12):
        elsewhere.live(120 + 6 * index, 126 + 6 * index, f"request-{index}")
    elsewhere.look(195)
    assert [version.called for version in elsewhere.registry.versions("churn")] == ["7"]
    assert elsewhere.open()["model:churn", "data_quality"] == "unknown_version"


def test_it_is_neither_deployed_nor_promoted_here(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    assert deployments(elsewhere.registry, lambda _: "") == []
    with pytest.raises(InputError, match="is served elsewhere and only watched here"):
        promotion_plan(live_version(elsewhere), None, NOON, "ada", "")


def test_detached_it_is_not_watched_and_its_findings_end(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    elsewhere.look(1300)
    assert elsewhere.open() == {("model:churn", "missing_data"): "no_traffic"}
    assert elsewhere.attachments.detach("churn", "ada")["findings_ended"] == 1
    assert elsewhere.open() == {}
    assert elsewhere.look(1400) == []
    with pytest.raises(NotFoundError, match="is not attached"):
        elsewhere.attachments.detach("churn", "ada")
    elsewhere.attach("7")
    assert live_version(elsewhere).number == 1


def test_a_model_that_is_served_here_cannot_be_attached(elsewhere: Elsewhere) -> None:
    version = ModelVersion("churn", "sha256:1", NOON, "sha256:2", "onnx", "")
    elsewhere.registry.save_contract("churn", CONTRACT, "sha256:3", NOON)
    elsewhere.registry.register(version)
    elsewhere.registry.set_alias("churn", CHAMPION, version.digest, expected=None, at=NOON, by="ada")
    with pytest.raises(ConflictError, match="is served here, and watched already"):
        elsewhere.attach("7")


def test_who_logs_and_was_not_attached_is_told(elsewhere: Elsewhere) -> None:
    elsewhere.live(0, 10)
    assert elsewhere.attachments.others() == {"churn": 40}


def test_a_retraining_is_impossible_where_no_project_of_it_was_trained_here(elsewhere: Elsewhere) -> None:
    elsewhere.attach("7")
    handler = RetrainModel(elsewhere.registry, NoTraining())
    span = {"start": NOON.isoformat(), "end": NOON.isoformat()}
    with pytest.raises(InputError, match="is served elsewhere, and no project of it was ever trained here"):
        handler.preview(Action("retrain_model", "model:churn", {"model": "churn", **span}, ""))


class NoTraining:
    """Nothing is trained."""

    def train(self, *_: object) -> ModelVersion:
        raise AssertionError
