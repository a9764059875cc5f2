"""Versions: predictions come under a version that is none."""

from __future__ import annotations

from datetime import datetime, timedelta

from wellkept.ml.watch.base import Said, Served
from wellkept.ml.watch.saying import Trouble, judged

FEWEST = 20
MANY, SOON = 10, timedelta(minutes=10)
"""A few new names of a model that is served elsewhere are versions as soon as they have been looked at."""
SIGNAL = "version"


class Versions:
    """Names of versions that are not registered, in the window. Chance has no part in it.

    A model that is served elsewhere gets its new versions registered by itself, as long as they are few.
    """

    name = "versions"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:
        seen = served.seen
        if seen is None:
            return Said()
        unknown = [one for one in seen.versions if one.name not in seen.known]
        if served.champion.is_elsewhere and len(unknown) <= MANY:
            unknown = [one for one in unknown if one.first <= now - SOON]
        count, total = sum(one.predictions for one in unknown), sum(one.predictions for one in seen.versions)
        if count < FEWEST:
            return judged(self, served, [("", SIGNAL, None)])
        shown = ", ".join(repr(one.name) for one in unknown[:3])
        hint = (
            "so many new ones look like ids of requests; log the name of the model's version"
            if served.champion.is_elsewhere
            else "they are judged by nothing here; log the digest of the version that answered"
        )
        trouble = Trouble(
            signal=SIGNAL,
            cause="unknown_version",
            sentence=f"{count} of {total} predictions of {served.model} name versions that nobody registered "
            f"({len(unknown)}, such as {shown}): {hint}.",
            title=f"{served.model} answers as a version that nobody knows",
            starts=min(one.first for one in unknown).timestamp(),
            score=count / max(total, 1),
            meaning="the share of predictions with an unknown version",
            values={"predictions": float(count), "versions": float(len(unknown))},
        )
        return judged(self, served, [("", SIGNAL, trouble)])
