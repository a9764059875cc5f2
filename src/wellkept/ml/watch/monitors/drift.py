"""Drift: the values of a feature, or the scores, are spread differently than in training."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.entity import feature_id, model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.drift.budget import INPUTS, SCORES, Budget, by_importance
from wellkept.ml.drift.columns import Moved, moved
from wellkept.ml.drift.distances import shares
from wellkept.ml.drift.importance import matters
from wellkept.ml.drift.onset import onset
from wellkept.ml.reference import SCORE, Distribution
from wellkept.ml.watch.base import Said, Served, newest
from wellkept.ml.watch.saying import clock, odds

CALM = 0.7
"""A finding ends when the effect is below this share of the smallest that counts, or when chance explains it well:"""
SCORES_ALONE = 0.5
"""Where there are slices, all scores together have this share of the scores' budget, and the slices the rest."""
PART_ROWS = 200
LOOKS = 2
"""The newest rows that suffice tell a large change soon, the whole window a small one; each has half of the budget."""
LIKELY = 0.01
"""above this level. So it does not flutter around the level that it began at."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One column of a model: its name and reference, what was seen of it, and the level that it is told by."""

    name: str
    reference: Distribution
    moved: Moved
    first: int
    part: str
    """Of scores the slice, ``COLUMN=VALUE``; empty for all."""
    counts: NDArray[np.int64]
    level: float
    """Of the look at the newest rows, or of that at the whole window: whichever is the more unusual for its level."""


class Drift:
    """Each input and the scores against the training data, over the newest rows that suffice to judge.

    It counts what is at least as large as the contract's ``psi`` and less probable than the budget of false alarms
    allows: the chance is told by resampling the reference at the real number of rows and by how its own windows differ,
    and the level is corrected for the number of inputs and of windows in a month. An input that does next to nothing to
    the score is told, and wakes nobody (severity INFO). Nulls are another monitor's business: only values count here.

    Sources: B. Yurdakul, J. Naranjo, "Statistical properties of the population stability index" (2020), for why a
    fixed index is none; the likelihood ratio statistic is twice the rows times the Jensen-Shannon divergence.
    """

    name = "drift"
    version = "2"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        findings: list[Finding] = []
        clear: set[str] = set()
        smallest = served.contract.monitors.drift.psi
        have_all = False
        for seen in _seen(served):
            print_ = _fingerprint(served, seen.name, seen.part)
            calm = seen.moved.psi < CALM * smallest or seen.moved.chance > LIKELY
            is_told = seen.moved.counts(smallest, seen.level) or (print_ in served.open and not calm)
            if is_told and not (seen.part and have_all):
                findings.append(self._finding(served, seen))
                have_all = have_all or (seen.name == SCORE and not seen.part)
            else:
                clear.add(print_)
        return Said(tuple(findings), frozenset(clear))

    def _finding(self, served: Served, seen: _Seen) -> Finding:
        name, found, limit = seen.name, seen.moved, served.contract.monitors.drift.psi
        begun = onset(seen.counts, seen.reference.bins, seen.first)
        starts_at = datetime.fromtimestamp(served.slices.times[begun] - served.step_s, UTC)
        print_ = _fingerprint(served, name, seen.part)
        known = served.open.get(print_)
        starts_at = min(starts_at, known.starts_at) if known else starts_at
        is_score = name == SCORE
        does_matter = is_score or matters(seen.reference.importance, len(served.reference) - 1)
        where = f", where {seen.part.replace('=', ' is ', 1)}," if seen.part else ""
        most = _range(seen.reference, found.place, is_whole=_is_whole(served, name))
        what = f"The scores of {served.model}{where}" if is_score else f"{name}, an input of {served.model},"
        sentence = (
            f"{what} {'are' if is_score else 'is'} spread differently than in training since {clock(starts_at)}: "
            f"{found.now:.0%} of the values are {most}, {found.then:.0%} in training "
            f"({found.rows} predictions of version {served.champion.called}). PSI {found.psi:.2f}; where nothing has "
            f"changed, {odds(found.chance)}.{'' if does_matter else ' The score hardly depends on it.'}"
        )
        return Finding(
            fingerprint=print_,
            detector=self.name,
            detector_version=self.version,
            entity=_entity(served, name),
            kind=FindingKind.DRIFT,
            severity=Severity.WARNING if does_matter else Severity.INFO,
            score=round(found.psi / (found.psi + limit), 6),
            score_meaning="PSI over PSI plus its limit: 0.5 is at the limit, 1 is another world",
            starts_at=starts_at,
            sentence=sentence,
            evidence=(_evidence(served, seen),),
            attributes={
                "title": f"{'Scores' if is_score else name} of {served.model} drifted",
                "matters": "yes" if does_matter else "no",
                **({"slice": seen.part} if seen.part else {}),
            },
        )


def _seen(served: Served) -> list[_Seen]:
    """What there is to judge: each column with enough rows in the reference and in the newest slices."""
    wanted = served.contract.monitors.drift
    inputs = [name for name in sorted(served.reference) if name != SCORE]
    of_input = dict(zip(inputs, by_importance([served.reference[name].importance for name in inputs]), strict=True))
    parts = served.reference[SCORE].slices if SCORE in served.reference else {}
    own = SCORES_ALONE if parts else 1.0
    columns = [
        (SCORE, "", served.slices, SCORES, own),
        *((name, "", served.slices, INPUTS, of_input[name]) for name in inputs),
    ]
    columns += [(SCORE, key, served.parts[key], SCORES, (1 - own) / len(parts)) for key in sorted(served.parts)]
    found = []
    for name, part, slices, family, share in columns:
        reference = parts[part] if part else served.reference.get(name)
        counts = slices.bins.get(name)
        if reference is None or counts is None or not _is_comparable(served, name):
            continue
        first = newest(counts.sum(axis=1), wanted.min_rows)
        if first < 0 or reference.rows < min(wanted.min_rows, PART_ROWS if part else wanted.min_rows):
            continue
        if len(reference.counts) > 1:
            looks = [_look(served, (name, part), reference, counts, start, (family, share)) for start in {first, 0}]
            found.append(min(looks, key=lambda look: (look.moved.psi < wanted.psi, look.moved.chance / look.level)))
    return found


def _look(
    served: Served,
    column: tuple[str, str],
    reference: Distribution,
    counts: NDArray[np.int64],
    start: int,
    share: tuple[str, float],
) -> _Seen:
    """A column's slices from ``start`` on, judged with its share of a family's budget."""
    budget = Budget(served.contract.monitors.drift.alarms_per_month, served.step_s * (len(counts) - start))
    own = reference.wobble if start == 0 else reference.brisk
    told = moved(counts[start:].sum(axis=0), reference.bins, own, has_order=not reference.is_category)
    return _Seen(column[0], reference, told, start, column[1], counts, budget.level(share[0], share[1] / LOOKS))


def _is_comparable(served: Served, name: str) -> bool:
    """Of a ranking's items and scores the training rows are what was chosen, and the served ones what was on offer."""
    ranking = served.contract.ranking
    return ranking is None or name not in (SCORE, ranking.item)


def _evidence(served: Served, seen: _Seen) -> Evidence:
    """What it rests on; ``now.LABEL`` and ``then.LABEL`` are the shares of each bin, for the picture."""
    times, found = served.slices.times, seen.moved
    labels = _labels(seen.reference, is_whole=_is_whole(served, seen.name))
    now = shares(seen.counts[seen.first :].sum(axis=0))
    then = shares(seen.reference.bins)
    pictured = {
        f"{word}.{label}": round(float(value), 6)
        for word, values in (("now", now), ("then", then))
        for label, value in zip(labels, values, strict=True)
    }
    importance = {} if seen.reference.importance is None else {"importance": seen.reference.importance}
    return Evidence(
        "score" if seen.name == SCORE else "feature",
        {"feature": seen.name, **({"slice": seen.part} if seen.part else {})},
        window_start=datetime.fromtimestamp(float(times[seen.first]) - served.step_s, UTC),
        window_end=datetime.fromtimestamp(float(times[-1]), UTC),
        limit=served.contract.monitors.drift.psi,
        values={
            "psi": found.psi,
            "jensen_shannon": found.jensen_shannon,
            "chance": found.chance,
            "chance_limit": seen.level,
            "limit": served.contract.monitors.drift.psi,
            "rows": float(found.rows),
            **importance,
            **pictured,
        },
    )


def _is_whole(served: Served, name: str) -> bool:
    """Whether a column has whole numbers alone, so that a bin from one to the next holds a single value."""
    told = served.contract.logged.get(name)
    return told is not None and told.type in ("int", "bool")


def _labels(reference: Distribution, *, is_whole: bool) -> list[str]:
    if reference.is_category:
        return [*reference.categories, "all others"]
    edges = reference.edges
    between = [
        f"{high:.4g}" if is_whole and high - low == 1 else f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)
    ]
    return [f"up to {edges[0]:.4g}", *between, f"over {edges[-1]:.4g}"]


def _range(reference: Distribution, place: int, *, is_whole: bool) -> str:
    if reference.is_category:
        names = reference.categories
        return f"'{names[place]}'" if place < len(names) else "of no usual category"
    edges = reference.edges
    if place == 0:
        return f"at most {edges[0]:.4g}"
    if place == len(edges):
        return f"above {edges[-1]:.4g}"
    low, high = edges[place - 1], edges[place]
    return f"{high:.4g}" if is_whole and high - low == 1 else f"between {low:.4g} and {high:.4g}"


def _entity(served: Served, name: str) -> str:
    """The model, of its scores; of a column the input that it is made of (a text is logged as several)."""
    told = served.contract.logged.get(name)
    return model_id(served.model) if name == SCORE else feature_id(served.model, told.name if told else name)


def _fingerprint(served: Served, name: str, part: str) -> str:
    entity = _entity(served, name)
    derived = () if name == SCORE or entity == feature_id(served.model, name) else (name,)
    derived = (part,) if part else derived
    return fingerprint(Drift.name, entity, "score" if name == SCORE else "feature", *derived)
