"""OpenSLO v1: objectives, indicators and alert policies as other tools write them.

What cannot be kept here is a mistake that is named, not passed over. Kinds that only describe (Service, DataSource,
AlertNotificationTarget) are read, and what they say of names is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wellkept.kernel.errors import DocumentError, Problem
from wellkept.kernel.finding import Severity
from wellkept.kernel.severities import severity_of
from wellkept.ops.detect.rules.slo.base import STEP_S, Burn, Indicator, OfEvents, OfShare, Slices, Slo, usual_burns
from wellkept.ops.detect.rules.slo.document import LONGEST_S
from wellkept.ops.detect.rules.slo.openslo_document import (
    KINDS,
    ConditionSpec,
    Document,
    IndicatorSpec,
    Objective,
    PolicySpec,
    SloSpec,
    TimeWindow,
)
from wellkept.spine.documents import load_document

_SHORT_PART = 12
"""A burn rate is checked over a twelfth of its window, too, so that it ends soon after the trouble does."""
_PERIODS = {"d": "day", "w": "week", "M": "month", "Q": "quarter", "Y": "year"}


class OpenSlo:
    """The documents of one file, which may refer to one another."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._named: dict[tuple[str, str], Document] = {}
        self._slos: list[tuple[Document, int]] = []
        self._problems: list[Problem] = []

    def read(self, text: str, kind: str, line: int) -> None:
        """Take in one document; ``line``: where it begins in the file (the text has as many empty lines before it).

        Raises:
            DocumentError: every mistake, with line, field, rule and value.
        """
        if kind not in KINDS:
            raise DocumentError(self._source, (Problem(line, "kind", f"must be one of {', '.join(KINDS)}", kind),))
        document = load_document(KINDS[kind], text, self._source, as_text=True)
        self._named[kind, document.metadata.name] = document
        if kind == "SLO":
            self._slos.append((document, line))

    def slos(self) -> list[Slo]:
        """The objectives.

        Raises:
            DocumentError: what refers to nothing, and what is not supported.
        """
        found = [slo for document, line in self._slos for slo in self._made(document, line)]
        if self._problems:
            raise DocumentError(self._source, tuple(self._problems))
        return found

    def _made(self, document: Document, line: int) -> list[Slo]:
        spec: SloSpec = document.spec
        indicator = self._indicator(spec, line)
        window = self._window(spec.time_window[0], line)
        if indicator is None or window is None:
            return []
        found = []
        for index, objective in enumerate(spec.objectives):
            target = objective.share
            several = len(spec.objectives) > 1
            name = document.metadata.name + (f"-{index + 1}" if several else "")
            title = document.metadata.display_name or document.metadata.name.replace("-", " ")
            burns = self._burns(spec, target, window[0], line)
            found.append(
                Slo(
                    name=name,
                    title=title + (f" ({objective.display_name or index + 1})" if several else ""),
                    source=self._source,
                    line=line,
                    indicator=self._with_limit(indicator, objective, line),
                    objective=target,
                    window_s=window[0],
                    calendar=window[1],
                    zone=window[2],
                    burns=burns,
                    service=spec.service,
                    slices=_slices(spec, objective),
                    labels=document.metadata.texts(),
                )
            )
        return found

    def _indicator(self, spec: SloSpec, line: int) -> Indicator | None:
        if spec.indicator is not None:
            return _indicator(spec.indicator.spec)
        found = self._referred("SLI", spec.indicator_ref, "spec.indicatorRef", line)
        return _indicator(found.spec) if found is not None else None

    def _with_limit(self, indicator: Indicator, objective: Objective, line: int) -> Indicator:
        """A threshold metric gets its limit from the objective."""
        if not isinstance(indicator, OfShare) or indicator.comparison != "gte" or indicator.limit is None:
            return indicator
        if objective.op is None or objective.value is None:
            self._note(line, "spec.objectives", "must have op and value for a thresholdMetric")
            return indicator
        return OfShare(indicator.query, limit=objective.value, comparison=objective.op)

    def _window(self, given: TimeWindow, line: int) -> tuple[float, Any, str] | None:
        number, unit = given.parts
        if given.is_rolling:
            seconds = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}.get(unit)
            if seconds is None:
                rule = "is not supported for a rolling window: months differ in length; say it in days (30d)"
                self._note(line, "spec.timeWindow.duration", rule, given.duration)
                return None
            return number * seconds, None, "UTC"
        period = _PERIODS.get(unit)
        if period is None or number != 1:
            rule = "must be 1d, 1w, 1M, 1Q or 1Y for a window of the calendar; others are not supported"
            self._note(line, "spec.timeWindow.duration", rule, given.duration)
            return None
        if given.calendar is not None and not given.calendar.begins(period):
            rule = f"must begin where a {period} begins; other beginnings are not supported"
            self._note(line, "spec.timeWindow.calendar.startTime", rule, given.calendar.start_time)
            return None
        return LONGEST_S[period], period, given.calendar.time_zone if given.calendar is not None else "UTC"

    def _burns(self, spec: SloSpec, target: float, window_s: float, line: int) -> tuple[Burn, ...]:
        """The burn rates of the alert policies; the usual ones where there is no policy at all."""
        if not spec.alert_policies:
            return usual_burns(window_s, 1.0 - target)
        found: list[Burn] = []
        for given in spec.alert_policies:
            policy = given if given.spec is not None else None
            referred = None if policy else self._referred("AlertPolicy", given.alert_policy_ref, "alertPolicyRef", line)
            policy_spec: PolicySpec | None = policy.spec if policy else (referred.spec if referred else None)
            for condition in policy_spec.conditions if policy_spec else ():
                spec_of = condition.spec
                if spec_of is None:
                    other = self._referred("AlertCondition", condition.condition_ref, "conditionRef", line)
                    spec_of = other.spec if other else None
                if spec_of is not None:
                    found.append(self._burn(spec_of, target, line))
        return tuple(found)

    def _burn(self, given: ConditionSpec, target: float, line: int) -> Burn:
        condition = given.condition
        long = max(STEP_S, condition.lookback_window)
        short = max(STEP_S, round(long / _SHORT_PART / STEP_S) * STEP_S)
        if condition.threshold * (1 - target) >= 1:
            rule = f"can never be reached: with a target of {target:.4%} a burn rate is at most {1 / (1 - target):.3g}"
            self._note(line, "condition.threshold", rule, condition.threshold)
        return Burn(
            long, short, condition.threshold, severity_of(given.severity, Severity.ERROR), condition.alert_after
        )

    def _referred(self, kind: str, name: str, field: str, line: int) -> Document | None:
        found = self._named.get((kind, name))
        if found is None:
            self._note(line, field, f"must name a document of kind {kind} in the same file", name)
        return found

    def _note(self, line: int, field: str, rule: str, value: object = None) -> None:
        self._problems.append(Problem(line, field, rule, value))


def _indicator(spec: IndicatorSpec) -> Indicator:
    ratio, threshold = spec.ratio_metric, spec.threshold_metric
    if threshold is not None:
        return OfShare(threshold.query, limit=0.0, comparison="gte")
    assert ratio is not None, "the validator has seen to it"
    if ratio.raw is not None:
        return OfShare(ratio.raw.query, is_good=ratio.raw_type == "success")
    part = ratio.good if ratio.good is not None else ratio.bad
    assert part is not None, "the validator has seen to it"
    assert ratio.total is not None, "the validator has seen to it"
    return OfEvents(ratio.total.query, part.query, ratio.good is not None, ratio.counter)


def _slices(spec: SloSpec, objective: Objective) -> Slices | None:
    if spec.budgeting_method != "Timeslices":
        return None
    target = objective.time_slice_target if objective.time_slice_target is not None else objective.share
    step = objective.time_slice_window or STEP_S
    return Slices(target, max(1, round(step / STEP_S)) * STEP_S)


def load_openslo(documents: Sequence[tuple[str, str, int]], source: str) -> list[Slo]:
    """The objectives of a file's documents: (text, kind, line) each.

    Raises:
        DocumentError: every mistake, with line, field, rule and value.
    """
    file = OpenSlo(source)
    for text, kind, line in documents:
        file.read(text, kind, line)
    return file.slos()
