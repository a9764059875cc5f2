"""The worker that runs a project's ``train``: on the older rows, leaving the newest ones to be judged on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import encoded, is_text, numbers_of
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.export import export
from wellkept.ml.interval import INTERVAL, Interval, interval_of, learned
from wellkept.ml.process import serve_request
from wellkept.ml.reference import Held, make_reference, write_reference
from wellkept.ml.runtime import Matrix, Scorer, Scores
from wellkept.ml.train.fitting import Fitter, matrix_of_inputs, read_snapshot
from wellkept.ml.train.judged import Fitted, Rows, judged
from wellkept.ml.train.split import seconds_of, split
from wellkept.ml.train.window import Choice, choose, share_held_out

LATENCY_ROWS = 300
PARITY_NULL_ROWS = 50
MOST_VALUES, SLICE_ROWS = 8, 200
"""Slices that are watched by themselves: the commonest values of a column, with as many held-out rows at least."""
WINDOW_S = 3600.0
"""Of a request by a version that did not say yet over which window drift is told."""
SCORED = ("binary_classification", "regression", "forecasting")
"""Tasks whose scores are in the unit of the label."""


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Split by time, train, export, score the held-out rows with challenger and champion, time single rows."""
    out, inputs = Path(request["out"]), request["features"]
    table, request = read_snapshot(request)
    is_chosen = request.get("choose_s") is not None and "time" in table.column_names
    trained, held_out = split(table, {**request, "held_out": share_held_out(table, request)} if is_chosen else request)
    columns: list[str] = request["columns"]
    _check_classes(trained, request)
    fitter = Fitter(request)
    choice = _chosen(trained, held_out, request, fitter) if is_chosen else Choice(trained)
    trained = choice.rows
    _check_classes(trained, request)
    features = fitter.features
    rows = matrix_of_inputs(held_out, inputs)
    made = rows
    if features is not None:
        made = features.matrix(rows)
        features.check_alone(rows, made)
    fitted = _fit(request, fitter, trained)
    may_be_null = np.array([name in {*request["nullable"], *request["open"]} for name in (columns or inputs)])
    asked = _with_nulls(made, may_be_null)
    manifest = export(fitted.estimator, asked, inputs, out, columns, fitter.code, fitter.categories)
    told = told_of(request, (trained, held_out), (rows, made), manifest, fitted)
    return {**told, "choice": choice.words, "ageing": list(choice.gains)} if is_chosen else told


def _chosen(trained: pa.Table, held_out: pa.Table, request: dict[str, Any], fitter: Fitter) -> Choice:
    """The window that a back-test on older rows finds best; the held-out ones have no part in it."""
    parameters = request["parameters"]

    def refit(table: pa.Table) -> Callable[[Matrix], Scores]:
        return fitter.score_of(fitter.fit(table, parameters))

    return choose(trained, float(seconds_of(held_out).max()), request, refit)


def _check_classes(trained: pa.Table, request: dict[str, Any]) -> None:
    """What tells classes apart must have seen two of them: a library would fail by itself, but not say why."""
    if not request["task"].endswith("classification"):
        return
    kinds = pc.unique(trained[request["label"]]).to_pylist()
    if len(kinds) < 2:
        rule = f"must be of two classes at least in the {trained.num_rows} older rows, which are trained on"
        raise InputError(f"load(window): {request['label']}", rule, f"{', '.join(map(str, kinds))} alone")


def told_of(
    request: dict[str, Any],
    parts: tuple[pa.Table, pa.Table],
    matrices: tuple[Matrix, Matrix],
    manifest: dict[str, Any],
    fitted: Fitted,
) -> dict[str, Any]:
    """What the model in ``request["out"]`` does on the held-out rows, whoever trained it; writes its scores.

    ``parts`` are the rows trained on and held out, ``matrices`` the held-out ones as inputs and as model columns.
    """
    out, inputs = Path(request["out"]), request["features"]
    (trained, held_out), (rows, made) = parts, matrices
    null_shares = {name: float(np.isnan(numbers_of(held_out[name])).mean()) for name in inputs}
    known = manifest.get("categories", {})
    request = {**request, "categories": known}
    trained, held_out = encoded(trained, known), encoded(held_out, known)
    challenger, _ = load_scorer(out)
    manifest = _completed(manifest, trained, _interval(challenger, rows, held_out, request), out)
    champion, champion_rows, champion_interval = None, rows, None
    if request["champion"]:
        champion, champion_manifest = load_scorer(Path(request["champion"]))
        champion_rows = _champion_rows(champion_manifest, parts[1])
        champion_interval = interval_of(champion_manifest)
    whole = Rows(trained, held_out, rows, made, champion_rows, champion_interval)
    scores, told = judged(whole, challenger, champion, request, fitted)
    pq.write_table(scores, request["scores"])
    reference = make_reference(
        matrix_of_inputs(trained, inputs),
        inputs,
        Held(challenger.score(rows), _numbers(held_out, request), _moments(held_out), _slices(held_out, request)),
        at=_moments(trained),
        window_s=request.get("window_s", WINDOW_S),
        score_of=challenger.score,
        texts={name: trained[name].to_pylist() for name in known},
    )
    write_reference(reference, out)
    return {
        "manifest": manifest,
        "parameters": request.get("parameters", {}),
        "trained_on": trained.num_rows,
        "span": _span(trained),
        "held_out": held_out.num_rows,
        "latency_p99_ms": _latency_p99_ms(challenger, rows),
        "null_shares": null_shares,
        "interval": request.get("interval"),
        **told,
    }


def _fit(request: dict[str, Any], fitter: Fitter, trained: pa.Table) -> Fitted:
    """The project's estimator, and the way to train it again on other rows."""
    parameters = request["parameters"]
    estimator = fitter.fit(trained, parameters)

    def refit(table: pa.Table) -> Callable[[Matrix], Scores]:
        return fitter.score_of(fitter.fit(table, parameters))

    return Fitted(estimator, fitter.score_of(estimator), refit, fitter.metrics)


def _interval(challenger: Scorer, rows: Matrix, held_out: pa.Table, request: dict[str, Any]) -> Interval | None:
    """What the version serves beside its answers, learned from all rows that were held out; None: nothing."""
    share, label = request.get("interval"), _numbers(held_out, request)
    return None if share is None or label is None else learned(share, label, challenger.score(rows))


def _completed(manifest: dict[str, Any], trained: pa.Table, interval: Interval | None, out: Path) -> dict[str, Any]:
    """The manifest with the version's interval, where it has one, and with the time of the newest row that was trained
    on: on older rows the model is no fair rival.
    """
    until = float(seconds_of(trained).max()) if "time" in trained.column_names else None
    served = {} if interval is None else {INTERVAL: interval.values()}
    whole = {**manifest, "trained_until": until, **served}
    (out / "manifest.json").write_text(json.dumps(whole, indent=1, sort_keys=True), encoding="utf-8")
    return whole


def _span(trained: pa.Table) -> list[str]:
    """The moments of the oldest and the newest row that was trained on; empty where rows have no time."""
    if "time" not in trained.column_names:
        return []
    ends = (float(one) for one in (seconds_of(trained).min(), seconds_of(trained).max()))
    return [datetime.fromtimestamp(one, UTC).isoformat(timespec="seconds") for one in ends]


def _moments(table: pa.Table) -> NDArray[np.float64] | None:
    return seconds_of(table) if "time" in table.column_names else None


def _numbers(table: pa.Table, request: dict[str, Any]) -> NDArray[np.float64] | None:
    """The labels of the rows, where a score can be compared with them."""
    label = request["label"]
    if request["task"] not in SCORED or label not in table.column_names:
        return None
    return np.asarray(pc.cast(table[label], pa.float64()).to_numpy(), dtype=np.float64)


def _slices(table: pa.Table, request: dict[str, Any]) -> dict[str, NDArray[np.bool_]]:
    """The rows of each slice that is large enough to be watched by itself, by ``COLUMN=VALUE``."""
    found = {}
    for column in request["slices"]:
        texts = np.asarray([_text(value) for value in table[column].to_pylist()], dtype=object)
        names, counts = np.unique(texts.astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")[:MOST_VALUES]
        found.update({f"{column}={names[i]}": texts == names[i] for i in order if counts[i] >= SLICE_ROWS})
    return found


def _text(value: Any) -> str:
    """As the engine writes a value: a whole number without its point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _champion_rows(manifest: dict[str, Any], held_out: pa.Table) -> Matrix:
    """The champion's inputs; both models are judged on the same rows, so the rows must have them."""
    known = manifest.get("categories", {})
    for name in manifest["inputs"]:
        if name not in held_out.column_names:
            rule = "must return the champion's inputs too, so that both models are judged on the same rows; missing"
            raise InputError("load(window)", rule, name)
        if (name in known) != is_text(held_out[name].type):
            kinds = ("a category", "a number") if name in known else ("a number", "a category")
            rule = f"is {kinds[0]} to the champion and {kinds[1]} now; give what is new a name of its own"
            raise InputError(f"input {name}", rule)
    return matrix_of_inputs(encoded(held_out, known), manifest["inputs"])


def _with_nulls(rows: Matrix, may_be_null: NDArray[np.bool_]) -> Matrix:
    """The rows, and some of them again with each nullable feature in turn missing: parity must hold there too."""
    holes = np.eye(rows.shape[1], dtype=bool)[may_be_null]
    extra = np.repeat(rows[:PARITY_NULL_ROWS], len(holes), axis=0)
    extra[np.tile(holes, (min(len(rows), PARITY_NULL_ROWS), 1))] = np.nan
    return np.vstack([rows, extra])


def _latency_p99_ms(scorer: Scorer, rows: Matrix) -> float:
    taken = []
    for index in range(LATENCY_ROWS):
        row = rows[index % len(rows)][None, :]
        began = time.perf_counter()
        scorer.score(row)
        taken.append(time.perf_counter() - began)
    return float(np.percentile(taken, 99) * 1000)


if __name__ == "__main__":
    serve_request(work)
