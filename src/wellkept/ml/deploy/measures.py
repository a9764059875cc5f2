"""What is compared between champion and challenger: failures, slowness, losses, scores. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wellkept.ml.deploy.sequential import Evidence, Floats, design_effect, mean_evidence, share_evidence
from wellkept.ml.rollout import Rollout
from wellkept.spine.rollouts import Measured
from wellkept.store.telemetry.arms import ABOVE, ANSWER, FAILED, LABELLED, LOSS, REQUEST, SLOW, Agreement

ERRORS, SLOWNESS, QUALITY, SCORES, AGREEMENT = "errors", "slow", "quality", "scores", "agreement"
TOLD = "told"
"""The state of what is told to people and judged by nobody."""
TESTS = 4
"""How many measures may stop a rollout: the error that is allowed is shared out among them."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What champion and challenger did, by bucket of callers.

    ``requests``: float64[buckets, 3] each (asked, failed, slow); ``answers``: float64[buckets, 3 + edges] each (given,
    of known truth, sum of the losses, scores above each edge). ``slow_ms`` says what slow is; ``floor`` is
    the difference of two mean losses that is too small to matter, whatever the champion's is. ``agreement`` is there
    where both have answered the same requests; ``decides`` says whether an answer is a decision.
    """

    requests: tuple[Floats, Floats]
    answers: tuple[Floats, Floats]
    slow_ms: float
    floor: float = 0.0
    agreement: Agreement | None = None
    decides: bool = True

    @property
    def counts(self) -> tuple[int, int]:
        """Requests of champion and challenger."""
        champion, challenger = (int(side[:, REQUEST].sum()) for side in self.requests)
        return champion, challenger

    @property
    def labels(self) -> tuple[int, int]:
        """Answers of known truth."""
        champion, challenger = (int(side[:, LABELLED].sum()) for side in self.answers)
        return champion, challenger

    @property
    def matured(self) -> float:
        """The share of the challenger's answers whose truth is known."""
        given = self.answers[1][:, ANSWER].sum()
        return float(self.answers[1][:, LABELLED].sum() / given) if given else 0.0


def measured(pair: Pair, policy: Rollout) -> list[Measured]:
    """Everything that can be compared. A measure for which there is nothing to compare is not there."""
    found = [_failures(pair, policy), _slowness(pair, policy)]
    if min(pair.labels) >= policy.quality.min_labels:
        found.append(_losses(pair, policy))
    if min(side[:, ANSWER].sum() for side in pair.answers) > 0 and pair.answers[0].shape[1] > ABOVE:
        found.append(_scores(pair, policy))
    if pair.agreement is not None and pair.agreement.pairs:
        found.append(_agreement(pair.agreement, decides=pair.decides))
    return found


def _agreement(found: Agreement, *, decides: bool) -> Measured:
    """On how many of the same requests the two differ. It is told and decides nothing: nobody knows who is right."""
    if not decides:
        words = f"its answers lie {found.apart:.4g} from the champion's on average, on the same {found.pairs} requests"
        return Measured(AGREEMENT, TOLD, 0.0, found.apart, 0.0, 0.0, 0.0, words)
    share = found.otherwise / found.pairs
    words = f"it decides otherwise on {found.otherwise} of the same {found.pairs} requests ({share:.2%})"
    return Measured(AGREEMENT, TOLD, 0.0, share, 0.0, 0.0, 0.0, words)


def _failures(pair: Pair, policy: Rollout) -> Measured:
    champion, challenger, evidence = _shares(pair, FAILED, policy.health.errors)
    words = f"{challenger:.2%} of its requests fail, {champion:.2%} of the champion's"
    return _judged(ERRORS, champion, challenger, policy.health.errors, evidence, words, policy)


def _slowness(pair: Pair, policy: Rollout) -> Measured:
    champion, challenger, evidence = _shares(pair, SLOW, policy.health.slow)
    words = f"{challenger:.1%} of its answers take over {pair.slow_ms:.3g} ms, {champion:.1%} of the champion's"
    return _judged(SLOWNESS, champion, challenger, policy.health.slow, evidence, words, policy)


def _shares(pair: Pair, column: int, limit: float) -> tuple[float, float, Evidence]:
    (hits0, rows0), (hits1, rows1) = (_worth(side[:, column], side[:, REQUEST]) for side in pair.requests)
    share0, share1 = (float(h / n) if n else 0.0 for h, n in ((hits0, rows0), (hits1, rows1)))
    return share0, share1, share_evidence(hits1, rows1, hits0, rows0, limit)


def _worth(hits: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """What so many hits of so many rows are worth, were they of independent callers."""
    effect = design_effect(hits, rows)
    return np.asarray(hits.sum(axis=0) / effect), np.asarray(rows.sum() / effect)


def _losses(pair: Pair, policy: Rollout) -> Measured:
    """The challenger's mean loss against the champion's and the room that it has.

    The variance is taken between buckets. Where both have answered the same requests (a shadow), their losses stand in
    the same buckets, and what they have in common drops out.
    """
    rise = policy.quality.loss
    means, parts = [], []
    for side, factor in zip(pair.answers, (-(1 + rise), 1.0), strict=True):
        rows, losses = side[:, LABELLED], side[:, LOSS]
        mean = losses.sum() / rows.sum()
        means.append(float(mean))
        parts.append(factor * (losses - mean * rows) / rows.sum())
    used = max(2, int(((pair.answers[0][:, LABELLED] + pair.answers[1][:, LABELLED]) > 0).sum()))
    variance = used / (used - 1) * np.square(parts[0] + parts[1]).sum()
    champion, challenger = means
    room = rise * champion + pair.floor
    evidence = mean_evidence(challenger - champion - room, variance, max(room, 1e-9))
    words = f"its mean loss is {challenger:.4g}, {champion:.4g} the champion's, on answers whose truth is known"
    return _judged(QUALITY, champion, challenger, rise, evidence, words, policy)


def _scores(pair: Pair, policy: Rollout) -> Measured:
    """How far the distributions of the scores lie apart at the edges: far when one edge says so, near when all do."""
    limit = policy.quality.scores
    (above0, rows0), (above1, rows1) = (_worth(side[:, ABOVE:], side[:, ANSWER]) for side in pair.answers)
    shares0, shares1 = above0 / rows0, above1 / rows1
    sides = [share_evidence(above1, rows1, above0, rows0, limit), share_evidence(above0, rows0, above1, rows1, limit)]
    harm = np.concatenate([side.harm for side in sides])
    # The mean of e-values is one again, whatever they have to do with each other.
    evidence = Evidence(
        np.logaddexp.reduce(harm) - math.log(len(harm)), np.minimum.reduce([side.fine.min() for side in sides])
    )
    apart = float(np.abs(shares1 - shares0).max())
    return _judged(SCORES, 0.0, apart, limit, evidence, f"its scores lie {apart:.2f} from the champion's", policy)


def _judged(
    name: str, champion: float, challenger: float, limit: float, evidence: Evidence, words: str, policy: Rollout
) -> Measured:
    harm, fine = float(evidence.harm), float(evidence.fine)
    state = "worse" if harm >= stop_at(policy) else "fine" if fine >= pass_at(policy) else "open"
    return Measured(name, state, champion, challenger, limit, harm, fine, words)


def stop_at(policy: Rollout) -> float:
    """The evidence (logarithm) of harm that stops: the error allowed is shared out among the measures and the steps."""
    return math.log(TESTS * len(policy.steps) / (1 - policy.confidence))


def pass_at(policy: Rollout) -> float:
    """The evidence that each measure needs to pass; all have to, so that nothing is shared out."""
    return -math.log(1 - policy.confidence)


def find(measures: Sequence[Measured], name: str) -> Measured | None:
    """The measure of that name."""
    return next((measure for measure in measures if measure.name == name), None)
