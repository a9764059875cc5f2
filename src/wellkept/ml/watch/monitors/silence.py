"""Silence: a model that was asked all the time is not asked, or does not answer, any more."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.watch.base import Said, Served

QUIET_SLICES = 3
REGULAR = 0.9
"""Silence is a word only of a model that predicted in this share of the slices before."""
LEAST = 5.0
"""Predictions a slice, on the average, below which a silent stretch may be chance."""


class Silence:
    """No prediction in the newest slices of a model that predicted in nearly all before."""

    name = "silence"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        print_ = fingerprint(self.name, model_id(served.model), "predictions")
        active = np.flatnonzero(served.rates)
        last = int(active[-1]) if len(active) else -1
        if last >= len(served.rates) - QUIET_SLICES:
            return Said(clear=frozenset({print_}))
        before = served.rates[: last + 1]
        was_regular = len(before) > QUIET_SLICES and (before > 0).mean() >= REGULAR and before.mean() >= LEAST
        known = served.open.get(print_)
        if known is not None:
            return Said((known,))
        if not was_regular:
            return Said()
        starts_at = datetime.fromtimestamp(float(served.slices.times[last]), UTC)
        rate = float(before.mean() / served.step_s)
        finding = Finding(
            fingerprint=print_,
            detector=self.name,
            detector_version=self.version,
            entity=model_id(served.model),
            kind=FindingKind.MISSING_DATA,
            severity=Severity.ERROR,
            score=1.0,
            score_meaning="1: nothing at all was predicted",
            starts_at=starts_at,
            sentence=(
                f"{served.model} has predicted nothing since {starts_at:%H:%M:%S} UTC; {rate:.3g} a second before."
            ),
            evidence=(Evidence("predictions", unit="1/s", values={"usual": rate}),),
            attributes={"title": f"{served.model} is silent"},
        )
        return Said((finding,))
