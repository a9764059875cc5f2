"""The rollout part of a contract: how a version comes to answer everybody, and what stops it on its way."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from wellkept.ml.part import Part

Strategy = Literal["shadow", "canary", "ab", "blue_green"]
Share = Annotated[float, Field(gt=0, lt=1)]
Seconds = Annotated[float, Field(ge=0)]


class HealthLimits(Part):
    """By how much the challenger's requests may go worse than the champion's, as shares of its requests."""

    errors: Share = 0.01
    slow: Share = 0.05
    slow_ms: Annotated[float, Field(gt=0)] | None = None
    """From when on an answer is slow. Left out: the champion's own slowest hundredth when the rollout is planned."""


class QualityLimits(Part):
    """By how much the challenger's answers may be worse, or other, than the champion's."""

    loss: Share = 0.05
    """How much greater its mean loss may be, as a share of the champion's, on answers whose truth is known."""
    min_labels: Annotated[int, Field(ge=100)] = 200
    """Known truths that each of the two needs before its loss is looked at."""
    scores: Share = 0.2
    """How far the distributions of the scores may lie apart (Kolmogorov's distance)."""
    without_labels: Literal["hold", "agree"] = "hold"
    """Whether scores that lie near enough are enough where no truth is known."""


class Rollout(Part):
    """The road of a version to all the traffic. Without a strategy a promotion puts it in front at once."""

    strategy: Strategy | None = None
    shares: tuple[Share, ...] = ()
    """The challenger's share of the traffic, step by step; left out: 0.1 of a canary, 0.5 of an A/B test."""
    step_s: Seconds = 600
    """How long a step takes at least."""
    step_rows: Annotated[int, Field(ge=0)] = 500
    """How many requests the challenger must have had in a step."""
    longest_s: Annotated[float, Field(gt=0)] = 7 * 86_400
    """A rollout that could not be decided in so long is stopped."""
    watch_s: Seconds = 0
    """For how long after the switch the version before stays loaded, and comes back by itself when it was better."""
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    health: HealthLimits = HealthLimits()
    quality: QualityLimits = QualityLimits()
    approval: Literal["once", "again"] = "once"
    """Whether the approval of the rollout is one of the promotion at its end, too, or that is proposed again.

    A promotion that is proposed again is over when the version is in front: nothing is watched after it.
    """

    @model_validator(mode="after")
    def _shares_fit(self) -> Rollout:
        if any(later <= before for before, later in zip(self.shares, self.shares[1:], strict=False)):
            raise ValueError(f"shares must grow from step to step, got {', '.join(f'{s:g}' for s in self.shares)}")
        if self.shares and self.strategy in ("shadow", "blue_green"):
            raise ValueError(f"shares must be those of a canary or an A/B test, got {self.strategy}")
        if self.watch_s and self.approval == "again":
            raise ValueError(
                "watch_s needs approval: once; a promotion that is another plan is not watched by this one"
            )
        return self

    @property
    def steps(self) -> tuple[float, ...]:
        """The challenger's share of the traffic in each step."""
        if self.strategy == "canary":
            return self.shares or (0.1,)
        if self.strategy == "ab":
            return self.shares or (0.5,)
        return (0.0,)

    @property
    def whole(self) -> Rollout:
        """The same with everything said, also what the defaults say: what is approved is of exactly these limits."""
        said = self.model_dump(mode="json") | {"shares": list(self.shares), "watch_s": self.watched_s}
        if self.strategy in ("canary", "ab"):
            said["shares"] = list(self.steps)
        return Rollout.model_validate(said)

    @property
    def watched_s(self) -> float:
        """How long the version before stays at hand: of a blue-green rollout ten minutes where nothing is said."""
        is_said = "watch_s" in self.model_fields_set or self.approval == "again"
        return 600.0 if self.strategy == "blue_green" and not is_said else self.watch_s
