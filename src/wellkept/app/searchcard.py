"""What a model card says of the search for its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any

from wellkept.ml.evaluate.card.charts import Line, lines
from wellkept.ml.evaluate.card.page import Card
from wellkept.ml.evaluate.card.sections import MOST_ROWS, Section, number

COLUMNS = ("trial", "value", "state", "parameters", "seconds")


def with_search(card: Card, search: Mapping[str, Any] | None) -> Card:
    """The card with the trials of a search: the best ones as a table, all of them as a picture."""
    if search is None:
        return card
    metric, trials = search["metric"], search["trials"]
    worst = -math.inf if search["maximize"] else math.inf
    values = [one["value"] if one["state"] == "complete" else worst for one in trials]
    order = sorted(range(len(trials)), key=lambda place: values[place], reverse=search["maximize"])
    rows = [_row(place + 1, trials[place]) for place in order[:MOST_ROWS]]
    words = f"{len(trials)} trials, judged by {metric} on rows that were trained on; no held-out row took part."
    section = Section("Search", words, COLUMNS, rows)
    numbers = [float(place) for place in range(1, len(trials) + 1)]
    best = list(accumulate(values, max if search["maximize"] else min))
    shown = (Line("each trial", numbers, values), Line("best so far", numbers, best, dashed=True))
    picture = lines("search", f"The search: {metric} by trial", "trial", metric, shown)
    plots = (*card.plots, picture) if picture is not None else card.plots
    return replace(card, sections=(*card.sections, section), plots=plots)


def _row(place: int, trial: Mapping[str, Any]) -> tuple[str, ...]:
    chosen = ", ".join(
        f"{name} {one:.4g}" if isinstance(one, float) else f"{name} {one}" for name, one in trial["parameters"].items()
    )
    value = number(trial["value"]) if trial["value"] is not None else "none"
    state = f"{trial['state']}: {trial['error']}" if trial["error"] else str(trial["state"])
    return str(place), value, state, chosen, f"{trial['seconds']:.3g}"
