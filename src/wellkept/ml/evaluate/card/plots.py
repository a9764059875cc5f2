"""The pictures of a model card, by what the model answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.card.charts import Line, Picture, bars, lines
from wellkept.ml.evaluate.card.tried import tried_pictures
from wellkept.ml.evaluate.checks.inputs import missing_values
from wellkept.ml.evaluate.checks.slices import slice_values
from wellkept.ml.metrics import Array
from wellkept.ml.outcome import Outcome
from wellkept.ml.sample import value_of

BINS, DEPTHS, MOST_ROWS = 10, 50, 12
LEAST_ROWS = 10


def pictures(contract: ModelContract, outcome: Outcome) -> list[Picture]:
    """What there is to see of a version on its held-out rows; nothing where it gave answers that are no numbers."""
    if len(outcome.label) == 0 or not np.isfinite(outcome.challenger).all():
        return []
    if contract.task == "binary_classification":
        own = [_calibration(outcome), _precision(outcome), _scores(outcome)]
    elif contract.task == "ranking":
        own = [_depths(outcome)]
    elif contract.task == "multiclass_classification":
        own = [_classes(outcome)]
    else:
        own = [_over_time(outcome), _answers(outcome), _errors(outcome)]
    shared = [*(_slices(contract, outcome, column) for column in contract.slices), _missing(contract, outcome)]
    every = (*own, *tried_pictures(contract, outcome), *shared, _alone(outcome))
    return [found for found in every if found is not None]


def _calibration(outcome: Outcome) -> Picture | None:
    score, happened = _binned(outcome.challenger, outcome.label)
    ideal = Line("ideal", [0.0, 1.0], [0.0, 1.0], dashed=True)
    title = "Calibration: of the rows with a score, the share that happened"
    return lines("calibration", title, "score", "share that happened", [Line("model", score, happened), ideal])


def _precision(outcome: Outcome) -> Picture | None:
    def curve(name: str, score: Array, *, dashed: bool) -> Line:
        ranked = outcome.label[np.argsort(-score, kind="stable")]
        hits = np.cumsum(ranked)
        recall = hits / max(hits[-1], 1.0)
        return Line(name, recall.tolist(), (hits / np.arange(1, len(hits) + 1)).tolist(), dashed=dashed)

    drawn = [curve("model", outcome.challenger, dashed=False)]
    if outcome.champion is not None:
        drawn.append(curve("champion", outcome.champion, dashed=True))
    return lines("precision", "Precision at each recall", "recall", "precision", drawn)


def _scores(outcome: Outcome) -> Picture | None:
    edges = np.linspace(float(outcome.challenger.min()), float(outcome.challenger.max()) + 1e-12, 21)
    middle = ((edges[1:] + edges[:-1]) / 2).tolist()
    drawn = []
    for name, kind in (("happened", 1.0), ("did not", 0.0)):
        mine = outcome.challenger[outcome.label == kind]
        counts, _ = np.histogram(mine, edges)
        drawn.append(Line(name, middle, (counts / max(len(mine), 1)).tolist()))
    return lines("scores", "Scores of what happened and of what did not", "score", "share of rows", drawn)


def _depths(outcome: Outcome) -> Picture | None:
    rivals = [("model", outcome.challenger), ("champion", outcome.champion), ("most chosen", outcome.baseline)]
    depths = list(range(1, DEPTHS + 1))
    drawn = []
    for name, places in rivals:
        if places is not None:
            sample = outcome.sample.scored(places)
            recall = [value_of(f"recall@{depth}", sample) for depth in depths]
            drawn.append(Line(name, [float(depth) for depth in depths], recall, dashed=name != "model"))
    return lines("recall", "Recall at each depth of the list", "depth", "recall", drawn)


def _classes(outcome: Outcome) -> Picture | None:
    rows = []
    for kind in np.unique(outcome.label)[:MOST_ROWS]:
        mine = outcome.label == kind
        share = float((outcome.challenger[mine] == kind).mean())
        rows.append((f"class {kind:g}", share, f"{share:.2f} of {int(mine.sum())}"))
    return bars("classes", "Of each class, the share that was named", rows)


def _over_time(outcome: Outcome) -> Picture | None:
    if outcome.at is None:
        return None
    moments, code = np.unique(outcome.at, return_inverse=True)
    if not 2 <= len(moments) <= 1000:
        return None
    since = ((moments - moments[0]) / 86_400).tolist()
    rivals = [("happened", outcome.label), ("model", outcome.challenger), ("baseline", outcome.baseline)]
    drawn = [
        Line(name, since, np.bincount(code, values).tolist(), dashed=name == "baseline")
        for name, values in rivals
        if values is not None
    ]
    return lines("time", "Sum over all rows of each moment", "days since the first held-out row", "sum", drawn)


def _answers(outcome: Outcome) -> Picture | None:
    score, happened = _binned(outcome.challenger, outcome.label)
    ideal = Line("ideal", score, score, dashed=True)
    title = "Answers and what happened, in ten ranges of the answer"
    return lines("answers", title, "answer", "mean of what happened", [Line("model", score, happened), ideal])


def _errors(outcome: Outcome) -> Picture | None:
    error = outcome.challenger - outcome.label
    low, high = np.quantile(error, [0.01, 0.99])
    if high <= low:
        return None
    counts, edges = np.histogram(error, np.linspace(low, high, 25))
    middle = ((edges[1:] + edges[:-1]) / 2).tolist()
    drawn = [Line("model", middle, (counts / len(error)).tolist())]
    return lines("errors", "Errors: answer less what happened", "error", "share of rows", drawn)


def _slices(contract: ModelContract, outcome: Outcome, column: str) -> Picture | None:
    found = slice_values(contract, outcome, column, LEAST_ROWS)[:MOST_ROWS]
    rows = [(part.value, part.metric, f"{part.metric:.3f} on {part.rows}") for part in found]
    return bars(f"slice-{column}", f"{contract.metrics.primary} by {column}, the worst first", rows)


def _missing(contract: ModelContract, outcome: Outcome) -> Picture | None:
    found = missing_values(contract, outcome)[:MOST_ROWS]
    rows = [(f"without {name}", max(0.0, worse), f"{worse:+.3f}") for name, worse in found]
    return bars("missing", f"How much worse {contract.metrics.primary} is when an input is missing", rows)


def _alone(outcome: Outcome) -> Picture | None:
    ranked = sorted((outcome.alone or {}).items(), key=lambda item: -item[1])[:MOST_ROWS]
    return bars("alone", "How much each column tells alone (1: everything)", [(n, v, f"{v:.3f}") for n, v in ranked])


def _binned(score: NDArray[np.float64], label: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """The means of score and label in ten ranges of equal counts."""
    order = np.argsort(score, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return [float(score[part].mean()) for part in parts], [float(label[part].mean()) for part in parts]
