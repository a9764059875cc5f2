"""Functions of PromQL by name, but for those over windows of samples (see ``windows``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import promql_parser as ast

from wellkept.store.telemetry.promql.buckets import histogram_quantile
from wellkept.store.telemetry.promql.elementwise import DATES, MATHS, clamped, rounded
from wellkept.store.telemetry.promql.labelling import absence, joined, replaced
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Flags, Numbers, Scalar, Value, Vector, empty, relabelled

Arguments = Sequence[ast.Expr]


class Run(Protocol):
    """What a function needs of the evaluation that calls it."""

    @property
    def steps(self) -> Steps:
        """When it is evaluated."""
        ...

    def vector(self, tree: ast.Expr) -> Vector:
        """The value of an argument that is a vector."""
        ...

    def numbers(self, tree: ast.Expr) -> Numbers:
        """The value of an argument that is a scalar, at each step."""
        ...

    def text(self, tree: ast.Expr) -> str:
        """The value of an argument that is a text."""
        ...

    def single(self, tree: ast.Expr, what: str) -> float:
        """The value of a scalar that has to be the same at every step."""
        ...

    def constant(self, number: float) -> Scalar:
        """A number as a scalar."""
        ...

    def instant(self, selector: ast.VectorSelector, *, moments: bool = False) -> Vector:
        """The last samples that a selector sees, or when they were."""
        ...

    def windowed(self, function: str, argument: ast.Expr, parameter: float | None = None) -> Vector:
        """A function over windows of samples."""
        ...


Function = Callable[[Run, Arguments], Value]


def _mapped(change: Callable[[Numbers], Numbers]) -> Function:
    def call(run: Run, arguments: Arguments) -> Vector:
        vector = run.vector(arguments[0])
        return relabelled(Vector(vector.labels, change(vector.values), vector.present))

    return call


def _dated(part: Callable[[Numbers], Numbers]) -> Function:
    """A part of the date of a vector's values, or, without one, of the moment of evaluation."""
    of_vector = _mapped(part)

    def call(run: Run, arguments: Arguments) -> Value:
        return of_vector(run, arguments) if arguments else _one(run, part(run.steps.seconds))

    return call


def _one(run: Run, numbers: Numbers) -> Vector:
    """A single series without labels."""
    return Vector([()], numbers[None, :], np.ones((1, run.steps.count), dtype=bool))


def _vector(run: Run, arguments: Arguments) -> Vector:
    return _one(run, run.numbers(arguments[0]))


def _scalar(run: Run, arguments: Arguments) -> Scalar:
    """The value of the one series; NaN at a step where there are none or several."""
    vector = run.vector(arguments[0])
    total = np.where(vector.present, vector.values, 0.0).sum(axis=0)
    return Scalar(np.where(vector.present.sum(axis=0) == 1, total, np.nan))


def _round(run: Run, arguments: Arguments) -> Vector:
    to = run.numbers(arguments[1]) if len(arguments) > 1 else np.ones(run.steps.count)
    return _mapped_by(run, arguments, lambda values: rounded(values, to))


def _clamp(run: Run, arguments: Arguments) -> Vector:
    lowest, highest = run.numbers(arguments[1]), run.numbers(arguments[2])
    found = _mapped_by(run, arguments, lambda values: clamped(values, lowest, highest))
    return found.where(np.broadcast_to(lowest <= highest, found.present.shape)).seen()


def _clamp_min(run: Run, arguments: Arguments) -> Vector:
    lowest = run.numbers(arguments[1])
    return _mapped_by(run, arguments, lambda values: clamped(values, lowest, None))


def _clamp_max(run: Run, arguments: Arguments) -> Vector:
    highest = run.numbers(arguments[1])
    return _mapped_by(run, arguments, lambda values: clamped(values, None, highest))


def _mapped_by(run: Run, arguments: Arguments, change: Callable[[Numbers], Numbers]) -> Vector:
    vector = run.vector(arguments[0])
    return relabelled(Vector(vector.labels, change(vector.values), vector.present))


def _timestamp(run: Run, arguments: Arguments) -> Vector:
    """When the samples of a selector were; of any other vector, the moment of evaluation."""
    if isinstance(arguments[0], ast.VectorSelector):
        return relabelled(run.instant(arguments[0], moments=True))
    vector = run.vector(arguments[0])
    return relabelled(Vector(vector.labels, np.broadcast_to(run.steps.seconds, vector.values.shape), vector.present))


def _absent(run: Run, arguments: Arguments) -> Vector:
    return _nothing(run, run.vector(arguments[0]), arguments[0])


def _absent_over_time(run: Run, arguments: Arguments) -> Vector:
    return _nothing(run, run.windowed("absent_over_time", arguments[0]), arguments[0])


def _nothing(run: Run, vector: Vector, argument: ast.Expr) -> Vector:
    """1 at every step at which there is no series."""
    missing: Flags = ~np.asarray(vector.present.any(axis=0))
    if not missing.any():
        return empty(run.steps.count)
    return Vector([absence(argument)], np.ones((1, run.steps.count)), missing[None, :])


def _label_replace(run: Run, arguments: Arguments) -> Vector:
    target, template, source, pattern = (run.text(argument) for argument in arguments[1:])
    return replaced(run.vector(arguments[0]), target, template, source, pattern)


def _label_join(run: Run, arguments: Arguments) -> Vector:
    target, separator, *sources = (run.text(argument) for argument in arguments[1:])
    return joined(run.vector(arguments[0]), target, separator, sources)


def _sorted(*, falling: bool) -> Function:
    """By value, NaN last. Of several steps there is no order, and the series stay as they are."""

    def call(run: Run, arguments: Arguments) -> Vector:
        vector = run.vector(arguments[0]).seen()
        if run.steps.count > 1:
            return vector
        values = -vector.values[:, 0] if falling else vector.values[:, 0]
        return vector.rows(np.argsort(values, kind="stable"))

    return call


def _sorted_by_label(*, falling: bool) -> Function:
    def call(run: Run, arguments: Arguments) -> Vector:
        vector = run.vector(arguments[0])
        names = [run.text(argument) for argument in arguments[1:]]
        keys = [[dict(labels).get(name, "") for name in names] for labels in vector.labels]
        return vector.rows(sorted(range(len(keys)), key=keys.__getitem__, reverse=falling))

    return call


def _histogram_quantile(run: Run, arguments: Arguments) -> Vector:
    return histogram_quantile(run.numbers(arguments[0]), run.vector(arguments[1]))


def _quantile_over_time(run: Run, arguments: Arguments) -> Vector:
    wanted = run.single(arguments[0], "quantile_over_time()")
    if 0 <= wanted <= 1:
        return run.windowed("quantile_over_time", arguments[1], wanted)
    counted = run.windowed("count_over_time", arguments[1])
    beyond = np.nan if np.isnan(wanted) else np.copysign(np.inf, wanted)
    return Vector(counted.labels, np.full_like(counted.values, beyond), counted.present)


def _predict_linear(run: Run, arguments: Arguments) -> Vector:
    return run.windowed("predict_linear", arguments[0], run.single(arguments[1], "predict_linear()"))


CALLS: dict[str, Function] = {
    **{name: _mapped(change) for name, change in MATHS.items()},
    **{name: _dated(part) for name, part in DATES.items()},
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "clamp": _clamp,
    "clamp_max": _clamp_max,
    "clamp_min": _clamp_min,
    "histogram_quantile": _histogram_quantile,
    "label_join": _label_join,
    "label_replace": _label_replace,
    "pi": lambda run, _: run.constant(np.pi),
    "predict_linear": _predict_linear,
    "quantile_over_time": _quantile_over_time,
    "round": _round,
    "scalar": _scalar,
    "sort": _sorted(falling=False),
    "sort_by_label": _sorted_by_label(falling=False),
    "sort_by_label_desc": _sorted_by_label(falling=True),
    "sort_desc": _sorted(falling=True),
    "time": lambda run, _: Scalar(run.steps.seconds),
    "timestamp": _timestamp,
    "vector": _vector,
}
