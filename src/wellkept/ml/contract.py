"""The model contract, ``model.yaml``: what a model takes, gives and promises, and how it is kept accurate."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from wellkept.kernel.errors import NotFoundError
from wellkept.spine.documents import load_document, read_document

METRICS = ("average_precision", "roc_auc", "brier", "rmse", "mae")
LOWER_IS_BETTER = frozenset({"brier", "rmse", "mae"})
OF_REGRESSION = frozenset({"rmse", "mae"})
RESERVED = frozenset({"id", "time", "version", "score", "label"})
"""Columns that logged predictions have beside one for each input."""
Metric = Literal["average_precision", "roc_auc", "brier", "rmse", "mae"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Seconds = Annotated[float, Field(gt=0)]


class Part(BaseModel):
    """A branch of the contract; a key that nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Input(Part):
    """One input feature. ``source`` is ``request``, or the service that produces it (``service:shop/features``)."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    type: Literal["float", "int", "bool"] = "float"
    source: Annotated[str, Field(pattern=r"^(request|service:.+)$")] = "request"
    nullable: bool = False


class Output(Part):
    """The score, and the threshold at which callers decide."""

    name: str = "score"
    threshold: float | None = None


class Label(Part):
    """The truth, and how long it takes to become known."""

    name: str = "label"
    delay_s: Annotated[float, Field(ge=0)] = 0


class Measures(Part):
    """How the model is measured."""

    primary: Metric
    others: tuple[Metric, ...] = ()


class Gate(Part):
    """One condition of release: a floor, a ceiling, or a comparison with the champion on the same rows."""

    metric: Metric | None = None
    at_least: float | None = None
    at_most: float | None = None
    versus_champion: Metric | None = None
    margin: float = 0.0
    latency_p99_ms: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _is_one_condition(self) -> Gate:
        chosen = [self.metric is not None, self.versus_champion is not None, self.latency_p99_ms is not None]
        if sum(chosen) != 1:
            raise ValueError("must be exactly one of metric, versus_champion, latency_p99_ms")
        if self.metric is not None and (self.at_least is None) == (self.at_most is None):
            raise ValueError("metric needs exactly one of at_least, at_most")
        return self


class DriftMonitor(Part):
    """Drift of features and scores: the population stability index that counts, over which window."""

    psi: Annotated[float, Field(gt=0)] = 0.25
    window_s: Seconds = 3600
    min_rows: Annotated[int, Field(ge=50)] = 500


class NullMonitor(Part):
    """Nulls and stuck values: the rise of a feature's share of nulls that counts."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.1


class PerformanceMonitor(Part):
    """Realised performance: the drop of the primary metric that counts, over matured labels."""

    drop: Annotated[float, Field(gt=0)] = 0.1
    window_s: Seconds = 3600
    min_labels: Annotated[int, Field(ge=30)] = 200


class Monitors(Part):
    """What is watched after the release."""

    drift: DriftMonitor = DriftMonitor()
    nulls: NullMonitor = NullMonitor()
    performance: PerformanceMonitor = PerformanceMonitor()


class Retrain(Part):
    """When and on what a retrain is proposed."""

    min_rows: Annotated[int, Field(ge=50)] = 1000
    window_s: Seconds = 7 * 86_400
    cooldown_s: Annotated[float, Field(ge=0)] = 86_400


class Data(Part):
    """Where history lies that the platform does not have: a Parquet file, relative to the project."""

    history: str | None = None


class ModelContract(Part):
    """The whole contract."""

    name: Name
    task: Literal["binary_classification", "regression"]
    owner: str
    description: str = ""
    entity_keys: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = Field(min_length=1)
    output: Output = Output()
    label: Label = Label()
    metrics: Measures
    gates: tuple[Gate, ...] = ()
    monitors: Monitors = Monitors()
    retrain: Retrain = Retrain()
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

    @model_validator(mode="after")
    def _parts_fit(self) -> ModelContract:
        if self.label.name in self.features:
            raise ValueError(f"label.name must not be an input, got {self.label.name!r}")
        named = [self.metrics.primary, *self.metrics.others]
        named += [name for gate in self.gates for name in (gate.metric, gate.versus_champion) if name is not None]
        odd = [name for name in named if name not in OF_REGRESSION]
        if self.task == "regression" and odd:
            raise ValueError(f"metrics of a regression must be one of mae, rmse, got {odd[0]!r}")
        return self

    @property
    def features(self) -> tuple[str, ...]:
        """The inputs' names, in order."""
        return tuple(entry.name for entry in self.inputs)


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
    """
    for name in ("model.yaml", "model.py"):
        if not (folder / name).is_file():
            raise NotFoundError(f"model project {folder}", f"has no {name}")
    file = folder / "model.yaml"
    return read_document(ModelContract, file), file.read_text(encoding="utf-8")


def digest_of(data: bytes) -> str:
    """``sha256:`` and the digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
