"""The model registry's rows: versions by digest, aliases moved with care, contracts, jobs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.store.telemetry.scenes import at

from wellkept.kernel.errors import ConflictError
from wellkept.kernel.verdict import Check, Judgement, Verdict
from wellkept.store.state.models import AliasMove, Job, JobRows, ModelRows, ModelVersion, VersionState
from wellkept.store.state.state import State


@pytest.fixture
def rows(state: State) -> ModelRows:
    return ModelRows(state)


def version(digest: str, model: str = "fraud") -> ModelVersion:
    return ModelVersion(
        model, digest, at(0), "sha256:tree", "onnx", "sha256:rows", lineage={"git": "1"}, metrics={"auc": 0.9}
    )


def move(rows: ModelRows, to: str, expected: str | None, alias: str = "champion") -> None:
    rows.set_alias("fraud", alias, to, expected=expected, at=at(1), by="ana")


def test_versions_are_numbered_by_model(rows: ModelRows) -> None:
    assert [rows.add(version(digest)).number for digest in ("d1", "d2")] == [1, 2]
    assert rows.add(version("d3", "churn")).number == 1
    assert [found.digest for found in rows.versions("fraud")] == ["d2", "d1"]
    assert rows.versions("unknown") == []


def test_a_digest_is_added_once_and_stays_as_it_was(rows: ModelRows) -> None:
    first = rows.add(version("d1"))
    again = rows.add(replace(version("d1"), metrics={"auc": 0.1}))
    assert again == first
    assert rows.versions("fraud") == [first]


def test_many_who_add_at_once_get_numbers_of_their_own(rows: ModelRows) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = [found.number for found in pool.map(lambda n: rows.add(version(f"d{n}")), range(24))]
    assert sorted(numbers) == list(range(1, 25))


def test_a_versions_verdict_is_saved(rows: ModelRows) -> None:
    first = rows.add(version("d1"))
    verdict = Verdict("v1", "d1", "gate", Judgement.FAIL, at(2), (Check("auc", False, "0.1", "0.8"),), "too low")
    judged = replace(first, gate=verdict, state=VersionState.REFUSED)
    rows.save(judged)
    assert rows.versions("fraud") == [judged]


def test_an_alias_moves_only_from_where_it_is_expected(rows: ModelRows) -> None:
    move(rows, "d1", expected=None)
    with pytest.raises(ConflictError, match=r"alias fraud@champion: was expected to be unset, got 'd1'"):
        move(rows, "d2", expected=None)
    with pytest.raises(ConflictError, match=r"was expected to be d0, got 'd1'"):
        move(rows, "d2", expected="d0")
    move(rows, "d2", expected="d1")
    assert rows.aliases("fraud") == {"champion": "d2"}


def test_an_alias_is_taken_away_and_set_again(rows: ModelRows) -> None:
    move(rows, "d1", expected=None)
    move(rows, "", expected="d1")
    assert rows.aliases("fraud") == {}
    with pytest.raises(ConflictError, match=r"was expected to be d1$"):
        move(rows, "d2", expected="d1")
    move(rows, "d2", expected=None)
    assert rows.aliases("fraud") == {"champion": "d2"}


def test_a_move_to_where_it_is_already_changes_nothing(rows: ModelRows) -> None:
    for _ in range(2):
        move(rows, "d1", expected=None)
    move(rows, "", expected=None, alias="challenger")
    assert rows.alias_moves("fraud") == [AliasMove(at(1), "champion", "d1", "ana")]


def test_every_move_is_remembered_in_order(rows: ModelRows) -> None:
    for to, expected in (("d1", None), ("d2", "d1"), ("d1", "d2"), ("", "d1")):
        move(rows, to, expected)
    move(rows, "d3", None, alias="challenger")
    assert [(found.alias, found.digest) for found in rows.alias_moves("fraud")] == [
        ("champion", "d1"),
        ("champion", "d2"),
        ("champion", "d1"),
        ("champion", ""),
        ("challenger", "d3"),
    ]
    assert rows.alias_moves("churn") == []


def test_of_many_who_promote_at_once_one_wins(rows: ModelRows) -> None:
    move(rows, "d0", expected=None)

    def promote(number: int) -> bool:
        try:
            move(rows, f"d{number}", expected="d0")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(promote, range(1, 17)))
    assert won.count(True) == 1
    assert rows.aliases("fraud") == {"champion": f"d{won.index(True) + 1}"}
    assert len(rows.alias_moves("fraud")) == 2


def test_the_last_contract_counts(rows: ModelRows) -> None:
    assert rows.contract("fraud") is None
    for number in (1, 2):
        rows.save_contract("fraud", f"name: fraud # {number}", f"sha256:{number}", at(number))
    rows.save_contract("churn", "name: churn", "sha256:3", at(3))
    assert rows.contract("fraud") == "name: fraud # 2"
    assert rows.models() == ["churn", "fraud"]


def test_jobs_come_back_whole_and_newest_first(state: State) -> None:
    rows = JobRows(state)
    running = Job("j1", "train", "model:fraud", "running", at(0), details={"rows": 5, "who": ["ana"]})
    rows.save(running)
    assert rows.get("j1") == running
    done = replace(running, state="done", ended_at=at(90))
    rows.save(done)
    other = Job("j2", "train", "model:churn", "running", at(10))
    rows.save(other)
    assert rows.get("j1") == done
    assert rows.recent(None, 10) == [other, done]
    assert rows.recent("model:fraud", 10) == [done]
    assert rows.recent(None, 1) == [other]
    assert rows.get("unknown") is None
