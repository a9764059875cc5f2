"""The labels of a series: those of its page, those of its target, and what happens where both have the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from wellkept.ops.ingest.scrape.base import Labels, sorted_labels
from wellkept.ops.ingest.scrape.exposition import Kind

EXPORTED = "exported_"
_BOUNDS = {Kind.HISTOGRAM: "le", Kind.GAUGEHISTOGRAM: "le", Kind.SUMMARY: "quantile"}
_MOST_DIGITS, _LEAST_EXPONENT = 6, -4
"""From here on a bound is written with an exponent."""


def attached(exposed: Mapping[str, str], of_target: Labels, *, honor_exposed: bool) -> Labels:
    """The labels of a series.

    With ``honor_exposed`` the page's label stays, even an empty one: so a gateway says that a series has no instance.
    Without it the target's label stays, and the page's is renamed, until its name is nobody's.
    """
    if honor_exposed:
        return sorted_labels({**dict(of_target), **exposed})
    labels = dict(exposed)
    moved: dict[str, str] = {}
    for name, value in of_target:
        if labels.get(name):
            moved[name] = labels[name]
        labels[name] = value
    for name, value in moved.items():
        other = EXPORTED + name
        while other in labels:
            other = EXPORTED + other
        labels[other] = value
    return sorted_labels(labels)


def with_even_bounds(labels: Mapping[str, str], kind: Kind) -> Mapping[str, str]:
    """The labels with the bound of a bucket, or the quantile, as OpenMetrics writes it: ``1.0``, not ``1``.

    As Prometheus 3 does: the text format has the other spelling, and a target may change its format at any time.
    """
    name = _BOUNDS.get(kind, "")
    if not labels.get(name):
        return labels
    try:
        bound = float(labels[name])
    except ValueError:
        return labels
    return {**labels, name: _as_openmetrics(bound)}


def _as_openmetrics(number: float) -> str:
    """A number with as few digits as tell it, spelled as Prometheus's libraries do."""
    if math.isnan(number) or math.isinf(number):
        return "NaN" if math.isnan(number) else f"{number:+}".replace("inf", "Inf")
    told = Decimal(repr(number)).normalize()
    sign, digits, exponent = told.as_tuple()
    place = len(digits) + int(exponent) - 1
    if told and not _LEAST_EXPONENT <= place < _MOST_DIGITS:
        rest = "".join(map(str, digits[1:]))
        return f"{'-' * sign}{digits[0]}{'.' if rest else ''}{rest}e{place:+03d}"
    text = f"{told:f}"
    return text if "." in text else f"{text}.0"
