"""Rules that follow from what people do: after the second merge, or the second split, of the same sorts of alerts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wellkept.kernel.clock import stable_id
from wellkept.kernel.grouping import DecisionKind, GroupingDecision, GroupRule, Side
from wellkept.kernel.matching import Matcher
from wellkept.spine.grouping import standing

LIKE_ONES = 2
"""So many decisions of one sort are a habit."""
NO_PLACE = frozenset(
    {"alertname", "signal", "kind", "entity_kind", "severity", "fingerprint", "detector", "tier", "owner", "priority"}
)
"""Labels that say what, or how bad, and not where: to agree in them is no reason to be one problem."""
MOST_BY, MOST_SORTS = 5, 8
LEAST_WINDOW_S, MOST_WINDOW_S = 300.0, 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule that would have done what hands did, why it is suggested, and the decisions that it rests on."""

    rule: GroupRule
    kind: DecisionKind
    decisions: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class _Habit:
    """The sort of a decision: the label that names alerts, and the names on both sides."""

    kind: DecisionKind
    label: str
    left: tuple[str, ...]
    right: tuple[str, ...]


def suggest(decisions: Iterable[GroupingDecision], rules: Sequence[GroupRule] = ()) -> list[Suggestion]:
    """The rules to suggest; one that stands already (whatever its name) is not suggested again.

    Decisions are alike when they are about the same sorts of alerts; about the same findings the last word counts. The
    rule's labels are those in which both sides agreed each time; without any there is nothing to suggest, for the rule
    would merge strangers.
    """
    alike: dict[_Habit, list[GroupingDecision]] = defaultdict(list)
    for decision in standing(sorted(decisions, key=lambda one: (one.at, one.id))):
        habit = _habit(decision)
        if habit is not None:
            alike[habit].append(decision)
    known = {(rule.match, rule.against, rule.by) for rule in rules}
    found = [made for habit, many in alike.items() if (made := _suggestion(habit, many)) is not None]
    return [one for one in found if (one.rule.match, one.rule.against, one.rule.by) not in known]


def _habit(decision: GroupingDecision) -> _Habit | None:
    for label in ("alertname", "signal"):
        left, right = _names(decision.left, label), _names(decision.right, label)
        if not left or not right or len(left) + len(right) > MOST_SORTS:
            continue
        if decision.kind is DecisionKind.MERGE:
            both = tuple(sorted({*left, *right}))
            return _Habit(decision.kind, label, both, ())
        if not set(left) & set(right):
            first, second = sorted((left, right))
            return _Habit(decision.kind, label, first, second)
    return None


def _names(side: Side, label: str) -> tuple[str, ...]:
    """What the alerts of a side are called, where each has such a name."""
    names = [labels.get(label, "") for labels in side.labels]
    return tuple(sorted(set(names))) if names and all(names) else ()


def _suggestion(habit: _Habit, decisions: Sequence[GroupingDecision]) -> Suggestion | None:
    shared = set.intersection(*(_agreed(one) for one in decisions))
    if len(decisions) < LIKE_ONES or not shared:
        return None
    by = tuple(sorted(shared, key=lambda name: (not _differs(name, decisions), name))[:MOST_BY])
    match, against = _matcher(habit.label, habit.left), _matcher(habit.label, habit.right)
    verb = "merged" if habit.kind is DecisionKind.MERGE else "split"
    name = stable_id(f"hand-{verb}", habit.label, *habit.left, "", *habit.right, "", *by)
    people = ", ".join(dict.fromkeys(one.by for one in decisions))
    what = " and ".join(filter(None, (_told(habit.left), _told(habit.right))))
    sentence = f"{people} {verb} {what} {len(decisions)} times, each time with the same {', '.join(by)}."
    rule = GroupRule(
        name,
        (match,),
        by,
        _window(decisions) if habit.kind is DecisionKind.MERGE else LEAST_WINDOW_S,
        against=(against,) if habit.right else (),
        comment=sentence,
    )
    return Suggestion(rule, habit.kind, tuple(one.id for one in decisions), sentence)


def _agreed(decision: GroupingDecision) -> set[str]:
    """The labels, not empty, in which all findings of both sides agree."""
    many: list[Mapping[str, str]] = [*decision.left.labels, *decision.right.labels]
    first = many[0]
    return {
        name
        for name, value in first.items()
        if value and name not in NO_PLACE and all(labels.get(name) == value for labels in many)
    }


def _differs(name: str, decisions: Sequence[GroupingDecision]) -> bool:
    """Whether a label had another value from one time to the next: then it is the place, and no constant."""
    return len({decision.left.labels[0].get(name) for decision in decisions}) > 1


def _window(decisions: Sequence[GroupingDecision]) -> float:
    """Half as much again as lay between the two sides at most, in whole minutes."""
    gaps = [
        abs((min(one.left.starts) - min(one.right.starts)).total_seconds())
        for one in decisions
        if one.left.starts and one.right.starts
    ]
    wanted = 60.0 * -(-max(gaps, default=0.0) * 1.5 // 60)
    return min(MOST_WINDOW_S, max(LEAST_WINDOW_S, wanted))


def _matcher(label: str, names: Sequence[str]) -> Matcher:
    if len(names) == 1:
        return Matcher(label, "=", names[0])
    return Matcher(label, "=~", "|".join(re.escape(name) for name in names))


def _told(names: Sequence[str]) -> str:
    return ", ".join(names)
