"""Whether an expression can be asked here, told before it is asked: what PromQL has and this platform has not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import promql_parser as ast
from pydantic import AfterValidator

from wellkept.store.telemetry.promql.calls import CALLS
from wellkept.store.telemetry.promql.errors import ExpressionError
from wellkept.store.telemetry.promql.syntax import below, parse
from wellkept.store.telemetry.promql.values import NAME
from wellkept.store.telemetry.promql.windows import WINDOWS


def checked(query: str) -> str:
    """The expression, if it can be asked, and gives one value a step.

    Raises:
        ValueError: it cannot, and why.
    """
    try:
        tree = parse(query)
    except ExpressionError as error:
        raise ValueError(f"must be PromQL: {error.rule}") from error
    if isinstance(tree, ast.MatrixSelector | ast.SubqueryExpr | ast.StringLiteral):
        raise ValueError("must give one value a step; a range needs a function over it")  # noqa: TRY004 - pydantic's
    for node in walk(tree):
        name = node.func.name if isinstance(node, ast.Call) else ""
        if name and name not in CALLS and name not in WINDOWS:
            raise ValueError(f"uses {name}(), which is not supported here")
    return query


def selectors(query: str) -> Iterator[ast.VectorSelector]:
    """Every selector of an expression."""
    for node in walk(parse(query)):
        if isinstance(node, ast.VectorSelector):
            yield node
        elif isinstance(node, ast.MatrixSelector):
            yield node.vector_selector


def metrics_of(query: str) -> frozenset[str]:
    """The names of the metrics that an expression asks for."""
    return frozenset(name for selector in selectors(query) if (name := metric_of(selector)))


def metric_of(selector: ast.VectorSelector) -> str:
    """The name of the metric that a selector asks for; empty where it asks for none by name."""
    if selector.name:
        return str(selector.name)
    named = (m.value for m in selector.matchers.matchers if m.name == NAME and str(m.op).endswith("Equal"))
    return str(next(named, ""))


def is_constant(query: str) -> bool:
    """Whether an expression reads neither what is stored nor the clock, as ``vector(1)`` does."""
    reading = (ast.VectorSelector, ast.MatrixSelector)
    return not any(
        isinstance(node, reading) or (isinstance(node, ast.Call) and node.func.name != "vector")
        for node in walk(parse(query))
    )


def walk(tree: ast.Expr) -> Iterator[ast.Expr]:
    """The node and every node below it."""
    yield tree
    for node in below(tree):
        yield from walk(node)


PromQLText = Annotated[str, AfterValidator(checked)]
"""A field of a document that holds an expression."""
