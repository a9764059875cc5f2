"""Concept drift: what comes true of a score is not what came true of it when the model was judged."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.drift.budget import CONCEPT, Budget
from wellkept.ml.drift.relation import Relation, Turned, since, turned
from wellkept.ml.reference import SCORE
from wellkept.ml.watch.base import Said, Served
from wellkept.ml.watch.saying import clock, odds

SIGNAL = "relation"
SMALLER = 0.25
"""A change of what is to be predicted counts from a quarter of the size at which a change of inputs does."""
LIKELY = 0.01
"""A finding ends when what is seen is more probable than this where nothing has changed."""
RARER = 20
"""Labels of the rarer class that there must be at least."""


class Concept:
    """The labels of the newest predictions beside those of the rows that the model was judged on, by bins of the score.

    It looks at predictions that are old enough for their label to be known, over the drift window, or over as many as
    realised performance is told by. The chance is calibrated, and the level is that of the budget of false alarms, as
    for drift. A model without labelled held-out rows (an old version, one attached) is not judged.
    """

    name = "concept"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        reference = served.reference.get(SCORE)
        usual = reference.relation if reference is not None else None
        if usual is None:
            return Said()
        wanted = served.contract.monitors
        first = _first(served, wanted.drift.window_s, wanted.performance.min_labels)
        if first < 0:
            return Said()
        found = turned(usual, served.scores[first:], served.labels[first:])
        print_ = fingerprint(self.name, model_id(served.model), SIGNAL)
        level = Budget(wanted.drift.alarms_per_month, wanted.drift.window_s).level(CONCEPT)
        is_told = found.psi >= SMALLER * wanted.drift.psi and found.chance <= level
        if is_told or (print_ in served.open and found.chance <= LIKELY):
            return Said((self._finding(served, usual, found, first, level),))
        return Said(clear=frozenset({print_}))

    def _finding(self, served: Served, usual: Relation, found: Turned, first: int, level: float) -> Finding:
        print_ = fingerprint(self.name, model_id(served.model), SIGNAL)
        known = served.open.get(print_)
        turn = since(usual, served.scores, served.labels, first)
        starts_at = known.starts_at if known else datetime.fromtimestamp(float(served.at[turn]), UTC)
        limit = SMALLER * served.contract.monitors.drift.psi
        loss = float(np.mean(np.abs(served.labels[first:] - served.scores[first:])))
        return Finding(
            fingerprint=print_,
            detector=self.name,
            detector_version=self.version,
            entity=model_id(served.model),
            kind=FindingKind.DRIFT,
            severity=Severity.WARNING,
            score=round(found.psi / (found.psi + limit), 6) if found.psi > 0 else 0.0,
            score_meaning="the effect over the effect plus its limit: 0.5 is at the limit",
            starts_at=starts_at,
            sentence=(
                f"What {served.model} is to predict has changed since {clock(starts_at)}: "
                f"{_words(usual, found)} ({found.rows} labelled predictions of version {served.champion.called}). "
                f"Where nothing has changed, {odds(found.chance)}."
            ),
            evidence=(
                Evidence(
                    SIGNAL,
                    window_start=datetime.fromtimestamp(float(served.at[first]), UTC),
                    window_end=datetime.fromtimestamp(float(served.at[-1]), UTC),
                    limit=limit,
                    values={
                        "effect": found.psi,
                        "limit": limit,
                        "chance": found.chance,
                        "chance_limit": level,
                        "rows": float(found.rows),
                        "mean_absolute_error": loss,
                        **_pictured(usual, found),
                    },
                ),
            ),
            attributes={"title": f"What {served.model} is to predict has changed"},
        )


def _first(served: Served, window_s: float, enough: int) -> int:
    """The row from which on labels are judged: those of the window, or as many as suffice; -1: there are too few."""
    if len(served.at) < enough:
        return -1
    first = min(int(np.searchsorted(served.at, served.at[-1] - window_s)), len(served.at) - enough)
    if served.contract.task == "binary_classification":
        positive = np.cumsum(served.labels[::-1] > 0)
        rarer = np.minimum(positive, np.arange(1, len(positive) + 1) - positive)
        if rarer[-1] < RARER:
            return -1
        first = min(first, len(served.labels) - int(np.searchsorted(rarer, RARER)) - 1)
    return first


def _words(usual: Relation, found: Turned) -> str:
    bins = len(usual.edges) + 1
    place = _range(usual.edges, found.place % bins)
    if not usual.middle:
        return f"of the scores {place}, {found.now:.0%} come true, {found.then:.0%} did when it was judged"
    kind = "are above what they used to be" if found.place < bins else "are far from the score"
    return f"of the scores {place}, {found.now:.0%} of the labels {kind}, {found.then:.0%} when it was judged"


def _range(edges: tuple[float, ...], place: int) -> str:
    if not edges:
        return "of any size"
    if place == 0:
        return f"up to {edges[0]:.4g}"
    return f"over {edges[-1]:.4g}" if place == len(edges) else f"from {edges[place - 1]:.4g} to {edges[place]:.4g}"


def _pictured(usual: Relation, found: Turned) -> dict[str, float]:
    """The shares of events by bins of the score, for the picture: ``now.LABEL`` and ``then.LABEL``."""
    bins = len(usual.edges) + 1
    shown = [(_range(usual.edges, place), place) for place in range(bins)]
    return {
        f"{word}.{label}": round(values[place], 6)
        for word, values in (("now", found.after), ("then", found.before))
        for label, place in shown
    }
