"""New categories: words that training never saw, or that the contract does not name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from wellkept.ml.watch.base import Said, Seen, Served
from wellkept.ml.watch.saying import Looked, Trouble, judged, origin
from wellkept.ml.watch.shapes import z_of

SHARE = 0.05
"""So much more of the predictions have a word that the reference does not tell apart."""
SURE = 5.0
"""Standard deviations: once in three million looks where nothing has changed."""
FEWEST = 100
SIGNAL = "new_category"


class NewCategories:
    """The share of words that are none of the reference's.

    A new category may be a mistake or a new country: it is told, and carries no ``cause``, because to learn it may be
    just the thing to do.
    """

    name = "categories"
    version = "1"

    def watch(self, served: Served, now: datetime) -> Said:  # noqa: ARG002 - the view says all
        return judged(self, served, _looks(served, served.seen)) if served.seen is not None else Said()


def _looks(served: Served, seen: Seen) -> Iterator[Looked]:
    for name, reference in served.reference.items():
        bins, column = served.slices.bins.get(name), seen.now.columns.get(name)
        if not reference.is_category or bins is None or column is None or bins.sum() < FEWEST:
            continue
        rows = float(bins.sum())
        share, before = float(bins[:, -1].sum()) / rows, reference.counts[-1] / max(reference.rows, 1)
        entry = served.contract.logged.get(name)
        known = {*reference.categories, *(entry.values if entry is not None else ())}
        new = [word for word in column.words if word not in known]
        if share - before < SHARE or z_of(share, rows, before, reference.rows) < SURE or not new:
            yield name, SIGNAL, None
            continue
        trouble = Trouble(
            signal=SIGNAL,
            cause="",
            sentence=f"{origin(served, name)} has categories in {share:.0%} of the predictions that training did "
            f"not know, {before:.0%} were so there: {', '.join(repr(word) for word in new[:5])}.",
            title=f"{name} of {served.model} has new categories",
            starts=seen.now.first,
            score=share,
            meaning="the share of predictions with a category that the reference does not tell apart",
            column=name,
            values={"share": share, "before": before, "new": float(len(new))},
            limit=SHARE,
            notes={"quality": SIGNAL, "categories": ", ".join(new[:20])},
        )
        yield name, SIGNAL, trouble
