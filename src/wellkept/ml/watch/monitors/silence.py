"""Silence: a model that was asked all the time is not asked, or does not answer, any more."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.watch.base import Said, Seen, Served
from wellkept.ml.watch.rhythm import quiet_since
from wellkept.ml.watch.saying import Trouble, clock
from wellkept.ml.watch.saying import finding as finding_of

CAUSE = "no_traffic"
QUIET_SLICES = 3
REGULAR = 0.9
"""Silence is a word only of a model that predicted in this share of the slices before."""
LEAST = 5.0
"""Predictions a slice, on the average, below which a silent stretch may be chance."""


NEVER = 2.0
"""A version that was live for so many windows and never asked is told."""


class Silence:
    """No prediction in the newest slices of a model that predicted in nearly all before, or none for several times as
    long as any pause before (daily batches are given their days), or none at all since it went live.

    One that has paused as long before, over a weekend for one, is left to its rhythm.
    """

    name = "silence"
    version = "3"

    def watch(self, served: Served, now: datetime) -> Said:
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
        quiet_s = (len(served.rates) - 1 - last) * served.step_s
        if not was_regular or (served.seen is not None and longest_pause(served.seen) >= quiet_s):
            return self._by_rhythm(served, now)
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
            sentence=(f"{served.model} has predicted nothing since {clock(starts_at)}; {rate:.3g} a second before."),
            evidence=(Evidence("predictions", unit="1/s", values={"usual": rate}),),
            attributes={"title": f"{served.model} is silent", "cause": CAUSE},
        )
        return Said((finding,))

    def _by_rhythm(self, served: Served, now: datetime) -> Said:
        """Of one that is asked now and then, or never was."""
        seen = served.seen
        if seen is None:
            return Said()
        last = quiet_since(seen.rhythm)
        if last >= 0 and not served.rates.any():
            since = seen.rhythm_end - (len(seen.rhythm) - 1 - last) * seen.rhythm_s
            usual = float(seen.rhythm[: last + 1].sum() / (last + 1) / seen.rhythm_s * 86_400)
            words = f"has predicted nothing since {clock(since)}, longer than ever before; {usual:.3g} a day before"
            return self._told(served, words, since, {"usual": usual / 86_400})
        live_s = (now - seen.live_since).total_seconds()
        if not seen.ever and live_s >= NEVER * served.contract.monitors.drift.window_s:
            words = f"has predicted nothing at all since it went live at {clock(seen.live_since.timestamp())}"
            return self._told(served, words, seen.live_since.timestamp(), {"usual": 0.0})
        return Said()

    def _told(self, served: Served, words: str, since: float, values: dict[str, float]) -> Said:
        trouble = Trouble(
            signal="predictions",
            cause=CAUSE,
            sentence=f"{served.model} {words}.",
            title=f"{served.model} is silent",
            starts=since,
            score=1.0,
            meaning="1: nothing at all was predicted",
            severity=Severity.ERROR if values["usual"] else Severity.WARNING,
            kind=FindingKind.MISSING_DATA,
            values=values,
        )
        return Said((finding_of(self, served, trouble),))


def longest_pause(seen: Seen) -> float:
    """The longest time without a prediction that was followed by one, in seconds, over the longer window."""
    active = np.flatnonzero(seen.rhythm)
    return float(np.diff(active).max() - 1) * seen.rhythm_s if len(active) > 1 else 0.0
