"""Model versions, and the aliases that say which one is live."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.spine.scene import NOON

from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.spine.registry import CHAMPION, Job, ModelVersion, Registry, VersionState
from wellkept.store.state.state import State


@pytest.fixture
def registry(state: State) -> Registry:
    made = Registry(state)
    for digest in ("aaa", "bbb", "ccc"):
        made.register(version(digest))
    return made


def version(digest: str, model: str = "fraud") -> ModelVersion:
    return ModelVersion(model, digest, NOON, f"artifact-{digest}", "onnx", f"snapshot-{digest}")


def move(registry: Registry, digest: str, expected: str | None, alias: str = CHAMPION, by: str = "ann") -> None:
    registry.set_alias("fraud", alias, digest, expected=expected, at=NOON, by=by)


def test_versions_are_numbered_by_model(registry: Registry) -> None:
    registry.register(version("ddd", "churn"))

    assert [found.number for found in registry.versions("fraud")] == [3, 2, 1]
    assert [found.number for found in registry.versions("churn")] == [1]


def test_the_same_digest_again_is_the_same_version(registry: Registry) -> None:
    again = registry.register(version("bbb"))

    assert again.number == 2
    assert len(registry.versions("fraud")) == 3


@pytest.mark.parametrize("reference", ["bbb", "2", "champion"])
def test_a_version_is_found_by_digest_number_or_alias(registry: Registry, reference: str) -> None:
    move(registry, "bbb", None)

    assert registry.version("fraud", reference).digest == "bbb"


@pytest.mark.parametrize("reference", ["ddd", "4", "previous", ""])
def test_a_version_that_is_not_there_is_named(registry: Registry, reference: str) -> None:
    message = rf"^model fraud: has no such version, number or alias, got '{reference}'$"

    with pytest.raises(NotFoundError, match=message):
        registry.version("fraud", reference)


def test_an_update_keeps_the_number(registry: Registry) -> None:
    stored = registry.version("fraud", "bbb")
    registry.update(replace(stored, state=VersionState.PASSED))

    assert registry.version("fraud", "2").state is VersionState.PASSED


def test_an_alias_moves_from_what_is_expected(registry: Registry) -> None:
    move(registry, "aaa", None)
    move(registry, "bbb", "aaa")

    found = registry.alias("fraud", CHAMPION)
    assert found is not None
    assert found.digest == "bbb"
    assert [(moved.alias, moved.digest) for moved in registry.alias_history("fraud")] == [
        ("champion", "aaa"),
        ("champion", "bbb"),
    ]


@pytest.mark.parametrize("expected", [None, "ccc"])
def test_an_alias_that_somebody_moved_stays(registry: Registry, expected: str | None) -> None:
    move(registry, "aaa", None)
    message = rf"^alias fraud@champion: was expected to be {expected or 'unset'}, got 'aaa'$"

    with pytest.raises(ConflictError, match=message):
        move(registry, "bbb", expected)

    assert registry.aliases("fraud") == {"champion": "aaa"}


def test_the_same_move_again_changes_nothing(registry: Registry) -> None:
    move(registry, "aaa", None)
    move(registry, "aaa", None)
    move(registry, "aaa", "bbb")

    assert len(registry.alias_history("fraud")) == 1


def test_an_alias_can_be_taken_away(registry: Registry) -> None:
    move(registry, "aaa", None)
    move(registry, "", "aaa")

    assert registry.alias("fraud", CHAMPION) is None
    assert registry.alias_history("fraud")[-1].digest == ""


def test_an_alias_points_to_what_is_there(registry: Registry) -> None:
    with pytest.raises(NotFoundError, match="has no such version"):
        move(registry, "ddd", None)


@pytest.mark.parametrize("alias", ["", "latest", "LATEST", "a b", "a/b", "2", "007", "--"])
def test_a_name_that_is_no_alias_is_refused(registry: Registry, alias: str) -> None:
    with pytest.raises(InputError, match=r"^alias: must be letters, digits, - or _"):
        move(registry, "aaa", None, alias)


@pytest.mark.parametrize("alias", ["champion", "shadow-2", "team_a", "v2"])
def test_other_names_are_aliases(registry: Registry, alias: str) -> None:
    move(registry, "aaa", None, alias)

    assert registry.version("fraud", alias).digest == "aaa"


def test_of_several_who_move_an_alias_at_once_one_wins(registry: Registry) -> None:
    together, won = threading.Barrier(3), []

    def promote(digest: str) -> None:
        together.wait()
        try:
            move(registry, digest, None, by=digest)
        except ConflictError:
            return
        won.append(digest)

    threads = [threading.Thread(target=promote, args=(digest,)) for digest in ("aaa", "bbb", "ccc")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(won) == 1
    assert registry.aliases("fraud") == {"champion": won[0]}
    assert [moved.by for moved in registry.alias_history("fraud")] == won


def test_a_contract_is_the_last_one_registered(registry: Registry) -> None:
    assert registry.contract("fraud") is None
    registry.save_contract("fraud", "name: fraud", "d1", NOON)
    registry.save_contract("fraud", "name: fraud\nowner: ann", "d2", NOON)

    assert registry.contract("fraud") == "name: fraud\nowner: ann"
    assert registry.models() == ["fraud"]


def test_jobs_come_newest_first(registry: Registry) -> None:
    for number in range(3):
        registry.save_job(Job(f"job-{number}", "train", "model:fraud", "running", NOON + timedelta(seconds=number)))
    registry.save_job(Job("job-1", "train", "model:fraud", "done", NOON + timedelta(seconds=1)))

    assert [job.id for job in registry.jobs("model:fraud")] == ["job-2", "job-1", "job-0"]
    job = registry.job("job-1")
    assert job is not None
    assert job.state == "done"
    assert registry.jobs("model:churn") == []
    assert registry.job("job-9") is None
