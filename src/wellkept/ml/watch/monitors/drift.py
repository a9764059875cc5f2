"""Drift: the values of a feature, or the scores, are spread differently than in training."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.entity import feature_id, model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.reference import SCORE, Distribution
from wellkept.ml.watch.base import Said, Served, newest

Z = 4.0
"""A shift must also be this unlikely (in standard deviations) where nothing has changed: one in 30 thousand."""
CALM = 0.8
"""A finding ends below this share of the limit, so that it does not flutter around it."""
HALF_COUNT = 0.5
"""Added to every bin, so that an empty one has a logarithm."""

Counts = NDArray[np.int64]


class Drift:
    """Population stability index against the training data, over the newest rows that suffice to judge.

    ``PSI = sum((p - q) * ln(p / q))`` over quantile bins of the training data. With n rows against m it is, where
    nothing has changed, about ``chi2(bins - 1) * (1 / n + 1 / m)``; what that explains is no drift, however large.
    Nulls are another monitor's business: only values count here.

    Source: B. Yurdakul, J. Naranjo, "Statistical properties of the population stability index" (2020).
    """

    name = "drift"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        findings: list[Finding] = []
        clear: set[str] = set()
        wanted = served.contract.monitors.drift
        for name, reference in sorted(served.reference.items()):
            counts = served.slices.bins[name]
            first = newest(counts.sum(axis=1), wanted.min_rows)
            if first < 0 or reference.rows < wanted.min_rows or len(reference.counts) < 2:
                continue
            index = psi(counts[first:].sum(axis=0), reference)
            print_ = _fingerprint(served.model, name)
            if index >= max(wanted.psi, by_chance(counts[first:].sum(), reference)):
                findings.append(self._finding(served, name, index, first))
            elif index < CALM * wanted.psi or print_ not in served.open:
                clear.add(print_)
            else:
                findings.append(self._finding(served, name, index, first))
        return Said(tuple(findings), frozenset(clear))

    def _finding(self, served: Served, name: str, index: float, first: int) -> Finding:
        reference, limit = served.reference[name], served.contract.monitors.drift.psi
        counts = served.slices.bins[name]
        onset = _onset(counts, reference, first, limit)
        starts_at = datetime.fromtimestamp(served.slices.times[onset] - served.step_s, UTC)
        now_shares, then_shares = _shares(counts[first:].sum(axis=0)), _shares(np.asarray(reference.counts))
        what = f"The scores of {served.model}" if name == SCORE else f"{name}, an input of {served.model},"
        verb = "are" if name == SCORE else "is"
        worst = int(np.argmax(np.abs(now_shares - then_shares)))
        sentence = (
            f"{what} {verb} spread differently than in training since {starts_at:%H:%M:%S} UTC: PSI {index:.2f}, "
            f"limit {limit:g}; {now_shares[worst]:.0%} of the values are {_range(reference, worst)}, "
            f"{then_shares[worst]:.0%} in training ({int(counts[first:].sum())} predictions of version "
            f"{served.champion.number})."
        )
        values = {"psi": index, "limit": limit, "rows": float(counts[first:].sum())}
        return Finding(
            fingerprint=_fingerprint(served.model, name),
            detector=self.name,
            detector_version=self.version,
            entity=model_id(served.model) if name == SCORE else feature_id(served.model, name),
            kind=FindingKind.DRIFT,
            severity=Severity.WARNING,
            score=round(index / (index + limit), 6),
            score_meaning="PSI over PSI plus its limit: 0.5 is at the limit, 1 is another world",
            starts_at=starts_at,
            sentence=sentence,
            evidence=(
                Evidence("score" if name == SCORE else "feature", {"feature": name}, limit=limit, values=values),
            ),
            attributes={"title": f"{'Scores' if name == SCORE else name} of {served.model} drifted"},
        )


def psi(counts: Counts, reference: Distribution) -> float:
    """The population stability index of counts against a reference."""
    now, then = _shares(counts), _shares(np.asarray(reference.counts))
    return float(np.sum((now - then) * np.log(now / then)))


def by_chance(rows: float, reference: Distribution) -> float:
    """The index that chance alone hardly ever exceeds (Wilson and Hilferty's approximation of the quantile)."""
    free = len(reference.counts) - 1
    spread = 2.0 / (9.0 * free)
    quantile = free * (1.0 - spread + Z * spread**0.5) ** 3
    return float(quantile * (1.0 / max(float(rows), 1.0) + 1.0 / max(reference.rows, 1)))


def _onset(counts: Counts, reference: Distribution, first: int, limit: float) -> int:
    """The earliest slice from which on every slice with enough rows to say has drifted."""
    onset = first
    for index in range(first - 1, -1, -1):
        rows = counts[index].sum()
        if rows == 0:
            continue
        if psi(counts[index], reference) < max(limit, by_chance(rows, reference)):
            break
        onset = index
    while onset < len(counts) - 1 and psi(counts[onset], reference) < limit:
        onset += 1
    return onset


def _shares(counts: Counts) -> NDArray[np.float64]:
    filled = counts + HALF_COUNT
    return np.asarray(filled / filled.sum(), dtype=np.float64)


def _range(reference: Distribution, place: int) -> str:
    edges = reference.edges
    if place == 0:
        return f"at most {edges[0]:.4g}"
    if place == len(edges):
        return f"above {edges[-1]:.4g}"
    return f"between {edges[place - 1]:.4g} and {edges[place]:.4g}"


def _fingerprint(model: str, name: str) -> str:
    entity = model_id(model) if name == SCORE else feature_id(model, name)
    return fingerprint(Drift.name, entity, "score" if name == SCORE else "feature")
