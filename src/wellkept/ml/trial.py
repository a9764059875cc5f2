"""A project tried out without a server: contract, code, a training on a sample, the gates; for pull requests."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.kernel.errors import DocumentError, InputError, TrainingError, WellkeptError
from wellkept.ml.contract import ModelContract, read_project
from wellkept.ml.data.base import Reach
from wellkept.ml.data.stage import Snapshot, Snapshots
from wellkept.ml.evaluate.served.stage import tried_as_served
from wellkept.ml.evaluate.stage import judge, measure
from wellkept.ml.outcome import Outcome
from wellkept.ml.oversight import Limits, Oversight, overseen
from wellkept.ml.train.stage import Trained, Trainer
from wellkept.store.artifacts.artifacts import Artifacts

SEED = 1
SECONDS = 600.0


WORDS = {True: "passed", False: "failed", None: "skipped"}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at. ``passed`` is None for what was not reached."""

    name: str
    passed: bool | None
    sentence: str
    seconds: float = 0.0
    line: int = 0
    """The line of model.yaml that a mistake is on; 0 where it is on none."""
    warns: bool = False
    """Whether it says something odd that fails nothing."""

    @property
    def result(self) -> str:
        """In a word: ``passed``, ``failed``, ``skipped`` or ``warning``."""
        return "warning" if self.warns else WORDS[self.passed]


@dataclass(frozen=True, slots=True)
class Report:
    """How a trial went."""

    project: str
    model: str
    task: str
    steps: tuple[Step, ...]
    metrics: dict[str, float]
    rows: int
    contract: ModelContract | None = None
    outcome: Outcome | None = None

    @property
    def passed(self) -> bool:
        """Whether everything was reached and nothing failed."""
        return bool(self.steps) and all(step.passed for step in self.steps)

    def text(self) -> str:
        """One line a step."""
        words = {"passed": "ok     ", "failed": "FAILED "}
        return "\n".join(f"{words.get(step.result, step.result)} {step.name}: {step.sentence}" for step in self.steps)


class NoAnswers:
    """A prediction log in which nothing is: a trial knows no live model."""

    def window(self, model: str, start: datetime, end: datetime, *, known_by: datetime) -> pa.Table:  # noqa: ARG002 - the contract of a log
        pairs = pa.map_(pa.string(), pa.float64())
        names = {
            "id": pa.string(),
            "time": pa.timestamp("ms", tz="UTC"),
            "version": pa.string(),
            "entity_key": pa.string(),
        }
        maps = {"features": pairs, "categories": pa.map_(pa.string(), pa.string())}
        kinds = {**names, "score": pa.float64(), "label": pa.float64(), **maps}
        return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})


def try_project(
    project: Path, now: datetime, rows: int, timeout_s: float = SECONDS, reach: Reach | None = None
) -> Report:
    """Try a project out: its code runs in processes of their own, as on the server.

    Args:
        project: the folder of model.yaml and model.py.
        now: the end of the window that ``load`` is asked for.
        rows: a sample of about so many rows is trained on; 0 takes all.
        timeout_s: what each of loading and training may take.
        reach: what the project's sources may reach.
    """
    try:
        contract, _ = read_project(project)
    except DocumentError as error:
        wrong = [Step(f"contract {p.field}", False, str(p), line=p.line) for p in error.problems]
        return Report(str(project), project.name, "", (*wrong, *_skipped("load", "train")), {}, 0)
    except InputError as error:
        return Report(str(project), project.name, "", (Step("contract", False, str(error)),), {}, 0)
    with tempfile.TemporaryDirectory(prefix="wellkept-check-") as folder:
        return _Trial(project, contract, Path(folder), (now, rows, timeout_s), reach).run()


class _Trial:
    """One trial, in a folder of its own."""

    def __init__(
        self,
        project: Path,
        contract: ModelContract,
        folder: Path,
        how: tuple[datetime, int, float],
        reach: Reach | None,
    ) -> None:
        self._project, self._contract, self._folder = project, contract, folder
        (self._now, self._rows, self._timeout_s), self._reach = how, reach
        self._artifacts = Artifacts(str(folder / "artifacts"))
        self._steps = [Step("contract", True, "model.yaml keeps its schema")]

    def run(self) -> Report:
        """The trial, within the limits that the contract sets to a training."""
        asked = self._contract.train
        time_s = self._timeout_s if asked.time_s is None else min(self._timeout_s, asked.time_s)
        limits = Limits(time_s, asked.memory_mb, asked.threads)
        with overseen(Oversight(self._folder / "run", limits, asked.seed)):
            return self._run()

    def _run(self) -> Report:
        snapshot = self._timed("load", self._load, lambda found: f"load(window) returned {found.rows} rows")
        if snapshot is None:
            return self._report(_skipped("train"))
        self._steps += [_of_data(rule) for rule in snapshot.report["checks"]]
        self._steps += [Step("data", True, sentence, warns=True) for sentence in snapshot.report["warnings"]]
        count = sampled(snapshot.path, self._contract, self._rows)
        trained = self._timed("train", lambda: self._train(snapshot), lambda found: _trained(found, count))
        if trained is None:
            return self._report(())
        text = (self._project / "model.yaml").read_text(encoding="utf-8")
        outcome = tried_as_served(self._contract, text, trained.folder, trained.outcome)
        verdict = judge(self._contract, outcome, "sha256:0", self._now)
        gates = [Step(f"gate {check.name}", check.passed, check.sentence) for check in verdict.checks]
        return self._report(gates, outcome, count)

    def _load(self) -> Snapshot:
        span = (self._now - timedelta(seconds=self._contract.retrain.window_s), self._now)
        snapshots = Snapshots(self._artifacts, NoAnswers(), self._reach)
        return snapshots.take(self._project, self._contract, span, (), self._folder / "run", self._timeout_s)

    def _train(self, snapshot: Snapshot) -> Trained:
        trainer = Trainer(self._artifacts)
        return trainer.train(self._project, self._contract, snapshot.path, None, self._folder / "run", self._timeout_s)

    def _timed(self, name: str, work: Callable[[], Any], words: Callable[[Any], str]) -> Any:
        """What some work gives, None where it failed; either is a step."""
        began = time.perf_counter()
        try:
            found = work()
        except (TrainingError, WellkeptError) as error:
            self._steps.append(Step(name, False, str(error), time.perf_counter() - began))
            return None
        self._steps.append(Step(name, True, words(found), time.perf_counter() - began))
        return found

    def _report(self, more: Any, outcome: Outcome | None = None, rows: int = 0) -> Report:
        contract = self._contract
        metrics = measure(contract, outcome) if outcome is not None else {}
        steps = (*self._steps, *more)
        return Report(str(self._project), contract.name, contract.task, steps, metrics, rows, contract, outcome)


def sampled(file: Path, contract: ModelContract, rows: int) -> int:
    """Leave about so many rows of a snapshot: whole items of a forecast, whole users of a ranking; their number."""
    table = pq.read_table(file)
    if not rows or table.num_rows <= rows:
        return int(table.num_rows)
    random, share = np.random.default_rng(SEED), rows / table.num_rows
    whole = contract.forecast.item if contract.forecast else contract.ranking.user if contract.ranking else ""
    if whole:
        names, code = np.unique(np.array(table[whole].to_pylist()), return_inverse=True)
        kept = (random.permutation(len(names)) < max(1, round(share * len(names))))[code]
    else:
        kept = random.permutation(table.num_rows) < rows
    left = table.filter(pa.array(kept))
    pq.write_table(left, file)
    return int(left.num_rows)


def _trained(found: Trained, rows: int) -> str:
    form = found.manifest["format"]
    return f"{found.manifest['estimator']} on {found.trained_on} of {rows} rows, served as {form}"


def _of_data(rule: Mapping[str, Any]) -> Step:
    """A rule of the data contract; one that is broken has stopped the loading before."""
    return Step(f"data {rule['column'] or 'rows'}: {rule['rule']}", rule["passed"], rule["sentence"])


def _skipped(*names: str) -> tuple[Step, ...]:
    return tuple(Step(name, None, "was not reached") for name in names)
