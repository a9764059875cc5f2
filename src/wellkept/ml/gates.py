"""The gates of a contract: what a version must pass to be released. One class a kind, known by its first field."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Union

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from wellkept.ml.part import Part
from wellkept.ml.tasks import NUMBERS, OF_INTERVALS, Metric, is_own

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Column = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Kind = Literal["noise", "scaled_up", "scaled_down", "negated", "clipped", "stuck"]
KINDS: tuple[Kind, ...] = ("noise", "scaled_up", "scaled_down", "negated", "clipped", "stuck")
FairMetric = Literal[
    "selection_rate", "true_positive_rate", "false_positive_rate", "equalized_odds", "calibration", "error", "metric"
]
BINARY_ONLY = ("selection_rate", "true_positive_rate", "false_positive_rate", "equalized_odds")


class GatePart(Part):
    """One condition of release, judged on rows that the model has not seen."""

    tasks: ClassVar[tuple[str, ...]] = ()
    """The tasks for which it has a meaning; empty: all."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it names."""
        return ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The inputs that it names."""
        return ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Columns of the data that it needs beside inputs and label."""
        return ()


class MetricGate(GatePart):
    """Is it good enough: a floor or a ceiling."""

    metric: Metric
    at_least: float | None = None
    at_most: float | None = None
    confident: bool = False
    """Whether the whole 90 % interval must pass, not the value alone."""
    yields_to_better: bool = False
    """Whether the limit yields where the champion misses it, too, and the challenger is surely better than that on the
    same rows (the paired 90 % interval): after the world has changed, nothing may reach it."""

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("metric needs exactly one of at_least, at_most")
        if self.yields_to_better and is_own(self.metric):
            raise ValueError(
                f"a metric of the project's own is not known of the champion and cannot yield, got {self.metric!r}"
            )
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.metric,)


class _Compared(GatePart):
    margin: float = 0.0
    confident: bool = False

    @property
    @abstractmethod
    def rival(self) -> str:
        """The metric that both are compared by."""

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.rival,)

    @model_validator(mode="after")
    def _is_measured_for_both(self) -> Self:
        if is_own(self.rival):
            raise ValueError(f"a metric of the project's own has a floor or a ceiling and no rival, got {self.rival!r}")
        return self


class ChampionGate(_Compared):
    """Is it better than the champion by a margin, on the same newest rows."""

    versus_champion: Metric

    @property
    def rival(self) -> str:
        return self.versus_champion


class DecisionsGate(GatePart):
    """On which share of the newest rows may it decide otherwise than the champion.

    Labels that somebody shaped speak for the version that learned them, in training and on the newest rows alike; that
    a version turns the decisions around needs no label to be seen.
    """

    tasks = ("binary_classification", "multiclass_classification")
    changed_at_most: Annotated[float, Field(ge=0, le=1)]


class BaselineGate(_Compared):
    """Is it better than the simplest model: the season before, what most choose, one answer for all."""

    versus_baseline: Metric
    yields_to_better: bool = False
    """Whether it yields where the champion is not better than the simplest model by the margin, too, and the challenger
    is surely better than the champion on the same rows."""

    @property
    def rival(self) -> str:
        return self.versus_baseline


class BacktestGate(GatePart):
    """Was it as good on earlier windows, each time trained on the rows before the window alone.

    ``at_least`` and ``at_most`` are of the mean of the windows, ``worst_drop`` is how much worse than that mean the
    worst window may be, ``champion_margin`` how much better than the champion the mean must be, over the windows that
    the champion has not seen in training. ``yields_to_better``: the mean is no fault where the champion misses its
    limit by more, over two windows or more that it has not seen either; nor is the worst window where that was as bad.
    """

    backtest: Metric
    windows: Annotated[int, Field(ge=2, le=12)] = 4
    at_least: float | None = None
    at_most: float | None = None
    worst_drop: Positive | None = None
    champion_margin: float | None = None
    yields_to_better: bool = False

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if is_own(self.backtest):
            raise ValueError(f"backtest takes a metric that the platform knows, got {self.backtest!r}")
        if self.at_least is not None and self.at_most is not None:
            raise ValueError("backtest takes at_least or at_most, not both")
        if {self.at_least, self.at_most, self.worst_drop, self.champion_margin} == {None}:
            raise ValueError("backtest needs one of at_least, at_most, worst_drop, champion_margin")
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.backtest,)


class SliceGate(GatePart):
    """Is the worst value of a column not much worse than all rows.

    ``of`` is the metric, the primary one where it is left out. Average precision is the lower the fewer rows happened,
    so where values differ in that another one tells more of the model.
    """

    slice: str
    of: Metric | None = None
    drop: Positive = 0.1
    min_rows: Annotated[int, Field(ge=10)] = 50

    @field_validator("of")
    @classmethod
    def _is_known(cls, of: str | None) -> str | None:
        if of is not None and is_own(of):
            raise ValueError(f"must be a metric that the platform knows, got {of!r}")
        return of

    @property
    def metrics(self) -> tuple[str, ...]:
        return () if self.of is None else (self.of,)


class FairnessGate(GatePart):
    """Are the groups of a column treated alike: the greatest difference between two groups, or the least ratio."""

    class Terms(Part):
        """``group`` is a column of the data; a group with fewer than ``min_rows`` rows that count abstains."""

        group: Column
        metric: FairMetric
        difference: Positive | None = None
        ratio: Annotated[float, Field(gt=0, le=1)] | None = None
        min_rows: Annotated[int, Field(ge=20)] = 50
        confident: bool = False

        @model_validator(mode="after")
        def _has_one_limit(self) -> Self:
            if (self.difference is None) == (self.ratio is None):
                raise ValueError("needs exactly one of difference (at most), ratio (at least)")
            if self.ratio is not None and self.metric not in BINARY_ONLY[:3]:
                raise ValueError(
                    f"ratio is of selection_rate, true_positive_rate or false_positive_rate, got {self.metric!r}"
                )
            return self

    fairness: Terms

    @property
    def groups(self) -> tuple[str, ...]:
        return (self.fairness.group,)


class InvarianceGate(GatePart):
    """Does changing an input that should not matter leave the score alone.

    Each row is scored again with the input's value of another row, or with each of ``values``.
    """

    tasks = ("binary_classification", "multiclass_classification", *NUMBERS)
    invariant: Column
    values: tuple[float, ...] = ()
    at_most: Annotated[float, Field(ge=0)] = 0.0
    """A change of the score up to this is none; on a ``share`` of the rows it may be more."""
    share: Share = 0.0

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.invariant,)


class DirectionGate(GatePart):
    """Does raising an input not lower (or not raise) the score, but on a share of the rows."""

    tasks = ("binary_classification", *NUMBERS)
    raising: Column
    must_not: Literal["lower", "raise"]
    times: Annotated[float, Field(gt=1)] | None = None
    by: Positive | None = None
    share: Share = 0.0
    tolerance: Annotated[float, Field(ge=0)] = 1e-6

    @model_validator(mode="after")
    def _has_one_step(self) -> Self:
        if (self.times is None) == (self.by is None):
            raise ValueError("raising needs exactly one of times, by")
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        return (self.raising,)


class MissingGate(GatePart):
    """How much may be lost when an input that may be missing is missing everywhere."""

    missing_drop: Positive


class ShiftGate(GatePart):
    """How much may be lost when an input comes noisy, in another unit, with another sign, clipped or stuck."""

    tasks = ("binary_classification", "multiclass_classification", *NUMBERS)
    shifted_drop: Positive
    kinds: tuple[Kind, ...] = Field(default=KINDS, min_length=1)
    only: tuple[Column, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.only


class AloneGate(GatePart):
    """How much may one column tell all alone."""

    alone_at_most: Annotated[float, Field(gt=0, le=1)]


class SharedRowsGate(GatePart):
    """Which share of the held-out rows may be in the training rows too: the same, nearly the same, or made of them."""

    tasks = ("binary_classification", "multiclass_classification", "regression")
    shared_rows_at_most: Annotated[float, Field(ge=0, le=1)]


class LatencyGate(GatePart):
    """The time of one row in the process that trained."""

    latency_p99_ms: Positive


class BudgetGate(GatePart):
    """Does the model server, loaded with this model alone, keep the declared load within time and memory."""

    class Terms(Part):
        """``batch_rows`` go into each request; requests leave at their rate whether or not answers came."""

        requests_per_s: Annotated[float, Field(gt=0, le=20_000)]
        p99_ms: Positive | None = None
        memory_mb: Positive | None = None
        batch_rows: Annotated[int, Field(ge=1, le=10_000)] = 1
        seconds: Annotated[float, Field(ge=0.5, le=30)] = 3.0

        @model_validator(mode="after")
        def _has_a_limit(self) -> Self:
            if self.p99_ms is None and self.memory_mb is None:
                raise ValueError("needs at least one of p99_ms, memory_mb")
            return self

    budget: Terms


class ParityGate(GatePart):
    """How far may the served model's scores be from the estimator's in training, on the same rows."""

    parity_at_most: Annotated[float, Field(ge=0)]

    @field_validator("parity_at_most")
    @classmethod
    def _is_reachable(cls, value: float) -> float:
        if value == 0.0:
            raise ValueError("must be above 0 (1e-5 is usual): what is served may compute in single precision")
        return value


GATES: dict[str, type[GatePart]] = {
    "metric": MetricGate,
    "versus_champion": ChampionGate,
    "changed_at_most": DecisionsGate,
    "versus_baseline": BaselineGate,
    "backtest": BacktestGate,
    "slice": SliceGate,
    "fairness": FairnessGate,
    "invariant": InvarianceGate,
    "raising": DirectionGate,
    "missing_drop": MissingGate,
    "shifted_drop": ShiftGate,
    "alone_at_most": AloneGate,
    "shared_rows_at_most": SharedRowsGate,
    "latency_p99_ms": LatencyGate,
    "budget": BudgetGate,
    "parity_at_most": ParityGate,
}
"""Every kind of gate by the field that names it."""


def _tag_of(value: Any) -> str | None:
    """The branch of the union; the brackets keep it out of the places that mistakes are named by."""
    if isinstance(value, GatePart):
        return next(f"gate[{name}]" for name, kind in GATES.items() if type(value) is kind)
    found = [name for name in GATES if isinstance(value, dict) and name in value]
    return f"gate[{found[0]}]" if len(found) == 1 else None


_RULE = f"must be exactly one of {', '.join(GATES)}"
if TYPE_CHECKING:
    Gate = GatePart
else:
    _KINDS = Union[tuple(Annotated[kind, Tag(f"gate[{name}]")] for name, kind in GATES.items())]  # noqa: UP007
    Gate = Annotated[_KINDS, Discriminator(_tag_of, custom_error_type="gate", custom_error_message=_RULE)]


def check_numbers(gate: GatePart, categories: Sequence[str]) -> None:
    """A gate that raises an input, or names numbers for it, has a meaning for numbers alone.

    Raises:
        ValueError: the input is a category.
    """
    if isinstance(gate, DirectionGate) and gate.raising in categories:
        raise ValueError(f"raising must name an input of numbers, got the category {gate.raising!r}")
    if isinstance(gate, InvarianceGate) and gate.values and gate.invariant in categories:
        raise ValueError(f"values of invariant must be left out of a category, got {gate.invariant!r}")


def check_fit(gate: GatePart, task: str, inputs: Sequence[str], slices: Sequence[str], threshold: float | None) -> None:
    """A gate fits the rest of its contract.

    Raises:
        ValueError: it has no meaning for the task, or names what the contract does not have.
    """
    name = next(name for name, kind in GATES.items() if type(gate) is kind)
    word = task.replace("_", " ")
    if gate.tasks and task not in gate.tasks:
        raise ValueError(f"{name} has no meaning for a {word}, got {getattr(gate, name)!r}")
    odd = [column for column in gate.inputs if column not in inputs]
    if odd:
        raise ValueError(f"{name} must name an input, got {odd[0]!r}")
    if isinstance(gate, BaselineGate | BacktestGate) and gate.metrics[0] in OF_INTERVALS:
        raise ValueError(f"{name} knows no intervals, got {gate.metrics[0]!r}")
    if isinstance(gate, SliceGate) and gate.slice not in slices:
        raise ValueError(f"a gate's slice must be one of slices, got {gate.slice!r}")
    if isinstance(gate, DecisionsGate) and task == "binary_classification" and threshold is None:
        raise ValueError("changed_at_most needs output.threshold, which makes a decision of a score, got none")
    if isinstance(gate, FairnessGate):
        metric = gate.fairness.metric
        allowed = {"metric", *({*BINARY_ONLY, "calibration"} if task == "binary_classification" else ())}
        allowed |= {"error"} if task in NUMBERS else set()
        if metric not in allowed:
            raise ValueError(f"fairness of a {word} must be by one of {', '.join(sorted(allowed))}, got {metric!r}")
        if metric in BINARY_ONLY and threshold is None:
            raise ValueError(f"fairness by {metric} needs output.threshold, got none")
