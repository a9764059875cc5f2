"""Training-serving skew: features are served with other values than the sources say were known at that moment."""

from __future__ import annotations

from datetime import datetime

from wellkept.kernel.entity import feature_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.watch.base import Said, Served

SIGNAL = "training_serving_skew"
GRAVE = 0.5
"""From this share of rows on it is an error."""


class Skew:
    """Judges the newest skew check of the live version; where there was none, it says nothing.

    The check itself reads sources and is not done here (``data.skew.every_s`` says how often it is).
    """

    name = "skew"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        seen = served.skew
        if seen is None:
            return Said()
        sources = {entry.name: entry.source for entry in served.contract.inputs}
        findings: list[Finding] = []
        clear: set[str] = set()
        for name, share in seen.shares.items():
            entity = feature_id(served.model, name)
            print_ = fingerprint(self.name, entity, SIGNAL)
            if share <= seen.limit:
                clear.add(print_)
                continue
            known = served.open.get(print_)
            findings.append(
                Finding(
                    fingerprint=print_,
                    detector=self.name,
                    detector_version=self.version,
                    entity=entity,
                    kind=FindingKind.DATA_QUALITY,
                    severity=Severity.ERROR if share >= GRAVE else Severity.WARNING,
                    score=round(min(1.0, share), 6),
                    score_meaning="the share of sampled rows whose served value is not the recomputed one",
                    starts_at=known.starts_at if known is not None else seen.at,
                    sentence=(
                        f"{name}, an input of {served.model}, was served with another value than its source gives for "
                        f"that moment in {share:.0%} of {seen.rows} predictions; {seen.limit:.0%} is allowed."
                    ),
                    evidence=(
                        Evidence(
                            SIGNAL,
                            {"feature": name, "source": sources.get(name, "")},
                            limit=seen.limit,
                            values={"share": share},
                        ),
                    ),
                    attributes={"title": f"{name} of {served.model} is not served as it is trained"},
                )
            )
        return Said(tuple(findings), frozenset(clear))
