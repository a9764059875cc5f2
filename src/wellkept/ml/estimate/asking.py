"""What a person, a page or a monitor asks: how good is this model, by when its predictions were made?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from wellkept.kernel.codec import encode
from wellkept.kernel.entity import feature_id, model_id
from wellkept.kernel.errors import NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.ml.contract import ModelContract
from wellkept.ml.estimate.history import CohortPerformance, PerformanceHistory, Told
from wellkept.ml.estimate.reading import Histories, grid_of
from wellkept.ml.releases import Releases
from wellkept.spine.registry import CHAMPION, ModelVersion, Registry

MOST_FINDINGS = 2000


class Findings(Protocol):
    """What is read of the stream."""

    def findings(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        entity: Collection[str] | None = None,
        limit: int = 1000,
    ) -> list[Finding]: ...


class Performance:
    """The performance of live versions, with what the stream knows of their troubles."""

    def __init__(self, registry: Registry, releases: Releases, histories: Histories, stream: Findings) -> None:
        self._registry, self._releases = registry, releases
        self._histories, self._stream = histories, stream

    def of(self, model: str, now: datetime) -> PerformanceHistory | None:
        """The history of a model's champion; None where it has none.

        Raises:
            NotFoundError: there is no such model.
        """
        if self._registry.contract(model) is None:
            raise NotFoundError(f"model {model}", "is not known; `wellkept models train FOLDER` makes one")
        champion = self._registry.alias(model, CHAMPION)
        return None if champion is None else self.of_version(self._releases.contract(champion), champion, now)

    def of_version(self, contract: ModelContract, version: ModelVersion, now: datetime) -> PerformanceHistory:
        """The same of a version that is live."""
        grid = grid_of(contract, now)
        since = datetime.fromtimestamp(grid.start_ms / 1000, now.tzinfo)
        mine = {model_id(contract.name), *(feature_id(contract.name, entry.name) for entry in contract.inputs)}
        found = self._stream.findings(start=since, end=now + timedelta(seconds=1), entity=mine, limit=MOST_FINDINGS)
        return self._histories.of(contract, version, self._releases.reference(version), found, now)

    def told(self, model: str, now: datetime) -> dict[str, Any]:
        """The history as a plain JSON value.

        Raises:
            NotFoundError: there is no such model, or nothing can be told of its champion.
        """
        history = self._known(model, now)
        cohorts = [_cohort(one) for one in _lived(history)]
        return {**encode(history), "cohorts": cohorts, "now": _told(history.now)}

    def labels(self, model: str, now: datetime) -> dict[str, Any]:
        """How the labels of a model arrive, as a plain JSON value: by age, and by cohort.

        Raises:
            NotFoundError: there is no such model, or nothing can be told of its champion.
        """
        history = self._known(model, now)
        names = ("start", "end", "predictions", "labels", "share", "expected")
        cohorts = [{name: encode(one)[name] for name in names} for one in _lived(history)]
        return {"model": model, "at": history.at.isoformat(), "arrivals": encode(history.arrivals), "cohorts": cohorts}

    def _known(self, model: str, now: datetime) -> PerformanceHistory:
        history = self.of(model, now)
        if history is None:
            raise NotFoundError(f"performance of {model}", "has no champion yet")
        return history


def _cohort(one: CohortPerformance) -> dict[str, Any]:
    return {**encode(one), "is_mature": one.is_mature, "estimate": _told(one.estimate)}


def _told(estimate: Told) -> dict[str, Any]:
    return {**encode(estimate), "is_valid": estimate.is_valid}


def _lived(history: PerformanceHistory) -> Sequence[CohortPerformance]:
    """The cohorts from the first one with a prediction on."""
    first = next((k for k, one in enumerate(history.cohorts) if one.predictions), len(history.cohorts))
    return history.cohorts[first:]
