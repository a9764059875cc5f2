"""Inhibit rules, as Alertmanager's: while a source is open, its targets are held. An empty label equals none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wellkept.kernel.noise import InhibitRule
from wellkept.spine.matchers import Matching


@dataclass(slots=True)
class _Rule:
    rule: InhibitRule
    source: Matching
    target: Matching
    sources: dict[tuple[str, ...], dict[str, bool]]
    """Values of the equal labels, to the open sources and whether each is a target, too."""
    targets: dict[tuple[str, ...], set[str]]


class Inhibitors:
    """Knows which sources are open. What is source and target of a rule is not held by another such one."""

    def __init__(self, rules: Iterable[InhibitRule]) -> None:
        self._rules = [_Rule(rule, Matching(rule.source), Matching(rule.target), {}, {}) for rule in rules]

    def learn(self, many: Sequence[Mapping[str, str]]) -> None:
        for rule in self._rules:
            rule.source.learn(many)
            rule.target.learn(many)

    def note(self, finding: str, labels: Mapping[str, str], is_open: bool) -> set[str]:
        """Take a finding as it is now. Returns the open findings that a source holds which came, or lets go of."""
        touched: set[str] = set()
        for rule in self._rules:
            values = _values(rule.rule, labels)
            if values is None:
                continue
            sources, targets = rule.sources.setdefault(values, {}), rule.targets.setdefault(values, set())
            is_target = is_open and rule.target.matches(labels)
            if is_open and rule.source.matches(labels):
                if finding not in sources:
                    touched |= targets
                sources[finding] = is_target
            elif sources.pop(finding, None) is not None:
                touched |= targets
            targets.add(finding) if is_target else targets.discard(finding)
            if not sources and not targets:
                del rule.sources[values], rule.targets[values]
        return touched

    def inhibitor(self, finding: str, labels: Mapping[str, str]) -> tuple[InhibitRule, str] | None:
        """The rule that holds a finding, and the source (its id); None when nothing does."""
        for rule in self._rules:
            values = _values(rule.rule, labels)
            if values is None or not rule.sources.get(values) or not rule.target.matches(labels):
                continue
            is_source = rule.source.matches(labels)
            for source, is_target in rule.sources[values].items():
                if source != finding and not (is_source and is_target):
                    return rule.rule, source
        return None


def _values(rule: InhibitRule, labels: Mapping[str, str]) -> tuple[str, ...] | None:
    """The values of the equal labels; None where one is empty."""
    values = tuple(labels.get(name, "") for name in rule.equal)
    return values if all(values) else None
