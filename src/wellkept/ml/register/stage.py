"""The register stage: versions by digest, with everything that they came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from wellkept.kernel.stage import Message, Stage
from wellkept.kernel.verdict import Judgement, Verdict
from wellkept.ml.contract import digest_of
from wellkept.spine.registry import ModelVersion, Registry, VersionState

STAGE = Stage(
    name="ml.register",
    consumes=frozenset({Message.VERDICT, Message.SNAPSHOT}),
    emits=frozenset({Message.VERSION}),
    purpose="Registers a model version under its digest, with its lineage and its verdict.",
)


def version_digest(artifact: str, lineage: Mapping[str, str]) -> str:
    """The digest that names a version: of its artifact and everything that it came from."""
    return digest_of(json.dumps([artifact, dict(lineage)], sort_keys=True).encode())


def register(
    registry: Registry, draft: ModelVersion, verdict: Verdict, metrics: Mapping[str, float], manifest: Mapping[str, Any]
) -> ModelVersion:
    """Save a version with its verdict; one that was refused is kept too, so that nobody trains it again unaware."""
    lineage = {**draft.lineage, **{f"library.{k}": str(v) for k, v in manifest["libraries"].items()}}
    lineage["estimator"] = str(manifest["estimator"])
    if manifest["note"]:
        lineage["format.note"] = str(manifest["note"])
    state = VersionState.PASSED if verdict.judgement is Judgement.PASS else VersionState.REFUSED
    return registry.register(replace(draft, lineage=lineage, metrics=dict(metrics), gate=verdict, state=state))


def register_unjudged(
    registry: Registry, model: str, artifact: str, kind: str, lineage: Mapping[str, str], at: datetime
) -> ModelVersion:
    """Save a finished model from elsewhere that nobody judged; it is promoted only by a plan that says so."""
    digest = version_digest(artifact, lineage)
    draft = ModelVersion(model, digest, at, artifact, kind, "", lineage=dict(lineage), state=VersionState.UNJUDGED)
    return registry.register(draft)


def draft_version(
    model: str, artifact: str, snapshot: str, manifest: Mapping[str, Any], lineage: Mapping[str, str], at: datetime
) -> ModelVersion:
    """A version before it was judged."""
    digest = version_digest(artifact, lineage)
    return ModelVersion(model, digest, at, artifact, str(manifest["format"]), snapshot, lineage=dict(lineage))
