"""A stream played through the real monitors: what they would have told, look by look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, Severity
from wellkept.ml.contract import ModelContract, parse_contract
from wellkept.ml.reference import SCORE, Distribution, Held, make_reference
from wellkept.ml.watch.base import Monitor, Sample, Served
from wellkept.spine.plugins import load
from wellkept.spine.registry import ModelVersion
from wellkept.store.telemetry.serving import Histograms

Floats = NDArray[np.float64]
MONITORS = ("drift", "multivariate", "concept")
SLICES = 12
LOOKS = 4
"""So often a window the monitors look."""
HELD = 0.2
"""The newest part of the training rows, which the model is judged on."""
MOST_SAMPLED = 1000
DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A stream to be played: rows by time, the first ``trained`` of them to train on, the others live.

    ``x`` float64[n, f] (NaN is null), ``texts`` the category columns, ``label`` float64[n] of 0 and 1, ``window_s`` how
    long a window is, ``fit`` what makes a model of rows and labels.
    """

    names: tuple[str, ...]
    time: Floats
    x: Floats
    label: Floats
    trained: int
    window_s: float
    fit: Callable[[Floats, Floats], Callable[[Floats], Floats]]
    texts: Mapping[str, NDArray[np.object_]]
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """A finding at the look when it began."""

    at: float
    finding: Finding

    @property
    def is_page(self) -> bool:
        return self.finding.severity > Severity.INFO


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """The live rows, slice by slice: counts [S, B] and nulls [S] of each column, and where each slice's rows end."""

    bins: Mapping[str, NDArray[np.int64]]
    nulls: Mapping[str, NDArray[np.int64]]
    ends: NDArray[np.int64]
    times: Floats


def contract_of(played: Played, min_rows: int, alarms_per_month: float = 1.0) -> ModelContract:
    """The contract of a stream's model, with the shipped limits."""
    inputs = "".join(f"  - {{name: {name}, nullable: true}}\n" for name in played.names)
    return parse_contract(
        f"name: stream\ntask: binary_classification\nowner: evaluation\ninputs:\n{inputs}"
        f"metrics: {{primary: roc_auc}}\nlabel: {{delay_s: {played.delay_s}}}\nmonitors:\n"
        f"  drift: {{window_s: {played.window_s}, min_rows: {min_rows}, alarms_per_month: {alarms_per_month}}}\n"
        f"  performance: {{window_s: {played.window_s}}}\n"
    )


def play(played: Played, min_rows: int = 500, monitors: Sequence[str] = MONITORS) -> list[Alarm]:
    """What began, and when, over the rows after those that were trained on."""
    asked = [load("monitor")[name]() for name in monitors]
    contract = contract_of(played, min_rows)
    alarms: list[Alarm] = []
    known: dict[str, Finding] = {}
    for served, now in _looks(played, contract, known):
        alarms += [Alarm(now.timestamp(), finding) for finding in _ask(asked, served, now, known)]
    return alarms


def _ask(asked: Sequence[Monitor], served: Served, now: datetime, known: dict[str, Finding]) -> list[Finding]:
    """What begins at this look; what was known goes on or ends."""
    begun = []
    for monitor in asked:
        said = monitor.watch(served, now)
        for print_ in said.clear:
            known.pop(print_, None)
        for finding in said.findings:
            before = known.get(finding.fingerprint)
            if before is None or before.severity < finding.severity:
                begun.append(finding)
            known[finding.fingerprint] = finding
    return begun


def _looks(played: Played, contract: ModelContract, known: Mapping[str, Finding]) -> Iterator[tuple[Served, datetime]]:
    judged = int(played.trained * (1 - HELD))
    score_of = played.fit(played.x[:judged], played.label[:judged])
    scores = score_of(played.x)
    reference = _reference(played, judged, scores, score_of)
    counted = _count(played, scores, reference)
    live_at, live_scores = played.time[played.trained :], scores[played.trained :]
    live_labels, step_s = played.label[played.trained :], played.window_s / SLICES
    version = ModelVersion("stream", DIGEST, datetime.fromtimestamp(0, UTC), DIGEST, "onnx", DIGEST, number=1)
    for end in range(SLICES, len(counted.times) + 1, SLICES // LOOKS):
        span = slice(end - SLICES, end)
        now = float(counted.times[end - 1])
        slices = Histograms(
            counted.times[span],
            {name: counts[span] for name, counts in counted.bins.items()},
            {name: counts[span] for name, counts in counted.nulls.items()},
        )
        first = int(counted.ends[end - SLICES - 1]) if end > SLICES else 0
        due = int(np.searchsorted(live_at, now - played.delay_s))
        since = int(np.searchsorted(live_at, now - played.delay_s - 2 * played.window_s))
        served = Served(
            contract=contract,
            champion=version,
            reference=reference,
            slices=slices,
            rates=slices.bins[SCORE].sum(axis=1),
            step_s=step_s,
            tops={},
            at=live_at[since:due],
            scores=live_scores[since:due],
            labels=live_labels[since:due],
            open=known,
            sample=_sample(played, played.trained + first, played.trained + int(counted.ends[end - 1])),
        )
        yield served, datetime.fromtimestamp(now, UTC)


def _reference(
    played: Played, judged: int, scores: Floats, score_of: Callable[[Floats], Floats]
) -> dict[str, Distribution]:
    """As training makes it: the inputs of the rows trained on, the scores of the newest, which were held out."""
    held = slice(judged, played.trained)
    return make_reference(
        played.x[:judged],
        played.names,
        Held(scores[held], played.label[held], played.time[held]),
        at=played.time[:judged],
        window_s=played.window_s,
        score_of=score_of,
        texts={name: list(column[:judged]) for name, column in played.texts.items()},
    )


def _count(played: Played, scores: Floats, reference: Mapping[str, Distribution]) -> _Counted:
    """The histograms of the live rows on the grid of slices, as the store makes them."""
    live = slice(played.trained, None)
    start, step_s = float(played.time[played.trained]), played.window_s / SLICES
    number = ((played.time[live] - start) / step_s).astype(np.int64)
    total = int(number.max())  # the last one is not whole
    number = np.minimum(number, total)
    bins, nulls = {}, {}
    for name, entry in reference.items():
        places = _places(played, name, entry, scores)[live]
        size, is_known = len(entry.counts), places >= 0
        flat = np.bincount(number[is_known] * size + places[is_known], minlength=(total + 1) * size)
        bins[name] = flat.reshape(total + 1, size)[:total]
        nulls[name] = np.bincount(number[~is_known], minlength=total + 1)[:total]
    ends = np.searchsorted(number, np.arange(total), side="right")
    times = start + step_s * np.arange(1, total + 1, dtype=np.float64)
    return _Counted(bins, nulls, ends, times)


def _places(played: Played, name: str, entry: Distribution, scores: Floats) -> NDArray[np.int64]:
    """The bin of each row; -1 is null."""
    if entry.is_category:
        place = {text: index for index, text in enumerate(entry.categories)}
        return np.asarray([-1 if text is None else place.get(text, len(place)) for text in played.texts[name]])
    values = scores if name == SCORE else played.x[:, played.names.index(name)]
    found = np.searchsorted(np.asarray(entry.edges), values, side="left")
    return np.where(np.isfinite(values), found, -1)


def _sample(played: Played, first: int, last: int) -> Sample:
    rows = np.unique(np.linspace(first, max(first, last - 1), min(MOST_SAMPLED, last - first)).astype(np.int64))
    columns: dict[str, Floats | Sequence[str | None]] = {
        name: played.x[rows, place] for place, name in enumerate(played.names)
    }
    columns.update({name: list(texts[rows]) for name, texts in played.texts.items()})
    return Sample(played.time[rows], columns)
