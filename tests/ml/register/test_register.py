"""Registration: a version is named by what it is and what it came from, numbered once, and kept also when refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.ml.workshop import NOON
from tests.store.fixtures import state_in

from wellkept.kernel.verdict import Judgement, Verdict
from wellkept.ml.register.stage import draft_version, register, version_digest
from wellkept.spine.registry import ModelVersion, Registry, VersionState

ARTIFACT, SNAPSHOT = "sha256:" + "a" * 64, "sha256:" + "b" * 64
MANIFEST: dict[str, Any] = {
    "format": "onnx",
    "estimator": "LogisticRegression",
    "note": "",
    "libraries": {"numpy": "2.4"},
}


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    state = state_in(tmp_path)
    yield Registry(state)
    state.close()


def registered(
    registry: Registry, judgement: Judgement = Judgement.PASS, note: str = "", **lineage: str
) -> ModelVersion:
    manifest = {**MANIFEST, "note": note}
    draft = draft_version("fraud", ARTIFACT, SNAPSHOT, manifest, lineage, NOON)
    verdict = Verdict("gate-1", draft.digest, "gate", judgement, NOON, (), "")
    return register(registry, draft, verdict, {"roc_auc": 0.9}, manifest)


def test_the_lineage_grows_by_what_the_manifest_says(registry: Registry) -> None:
    version = registered(registry, note="does not convert to ONNX: ValueError", code="sha256:1")

    assert version.lineage == {
        "code": "sha256:1",
        "library.numpy": "2.4",
        "estimator": "LogisticRegression",
        "format.note": "does not convert to ONNX: ValueError",
    }
    assert registry.versions("fraud") == [version]


def test_a_refused_version_is_kept_as_refused(registry: Registry) -> None:
    assert registered(registry, Judgement.FAIL).state is VersionState.REFUSED
    assert registered(registry, code="2").state is VersionState.PASSED
    assert [version.state for version in registry.versions("fraud")] == [VersionState.PASSED, VersionState.REFUSED]


def test_the_same_artifact_of_the_same_origin_is_the_same_version(registry: Registry) -> None:
    first = registered(registry, run="1")

    assert registered(registry, run="1") == first
    assert registered(registry, run="2").number == 2
    assert [version.number for version in registry.versions("fraud")] == [2, 1]


def test_a_digest_depends_on_all_that_a_version_came_from_and_not_on_its_order() -> None:
    digest = version_digest(ARTIFACT, {"a": "1", "b": "2"})

    assert digest == version_digest(ARTIFACT, {"b": "2", "a": "1"})
    others = [
        version_digest(SNAPSHOT, {"a": "1", "b": "2"}),
        version_digest(ARTIFACT, {"a": "1"}),
        version_digest(ARTIFACT, {"a": "2", "b": "1"}),
    ]
    assert digest not in others
    assert digest.startswith("sha256:")
