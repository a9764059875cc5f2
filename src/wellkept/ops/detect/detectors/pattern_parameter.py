"""A parameter of a log pattern whose values are not what they were."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.loglines import PARAMETER, SHOWN, Floats
from wellkept.ops.detect.signals import moment
from wellkept.ops.detect.words import capital, clock, named


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


_BEFORE, _LINES_BEFORE = " before", "lines_before"
"""The evidence keeps what an open finding is judged by: the share of each value before, and of how many lines."""


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """Sampled values of one parameter: float64[T, V], what the V values are, in order, and a late line of each."""

    entity: str
    pattern: str
    template: str
    parameter: str
    values: tuple[str, ...]
    lines: tuple[str, ...]
    counts: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """What the newest counts of values are compared with, and how far apart they are.

    ``steps``: of how many of the newest steps they are. ``known``: where it is open.
    """

    of: _Values
    recent: Floats
    before: Floats
    distance: float
    surprise: float
    steps: int
    known: Finding | None = None


class PatternParameter:
    """Says that a parameter of a pattern has other values than before: a status, a state, the bins of a duration.

    Two things must hold together: that the change is no chance (a G-test on the counts), and that it is large (the
    Jensen-Shannon distance, which many lines do not make larger). It must also be larger than any stretch of the older
    part differed from the rest of it, so what always wanders is left alone. An open finding is judged by the values
    that were usual when it began, and lasts while the newest are as far from these as it takes to be told of.

    Source: the G-test is the likelihood ratio test of a table of counts (Woolf 1957); the distance is from Endres and
    Schindelin, A new metric for probability distributions (2003).
    """

    name = "pattern_parameter"
    version = "3"
    finds = "parameters of log lines whose values have changed"
    kinds = (FindingKind.LOG_PATTERN,)
    Parameters = PatternParameterParameters

    def __init__(
        self, settings: DetectSettings | None = None, parameters: PatternParameterParameters | None = None
    ) -> None:
        self._settings = settings or DetectSettings()
        self.parameters = parameters or PatternParameterParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:
        told = []
        for each in _grouped(view):
            known = view.open.get(self._fingerprint(each))
            usual = _usual(known)
            change = self._lasting(each, known, usual) if known and usual else self._change(each)
            if change is not None:
                told.append(change)
        told.sort(key=lambda one: (one.known is None, -one.distance, one.of.entity, one.of.pattern, one.of.parameter))
        findings = [self._finding(view, change, now) for change in told[: self.parameters.most_at_once]]
        return sorted(findings, key=lambda finding: finding.fingerprint)

    def _fingerprint(self, each: _Values) -> str:
        return fingerprint(self.name, each.entity, each.pattern, each.parameter)

    def _lasting(self, each: _Values, known: Finding, usual: Mapping[str, float]) -> _Change | None:
        """What is open, as long as the newest values are still far from what was usual when it began."""
        chosen = self.parameters
        each = _with(each, usual)
        recent = each.counts[-chosen.newest_steps :].sum(axis=0)
        before = np.array([usual.get(value, 0.0) for value in each.values])
        distance = _distance(recent, before)
        if recent.sum() < chosen.newest // 2 or distance < chosen.distance:
            return None
        return _Change(each, recent, before, distance, _surprise(recent, before), chosen.newest_steps, known)

    def _change(self, each: _Values) -> _Change | None:
        """Where distance and surprise are large enough."""
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
        return _since(each, steps) if _surprise(recent, before) >= chosen.surprise else None

    def _finding(self, view: View, change: _Change, now: datetime) -> Finding:
        each, recent, before = change.of, change.recent, change.before
        share, was = recent / recent.sum(), before / before.sum()
        rise = share - was
        risen = int(np.argmax(rise))
        # What has come says more than what it came instead of, unless that was much more.
        most = risen if 2 * rise[risen] >= np.abs(rise).max() else int(np.argmax(np.abs(rise)))
        line = each.lines[risen]
        window = view.patterns
        assert window is not None
        begun = moment(window.times[-change.steps] - view.step_s)
        starts_at = change.known.starts_at if change.known else begun
        lines, example = f"{recent.sum():.0f} sampled lines", f" (for example: {line})" if line else ""
        title = f"{capital(each.parameter)} in a log pattern of {named(each.entity)} changed"
        return Finding(
            fingerprint=self._fingerprint(each),
            detector=self.name,
            detector_version=self.version,
            entity=each.entity,
            kind=FindingKind.LOG_PATTERN,
            severity=Severity.WARNING if self._is_worse(each, share, was) else Severity.INFO,
            score=round(change.distance, 6),
            score_meaning="Jensen-Shannon distance of the values since then from those before: 1 is nothing in common",
            starts_at=starts_at,
            sentence=(
                f"In the log of {named(each.entity)} the values of {each.parameter} have changed since "
                f"{clock(starts_at, now)}: {each.values[most]} is {share[most]:.0%} of {lines} "
                f"and was {was[most]:.0%} of {before.sum():.0f} before (by chance once in 10^{change.surprise:.0f}), "
                f"in {each.template}{example}"
            ),
            evidence=(
                Evidence(
                    signal=PARAMETER,
                    attributes={"pattern": each.pattern, "template": each.template, "parameter": each.parameter},
                    window_start=moment(window.times[0]),
                    window_end=moment(window.times[-1]),
                    values=_shares(each.values, share, was) | {_LINES_BEFORE: float(before.sum())},
                    samples=(line,) if line else (),
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
    found = []
    for (entity, pattern, parameter, template), by_value in sorted(columns.items()):
        values = tuple(sorted(by_value))
        ordered = [by_value[value] for value in values]
        lines = tuple(window.series[column].attributes.get("sample", "")[:SHOWN] for column in ordered)
        counts = np.nan_to_num(window.values[:, ordered])
        found.append(_Values(entity, pattern, template, parameter, values, lines, counts))
    return found


def _since(each: _Values, steps: int) -> _Change:
    """The change as it shows from the step on in which it began: where the two sides differ most surely."""
    splits = [(each.counts[-length:].sum(axis=0), each.counts[:-length].sum(axis=0)) for length in range(1, steps + 1)]
    surprises = [_surprise(recent, before) for recent, before in splits]
    best = int(np.argmax(surprises))
    recent, before = splits[best]
    return _Change(each, recent, before, _distance(recent, before), surprises[best], best + 1)


def _usual(known: Finding | None) -> dict[str, float]:
    """How many lines there were of each value before an open finding began; empty where it does not say."""
    kept = known.evidence[0].values if known is not None and known.evidence else {}
    total = kept.get(_LINES_BEFORE, 0.0)
    shares = {name.removesuffix(_BEFORE): share for name, share in kept.items() if name.endswith(_BEFORE)}
    return {value: share / sum(shares.values()) * total for value, share in shares.items() if share > 0}


def _with(each: _Values, values: Iterable[str]) -> _Values:
    """The same with further values, which did not come."""
    more = tuple(sorted(set(values) - set(each.values)))
    counts = np.concatenate([each.counts, np.zeros((len(each.counts), len(more)))], axis=1)
    return replace(each, values=each.values + more, lines=each.lines + ("",) * len(more), counts=counts)


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
    """The values whose share changed most, before and now; and all that there were before, to judge by later."""
    told: dict[str, float] = {}
    for place in np.argsort(-np.abs(now - was), kind="stable")[:5].tolist():
        told[f"{values[place]}{_BEFORE}"] = round(float(was[place]), 4)
        told[f"{values[place]} now"] = round(float(now[place]), 4)
    return {
        f"{value}{_BEFORE}": round(float(share), 4) for value, share in zip(values, was, strict=True) if share
    } | told
