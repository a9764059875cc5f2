"""Multivariate drift: the inputs hang together otherwise than in training, though each alone may look as before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.drift.budget import JOINT, Budget
from wellkept.ml.drift.importance import matters
from wellkept.ml.drift.joint import Apart, apart
from wellkept.ml.reference import SCORE, ranked
from wellkept.ml.watch.base import Said, Served

LIKELY = 0.01
"""A finding ends when what is seen is more probable than this where nothing has changed."""
AUC, ERROR = 0.6, 0.1
"""The smallest effects that count: now is told from then this well; the reconstruction error is off by this share."""
NAMED = 3
"""So many columns are named, those that say most."""


@dataclass(frozen=True, slots=True)
class _Way:
    """One of the two tests: what it is called, its effect beside the smallest that counts, its chance, its words."""

    signal: str
    effect: float
    limit: float
    chance: float
    words: str


class Multivariate:
    """A sample of the newest rows beside how the inputs hung together in training.

    Two tests, each with half of the family's budget: the reconstruction error of principal components (it sees
    relations between inputs that are new), and a linear classifier of now against then (it sees what many inputs do
    together).
    Where none of the columns that say most matters to the score, the severity is INFO.
    """

    name = "multivariate"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        reference = served.reference.get(SCORE)
        usual, sample = (reference.joint if reference is not None else None), served.sample
        wanted = served.contract.monitors.drift
        if usual is None or sample is None or len(sample.at) < wanted.min_rows:
            return Said()
        if any(name not in sample.columns for name in usual.columns):
            return Said()
        found = apart(usual, ranked(sample.columns, served.reference, usual.columns))
        level = Budget(wanted.alarms_per_month, wanted.window_s).level(JOINT, 0.5)
        findings, clear = [], set()
        for way in _ways(found):
            print_ = fingerprint(self.name, model_id(served.model), way.signal)
            is_told = way.effect >= way.limit and way.chance <= level
            if is_told or (print_ in served.open and way.chance <= LIKELY):
                findings.append(self._finding(served, way, found, level))
            else:
                clear.add(print_)
        return Said(tuple(findings), frozenset(clear))

    def _finding(self, served: Served, way: _Way, found: Apart, level: float) -> Finding:
        print_ = fingerprint(self.name, model_id(served.model), way.signal)
        known, sample = served.open.get(print_), served.sample
        assert sample is not None
        starts_at = known.starts_at if known else datetime.fromtimestamp(float(sample.at[0]), UTC)
        most = sorted(found.weights, key=lambda name: -found.weights[name])[:NAMED]
        inputs = len(served.reference) - 1
        does_matter = any(matters(served.reference[name].importance, inputs) for name in most)
        return Finding(
            fingerprint=print_,
            detector=self.name,
            detector_version=self.version,
            entity=model_id(served.model),
            kind=FindingKind.DRIFT,
            severity=Severity.WARNING if does_matter else Severity.INFO,
            score=round(way.effect / (way.effect + way.limit), 6),
            score_meaning="the effect over the effect plus its limit: 0.5 is at the limit",
            starts_at=starts_at,
            sentence=(
                f"The inputs of {served.model} hang together otherwise than in training, in the window since "
                f"{starts_at:%H:%M:%S} UTC: {way.words}; most is told by {', '.join(most)} ({found.rows} predictions "
                f"of version {served.champion.number}). Where nothing has changed, a chance of one in "
                f"{1 / max(way.chance, 1e-9):,.0f}."
            ),
            evidence=(
                Evidence(
                    way.signal,
                    window_start=datetime.fromtimestamp(float(sample.at[0]), UTC),
                    window_end=datetime.fromtimestamp(float(sample.at[-1]), UTC),
                    limit=way.limit,
                    values={
                        "auc": found.auc,
                        "error": found.error,
                        "chance": way.chance,
                        "chance_limit": level,
                        "rows": float(found.rows),
                        **{f"weight.{name}": round(found.weights[name], 6) for name in most},
                    },
                ),
            ),
            attributes={
                "title": f"Inputs of {served.model} hang together otherwise",
                "matters": "yes" if does_matter else "no",
            },
        )


def _ways(found: Apart) -> tuple[_Way, _Way]:
    off = abs(found.error - 1)
    rebuilt = f"the reconstruction error is {found.error:.0%} of usual"
    told = f"a classifier tells rows of now from those of then with an AUC of {found.auc:.2f}"
    return (
        _Way("reconstruction", off, ERROR, found.error_chance, rebuilt),
        _Way("domain", max(0.0, found.auc - 0.5), AUC - 0.5, found.auc_chance, told),
    )
