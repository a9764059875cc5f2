"""Series as unit tests write them: ``up{job="a"}`` and ``0 1+2x3 _ stale``."""

from __future__ import annotations

import re

import numpy as np
import promql_parser as ast
from numpy.typing import NDArray

from wellkept.ops.detect.rules.questions import metric_of
from wellkept.store.telemetry.promql.errors import ExpressionError
from wellkept.store.telemetry.promql.matching import matchers_of
from wellkept.store.telemetry.promql.syntax import parse
from wellkept.store.telemetry.promql.values import NAME, Labels, labels_of

MOST_VALUES = 100_000
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[iI]nf|NaN|nan)"
_ITEM = re.compile(
    rf"(?P<first>{_NUMBER})(?:(?P<step>[-+]\d+\.?\d*(?:[eE][-+]?\d+)?|[-+]\.\d+))?(?:x(?P<times>\d+))?\Z"
)
_GAP = re.compile(r"(?P<what>_|stale)(?:x(?P<times>\d+))?\Z")

Values = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]
"""The values, whether each is there, and whether the series is marked stale at it."""


def series_of(text: str) -> Labels:
    """The labels of a series, its metric's name among them.

    Raises:
        ValueError: it is no series.
    """
    try:
        tree = parse(text)
    except ExpressionError as error:
        raise ValueError('must be a series such as up{job="a"}') from error
    if not isinstance(tree, ast.VectorSelector):
        raise ValueError('must be a series such as up{job="a"}')  # noqa: TRY004 - pydantic's
    matchers = matchers_of(tree)
    if any(matcher.kind != "Equal" for matcher in matchers) or tree.offset or tree.at:
        raise ValueError("must name each label by = alone")
    name = metric_of(tree)
    return labels_of([*((m.label, m.value) for m in matchers if m.label != NAME), *([(NAME, name)] if name else [])])


def labels_in(text: str) -> Labels:
    """The labels of an expected sample; ``{}`` has none.

    Raises:
        ValueError: it is no series.
    """
    return () if text.strip() in ("", "{}") else series_of(text)


def values_of(text: str) -> Values:
    """The values of a series.

    Raises:
        ValueError: it is something else, or too long.
    """
    values: list[float] = []
    present: list[bool] = []
    ended: list[bool] = []
    for item in text.split():
        if item.startswith("{{"):
            raise ValueError("must have numbers; native histograms are not supported")
        gap, number = _GAP.match(item), _ITEM.match(item)
        found = gap or number
        times = int(found["times"] or 0) if found else 0
        if times > MOST_VALUES or len(values) > MOST_VALUES:
            raise ValueError(f"must have at most {MOST_VALUES} values")
        if gap is not None:
            count = times or 1
            values += [0.0] * count
            present += [False] * count
            ended += [gap["what"] == "stale"] * count
        elif number is not None:
            first, step = float(number["first"]), float(number["step"] or 0)
            values += [first + step * index for index in range(times + 1)]
            present += [True] * (times + 1)
            ended += [False] * (times + 1)
        else:
            raise ValueError("must be made of items such as 1, 1+2x3, _, _x3 and stale")
    return np.array(values), np.array(present, dtype=bool), np.array(ended, dtype=bool)
