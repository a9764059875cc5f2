"""What a retrain leaves for the next decision: its window by back-test, and what it was worth, by the real stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from tests.ml.retrain.test_policy import NOW
from tests.ml.workshop import CONTRACT, LOAD, LOGISTIC, NOON, Workshop, project

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.ml.contract import parse_contract
from wellkept.ml.estimate.history import CohortPerformance, PerformanceHistory, Told
from wellkept.ml.retrain.casefile import Known, gains_of, policy_case, since_the_fall, trained_until_of, what_holds
from wellkept.ml.retrain.forecast import Gain
from wellkept.ml.train.window import choose
from wellkept.ml.windows import CONTRACT as USUAL
from wellkept.ml.windows import SINCE
from wellkept.spine.registry import CHAMPION
from wellkept.store.state.retrains import BadSpan

MANY = LOAD.replace("400", "12000") + LOGISTIC
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A champion, and a retrain an hour later over eight hours."""
    found = Workshop(tmp_path_factory.mktemp("gains"))
    found.known(project(found.folder / "project", MANY, CONTRACT.replace("retrain: {", "retrain: {window: chosen, ")))
    champion = found.train("pln-1:0")
    found.registry.set_alias("fraud", CHAMPION, champion.digest, expected=None, at=NOON, by="test")
    found.clock.set(NOON + timedelta(hours=1))
    now = found.clock.now()
    found.training.train("fraud", now - timedelta(hours=8), now, [], None, "pln-2:0")
    yield found
    found.close()


def test_what_a_retrain_was_worth_is_kept_and_read_by_the_next_decision(workshop: Workshop) -> None:
    champion = workshop.registry.versions("fraud")[-1]
    assert all(one.source == "ageing" for one in gains_of([workshop.job("pln-1:0")], "roc_auc"))
    mine = [one for one in gains_of([workshop.job("pln-2:0")], "roc_auc") if one.source == "challenger"]
    assert len(mine) == 1
    assert mine[0].age_s == pytest.approx(3600)
    assert mine[0].at == NOON + timedelta(hours=1)
    assert mine[0].at > trained_until_of(champion)
    assert 0 < mine[0].error < 0.2
    assert abs(mine[0].gain) < 0.2


def fallen_since(minutes: int, judged: Evidence) -> Finding:
    return Finding(
        fingerprint="fell",
        detector="performance",
        detector_version="2",
        entity="model:fraud",
        kind=FindingKind.PERFORMANCE,
        severity=Severity.ERROR,
        score=0.8,
        score_meaning="",
        starts_at=NOON + timedelta(minutes=minutes),
        sentence="It predicts worse.",
        evidence=(judged,),
    )


def test_what_was_measured_before_a_fall_does_not_count_after_it(workshop: Workshop) -> None:
    champion, jobs = workshop.registry.versions("fraud")[-1], [workshop.job("pln-2:0"), workshop.job("pln-1:0")]
    contract, now = parse_contract(CONTRACT), NOON + timedelta(hours=2)
    fell = fallen_since(90, Evidence("metric", values={"value": 0.1}, expected=(0.0, 0.2)))
    calm = policy_case(contract, champion, [], None, Known(None, jobs, 1000, 500), now)
    assert calm.gains
    fallen = policy_case(contract, champion, [fell], None, Known(None, jobs, 1000, 500), now)
    assert fallen.fallen is not None
    assert fallen.gains == ()
    values = {"value": 0.1, "promised_error": 0.5}
    unsure = fallen_since(90, Evidence("metric", values=values, expected=(0.0, 0.2)))
    less_sure = policy_case(contract, champion, [unsure], None, Known(None, jobs, 1000, 500), now).fallen
    assert less_sure is not None
    assert less_sure[1] > 0.5 > fallen.fallen[1]


def test_gains_by_another_metric_than_what_is_told_while_it_is_live_do_not_count(workshop: Workshop) -> None:
    jobs = [workshop.job("pln-2:0"), workshop.job("pln-1:0")]
    assert gains_of(jobs, "roc_auc")
    assert gains_of(jobs, "average_precision") == []


def test_an_attempt_on_the_first_rows_after_a_fall_counts_until_twice_as_much_is_known() -> None:
    began, tried = NOON, Gain(NOON + timedelta(hours=3), 3600.0, -0.1, 0.01, source="challenger")
    for hours, counts in ((4, True), (6, True), (7, False)):
        assert (since_the_fall([tried], began, NOON + timedelta(hours=hours)) == [tried]) == counts
    assert since_the_fall([tried], NOON + timedelta(hours=4), NOON + timedelta(hours=3)) == []


def test_a_loss_of_the_time_in_which_data_was_bad_holds_and_is_no_reason(workshop: Workshop) -> None:
    champion, contract = workshop.registry.versions("fraud")[-1], parse_contract(CONTRACT)
    start, end = NOON, NOON + timedelta(hours=2)
    judged = Evidence("metric", window_start=start, window_end=end, values={"value": 0.1}, expected=(0.0, 0.2))
    fell = fallen_since(30, judged)
    for minutes, word in ((20, ""), (60, "bad data")):
        bad = (BadSpan(start, start + timedelta(minutes=minutes), "amount was 0"),)
        found = policy_case(contract, champion, [fell], None, Known(None, (), 1000, 500, bad), end)
        assert found.held_by == word
        assert bool(found.held) == (found.fallen is None) == bool(word)
        assert ("amount was 0" in found.held) == bool(word)


def test_cohorts_whose_labels_were_not_to_be_believed_are_no_trend(workshop: Workshop) -> None:
    champion, contract = workshop.registry.versions("fraud")[-1], parse_contract(CONTRACT)
    start, hour = champion.created_at, timedelta(hours=1)
    sound = [
        CohortPerformance(start + k * hour, start + (k + 1) * hour, 500, 500, 1.0, 1.0, 0.7, 0.6, 0.8, Told())
        for k in range(6)
    ]
    cohorts = [replace(one, is_sound=k != 3) for k, one in enumerate(sound)]
    past = PerformanceHistory("fraud", 1, "roc_auc", False, 0.8, 0.7, start + 6 * hour, 3600.0, cohorts=cohorts)
    found = policy_case(contract, champion, [], None, Known(past, (), 1000, 500), start + 6 * hour)
    assert [one.at - start for one in found.points] == [(k + 0.5) * hour for k in range(6) if k != 3]


def test_what_nobody_asks_any_more_is_not_trained_again(workshop: Workshop) -> None:
    champion, contract = workshop.registry.versions("fraud")[-1], parse_contract(CONTRACT)
    silent = Finding(
        "fp", "silence", "1", "model:fraud", FindingKind.MISSING_DATA, Severity.ERROR, 1.0, "", NOON, "It is silent."
    )
    asked, now = Known(None, (), 1000, 500), NOON + timedelta(days=40)
    assert policy_case(contract, champion, [], None, asked, now).held == ""
    found = policy_case(contract, champion, [], None, replace(asked, silence=silent), now)
    assert (found.held_by, found.held) == ("no traffic", "Held until it is asked again: It is silent.")


def test_the_window_of_a_retrain_is_chosen_by_back_test_and_told(workshop: Workshop) -> None:
    version = workshop.registry.versions("fraud")[0]
    assert "by back-test" in version.lineage["window.choice"]
    assert 0.0 < float(version.lineage["promise.standard_error"]) < 0.2
    assert "2 x window" in version.lineage["window.choice"]
    aged = [one for one in gains_of([workshop.job("pln-2:0")], "roc_auc") if one.source == "ageing"]
    assert aged
    assert all(one.age_s > 0 for one in aged)


def history(turned_at: float, rows: int = 8000, hours: float = 8.0) -> pa.Table:
    """Two inputs; the first tells the label until the turn (in hours), the second one afterwards."""
    random = np.random.default_rng(5)
    x, hour = random.normal(size=(rows, 2)), np.arange(rows) * hours / rows
    told = np.where(hour < turned_at, x[:, 0], x[:, 1])
    label = (random.random(rows) < 1 / (1 + np.exp(-3 * told))).astype(np.float64)
    time = pa.array([NOON + timedelta(hours=float(one)) for one in hour], pa.timestamp("us", tz="UTC"))
    return pa.table({"time": time, "a": x[:, 0], "b": x[:, 1], "label": label})


def asked(hours: float, since: datetime | None = None) -> dict[str, Any]:
    return {
        "choose_s": hours * 3600,
        "since": since.timestamp() if since else None,
        "embargo_s": 0.0,
        "group_by": None,
        "features": ["a", "b"],
        "label": "label",
        "task": "binary_classification",
        "primary": "roc_auc",
    }


def fitted(table: pa.Table) -> Callable[[Floats], Floats]:
    """Least squares."""
    x = np.column_stack([table["a"].to_numpy(), table["b"].to_numpy()])
    weights = np.linalg.lstsq(x, table["label"].to_numpy() - 0.5, rcond=None)[0]
    return lambda rows: np.asarray(rows @ weights, dtype=np.float64)


def test_a_shorter_window_is_chosen_where_the_world_has_turned() -> None:
    table = history(turned_at=6.0)
    end = (NOON + timedelta(hours=8)).timestamp()
    turned = choose(table, end, asked(4.0), fitted)
    assert turned.name == "0.5 x window"
    assert turned.rows.num_rows == pytest.approx(2000, abs=5)
    assert turned.tried["0.5 x window"] > 0 > turned.tried["growing"]


def test_a_world_that_stays_does_not_shorten_the_window_and_few_rows_choose_nothing() -> None:
    table = history(turned_at=-1.0)
    end = (NOON + timedelta(hours=8)).timestamp()
    assert choose(table, end, asked(2.0), fitted).rows.num_rows >= 1900
    few = choose(table.slice(7700), end, asked(0.2), fitted)
    assert few.name == USUAL
    assert "too few rows" in few.words


def test_a_world_that_changed_after_the_last_known_row_chooses_nothing() -> None:
    end = NOON + timedelta(hours=8)
    for embargo_s in (600.0, 40_000.0):
        request = {**asked(4.0, since=end + timedelta(hours=1)), "embargo_s": embargo_s}
        assert choose(history(turned_at=-1.0), end.timestamp(), request, fitted).name == USUAL
    late = {**asked(4.0), "embargo_s": 40_000.0}
    assert choose(history(turned_at=-1.0), end.timestamp(), late, fitted).name == USUAL


def test_what_came_since_a_change_is_a_window_that_is_tried() -> None:
    """Half of the contract's window would still hold more of the old world than of the new one."""
    end = NOON + timedelta(hours=8)
    request = asked(6.0, since=NOON + timedelta(hours=7))

    turned = choose(history(turned_at=7.0), end.timestamp(), request, fitted)
    stayed = choose(history(turned_at=-1.0), end.timestamp(), request, fitted)

    assert (turned.name, turned.rows.num_rows) == (SINCE, pytest.approx(1000, abs=5))
    assert turned.rows["time"].to_pylist()[0] >= NOON + timedelta(hours=7)
    assert turned.tried[SINCE] > turned.tried["0.5 x window"]
    assert stayed.name == USUAL
    assert SINCE in stayed.words


def test_the_back_test_sees_no_row_of_the_block_that_it_foretells() -> None:
    table = history(turned_at=-1.0)
    seen: list[int] = []

    def noted(rows: pa.Table) -> Callable[[Floats], Floats]:
        seen.append(rows.num_rows)
        assert rows["time"].to_pylist()[-1] < NOON + timedelta(hours=7.51)
        return fitted(rows)

    choose(table, (NOON + timedelta(hours=8)).timestamp(), asked(2.0), noted)
    assert seen


def test_new_categories_and_mere_information_hold_nothing() -> None:
    finding = Finding(
        "fp", "schema", "1", "feature:fraud/kind", FindingKind.DATA_QUALITY, Severity.WARNING, 1.0, "", NOW, "It is so."
    )
    assert what_holds([finding], None)[0] == "data quality"
    assert what_holds([replace(finding, attributes={"quality": "new_category"})], None) == ("", "")
    info = replace(finding, severity=Severity.INFO, attributes={"cause": "new_input"})
    assert what_holds([info], None) == ("", "")
    assert what_holds([replace(finding, attributes={"cause": "renamed"})], None)[0] == "renamed"


def test_intervals_are_mended_once_and_again_when_twice_as_much_is_known(workshop: Workshop) -> None:
    champion, contract = workshop.registry.versions("fraud")[-1], parse_contract(CONTRACT)
    since = NOON + timedelta(days=20)
    narrow = Finding(
        "fp", "coverage", "1", "model:fraud", FindingKind.PERFORMANCE, Severity.ERROR, 1.0, "", since, "Too narrow.",
        evidence=(Evidence("coverage", values={"coverage": 0.5}),),
    )  # fmt: skip
    tried = replace(workshop.job("pln-2:0"), kind="retrain", started_at=since + timedelta(days=2))
    known = Known(None, (tried,), 1000, 500)
    asked = {
        days: policy_case(contract, champion, [narrow], None, known, since + timedelta(days=days)) for days in (3, 5)
    }
    assert (asked[3].uncovered, asked[5].uncovered) == ("", "Too narrow.")
    assert asked[5].fallen is None
    assert policy_case(contract, champion, [], None, known, since).uncovered == ""
