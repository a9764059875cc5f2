"""Multivariate drift: the inputs hang together otherwise than in training, though each alone may look as before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.drift.budget import JOINT, Budget
from wellkept.ml.drift.distances import psi
from wellkept.ml.drift.importance import matters
from wellkept.ml.drift.joint import Apart, apart
from wellkept.ml.reference import SCORE, ranked
from wellkept.ml.watch.base import Said, Served, newest
from wellkept.ml.watch.saying import clock, odds

LIKELY = 0.01
"""A finding ends when what is seen is more probable than this where nothing has changed."""
AUC, ERROR = 0.6, 0.1
"""The smallest effects that count: now is told from then this well; the reconstruction error is off by this share."""
RECONSTRUCTION = "reconstruction"
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
    columns: tuple[str, ...]
    """Those that say most."""


class Multivariate:
    """A sample of the newest rows beside how the inputs hung together in training.

    Two tests, each with half of the family's budget: the reconstruction error of principal components, of ranks among
    the rows themselves (it sees relations between inputs that are new, whatever each of them does), and a linear
    classifier of now against then (it sees what many inputs do together). What is seen of columns that drift or lack
    values by themselves is for others to tell. Where none of the columns that say most matters to the score, the
    severity is INFO.
    """

    name = "multivariate"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        reference = served.reference.get(SCORE)
        usual, sample = (reference.joint if reference is not None else None), served.sample
        wanted = served.contract.monitors.drift
        if usual is None or sample is None or len(sample.at) < wanted.min_rows or served.contract.ranking is not None:
            return Said()
        if any(name not in sample.columns for name in usual.columns):
            return Said()
        own = ranked(sample.columns, served.reference, usual.columns, among_themselves=True)
        found = apart(usual, ranked(sample.columns, served.reference, usual.columns), own)
        alone = _alone(served)
        level = Budget(wanted.alarms_per_month, wanted.window_s).level(JOINT, 0.5)
        findings, clear = [], set()
        for way in _ways(found):
            print_ = fingerprint(self.name, model_id(served.model), way.signal)
            is_told = way.effect >= way.limit and way.chance <= level
            if alone.intersection(way.columns):
                clear.add(print_)
            elif is_told or (print_ in served.open and way.chance <= LIKELY):
                findings.append(self._finding(served, way, found, level))
            else:
                clear.add(print_)
        return Said(tuple(findings), frozenset(clear))

    def _finding(self, served: Served, way: _Way, found: Apart, level: float) -> Finding:
        print_ = fingerprint(self.name, model_id(served.model), way.signal)
        known, sample = served.open.get(print_), served.sample
        assert sample is not None
        starts_at = known.starts_at if known else datetime.fromtimestamp(float(sample.at[0]), UTC)
        most = way.columns
        shares = found.off if way.signal == RECONSTRUCTION else found.weights
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
                f"{clock(starts_at)}: {way.words}; most is told by {', '.join(most)} ({found.rows} predictions "
                f"of version {served.champion.called}). Where nothing has changed, {odds(way.chance)}."
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
                        **{f"weight.{name}": round(shares[name], 6) for name in most},
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
        _Way(RECONSTRUCTION, off, ERROR, found.error_chance, rebuilt, _most(found.off)),
        _Way("domain", max(0.0, found.auc - 0.5), AUC - 0.5, found.auc_chance, told, _most(found.weights)),
    )


def _most(shares: Mapping[str, float]) -> tuple[str, ...]:
    """The columns that say most, the first of them first; those that say little beside it are left out."""
    order = sorted(shares, key=lambda name: -shares[name])[:NAMED]
    return tuple(name for name in order if shares[name] >= shares[order[0]] / NAMED)


def _alone(served: Served) -> set[str]:
    """The columns that have drifted by themselves, or lack values that they had: in the newest rows that suffice."""
    wanted = served.contract.monitors
    found = set()
    for name, reference in served.reference.items():
        if name not in served.slices.bins:
            continue
        counts, nulls = served.slices.bins[name], served.slices.nulls[name]
        rows = counts.sum(axis=1) + nulls
        first = max(0, newest(rows, wanted.drift.min_rows))
        missing = float(nulls[first:].sum()) / max(1, int(rows[first:].sum())) - reference.nulls
        if missing >= wanted.nulls.share or psi(counts[first:].sum(axis=0), reference.bins) >= wanted.drift.psi:
            found.add(name)
    return found
