"""Grouping rules, ready to be asked: which group of which rule a finding is in, and whether there is enough of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wellkept.kernel.finding import Finding
from wellkept.kernel.grouping import GroupRule
from wellkept.spine.labels import labels_of
from wellkept.spine.matchers import Matching

SEPARATOR = "\x1f"
Labels = Callable[[Finding], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Key:
    """A group of a rule: the rule's name and the values of its labels."""

    rule: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return SEPARATOR.join((self.rule, *self.values))


class GroupRules:
    """The rules in force, in the order of their names. ``labels`` gives the labels of a finding."""

    def __init__(self, rules: Iterable[GroupRule] = (), labels: Labels = labels_of) -> None:
        self._labels = labels
        ordered = sorted(rules, key=lambda rule: rule.name)
        self._rules = {rule.name: rule for rule in ordered}
        self._together = [(rule, Matching(rule.match)) for rule in ordered if not rule.against]
        self._apart = [(rule, Matching(rule.match), Matching(rule.against)) for rule in ordered if rule.against]

    def __bool__(self) -> bool:
        return bool(self._rules)

    def rule(self, name: str) -> GroupRule:
        return self._rules[name]

    def learn(self, many: Sequence[Mapping[str, str]]) -> None:
        """Answer a batch of labels at once; see :meth:`wellkept.spine.matchers.Matching.learn`."""
        for _, matching in self._together:
            matching.learn(many)
        for _, one, other in self._apart:
            one.learn(many)
            other.learn(many)

    def keys_of(self, labels: Mapping[str, str]) -> tuple[Key, ...]:
        """The groups that labels put a finding in. A rule of which a label is missing says nothing."""
        found = []
        for rule, matching in self._together:
            values = tuple(labels.get(name, "") for name in rule.by)
            if all(values) and matching.matches(labels):
                found.append(Key(rule.name, values))
        return tuple(found)

    def keys(self, finding: Finding) -> tuple[str, ...]:
        """The groups that a finding is in, as texts."""
        return tuple(str(key) for key in self.keys_of(self._labels(finding)))

    def key(self, finding: Finding) -> str | None:
        """The group of the first rule that fits; None when none does. Equal keys within ``window_s`` are one group."""
        return next(iter(self.keys(finding)), None)

    def window_s(self, key: str) -> float:
        """How close findings of a group begin to be one."""
        return self._rules[key.partition(SEPARATOR)[0]].window_s

    def words(self, key: str) -> str:
        """A group as a person reads it: the rule, and the labels with their values."""
        name, *values = key.split(SEPARATOR)
        told = ", ".join(f"{label}={value}" for label, value in zip(self._rules[name].by, values, strict=True))
        return f"{name} ({told})" if told else name

    def sides(self, finding: Finding) -> list[tuple[Key, bool]]:
        """On which sides of rules that keep apart a finding stands (True: the one of ``against``).

        Two findings with one key on different sides are not one problem. What is on both sides of a rule is on none.
        """
        if not self._apart:
            return []
        labels = self._labels(finding)
        found = []
        for rule, match, against in self._apart:
            values = tuple(labels.get(name, "") for name in rule.by)
            is_left, is_right = match.matches(labels), against.matches(labels)
            if all(values) and is_left is not is_right:
                found.append((Key(rule.name, values), is_right))
        return found
