"""From the text of an expression to its tree, by the package ``promql-parser``, guarded against what it cannot take."""

from __future__ import annotations

import functools
import re

import promql_parser

from wellkept.store.telemetry.promql.errors import ExpressionError

LONGEST = 32_768
MOST_OPERATORS = 200
"""The parser recurses on the machine's stack, and too deep a tree would take the process down with it."""

_TOKEN = re.compile(
    r"""
    (?P<raw>`[^`]*`)
  | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<comment>\#[^\n]*)
  | (?P<past>@\s*-)
  | (?P<operator>[-+*/%^(\[]|[=!]=|[<>]=?|\b(?:and|or|unless|atan2)\b)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@functools.lru_cache(maxsize=2_000)
def parse(text: str) -> promql_parser.Expr:
    """The tree of an expression.

    Raises:
        ExpressionError: it is none, or longer or deeper than is taken.
    """
    if len(text) > LONGEST:
        raise ExpressionError("query", f"must be at most {LONGEST} characters", len(text))
    kinds = [token.lastgroup for token in _TOKEN.finditer(text)]
    if kinds.count("operator") > MOST_OPERATORS:
        rule = f"must have at most {MOST_OPERATORS} operators and brackets"
        raise ExpressionError("query", rule, kinds.count("operator"))
    if "past" in kinds:
        raise ExpressionError("query", "must not name a moment before 1970 with @", text)
    try:
        tree = promql_parser.parse(_TOKEN.sub(_quoted, text))
        promql_parser.walk(tree, _touched)
    except (ValueError, OverflowError) as error:
        raise ExpressionError("query", f"cannot be parsed: {error}", text) from None
    return tree


def bare(tree: promql_parser.Expr) -> promql_parser.Expr:
    """An expression without the brackets around it."""
    while isinstance(tree, promql_parser.ParenExpr):
        tree = tree.expr
    return tree


def below(tree: promql_parser.Expr) -> list[promql_parser.Expr]:
    """The expressions that a node is made of; selectors are made of none."""
    match tree:
        case promql_parser.Call():
            return list(tree.args)
        case promql_parser.BinaryExpr():
            return [tree.lhs, tree.rhs]
        case promql_parser.AggregateExpr():
            return [tree.expr] + ([tree.param] if tree.param is not None else [])
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            return [tree.expr]
        case _:
            return []


def _touched(node: promql_parser.Expr) -> None:
    """Look at the durations and moments of a node: those that are too large show themselves only then."""
    if isinstance(node, promql_parser.MatrixSelector):
        _ = node.range, node.vector_selector.offset, node.vector_selector.at and node.vector_selector.at.at
    elif isinstance(node, promql_parser.SubqueryExpr):
        _ = node.range, node.step, node.offset, node.at and node.at.at
    elif isinstance(node, promql_parser.VectorSelector):
        _ = node.offset, node.at and node.at.at


def _quoted(token: re.Match[str]) -> str:
    """A text in backticks means what it says; the parser would look for escapes in it, so it gets them."""
    if token.lastgroup == "comment":
        return " "
    raw = token.group("raw")
    return token.group() if raw is None else f'"{raw[1:-1].translate(_ESCAPES)}"'
