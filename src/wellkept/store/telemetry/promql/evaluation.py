"""From the tree of an expression to its value: selectors are read, everything else is arithmetic on arrays."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import promql_parser as ast

from wellkept.store.telemetry.promql.aggregation import Grouping, aggregated, count_values
from wellkept.store.telemetry.promql.calls import CALLS
from wellkept.store.telemetry.promql.errors import ExpressionError, unsupported
from wellkept.store.telemetry.promql.matching import matchers_of
from wellkept.store.telemetry.promql.operators import SETS, Matching, Operator, between, in_sets, with_scalar
from wellkept.store.telemetry.promql.reductions import Ranged
from wellkept.store.telemetry.promql.source import Source
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.syntax import bare
from wellkept.store.telemetry.promql.values import Numbers, Scalar, Text, Value, Vector, relabelled
from wellkept.store.telemetry.promql.windows import WINDOWS

SUBQUERY_STEP_MS = 60_000
"""The step of a subquery that names none."""

Key = tuple[object, ...]
Read = dict[Key, Vector]
"""What selectors and functions over windows gave, by how they are written."""


class Evaluation:
    """Evaluates expressions at some steps. What occurs twice in an expression is read once."""

    def __init__(self, source: Source, steps: Steps, bounds: tuple[int, int], read: Read | None = None) -> None:
        """``bounds``: the first and the last moment that were asked for, which are ``start()`` and ``end()``.

        ``read``: what others read at the same steps and bounds; what is read here is added to it.
        """
        self._source, self.steps, self._bounds = source, steps, bounds
        self._read: Read = {} if read is None else read

    def value(self, tree: ast.Expr) -> Value:
        """What the expression is at every step.

        Raises:
            InputError: it asks for what is not supported, or cannot be answered (``promql.errors``).
        """
        match tree:
            case ast.ParenExpr():
                return self.value(tree.expr)
            case ast.NumberLiteral():
                return self.constant(tree.val)
            case ast.StringLiteral():
                return Text(tree.val)
            case ast.VectorSelector():
                return self.instant(tree)
            case ast.UnaryExpr():
                return self._negated(self.value(tree.expr))
            case ast.BinaryExpr():
                return self._binary(tree)
            case ast.AggregateExpr():
                return self._aggregate(tree)
            case ast.Call():
                return self._call(tree)
            case _:
                raise ExpressionError(
                    "query", "must give one value a step; a range needs a function over it", str(tree)
                )

    def vector(self, tree: ast.Expr) -> Vector:
        """The same of an expression that is known to be a vector."""
        value = self.value(tree)
        assert isinstance(value, Vector), "the parser checks the types of arguments"
        return value

    def numbers(self, tree: ast.Expr) -> Numbers:
        """One number a step, of an expression that is known to be a scalar."""
        value = self.value(tree)
        assert isinstance(value, Scalar), "the parser checks the types of arguments"
        return value.values

    def text(self, tree: ast.Expr) -> str:
        value = self.value(tree)
        assert isinstance(value, Text), "the parser checks the types of arguments"
        return value.value

    def constant(self, number: float) -> Scalar:
        return Scalar(np.full(self.steps.count, number))

    def single(self, tree: ast.Expr, what: str) -> float:
        """A number that is the same at every step, which windows need.

        Raises:
            EvaluationError: it changes.
        """
        numbers = self.numbers(tree)
        if len(numbers) and not np.array_equal(numbers, np.full_like(numbers, numbers[0]), equal_nan=True):
            raise unsupported(f"{what} of a number that changes from step to step")
        return float(numbers[0])

    def instant(self, selector: ast.VectorSelector, *, moments: bool = False) -> Vector:
        """The last samples that a selector sees."""
        steps = self.moved(selector.offset, selector.at)
        key = instant_key(selector, moments=moments)
        if key not in self._read:
            read = self._source.instant(matchers_of(selector), steps, str(selector), moments=moments)
            self._read[key] = self._spread(read)
        return self._read[key]

    def windowed(self, function: str, argument: ast.Expr, parameter: float | None = None) -> Vector:
        """A function over windows, of a range of samples or of a subquery."""
        argument = bare(argument)
        key = window_key(function, argument, parameter)
        if key not in self._read:
            self._read[key] = self._spread(self._windowed(function, argument, parameter))
        return self._read[key]

    def _windowed(self, function: str, argument: ast.Expr, parameter: float | None) -> Vector:
        what = f"{function}({argument})"
        if isinstance(argument, ast.MatrixSelector):
            selector = argument.vector_selector
            ranged = Ranged(millis(argument.range), what, parameter)
            steps = self.moved(selector.offset, selector.at)
            return self._source.window(function, matchers_of(selector), steps, ranged)
        assert isinstance(argument, ast.SubqueryExpr), "the parser checks the types of arguments"
        steps = self.moved(argument.offset, argument.at)
        ranged = Ranged(millis(argument.range), what, parameter)
        inside = steps.within(ranged.range_ms, millis(argument.step) or SUBQUERY_STEP_MS)
        self._source.limits.check_steps(inside.count)
        inner = Evaluation(self._source, inside, self._bounds).vector(argument.expr)
        return self._source.subwindow(function, inner, inside, steps, ranged)

    def moved(self, offset: timedelta | None, at: ast.AtModifier | None) -> Steps:
        """The steps at which a selector is evaluated."""
        steps = self.steps
        if at is not None:
            kind = str(at.type).rpartition(".")[2]
            moment = {"Start": self._bounds[0], "End": self._bounds[1]}.get(kind)
            if moment is None:
                assert at.at is not None
                moment = round(at.at.timestamp() * 1000)
            steps = Steps(moment, steps.step_ms, 1)
        return steps.earlier(millis(offset))

    def _spread(self, vector: Vector) -> Vector:
        """What was evaluated at one moment (``@``) is the same at every step."""
        if vector.values.shape[1] == self.steps.count:
            return vector
        self._source.limits.check_cells(len(vector.labels), self.steps.count, "query")
        shape = (len(vector.labels), self.steps.count)
        return Vector(vector.labels, np.broadcast_to(vector.values, shape), np.broadcast_to(vector.present, shape))

    def _negated(self, value: Value) -> Value:
        if isinstance(value, Scalar):
            return Scalar(-value.values)
        assert isinstance(value, Vector), "the parser checks the types of arguments"
        return relabelled(Vector(value.labels, -value.values, value.present))

    def _binary(self, tree: ast.BinaryExpr) -> Value:
        sign = str(tree.op).strip()
        left, right = self.value(tree.lhs), self.value(tree.rhs)
        modifier = tree.modifier
        matching = _matching(modifier)
        if sign in SETS:
            assert isinstance(left, Vector), "the parser checks the types of operands"
            assert isinstance(right, Vector), "the parser checks the types of operands"
            return in_sets(sign, left, right, matching)
        operator = Operator(sign, as_number=modifier is not None and modifier.return_bool)
        if isinstance(left, Vector) and isinstance(right, Vector):
            return between(operator, left, right, matching, self._source.limits)
        return with_scalar(operator, left, right)

    def _aggregate(self, tree: ast.AggregateExpr) -> Vector:
        name = str(tree.op).strip()
        vector = self.vector(tree.expr)
        names = tree.modifier.labels if tree.modifier is not None else []
        without = tree.modifier is not None and str(tree.modifier.type).endswith("Without")
        if name == "count_values" and tree.param is not None:
            return count_values(vector, self.text(tree.param), names, without=without)
        number = self.numbers(tree.param) if tree.param is not None else None
        return aggregated(name, Grouping(vector, names, without=without), number).seen()

    def _call(self, tree: ast.Call) -> Value:
        name = tree.func.name
        if name in CALLS:
            return CALLS[name](self, tree.args)
        if name not in WINDOWS:
            raise unsupported(f"function {name}()")
        return self.windowed(name, tree.args[0])


def instant_key(selector: ast.VectorSelector, *, moments: bool = False) -> Key:
    """How the last samples that a selector sees are known, or when they were."""
    return str(selector), moments


def window_key(function: str, argument: ast.Expr, parameter: float | None = None) -> Key:
    """How a function over windows is known."""
    return function, str(argument), parameter


def millis(length: timedelta | None) -> int:
    """A duration in milliseconds; none is 0."""
    return 0 if length is None else round(length.total_seconds() * 1000)


def _matching(modifier: ast.BinModifier | None) -> Matching:
    if modifier is None:
        return Matching()
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise unsupported("modifier fill()")
    card = str(modifier.card).rpartition(".")[2]
    names = frozenset(modifier.matching.labels) if modifier.matching is not None else frozenset()
    on = modifier.matching is not None and str(modifier.matching.type).endswith("Include")
    many = {"ManyToOne": "left", "OneToMany": "right"}.get(card, "")
    return Matching(names, on, many, tuple(modifier.group_labels or ()))
