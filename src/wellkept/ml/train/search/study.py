"""The study of a search: Optuna, on a journal in the run's folder, so that a killed search keeps its finished trials.

Each trial draws from a generator that is seeded by the contract's seed and by how many trials are finished. So trials
that run one after the other are the same whether or not the search was cut off in between.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from wellkept.ml.trainspec import Search, Space

RANDOM_TRIALS = 8
"""The first trials are drawn evenly; after them the sampler (TPE) learns from what was tried."""
UNPRUNED_TRIALS = 4
"""No trial is cut off before so many went through."""
SECONDS, ERROR = "seconds", "error"
"""What a trial keeps beside its value."""

Evaluate = Callable[[Any, Mapping[str, Any]], float]
"""The value of some parameters; the trial is told intermediate values, and may be pruned by raising."""


class Study:
    """One search."""

    def __init__(self, file: Path, name: str, search: Search, seed: int, *, maximize: bool) -> None:
        """Open the journal, or go on with it; ``name`` tells searches on other inputs apart."""
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._search, self._seed = optuna, search, seed
        self._pruner = optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS)
        storage = JournalStorage(JournalFileBackend(str(file)))
        direction: Literal["maximize", "minimize"] = "maximize" if maximize else "minimize"
        self._study = optuna.create_study(
            storage=storage, study_name=name, direction=direction, pruner=self._pruner, load_if_exists=True
        )

    def settle(self) -> None:
        """Give up the trials that an earlier process left half way; for the one process that begins."""
        for trial in self._study.get_trials(deepcopy=False):
            if not trial.state.is_finished():
                self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)

    def finished(self) -> list[Any]:
        """The trials that ended by themselves, in order; not those that were cut off with their process."""
        fail = self._optuna.trial.TrialState.FAIL
        trials = self._study.get_trials(deepcopy=False)
        return [one for one in trials if one.state.is_finished() and (one.state != fail or ERROR in one.user_attrs)]

    def run_one(self, evaluate: Evaluate, start: Mapping[str, Any]) -> dict[str, Any]:
        """Try one more, and tell of it; the first one is ``start``."""
        optuna, number = self._optuna, len(self.finished())
        if number == 0:
            self._study.enqueue_trial(dict(start), skip_if_exists=True)
        self._study.sampler = optuna.samplers.TPESampler(seed=self._seed + number, n_startup_trials=RANDOM_TRIALS)
        trial = self._study.ask()
        parameters = {name: _drawn(trial, name, space) for name, space in self._search.parameters.items()}
        began = time.perf_counter()
        state = optuna.trial.TrialState
        try:
            found = evaluate(trial, parameters)
        except optuna.TrialPruned:
            trial.set_user_attr(SECONDS, time.perf_counter() - began)
            self._study.tell(trial, state=state.PRUNED)
        except Exception as error:  # noqa: BLE001 - the edge of a project's code: a trial that fails is one that is listed
            traceback.print_exc()
            trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}"[:500])
            self._study.tell(trial, state=state.FAIL)
        else:
            trial.set_user_attr(SECONDS, time.perf_counter() - began)
            self._study.tell(trial, found)
        return told(self._study.get_trials(deepcopy=False)[trial.number])

    def heard(self, trial: Any, step: int, found: float) -> None:
        """Note an intermediate value of a trial.

        Raises:
            optuna.TrialPruned: it is worse at this step than half of those before; nobody need go on with it.
        """
        trial.report(found, step)
        if trial.should_prune():
            raise self._optuna.TrialPruned

    def best(self) -> Any | None:
        """The best trial that went through; None where none did."""
        done = [one for one in self.finished() if one.state == self._optuna.trial.TrialState.COMPLETE]
        return self._study.best_trial if done else None


def told(trial: Any) -> dict[str, Any]:
    """A trial as JSON values."""
    return {
        "state": trial.state.name.lower(),
        "value": trial.value,
        "parameters": dict(trial.params),
        "seconds": round(trial.user_attrs.get(SECONDS, 0.0), 3),
        "error": trial.user_attrs.get(ERROR, ""),
        "steps": len(trial.intermediate_values),
    }


def mended(file: Path) -> None:
    """Make a journal right that its writer was killed over: no half line at its end, and no lock of a dead process."""
    for lock in file.parent.glob(f"{file.name}*lock*"):
        lock.unlink()
    if file.exists():
        data = file.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            file.write_bytes(data[:whole])


def _drawn(trial: Any, name: str, space: Space) -> Any:
    if space.choices is not None:
        return trial.suggest_categorical(name, list(space.choices))
    assert space.low is not None
    assert space.high is not None
    if space.whole:
        return trial.suggest_int(name, int(space.low), int(space.high), log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)
