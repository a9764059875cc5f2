"""What a rule would have done to the incidents that there were: merged, split, or not opened. Pure.

It is laid over the incidents as they are: what tied findings together goes on to, and the rule is added. What would
have followed from that in turn (a finding that is related to a merged incident alone) is not looked for.
"""

from __future__ import annotations

import functools
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from wellkept.kernel.finding import Finding
from wellkept.kernel.grouping import GroupRule
from wellkept.ops.correlate.noise.counts import Population, Tally
from wellkept.ops.correlate.rules.rules import GroupRules, Key
from wellkept.spine.labels import what_of
from wellkept.spine.matchers import Matching

Labels = Callable[[Finding], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Replayed:
    """The outcome. Pairs of findings are compared: precision is the part of the pairs under the rule that are together
    now, recall the part of those together now that stay so; None where there is no pair. Compression is the part of
    the findings that need no incident of their own.
    """

    findings: int
    matched: int
    incidents: int
    incidents_after: int
    compression: float | None
    compression_after: float | None
    precision: float | None
    recall: float | None
    merged: tuple[tuple[str, ...], ...]
    """Sets of incidents that would have been one."""
    joined: int
    """Findings in no incident that would have been in one."""
    split: tuple[str, ...]
    """Incidents that would have been several."""
    not_opened: tuple[str, ...]
    """Incidents of which every finding would have been held."""


def replay(
    rule: GroupRule,
    findings: Sequence[Finding],
    incidents: Mapping[str, Sequence[str]],
    labels: Labels,
    count: Population,
) -> Replayed:
    """Lay a rule over incidents (id to the ids of their findings). Findings of no incident count one by one."""
    ordered = sorted(findings, key=lambda finding: (finding.starts_at, finding.id))
    known = {finding.id for finding in ordered}
    before: dict[str, str] = {
        id_: incident for incident, ids in sorted(incidents.items()) for id_ in ids if id_ in known
    }
    given = {finding.id: labels(finding) for finding in ordered}
    if rule.against:
        after, held, matched = _kept_apart(rule, given, before), set[str](), _matched_apart(rule, given)
    else:
        runs = _runs(rule, ordered, given)
        held = _held(rule, runs, count) if rule.require.asks else set()
        after, matched = _put_together(runs, before, held), sum(len(run) for _, run in runs)
    return _outcome(ordered, matched, before, after, held)


def _runs(
    rule: GroupRule, ordered: Sequence[Finding], labels: Mapping[str, Mapping[str, str]]
) -> list[tuple[Key, list[Finding]]]:
    """The groups of the rule: findings of one key, none of which begins later than the window after the one before."""
    rules, open_runs, runs = GroupRules([rule]), dict[Key, list[Finding]](), list[tuple[Key, list[Finding]]]()
    rules.learn(list(labels.values()))
    for finding in ordered:
        for key in rules.keys_of(labels[finding.id]):
            run = open_runs.get(key)
            if run is None or (finding.starts_at - run[-1].starts_at).total_seconds() > rule.window_s:
                run = open_runs[key] = []
                runs.append((key, run))
            run.append(finding)
    return runs


def _held(rule: GroupRule, runs: Sequence[tuple[Key, list[Finding]]], count: Population) -> set[str]:
    """The findings of groups that never had enough."""
    held: set[str] = set()
    for key, run in runs:
        labels = dict(zip(rule.by, key.values, strict=True))
        window = _Window(rule, lambda kind, labels=labels: count(kind, labels))  # type: ignore[misc]
        if not any(window.is_enough_with(finding) for finding in run):
            held |= {finding.id for finding in run}
    return held


class _Window:
    """What a group has at the beginning of each of its findings: all that is open, or was within the window."""

    def __init__(self, rule: GroupRule, count: Callable[[str], int]) -> None:
        self._rule, self._count = rule, functools.cache(count)
        self._there: tuple[Counter[str], Counter[str], Counter[str]] = (Counter(), Counter(), Counter())
        self._ends: list[tuple[float, str, Finding]] = []

    def is_enough_with(self, finding: Finding) -> bool:
        """Take the next finding; whether there is enough with it."""
        since = finding.starts_at.timestamp() - self._rule.window_s
        while self._ends and self._ends[0][0] < since:
            self._add(heapq.heappop(self._ends)[2], -1)
        self._add(finding, 1)
        if finding.ends_at is not None:
            heapq.heappush(self._ends, (finding.ends_at.timestamp(), finding.id, finding))
        prints, kinds, entities = self._there
        share = 0.0
        if self._rule.require.share and entities:
            known = sum(map(self._count, {entity.partition(":")[0] for entity in entities}))
            share = len(entities) / max(known, len(entities))
        return not Tally(len(prints), len(kinds), len(entities), share).lacks(self._rule)

    def _add(self, finding: Finding, step: int) -> None:
        for counter, value in zip(self._there, (finding.fingerprint, what_of(finding), finding.entity), strict=True):
            counter[value] += step
            if not value or not counter[value]:
                del counter[value]


def _put_together(
    runs: Sequence[tuple[Key, list[Finding]]], before: Mapping[str, str], held: set[str]
) -> dict[str, Hashable]:
    """The class of each finding when each run is one; a held one that was in no incident stays alone."""
    leader: dict[Hashable, Hashable] = {}

    def find(one: Hashable) -> Hashable:
        while leader.setdefault(one, one) != one:
            one = leader[one]
        return one

    joined = dict[str, Hashable](before)
    for number, (_, run) in enumerate(runs):
        told = [finding.id for finding in run if finding.id not in held]
        if not any(id_ in before for id_ in told):
            continue
        for id_ in told:
            place = joined.setdefault(id_, ("run", number))
            leader[find(place)] = find(("run", number))
    return {id_: find(place) for id_, place in joined.items()}


def _kept_apart(
    rule: GroupRule, labels: Mapping[str, Mapping[str, str]], before: Mapping[str, str]
) -> dict[str, Hashable]:
    """The class of each finding when those on the two sides of the rule are apart; the rest stays with the first."""
    left, right = Matching(rule.match), Matching(rule.against)
    sides: dict[str, dict[tuple[str, ...], set[bool]]] = defaultdict(lambda: defaultdict(set))
    placed: dict[str, tuple[tuple[str, ...], bool]] = {}
    for id_, incident in before.items():
        values = tuple(labels[id_].get(name, "") for name in rule.by)
        is_left, is_right = left.matches(labels[id_]), right.matches(labels[id_])
        if all(values) and is_left is not is_right:
            sides[incident][values].add(is_right)
            placed[id_] = (values, is_right)
    after: dict[str, Hashable] = {}
    for id_, incident in before.items():
        values, is_right = placed.get(id_, ((), False))
        is_cut = is_right and len(sides[incident][values]) == 2
        after[id_] = (incident, values) if is_cut else incident
    return after


def _matched_apart(rule: GroupRule, labels: Mapping[str, Mapping[str, str]]) -> int:
    left, right = Matching(rule.match), Matching(rule.against)
    return sum(left.matches(one) or right.matches(one) for one in labels.values())


def _outcome(
    ordered: Sequence[Finding], matched: int, before: Mapping[str, str], after: Mapping[str, Hashable], held: set[str]
) -> Replayed:
    not_opened = sorted(
        {incident for id_, incident in before.items()} - {i for f, i in before.items() if f not in held}
    )
    told = {id_: place for id_, place in after.items() if before.get(id_) not in set(not_opened)}
    parts: dict[Hashable, set[str]] = defaultdict(set)
    pieces: dict[str, set[Hashable]] = defaultdict(set)
    for id_, place in told.items():
        if id_ in before:
            parts[place].add(before[id_])
            pieces[before[id_]].add(place)
    both = Counter((before[id_], place) for id_, place in told.items() if id_ in before)
    same = sum(n * (n - 1) // 2 for n in both.values())
    now = sum(n * (n - 1) // 2 for n in Counter(before.values()).values())
    then = sum(n * (n - 1) // 2 for n in Counter(told.values()).values())
    count, count_after = len(set(before.values())), len(set(told.values()))
    return Replayed(
        findings=len(ordered),
        matched=matched,
        incidents=count,
        incidents_after=count_after,
        compression=_share(len(before) - count, len(before)),
        compression_after=_share(len(told) - count_after, len(told)),
        precision=_share(same, then),
        recall=_share(same, now),
        merged=tuple(sorted(tuple(sorted(part)) for part in parts.values() if len(part) > 1)),
        joined=len(told.keys() - before.keys()),
        split=tuple(sorted(incident for incident, places in pieces.items() if len(places) > 1)),
        not_opened=tuple(not_opened),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
