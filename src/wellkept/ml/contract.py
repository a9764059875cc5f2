"""The model contract, ``model.yaml``: what a model takes, gives and promises, and how it is kept accurate."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from wellkept.kernel.errors import NotFoundError
from wellkept.ml.dataspec import Data, unmaskable
from wellkept.ml.driftspec import DriftMonitor
from wellkept.ml.gates import Gate, check_fit, check_numbers
from wellkept.ml.inputspec import Column, Input, check_trainable
from wellkept.ml.interval import LOWER, UPPER
from wellkept.ml.metrics import METRICS
from wellkept.ml.part import Part
from wellkept.ml.retrainspec import Retrain
from wellkept.ml.rollout import Rollout
from wellkept.ml.tasks import LIVE, NUMBERS, OF_INTERVALS, Metric, belongs, is_own, metrics_of
from wellkept.ml.trainspec import Train
from wellkept.spine.documents import load_document, read_document

RESERVED = frozenset({"id", "time", "version", "score", "label"})
"""Columns that logged predictions have beside one for each input."""
Task = Literal["binary_classification", "multiclass_classification", "regression", "forecasting", "ranking"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Seconds = Annotated[float, Field(gt=0)]


class Output(Part):
    """The score, and the threshold at which callers decide."""

    name: str = "score"
    threshold: float | None = None
    interval: Annotated[float, Field(ge=0.5, le=0.99)] | None = None
    """The share of truths that lie in the interval which each answer comes with; None: answers come without."""


class Label(Part):
    """The truth, and how long it takes to become known."""

    name: str = "label"
    delay_s: Annotated[float, Field(ge=0)] = 0
    embargo: bool = False
    """Whether rows whose truth was not known yet when the held-out rows began are left out of training."""


class Measures(Part):
    """How the model is measured."""

    primary: Metric
    others: tuple[Metric, ...] = ()


class Forecast(Part):
    """What is forecast: the column that names the item, how many moments ahead, and the length of the season in them.

    A moment is one distinct ``time`` of the data: a day in daily data, an hour in hourly data.
    """

    item: Column = "item"
    horizon: Annotated[int, Field(ge=1, le=10_000)]
    season: Annotated[int, Field(ge=1, le=10_000)] = 1


class Ranking(Part):
    """Who is offered what: the columns of user and item (both are inputs), and the share of each user's last
    interactions that is held out.
    """

    user: Column = "user"
    item: Column = "item"
    held_out: Annotated[float, Field(gt=0, lt=1)] = 0.2


class NullMonitor(Part):
    """Nulls and stuck values: the rise of a feature's share of nulls that counts."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.1


class PerformanceMonitor(Part):
    """Realised performance: the drop of the primary metric that counts, over matured labels.

    ``floor`` is the value that it must not fall below (of a loss: rise above); without one it is what was promised at
    the gate, less the drop.
    """

    drop: Annotated[float, Field(gt=0)] = 0.1
    floor: float | None = None
    window_s: Seconds = 3600
    min_labels: Annotated[int, Field(ge=30)] = 200


class CoverageMonitor(Part):
    """Intervals: by how much the share of truths inside may differ from ``output.interval``.

    It is looked at over the window and the labels of ``performance``.
    """

    drop: Annotated[float, Field(gt=0, lt=1)] = 0.1


class Monitors(Part):
    """What is watched after the release."""

    drift: DriftMonitor = DriftMonitor()
    nulls: NullMonitor = NullMonitor()
    performance: PerformanceMonitor = PerformanceMonitor()
    coverage: CoverageMonitor = CoverageMonitor()


class ModelContract(Part):
    """The whole contract."""

    name: Name
    task: Task
    owner: str
    description: str = ""
    entity_keys: tuple[str, ...] = ()
    served_by: Annotated[str, Field(pattern=r"^service:.+$")] | None = None
    """The service that answers (``service:shop/scoring``), where the model is served elsewhere and only watched."""
    inputs: tuple[Input, ...] = Field(min_length=1)
    columns: tuple[Column, ...] = ()
    """What ``features`` of model.py makes of the inputs; empty where the model takes the inputs as they are."""
    slices: tuple[Column, ...] = ()
    """Columns of the training data by which the quality is looked at apart."""
    group_by: Column | None = None
    """A column whose values (a customer, a patient) are never on both sides, that of training and the held-out one."""
    forecast: Forecast | None = None
    ranking: Ranking | None = None
    output: Output = Output()
    label: Label = Label()
    metrics: Measures
    gates: tuple[Gate, ...] = ()
    monitors: Monitors = Monitors()
    retrain: Retrain = Retrain()
    rollout: Rollout = Rollout()
    train: Train = Train()
    data: Data = Data()

    @field_validator("inputs")
    @classmethod
    def _names_are_unique(cls, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        names = [entry.name for entry in inputs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names must be unique, got {twice[0]!r} twice")
        return inputs

    @field_validator("inputs")
    @classmethod
    def _names_are_free(cls, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
        taken = sorted({entry.name for entry in inputs} & RESERVED)
        if taken:
            raise ValueError(f"names must not be one of {', '.join(sorted(RESERVED))}, got {taken[0]!r}")
        return inputs

    @field_validator("output")
    @classmethod
    def _interval_fits(cls, output: Output, info: ValidationInfo) -> Output:
        task = info.data.get("task", NUMBERS[0])
        if output.interval is not None and task not in NUMBERS:
            raise ValueError(f"interval has no meaning for a {task.replace('_', ' ')}, got {output.interval:g}")
        if output.interval is not None and output.name in (LOWER, UPPER):
            raise ValueError(f"name must not be that of an end of the interval, got {output.name!r}")
        return output

    @field_validator("metrics")
    @classmethod
    def _metrics_fit(cls, metrics: Measures, info: ValidationInfo) -> Measures:
        _check_fit([metrics.primary, *metrics.others], info)
        if is_own(metrics.primary):
            raise ValueError(f"primary must be a metric that the platform knows, got {metrics.primary!r}")
        if metrics.primary in OF_INTERVALS:
            raise ValueError(f"primary must be a metric of the answers themselves, got {metrics.primary!r}")
        return metrics

    @field_validator("train")
    @classmethod
    def _search_fits(cls, train: Train, info: ValidationInfo) -> Train:
        search = train.search
        if search is not None and search.metric is not None:
            _check_fit([search.metric], info)
            if is_own(search.metric):
                raise ValueError(f"search.metric must be one that the platform knows, got {search.metric!r}")
            if search.metric in OF_INTERVALS:
                raise ValueError(f"search.metric must be one of the answers themselves, got {search.metric!r}")
        if search is not None and search.folds > 1 and info.data.get("task") == "ranking":
            raise ValueError(f"search.folds of a ranking must be 1, got {search.folds}")
        return train

    @field_validator("gates")
    @classmethod
    def _gates_fit(cls, gates: tuple[Gate, ...], info: ValidationInfo) -> tuple[Gate, ...]:
        _check_fit([name for gate in gates for name in gate.metrics], info)
        known = info.data
        if {"task", "inputs", "slices", "output"} <= known.keys():
            names = [entry.name for entry in known["inputs"]]
            words = [entry.name for entry in known["inputs"] if entry.is_category]
            for gate in gates:
                check_numbers(gate, words)
                check_fit(gate, known["task"], names, known["slices"], known["output"].threshold)
        return gates

    @model_validator(mode="after")
    def _parts_fit(self) -> ModelContract:
        if self.label.name in self.features:
            raise ValueError(f"label.name must not be an input, got {self.label.name!r}")
        broken = unmaskable(self.data.masks, (*self.features, self.label.name, "time"), self.carried)
        if broken:
            raise ValueError(broken)
        return self

    @model_validator(mode="after")
    def _groups_can_be_kept_apart(self) -> ModelContract:
        if self.group_by is not None and self.needs_time:
            raise ValueError(f"group_by has no meaning for a {self.task}, got {self.group_by!r}")
        return self

    @model_validator(mode="after")
    def _task_has_its_part(self) -> ModelContract:
        for task, part in (("forecasting", self.forecast), ("ranking", self.ranking)):
            name = "forecast" if task == "forecasting" else task
            if (self.task == task) != (part is not None):
                raise ValueError(
                    f"{name} must be there when, and only when, the task is {task}, got {'one' if part else 'none'}"
                )
        if self.ranking is not None and self.features != (self.ranking.user, self.ranking.item):
            rule = f"inputs of a ranking must be its user and its item ({self.ranking.user}, {self.ranking.item})"
            raise ValueError(f"{rule}, got {', '.join(self.features)}")
        if self.ranking is not None and self.categories:
            raise ValueError(f"inputs of a ranking must be whole numbers, got the category {self.categories[0]}")
        return self

    @property
    def features(self) -> tuple[str, ...]:
        """The inputs' names, in order."""
        return tuple(entry.name for entry in self.inputs)

    @property
    def categories(self) -> tuple[str, ...]:
        """The inputs that are categories, in order."""
        return tuple(entry.name for entry in self.inputs if entry.is_category)

    @property
    def logged(self) -> dict[str, Input]:
        """The columns that predictions are logged with, and the input that each tells of."""
        return {column: entry for entry in self.inputs for column in (*entry.number_columns, *entry.category_columns)}

    @property
    def model_columns(self) -> tuple[str, ...]:
        """The columns of the matrix that the estimator sees, in order."""
        return self.columns or self.features

    @property
    def carried(self) -> tuple[str, ...]:
        """Columns that the data must have beside inputs and label."""
        task = [self.forecast.item] if self.forecast else []
        own = [self.group_by] if self.group_by else []
        return tuple(dict.fromkeys([*task, *own, *self.looked_at_apart]))

    @property
    def looked_at_apart(self) -> tuple[str, ...]:
        """The columns of slices and of groups that must be treated alike."""
        return tuple(dict.fromkeys([*self.slices, *(column for gate in self.gates for column in gate.groups)]))

    @property
    def live_metric(self) -> str:
        """The metric that can be told of labelled answers one by one.

        Of a ranking it is the chance that what was chosen had a higher score than what was offered and not chosen.
        """
        return self.metrics.primary if self.metrics.primary in METRICS else LIVE[self.task]

    @property
    def promises_at_gate(self) -> bool:
        """Whether held-out rows tell what the live metric will be; a ranking's are choices alone, and do not."""
        return self.ranking is None

    @property
    def needs_time(self) -> bool:
        """Whether the rows must say when they were: forecasts and rankings are held out by time."""
        return self.forecast is not None or self.ranking is not None


def _check_fit(metrics: Sequence[str], info: ValidationInfo) -> None:
    task = info.data.get("task")
    odd = [name for name in metrics if task is not None and not belongs(name, task)]
    if odd:
        word = str(task).replace("_", " ")
        raise ValueError(f"metrics of a {word} must be one of {metrics_of(str(task))}, got {odd[0]!r}")
    bare = "output" in info.data and info.data["output"].interval is None
    of_intervals = [name for name in metrics if name in OF_INTERVALS and bare]
    if of_intervals:
        raise ValueError(
            f"{of_intervals[0]} needs output.interval, the share of truths that are to lie inside, got none"
        )


def parse_contract(text: str, source: str = "model.yaml") -> ModelContract:
    """A contract from its YAML text.

    Raises:
        DocumentError: every mistake, with line, field, rule and value.
    """
    return load_document(ModelContract, text, source)


def read_project(folder: Path) -> tuple[ModelContract, str]:
    """The contract of a model project, and its text.

    Raises:
        NotFoundError: the folder has no model.yaml or no model.py.
        DocumentError: the contract breaks a rule.
        InputError: an input is neither number nor category; what is trained here takes nothing else.
    """
    for name in ("model.yaml", "model.py"):
        if not _is_file(folder / name):
            raise NotFoundError(f"model project {str(folder)[:LONGEST_PATH]}", f"has no {name}")
    file = folder / "model.yaml"
    contract = read_document(ModelContract, file)
    check_trainable(contract.name, contract.inputs)
    return contract, file.read_text(encoding="utf-8")


LONGEST_PATH = 300
"""Characters of a path that are told."""


def _is_file(path: Path) -> bool:
    """Whether a path is that of a file; one that no file could have (too long, with a NUL) is not."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def digest_of(data: bytes) -> str:
    """``sha256:`` and the digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
