"""Matchers of a selector as conditions on prometheus_series: fixed pieces of SQL, and every value bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import promql_parser
import pyarrow as pa
import pyarrow.compute as pc

from wellkept.store.telemetry.promql.errors import ExpressionError
from wellkept.store.telemetry.promql.syntax import parse
from wellkept.store.telemetry.promql.values import NAME, Flags, Labels

_CONDITIONS = {
    "Equal": "$subject = {value$i:String}",
    "NotEqual": "$subject != {value$i:String}",
    "Re": "match($subject, {value$i:String})",
    "NotRe": "NOT match($subject, {value$i:String})",
}
_METRIC, _LABEL = "metric", "labels[{label$i:String}]"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One matcher; ``kind`` is a key of the table above. A label that is not there is empty."""

    kind: str
    label: str
    value: str


Matchers = tuple[Matcher, ...]


def matchers_of(selector: promql_parser.VectorSelector) -> Matchers:
    """The matchers of a selector, the metric's name among them.

    Raises:
        ExpressionError: one that is not of PromQL.
    """
    if selector.matchers.or_matchers:
        raise ExpressionError("selector", "cannot say 'or' between matchers", str(selector))
    found = [_matcher(given) for given in selector.matchers.matchers]
    if selector.name:
        found.insert(0, Matcher("Equal", NAME, selector.name))
    return tuple(found)


def selector_of(text: str) -> Matchers:
    """The matchers of a selector that stands alone, as in ``match[]``.

    Raises:
        ExpressionError: it is something else.
    """
    tree = parse(text)
    if not isinstance(tree, promql_parser.VectorSelector) or tree.offset or tree.at:
        raise ExpressionError("match[]", "must be a selector of series", text)
    return matchers_of(tree)


def conditions(matchers: Matchers, group: str = "") -> tuple[str, dict[str, object]]:
    """The condition as SQL, and the parameters that it names; ``group`` tells them from those of another."""
    pieces: list[str] = []
    parameters: dict[str, object] = {}
    for index, matcher in enumerate(matchers):
        key = f"{group}{index}"
        subject = _METRIC if matcher.label == NAME else _LABEL
        pieces.append(_CONDITIONS[matcher.kind].replace("$subject", subject).replace("$i", key))
        parameters[f"value{key}"] = anchored(matcher.value) if matcher.kind.endswith("Re") else matcher.value
        if matcher.label != NAME:
            parameters[f"label{key}"] = matcher.label
    return " AND ".join(pieces) or "1", parameters


def any_of(selectors: Sequence[Matchers]) -> tuple[str, dict[str, object]]:
    """The condition that one of the selectors matches; none given: every series."""
    parts = [conditions(matchers, f"{index}_") for index, matchers in enumerate(selectors)]
    if not parts:
        return "1", {}
    return " OR ".join(f"({sql})" for sql, _ in parts), {k: v for _, own in parts for k, v in own.items()}


def metric_of(matchers: Matchers) -> str:
    """The metric that is asked for by its name; empty where none is."""
    return next((one.value for one in matchers if one.label == NAME and one.kind == "Equal"), "")


def is_matched(matchers: Matchers, labels: Sequence[Labels]) -> Flags:
    """Which of some series all matchers match."""
    kept = np.ones(len(labels), dtype=bool)
    named = [dict(one) for one in labels] if matchers else []
    for matcher in matchers:
        kept &= _is_matched(matcher, [one.get(matcher.label, "") for one in named])
    return kept


def _is_matched(matcher: Matcher, values: Sequence[str]) -> Flags:
    if matcher.kind in ("Equal", "NotEqual"):
        same = np.array([value == matcher.value for value in values], dtype=bool)
    else:
        found = pc.match_substring_regex(pa.array(values, pa.string()), anchored(matcher.value))
        same = np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
    return ~same if matcher.kind.startswith("Not") else same


def anchored(pattern: str) -> str:
    """A pattern that has to match the whole of a text."""
    return f"^(?s:{pattern})$"


def _matcher(given: promql_parser.Matcher) -> Matcher:
    kind = str(given.op).rpartition(".")[2]
    if "\0" in given.value:
        raise ExpressionError(f"matcher {given.name}", "cannot hold the character NUL")
    if kind in ("Re", "NotRe"):
        try:
            pc.match_substring_regex(pa.array([""]), anchored(given.value))
        except pa.ArrowInvalid as error:
            raise ExpressionError(f"matcher {given.name}", "must hold a regular expression", given.value) from error
    return Matcher(kind, given.name, given.value)
