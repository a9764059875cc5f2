"""A parameter of a log pattern whose values are not what they were."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.loglines import PARAMETER, PATTERN, SHOWN, Floats
from wellkept.ops.detect.signals import moment
from wellkept.ops.detect.words import capital, named


@dataclass(frozen=True, slots=True)
class PatternParameterParameters:
    """When a change of values is worth a word."""

    newest_steps: int = 6
    """The values of so many of the newest steps are compared with those before."""
    newest: int = 40
    """So many values there at least."""
    older: int = 120
    """So many values before at least."""
    distance: float = 0.3
    """How different the two must be: Jensen-Shannon distance, 0 for the same and 1 for nothing in common."""
    surprise: float = 10.0
    """How unlikely, as the -log10 of the probability by a G-test."""
    beyond: float = 2.0
    """How many times as different as any stretch of the older part was from the rest of it."""
    worse: float = 0.2
    """A status whose errors (400 and above) rise by this share is a warning rather than information."""
    most_at_once: int = 20
    """So many parameters are told of in one look: the most different."""

    def __post_init__(self) -> None:
        check_above_zero("pattern_parameter", self)


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """Sampled values of one parameter: float64[T, V], and what the V values are, in their order."""

    entity: str
    pattern: str
    template: str
    sample: str
    parameter: str
    values: tuple[str, ...]
    counts: Floats


class PatternParameter:
    """Says that a parameter of a pattern has other values than before: a status, a state, the bins of a duration.

    Two things must hold together: that the change is no chance (a G-test on the counts), and that it is large (the
    Jensen-Shannon distance, which many lines do not make larger). It must also be larger than any stretch of the older
    part differed from the rest of it, so what always wanders is left alone.

    Source: the G-test is the likelihood ratio test of a table of counts (Woolf 1957); the distance is from Endres and
    Schindelin, A new metric for probability distributions (2003).
    """

    name = "pattern_parameter"
    version = "1"
    finds = "parameters of log lines whose values have changed"
    kinds = (FindingKind.LOG_PATTERN,)
    Parameters = PatternParameterParameters

    def __init__(
        self, settings: DetectSettings | None = None, parameters: PatternParameterParameters | None = None
    ) -> None:
        self._settings = settings or DetectSettings()
        self.parameters = parameters or PatternParameterParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        told = [(each, change) for each in _grouped(view) if (change := self._change(each)) is not None]
        told.sort(key=lambda pair: (-pair[1][0], pair[0].entity, pair[0].pattern, pair[0].parameter))
        findings = [self._finding(view, each, *change) for each, change in told[: self.parameters.most_at_once]]
        return sorted(findings, key=lambda finding: finding.fingerprint)

    def _change(self, each: _Values) -> tuple[float, float] | None:
        """Distance and surprise, where both are large enough."""
        chosen = self.parameters
        steps = chosen.newest_steps
        recent, older = each.counts[-steps:].sum(axis=0), each.counts[:-steps]
        before = older.sum(axis=0)
        if recent.sum() < chosen.newest or before.sum() < chosen.older:
            return None
        distance = _distance(recent, before)
        if distance < chosen.distance:
            return None
        blocks = [older[first : first + steps].sum(axis=0) for first in range(0, len(older) - steps + 1, steps)]
        usual = [_distance(block, before - block) for block in blocks if block.sum() >= chosen.newest // 2]
        if len(usual) >= 2 and distance < chosen.beyond * max(usual):
            return None
        surprise = _surprise(recent, before)
        return (distance, surprise) if surprise >= chosen.surprise else None

    def _finding(self, view: View, each: _Values, distance: float, surprise: float) -> Finding:
        steps = self.parameters.newest_steps
        recent, before = each.counts[-steps:].sum(axis=0), each.counts[:-steps].sum(axis=0)
        now, was = recent / recent.sum(), before / before.sum()
        most = int(np.argmax(np.abs(now - was)))
        window = view.patterns
        assert window is not None
        starts_at = moment(window.times[-steps] - view.step_s)
        title = f"{capital(each.parameter)} in a log pattern of {named(each.entity)} changed"
        return Finding(
            fingerprint=fingerprint(self.name, each.entity, each.pattern, each.parameter),
            detector=self.name,
            detector_version=self.version,
            entity=each.entity,
            kind=FindingKind.LOG_PATTERN,
            severity=Severity.WARNING if self._is_worse(each, now, was) else Severity.INFO,
            score=round(distance, 6),
            score_meaning="Jensen-Shannon distance of the values since then from those before: 1 is nothing in common",
            starts_at=starts_at,
            sentence=(
                f"In the log of {named(each.entity)} the values of {each.parameter} have changed since "
                f"{starts_at:%H:%M:%S} UTC: {each.values[most]} is {now[most]:.0%} of {recent.sum():.0f} sampled lines "
                f"and was {was[most]:.0%} of {before.sum():.0f} before (by chance once in 10^{surprise:.0f}), "
                f"in {each.template} (for example: {each.sample})"
            ),
            evidence=(
                Evidence(
                    signal=PARAMETER,
                    attributes={"pattern": each.pattern, "template": each.template, "parameter": each.parameter},
                    window_start=moment(window.times[0]),
                    window_end=moment(window.times[-1]),
                    values=_shares(each.values, now, was),
                ),
            ),
            attributes={"title": title, "resource": "", "symptom": ""},
        )

    def _is_worse(self, each: _Values, now: Floats, was: Floats) -> bool:
        """Whether codes that stand for failure have become many more."""
        if "status" not in each.parameter and "code" not in each.parameter:
            return False
        failed = np.array([value[:1] in "45" and value.isdecimal() and len(value) == 3 for value in each.values])
        return float(now[failed].sum() - was[failed].sum()) >= self.parameters.worse


def _grouped(view: View) -> list[_Values]:
    """The parameters of a view, whatever the order of its series."""
    window = view.patterns
    if window is None or len(window.times) < 2:
        return []
    columns: dict[tuple[str, str, str, str], dict[str, int]] = {}
    for column, info in enumerate(window.series):
        if info.name == PARAMETER and info.entity and info.entity not in view.blind.entities:
            about = info.attributes
            key = (info.entity, about["pattern"], about["parameter"], about.get("template", "")[:SHOWN])
            columns.setdefault(key, {})[about["value"]] = column
    lines = [info.attributes for info in window.series if info.name == PATTERN]
    samples = {about["pattern"]: about.get("sample", "") for about in lines}
    found = []
    for (entity, pattern, parameter, template), by_value in sorted(columns.items()):
        if len(by_value) > 1:
            values = tuple(sorted(by_value))
            counts = np.nan_to_num(window.values[:, [by_value[value] for value in values]])
            found.append(
                _Values(entity, pattern, template, samples.get(pattern, "")[:SHOWN], parameter, values, counts)
            )
    return found


def _distance(one: Floats, other: Floats) -> float:
    """Jensen-Shannon distance of two lists of counts, from 0 to 1."""
    if one.sum() <= 0 or other.sum() <= 0:
        return 0.0
    first, second = one / one.sum(), other / other.sum()
    middle = (first + second) / 2
    return math.sqrt(max(0.0, (_bits(first, middle) + _bits(second, middle)) / 2))


def _bits(one: Floats, other: Floats) -> float:
    there = one > 0
    return float((one[there] * np.log2(one[there] / other[there])).sum())


def _surprise(one: Floats, other: Floats) -> float:
    """-log10 of the probability of so large a G, by the approximation of Wilson and Hilferty to chi squared."""
    table = np.stack([one, other])
    table = table[:, table.sum(axis=0) > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    there = table > 0
    g = 2.0 * float((table[there] * np.log(table[there] / expected[there])).sum())
    freedom = table.shape[1] - 1
    if freedom < 1 or g <= freedom:
        return 0.0
    z = ((g / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    # The tail of the normal distribution, by its asymptotic form, which does not run out of digits.
    return (z * z / 2 + math.log(max(z, 1.0) * math.sqrt(2 * math.pi))) / math.log(10) if z > 0 else 0.0


def _shares(values: tuple[str, ...], now: Floats, was: Floats) -> dict[str, float]:
    """The values whose share changed most, before and now."""
    told: dict[str, float] = {}
    for place in np.argsort(-np.abs(now - was), kind="stable")[:5].tolist():
        told[f"{values[place]} before"] = round(float(was[place]), 4)
        told[f"{values[place]} now"] = round(float(now[place]), 4)
    return told
