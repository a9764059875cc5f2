"""Binary operators: arithmetic, comparisons, and sets; between vectors by their labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wellkept.store.telemetry.promql.errors import EvaluationError
from wellkept.store.telemetry.promql.limits import Limits
from wellkept.store.telemetry.promql.values import (
    NAME,
    Flags,
    Labels,
    Numbers,
    Scalar,
    Value,
    Vector,
    grouped,
    labels_of,
    relabelled,
    summed,
    united,
)

ARITHMETIC: Mapping[str, Callable[[Numbers, Numbers], Numbers]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISONS: Mapping[str, Callable[[Numbers, Numbers], Flags]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
SETS = frozenset({"and", "or", "unless"})


@dataclass(frozen=True, slots=True)
class Matching:
    """How the series of two vectors find each other.

    ``on``: by these labels alone; else by all but these. ``many``: the side of which several may match one of the other
    (``"left"``, ``"right"``, or none), and ``include``: labels that are taken over from that one.
    """

    names: frozenset[str] = frozenset()
    on: bool = False
    many: str = ""
    include: tuple[str, ...] = ()

    def signature(self, labels: Labels) -> Labels:
        if self.on:
            return tuple(pair for pair in labels if pair[0] in self.names)
        return tuple(pair for pair in labels if pair[0] not in self.names and pair[0] != NAME)

    def result(self, many: Labels, one: Labels, *, keeps_name: bool) -> Labels:
        """The labels of what comes of a pair."""
        kept = many if keeps_name else tuple(pair for pair in many if pair[0] != NAME)
        if not self.many:
            return tuple(pair for pair in kept if (pair[0] in self.names) == self.on)
        if not self.include:
            return kept
        given = dict(one)
        return labels_of(
            [*(pair for pair in kept if pair[0] not in self.include), *((n, given.get(n, "")) for n in self.include)]
        )


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator by its sign; ``as_number``: a comparison gives 0 or 1 (``bool``) and does not filter."""

    sign: str
    as_number: bool = False

    @property
    def keeps_name(self) -> bool:
        """A filter leaves series what they are; whatever makes another number of them does not."""
        return self.sign in COMPARISONS and not self.as_number

    def apply(self, left: Numbers, right: Numbers) -> tuple[Numbers, Flags | bool]:
        """(values, where they are kept)."""
        if self.sign in ARITHMETIC:
            return ARITHMETIC[self.sign](left, right), True
        holds = COMPARISONS[self.sign](left, right)
        if self.as_number:
            return holds.astype(np.float64), True
        return np.broadcast_to(left, holds.shape), holds


def with_scalar(operator: Operator, left: Value, right: Value) -> Value:
    """An operator of which at least one side is a scalar; a filter keeps the values of the vector."""
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        return Scalar(np.asarray(operator.apply(left.values, right.values)[0]))
    vector = left if isinstance(left, Vector) else right
    assert isinstance(vector, Vector)
    assert isinstance(left, Vector | Scalar)
    assert isinstance(right, Vector | Scalar)
    values, kept = operator.apply(left.values, right.values)
    if operator.keeps_name:
        return vector.where(np.asarray(kept))
    return relabelled(Vector(vector.labels, values, vector.present))


def between(operator: Operator, left: Vector, right: Vector, matching: Matching, limits: Limits) -> Vector:
    """An arithmetic operator or a comparison of the series that find each other.

    Raises:
        EvaluationError: it is not clear which series belong together.
    """
    many, one = (right, left) if matching.many == "right" else (left, right)
    side = "left" if matching.many == "right" else "right"
    partners = _unique(one, matching, side)
    signatures = [matching.signature(labels) for labels in many.labels]
    pairs = [(m, o) for m, signature in enumerate(signatures) for o in partners.get(signature, ())]
    limits.check_cells(len(pairs), left.values.shape[1], f"operator {operator.sign}")
    rows, columns = (np.array([pair[i] for pair in pairs], dtype=np.intp) for i in (0, 1))
    of_many, of_one = many.values[rows], one.values[columns]
    swapped = matching.many == "right"
    values, kept = operator.apply(of_one if swapped else of_many, of_many if swapped else of_one)
    present = many.present[rows] & one.present[columns] & kept
    if not matching.many:
        _check_one_to_one([signatures[m] for m, _ in pairs], present)
    labels = [matching.result(many.labels[m], one.labels[o], keeps_name=operator.keeps_name) for m, o in pairs]
    try:
        return united(labels, values, present).seen()
    except EvaluationError as error:
        rule = "multiple matches for labels: grouping labels must ensure unique matches"
        raise EvaluationError(f"operator {operator.sign}", rule, error.value) from None


def in_sets(sign: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    """``and``, ``or``, ``unless``."""
    left_keys = [matching.signature(labels) for labels in left.labels]
    right_keys = [matching.signature(labels) for labels in right.labels]
    if sign == "or":
        fresh = ~_seen(left, left_keys, right_keys)
        return united(
            [*left.labels, *right.labels],
            np.concatenate([left.values, right.values]),
            np.concatenate([left.present, right.present & fresh]),
        ).seen()
    there = _seen(right, right_keys, left_keys)
    return left.where(there if sign == "and" else ~there).seen()


def _seen(vector: Vector, own: list[Labels], asked: list[Labels]) -> Flags:
    """[asked, steps]: whether the vector has a series of that signature."""
    groups, index = grouped(own)
    if not groups:
        return np.zeros((len(asked), vector.values.shape[1]), dtype=bool)
    there = summed(vector.present.astype(np.int64), index, len(groups)) > 0
    known = {key: row for row, key in enumerate(groups)}
    rows = np.array([known.get(key, -1) for key in asked], dtype=np.intp)
    return there[rows] & (rows >= 0)[:, None]


def _unique(one: Vector, matching: Matching, side: str) -> dict[Labels, list[int]]:
    """The rows of each signature; at any step at most one of them may be there."""
    partners: dict[Labels, list[int]] = defaultdict(list)
    for row, labels in enumerate(one.labels):
        partners[matching.signature(labels)].append(row)
    for signature, rows in partners.items():
        if len(rows) > 1 and (one.present[rows].sum(axis=0) > 1).any():
            rule = f"found duplicate series for the match group on the {side} hand-side of the operation"
            raise EvaluationError("operator", rule, dict(signature))
    return partners


def _check_one_to_one(signatures: list[Labels], present: Flags) -> None:
    groups, index = grouped(signatures)
    counts = summed(present.astype(np.int64), index, len(groups))
    if (counts > 1).any():
        twice = groups[int(np.argwhere(counts > 1)[0][0])]
        rule = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
        raise EvaluationError("operator", rule, dict(twice))
