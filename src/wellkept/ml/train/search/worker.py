"""The worker that searches for parameters: trials on the inner split, one after the other or some at a time."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.ml import progress
from wellkept.ml.process import die_with_parent, serve_request
from wellkept.ml.train.fitting import Fitter, read_snapshot
from wellkept.ml.train.search.inner import Pair, pairs, value
from wellkept.ml.train.search.study import Study, mended, told
from wellkept.ml.train.split import split
from wellkept.ml.trainspec import Search


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Search, or go on with a search that was cut off; the best parameters, and every trial."""
    search = Search.model_validate(request["search"])
    table, request = read_snapshot(request)
    trained, _ = split(table, request)
    mended(Path(request["journal"]))
    task = _Task(request, search, pairs(trained, request, search.holdout, search.folds))
    study = task.study()
    study.settle()
    left = search.trials - len(study.finished())
    if left > 0:
        _share(task, left, min(search.parallel, left))
    best = study.best()
    trials = [told(one) for one in study.finished()]
    if best is None:
        why = next((one["error"] for one in reversed(trials) if one["error"]), "each was cut off")
        raise InputError("train.search", f"no trial of {len(trials)} went through; the last one: {why}")
    found = {"parameters": dict(best.params), "value": best.value, "trials": trials}
    return {**found, "metric": request["metric"], "maximize": request["maximize"]}


class _Task:
    """What each process of a search does."""

    def __init__(self, request: Mapping[str, Any], search: Search, folds: list[Pair]) -> None:
        self._request, self._search, self._folds = request, search, folds
        self._fitter = Fitter(request)
        self._deadline = time.monotonic() + (search.time_s or math.inf)

    def study(self) -> Study:
        """The study; each process opens it by itself."""
        request = self._request
        file, seed = Path(request["journal"]), int(request["seed"])
        return Study(file, request["study"], self._search, seed, maximize=request["maximize"])

    def try_all(self, left: Any) -> None:
        """Take trials until none is left or the time is up; ``left`` is a number that processes share."""
        study = self.study()
        names = self._search.parameters.keys()
        start = {name: one for name, one in self._request["parameters"].items() if name in names}
        while time.monotonic() < self._deadline:
            with left.get_lock():
                if left.value <= 0:
                    return
                left.value -= 1
            self._say(study, study.run_one(lambda trial, parameters: self._value(study, trial, parameters), start))

    def _value(self, study: Study, trial: Any, parameters: Mapping[str, Any]) -> float:
        """The mean over the folds. What the project says of its progress is heard in the first one."""
        metric: str = self._request["metric"]
        found: list[float] = []

        def hear(step: float, values: Mapping[str, float]) -> None:
            if metric in values and not found:
                study.heard(trial, int(step), float(values[metric]))

        chosen = {**self._request["parameters"], **parameters}
        progress.listen(hear, f"trial {trial.number + 1}: ")
        try:
            for pair in self._folds:
                estimator = self._fitter.fit(pair[0], chosen)
                found.append(value(pair, self._fitter.score_of(estimator), metric, self._request))
        finally:
            progress.listen(None)
        mean = sum(found) / len(found)
        if not math.isfinite(mean):
            raise InputError(metric, "has no meaning on the rows of the inner split", mean)
        return mean

    def _say(self, study: Study, newest: Mapping[str, Any]) -> None:
        done, best = study.finished(), study.best()
        about = f"{newest['value']:.4g}" if newest["value"] is not None else newest["state"]
        values = {"best": best.value} if best is not None else {}
        progress.progress(len(done), self._search.trials, f"trial {len(done)}: {about}", **values)
        chosen = ", ".join(f"{name} {_short(one)}" for name, one in newest["parameters"].items())
        print(f"trial {len(done)} of {self._search.trials}: {self._request['metric']} {about} with {chosen}")  # noqa: T201 - this is the log of the run


def _share(task: _Task, trials: int, processes: int) -> None:
    """Do the trials, here or in processes that share the journal. They are forked, so that the rows are there once."""
    context = multiprocessing.get_context("fork")
    left = context.Value("i", trials)
    if processes == 1:
        task.try_all(left)
        return
    others = [context.Process(target=_beside, args=(task, left)) for _ in range(processes)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    if any(other.exitcode for other in others):
        print(f"{sum(bool(other.exitcode) for other in others)} of {processes} processes of the search broke off")  # noqa: T201


def _beside(task: _Task, left: Any) -> None:
    die_with_parent()
    task.try_all(left)


def _short(one: Any) -> str:
    return f"{one:.4g}" if isinstance(one, float) else str(one)


if __name__ == "__main__":
    serve_request(work)
