"""The grouper: findings come and go, and the groups of those that something changed for are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from wellkept.kernel.change import Change
from wellkept.kernel.finding import Finding
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.blocks import Blocks
from wellkept.ops.correlate.changes import Changes
from wellkept.ops.correlate.constraints import Constraints
from wellkept.ops.correlate.cooccurrence import CoOccurrence
from wellkept.ops.correlate.groups import Group, Reasons
from wellkept.ops.correlate.keys import RuleKeys, keys_of
from wellkept.ops.correlate.learning import Learning
from wellkept.ops.correlate.merging import Part
from wellkept.ops.correlate.near import Neighbourhood
from wellkept.ops.correlate.placing import Entry, Places, entry_of
from wellkept.spine.graph import Graph


class Grouper:
    """Holds the findings that may still be grouped, and parts them into groups.

    The partition depends on the findings, the graph, the changes, the constraints and what was learned; never on the
    order or the delay of the findings' arrival. The cost of a step follows what changed. What is learned counts for
    findings that are placed later. Not safe for use by several threads at once.
    """

    def __init__(
        self,
        settings: CorrelateSettings,
        graph: Graph,
        *,
        rules: RuleKeys | None = None,
        memory: CoOccurrence | None = None,
    ) -> None:
        self._settings, self._graph, self._rules = settings, graph, rules
        self.memory = memory or CoOccurrence()
        self._places = Places(settings, Neighbourhood(graph, settings), self.memory)
        self._constraints = Constraints()
        self._blocks = Blocks(self._places.entries, self._constraints)
        self._changes = Changes(settings.change_s)
        self._learning = Learning(self._places, self.memory)
        self._stale: dict[str, Entry] = {}
        self._touched: set[str] = set()

    def __len__(self) -> int:
        return len(self._places.entries)

    def put(self, findings: Iterable[Finding]) -> None:
        """Take findings that are new or changed; the same again changes nothing."""
        fresh: list[Entry] = []
        for finding in findings:
            known = self._places.entries.get(finding.id)
            if known is not None and known.finding == finding:
                continue
            self._touched.add(finding.id)
            entry = entry_of(finding, keys_of(finding, self._changes.shared_by(finding), self._rules))
            if known is not None and _stands_alike(known, entry):
                known.finding = finding
                continue
            if known is not None:
                self._take_out(known)
            self._places.add(entry)
            self._blocks.renew(entry.id)
            fresh.append(entry)
        for entry in fresh:
            self._stale[entry.id] = entry
            self._learning.add(entry.order)
            self._stale.update((other.id, other) for other in self._places.later_seekers(entry))
        for entry in fresh:
            is_last = self._places.is_last(entry)
            for effect in self._places.earlier_seekers(entry):
                if effect.id in self._stale:
                    continue
                if not is_last:
                    self._stale[effect.id] = effect
                elif self._places.offer(effect, entry):
                    self._blocks.changed(effect.id)

    def drop(self, ids: Iterable[str]) -> None:
        """Forget findings; unknown ids are ignored."""
        gone = [identity for identity in ids if identity in self._places.entries]
        for identity in gone:
            self._take_out(self._places.entries[identity])
            self._blocks.drop(identity)
            self._touched.discard(identity)
        self._constraints.forget(gone)

    def see(self, graph: Graph, changes: Iterable[Change] = ()) -> None:
        """Take the topology as it is now, and changes that somebody made to the world."""
        if graph is not self._graph:
            self._move(graph)
        for entity in sorted(self._changes.add(changes)):
            self._put_again(self._places.on(entity))

    def rule_by(self, rules: RuleKeys | None) -> None:
        """Take other grouping rules of the user."""
        self._rules = rules
        self._put_again(list(self._places.entries.values()))

    def _put_again(self, entries: Sequence[Entry]) -> None:
        """Place entries anew, as what they share or depend on may have changed."""
        findings = [entry.finding for entry in entries]
        touched = set(self._touched)
        for entry in entries:
            self._take_out(entry)
        self.put(findings)
        self._touched = touched

    def together(self, ids: Iterable[str], by: str = "") -> None:
        """These findings are one problem whatever else speaks for or against it.

        ``by`` is who said so; empty for what was together before, as the members of an incident are.
        """
        ids = list(ids)
        if self._constraints.together(ids, by):
            self._blocks.rebuild(ids)

    def apart(self, some: Iterable[str], others: Iterable[str]) -> None:
        """None of ``some`` is one problem with any of ``others``. What was said last counts."""
        some, others = list(some), list(others)
        if self._constraints.apart(some, others):
            self._blocks.rebuild([*some, *others])

    def touch(self, ids: Iterable[str]) -> None:
        """Have the groups of these findings told next time, although nothing about them changed here."""
        self._touched.update(ids)

    def groups(self, touched_only: bool = True) -> list[Group]:
        """The groups, ordered by their earliest finding.

        With ``touched_only`` those alone that hold a finding that was put or touched since the last call, or that have
        other findings than they had then.
        """
        for entry in sorted(self._stale.values(), key=lambda entry: entry.order):
            if self._places.entries.get(entry.id) is entry:
                before = entry.ways
                self._places.place(entry)
                if entry.ways != before or self._blocks.reaches_fresh(entry):
                    self._blocks.changed(entry.id)
        self._stale.clear()
        touched, self._touched = self._touched, set()
        parts = self._blocks.settle(touched)
        made = [self._group(part) for part in (parts if touched_only else self._blocks.parts())]
        return sorted(made, key=lambda group: _order(group.findings[0]))

    def learn(self, before: datetime) -> int:
        """Learn of the findings that began before a moment, once each; how many those were.

        Call it with a moment so long ago that nothing older still arrives.
        """
        return self._learning.learn(before.timestamp())

    def _take_out(self, entry: Entry) -> None:
        self._stale.update((other.id, other) for other in self._places.later_seekers(entry))
        self._stale.update((other.id, other) for other in self._places.earlier_seekers(entry))
        self._stale.pop(entry.id, None)
        self._places.remove(entry.id)

    def _move(self, graph: Graph) -> None:
        """Take another graph, and place anew what has another neighbourhood in it."""
        old, then = self._graph, Neighbourhood(graph, self._settings)
        near, active = self._places.near, set(self._places.entities())
        differ = {
            entity
            for entity in {*old.entities, *graph.entities, *active}
            if old.dependencies(entity) != graph.dependencies(entity)
            or len(old.dependents(entity)) != len(graph.dependents(entity))
        }
        moved = differ.union(*(near.above(entity) | then.above(entity) for entity in differ)) & active
        if near.unlinked != then.unlinked:
            moved = active
        again = [entry for entity in sorted(moved) for entry in self._places.on(entity)]
        touched = set(self._touched)
        for entry in again:
            self._take_out(entry)
        self._places.near, self._graph = then, graph
        self.put([entry.finding for entry in again])
        self._touched = touched

    def _group(self, part: Part) -> Group:
        entries = self._places.entries
        ordered = sorted(part.ids, key=lambda identity: entries[identity].order)
        findings = tuple(entries[identity].finding for identity in ordered)
        why = Reasons(ordered, part, self._places, self._constraints.pins)
        return Group(findings, why)


def group(
    findings: Iterable[Finding],
    graph: Graph,
    settings: CorrelateSettings,
    together: Sequence[Iterable[str]] = (),
) -> list[Group]:
    """Group findings at once, with what is ``together`` already (ids of findings of one incident).

    Returns the groups ordered by their earliest finding. Each finding is in exactly one.
    """
    made = Grouper(settings, graph)
    made.put(findings)
    for ids in together:
        made.together(ids)
    return made.groups(touched_only=False)


def _stands_alike(known: Entry, entry: Entry) -> bool:
    """Whether a changed finding stands where it stood: same onset, place and signal, and it goes on as it did."""
    return (known.order, known.moment, known.keys, known.signs) == (
        entry.order, entry.moment, entry.keys, entry.signs
    ) and (known.finding.entity, known.finding.kind) == (entry.finding.entity, entry.finding.kind) and (
        known.finding.attributes.get("resource") == entry.finding.attributes.get("resource")
    )  # fmt: skip


def _order(finding: Finding) -> tuple[float, int, str]:
    return (finding.starts_at.timestamp(), -int(finding.severity), finding.id)
