"""The action that retrains a model; what comes out waits for a promotion of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from wellkept.kernel.errors import ActionError, InputError, TrainingError
from wellkept.kernel.plan import Action, ActionResult, Risk
from wellkept.kernel.verdict import Judgement
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry

MOST_JOBS = 10_000

Interval = tuple[datetime, datetime]


class Training(Protocol):
    """Trains a registered model again."""

    def train(
        self,
        model: str,
        start: datetime,
        end: datetime,
        excluded: Sequence[Interval],
        since: datetime | None,
        key: str,
    ) -> ModelVersion: ...


class RetrainModel:
    """Arguments: ``model``, ``start``, ``end``, ``since`` (when the world changed), ``excluded`` (pairs of moments)."""

    name = "retrain_model"
    risk = Risk.MEDIUM

    def __init__(self, registry: Registry, training: Training) -> None:
        self._registry, self._training = registry, training

    def preview(self, action: Action) -> str:
        model, start, end, excluded, _ = self._resolve(action)
        left_out = ", ".join(f"{a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M}" for a, b in excluded)
        return (
            f"train {model} on {start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC"
            f"{f', leaving out {left_out}' if excluded else ''}; the result is judged and waits to be promoted"
        )

    def run(self, action: Action, key: str) -> ActionResult:
        model, start, end, excluded, since = self._resolve(action)
        try:
            version = self._training.train(model, start, end, excluded, since, key)
        except TrainingError as error:
            raise ActionError(str(error), retry_helps=False) from error
        judgement = version.gate.judgement if version.gate else Judgement.UNKNOWN
        verdict = version.gate.sentence if version.gate else ""
        sentence = f"version {version.number} of {model} was trained: {verdict}"
        return ActionResult(True, False, sentence, {"digest": version.digest, "judgement": judgement.value})

    def _resolve(self, action: Action) -> tuple[str, datetime, datetime, list[Interval], datetime | None]:
        given = action.arguments
        model = str(given.get("model", ""))
        if self._registry.contract(model) is None:
            raise InputError("retrain_model.model", "must be a registered model", model)
        champion = self._registry.alias(model, CHAMPION)
        if champion is not None and champion.is_elsewhere and not self._is_trained_here(model):
            rule = "is served elsewhere, and no project of it was ever trained here: train and roll it out where it is"
            raise InputError(f"model {model}", rule)
        start, end = (_moment(name, given.get(name)) for name in ("start", "end"))
        excluded = [(_moment("excluded", a), _moment("excluded", b)) for a, b in given.get("excluded", ())]
        since = _moment("since", given["since"]) if given.get("since") else None
        return model, start, end, excluded, since

    def _is_trained_here(self, model: str) -> bool:
        return any("project" in job.details for job in self._registry.jobs(f"model:{model}", limit=MOST_JOBS))


def _moment(name: str, value: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise InputError(f"retrain_model.{name}", "must be a moment in ISO 8601", value) from None
