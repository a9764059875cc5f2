"""Grouping rules, and merges and splits by hand: kept with who, when and why, and honoured by grouping."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.finding import Finding
from wellkept.kernel.grouping import DecisionKind, GroupingDecision, GroupRule, Side, StoredRule
from wellkept.spine.audit import Audit
from wellkept.spine.labels import Whose, labels_of
from wellkept.spine.matchers import Matching
from wellkept.spine.noise import checked
from wellkept.store.state.grouping import GroupingRows
from wellkept.store.state.state import State

MOST_LABELS = 200
"""Findings of a side of which the labels are kept, to learn from."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What hands decided, in the form that grouping takes: sets that belong together, and pairs of sets that do not."""

    together: tuple[frozenset[str], ...]
    apart: tuple[tuple[frozenset[str], frozenset[str]], ...]


class GroupingDesk:
    """Keeps rules (each change a version) and decisions (only added)."""

    def __init__(self, state: State, audit: Audit, clock: Clock, whose: Whose | None = None) -> None:
        self._whose = whose
        self._rows, self._audit, self._clock = GroupingRows(state), audit, clock
        self._of_files: tuple[StoredRule, ...] = ()
        self.files_revision = 0
        """Grows with every change of the rules of files."""

    def use_files(self, rules: Iterable[StoredRule]) -> None:
        """Take the rules of the configuration's files; one of the store with the same name goes before."""
        self._of_files = tuple(rules)
        self.files_revision += 1

    def rules(self) -> list[StoredRule]:
        """The rules in force, by name."""
        stored = {one.rule.name: one for one in self._rows.rules()}
        files = {one.rule.name: one for one in self._of_files}
        return [found for _, found in sorted({**files, **stored}.items())]

    def rule(self, name: str) -> StoredRule:
        """A rule in force.

        Raises:
            NotFoundError: there is none of that name.
        """
        found = next((one for one in self.rules() if one.rule.name == name), None)
        if found is None:
            raise NotFoundError(f"grouping rule {name}", "is not known")
        return found

    def versions(self, name: str) -> list[StoredRule]:
        """Every version of a rule of the store, newest first.

        Raises:
            NotFoundError: there never was one of that name.
        """
        found = self._rows.versions(name) or [one for one in self._of_files if one.rule.name == name]
        if not found:
            raise NotFoundError(f"grouping rule {name}", "is not known")
        return found

    def save_rule(self, rule: GroupRule, by: str) -> StoredRule:
        """Keep a rule, whether anything matches yet or not.

        Raises:
            InputError: its matchers match nearly everything, or are none.
        """
        check_rule(rule)
        stored = self._rows.save_rule(StoredRule(rule, 0, by, self._clock.now()))
        self._audit.append(self._clock.now(), by, "grouping.rule_saved", rule.name, encode(stored))
        return stored

    def remove_rule(self, name: str, by: str) -> StoredRule:
        """Take a rule out of force; its versions stay.

        Raises:
            NotFoundError: there is none of that name.
            ConflictError: it stands in a file.
        """
        found = self.rule(name)
        if found.source:
            raise ConflictError(f"grouping rule {name}", f"stands in {found.source}: take it out there")
        stored = self._rows.save_rule(StoredRule(found.rule, 0, by, self._clock.now(), removed=True))
        self._audit.append(self._clock.now(), by, "grouping.rule_removed", name, {"version": stored.version})
        return stored

    def dismiss(self, rule: GroupRule, by: str) -> StoredRule:
        """Do not want a suggested rule: it is kept as one that was taken out, and is not suggested again."""
        stored = self._rows.save_rule(StoredRule(rule, 0, by, self._clock.now(), removed=True))
        self._audit.append(self._clock.now(), by, "grouping.suggestion_dismissed", rule.name, encode(stored))
        return stored

    def is_unwanted(self, name: str) -> bool:
        """Whether the newest word about a rule of the store is that it is not wanted."""
        versions = self._rows.versions(name)
        return bool(versions) and versions[0].removed

    def decide(
        self,
        kind: DecisionKind,
        left: Sequence[Finding],
        right: Sequence[Finding],
        by: str,
        *,
        why: str = "",
        incidents: tuple[str, str] = ("", ""),
    ) -> GroupingDecision:
        """Keep a merge or a split of two sides (the findings of each, and the incidents that they were in).

        Raises:
            InputError: a side is empty, or both have a finding in common.
        """
        now = self._clock.now()
        pairs = zip((left, right), incidents, strict=True)
        sides = [side_of(findings, incident, self._whose) for findings, incident in pairs]
        if not left or not right:
            raise InputError(f"grouping {kind}", "must have findings on both sides")
        if set(sides[0].findings) & set(sides[1].findings):
            raise InputError(f"grouping {kind}", "must not have a finding on both sides")
        identity = stable_id("dec", kind, now.isoformat(), by, *sides[0].findings, "", *sides[1].findings)
        made = GroupingDecision(identity, kind, now, by, sides[0], sides[1], why)
        self._rows.save_decision(made)
        details = {"left": sides[0].findings[:50], "right": sides[1].findings[:50], "incidents": incidents, "why": why}
        self._audit.append(now, by, f"grouping.{kind.value}", identity, details)
        return made

    def decisions(self, after: int = 0, since: datetime | None = None) -> tuple[list[GroupingDecision], int]:
        """Decisions after a position (and since a moment), oldest first, and the position to go on from."""
        return self._rows.decisions(after, since)

    def constraints(self, since: datetime | None = None) -> Constraints:
        """What decisions since a moment come to; of two about the same findings the later counts."""
        return constraints_of(self._rows.decisions(0, since)[0])


def check_rule(rule: GroupRule) -> None:
    """Whether a rule says what it means.

    Raises:
        InputError: a side's matchers match nearly everything, or one is no regular expression.
    """
    for matchers in (rule.match, rule.against):
        if matchers:
            checked(matchers)
            Matching(matchers)


def side_of(findings: Sequence[Finding], incident: str = "", whose: Whose | None = None) -> Side:
    """One side of a decision, with what can be learned from it.

    That is what the alerts say. The attributes of their entities are left out: to agree in an SDK is no place.
    """
    ordered = sorted(findings, key=lambda finding: (finding.starts_at, finding.id))
    return Side(
        findings=tuple(finding.id for finding in ordered),
        incident=incident,
        fingerprints=tuple(dict.fromkeys(finding.fingerprint for finding in ordered)),
        entities=tuple(dict.fromkeys(finding.entity for finding in ordered if finding.entity)),
        labels=tuple(labels_of(finding, whose=whose) for finding in ordered[:MOST_LABELS]),
        starts=tuple(finding.starts_at for finding in ordered[:MOST_LABELS]),
    )


def constraints_of(decisions: Iterable[GroupingDecision]) -> Constraints:
    """Decisions, oldest first, as constraints: about any two findings the last one that names both counts.

    A merge names all of both sides, which are one incident from then on, and takes them out of every earlier split; a
    split cuts its sides apart in every earlier merge. So a merge and then a split of the same sides comes to the split
    alone, and the other way round.
    """
    together: list[frozenset[str]] = []
    apart: list[tuple[frozenset[str], frozenset[str]]] = []
    for decision in decisions:
        left, right = frozenset(decision.left.findings), frozenset(decision.right.findings)
        if decision.kind is DecisionKind.MERGE:
            joined = left | right
            apart = [pair for one in apart for pair in _across(one, joined, joined)]
            together.append(joined)
        else:
            together = [part for one in together for part in _cut(one, left, right)]
            apart.append((left, right))
    return Constraints(tuple(dict.fromkeys(together)), tuple(dict.fromkeys(apart)))


def standing(decisions: Iterable[GroupingDecision]) -> list[GroupingDecision]:
    """Of decisions, oldest first, those that are the last word about two findings on their two sides."""
    later: list[tuple[frozenset[str], frozenset[str]]] = []
    found: list[GroupingDecision] = []
    for decision in reversed(list(decisions)):
        sides = frozenset(decision.left.findings), frozenset(decision.right.findings)
        rest = [sides]
        for one, other in later:
            rest = [part for pair in rest for part in _across(pair, one, other)]
        if rest:
            found.append(decision)
        later += [sides, (sides[1], sides[0])]
    return found[::-1]


def _across(
    pair: tuple[frozenset[str], frozenset[str]], one: frozenset[str], other: frozenset[str]
) -> list[tuple[frozenset[str], frozenset[str]]]:
    """What is left of the pairs across two sides without those that have one finding in each of two sets."""
    left, right = pair
    if left.isdisjoint(one) or right.isdisjoint(other):
        return [pair]
    parts = [(left - one, right), (left & one, right - other)]
    return [(first, second) for first, second in parts if first and second]


def _cut(joined: frozenset[str], left: frozenset[str], right: frozenset[str]) -> list[frozenset[str]]:
    """A merged set with two sides of it cut apart; what is in neither stays with the left one."""
    if not (joined & left and joined & right):
        return [joined]
    return [part for part in (joined - right, joined & right) if len(part) > 1]
