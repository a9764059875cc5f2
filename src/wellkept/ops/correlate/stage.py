"""The runner of correlation: takes what is new in the stream, and keeps the list of incidents true."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.kernel.incident import Extent, Incident, IncidentState
from wellkept.kernel.stage import Message, Stage
from wellkept.ops.correlate.backlog import Backlog
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.contract import Incidents, Judge, Places
from wellkept.ops.correlate.desk import Desk
from wellkept.ops.correlate.grouper import Grouper
from wellkept.ops.correlate.judged import Judged
from wellkept.ops.correlate.life import Worth, parted, title_of
from wellkept.ops.correlate.live import LiveIncidents
from wellkept.ops.correlate.near import MODEL_SIDE, kind_of
from wellkept.ops.correlate.remembered import Kept, Remembered
from wellkept.ops.correlate.waiting import Waiting
from wellkept.spine.graph import Graph
from wellkept.spine.severity import Tiers, reach_of, severity_of
from wellkept.store.state.findings import Mark

STAGE = Stage(
    name="ops.correlate",
    consumes=frozenset({Message.FINDING, Message.CHANGE, Message.ENTITY}),
    emits=frozenset({Message.INCIDENT}),
    purpose="Groups findings by time and topology into incidents, and ends incidents when their findings are over.",
)

AT_ONCE = 2_000
"""So many findings are grouped by one step."""
GRAPH_S = 5.0
"""The topology is looked at again after so long."""
TIDY_S = 60.0
MOST = 300_000
"""So many findings are held for grouping at most; beyond that the oldest of those that are over are let go of."""
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class CorrelateReport:
    """The heads of the incidents that were opened, and of those that were changed or ended: no members, no story."""

    opened: tuple[Incident, ...] = ()
    changed: tuple[Incident, ...] = ()

    def __add__(self, other: CorrelateReport) -> CorrelateReport:
        return CorrelateReport(self.opened + other.opened, self.changed + other.changed)


class CorrelateRunner:
    """Keeps incidents. What it holds in memory follows from the stream alone, so a restart changes nothing.

    A step costs what is new. Several threads may ask for steps; one works at a time.
    """

    def __init__(
        self,
        stream: Incidents,
        topology: Places,
        settings: CorrelateSettings | None = None,
        tiers: Tiers | None = None,
        noise: Judge | None = None,
        learned: Kept | None = None,
    ) -> None:
        """``learned``: where what grouping learns is kept; None: it is forgotten with this runner."""
        self._stream, self._topology = stream, topology
        self._settings = settings or CorrelateSettings()
        self._tiers, self._noise = tiers, noise
        self._remembered = Remembered(learned)
        self._turn = threading.Lock()
        self._dropped = 0
        self._forget_everything()

    def tick(self, now: datetime) -> CorrelateReport:
        """Take everything that is new, and do what time alone asks for."""
        with self._turn:
            report = self._step(now)
            while self._backlog:
                report += self._step(now)
            return report + self._sweep(now)

    def step(self, now: datetime, sweep_s: float = 1.0) -> CorrelateReport:
        """Take a bounded part of what is new; every ``sweep_s`` seconds also do what time alone asks for."""
        with self._turn:
            report = self._step(now)
            is_due = self._swept_at is None or (now - self._swept_at).total_seconds() >= sweep_s
            return report + self._sweep(now) if is_due else report

    def close(self, now: datetime) -> None:
        """Keep what was learned."""
        with self._turn:
            self._remembered.save(self._grouper.memory, now)

    @property
    def is_behind(self) -> bool:
        """Whether a step has left findings that wait to be grouped."""
        return len(self._backlog) > 0

    def status(self) -> dict[str, Any]:
        """How much is held, waits, is kept quiet, and was let go of before it was grouped."""
        return {
            "findings": len(self._findings),
            "backlog": len(self._backlog),
            "unread": max(0, self._stream.last_finding_revision() - self._cursor),
            "live_incidents": len(self._live.all),
            "groups_waiting": len(self._waiting),
            "held": len(self._judged.held),
            "dropped": self._dropped,
        }

    def _forget_everything(self) -> None:
        """Know nothing: the next step learns everything from the stream."""
        self._backlog, self._live, self._waiting = Backlog(), LiveIncidents(), Waiting()
        self._findings: dict[str, Finding] = {}
        self._judged = Judged(self._noise)
        self._resolved: dict[str, Incident] = {}
        self._cursor, self._seen = -1, -1
        self._is_regrouped = False
        self._graph = Graph((), ())
        self._graph_at: datetime | None = None
        self._grouper = Grouper(self._settings, self._graph)
        self._swept_at: datetime | None = None
        self._tidied_at: datetime | None = None

    def _step(self, now: datetime) -> CorrelateReport:
        try:
            if self._cursor < 0:
                return self._resume(now)
            self._heed_others()
            marks, self._cursor = self._stream.finding_marks(self._cursor)
            self._backlog.add(marks)
            some = self._backlog.take(AT_ONCE)
            return self._take(self._stream.marked_findings(some) if some else [], now)
        except Exception:
            # What was half done is in memory and not in the store: the store is right.
            self._forget_everything()
            raise

    def _take(self, findings: Sequence[Finding], now: datetime) -> CorrelateReport:
        """Group findings that are new or changed, and bring the incidents that they touch up to date."""
        found = self._wanted(findings, now)
        over = [finding for finding in found if self._live.see(finding)]
        turned = self._judged.ask(findings, now)
        members = [finding for finding in sorted(turned) if self._live.home(finding)]
        is_elsewhere = self._judged.heed_rules(self._grouper, self._findings.values())
        self._findings.update((finding.id, finding) for finding in found)
        self._judged.put(self._grouper, found)
        is_elsewhere = (
            self._look_around(now, at_once=any(_is_new_model(finding, self._graph) for finding in found))
            or is_elsewhere
        )
        self._grouper.touch(turned)
        is_elsewhere, self._is_regrouped = is_elsewhere or self._is_regrouped, False
        touched = self._grouper.groups() if found or turned or is_elsewhere else []
        self._remembered.count(self._grouper.learn(now - timedelta(seconds=self._settings.onset_s)))
        desk = self._desk(now)
        desk.end(over)
        self._waiting.forget(identity for group in touched for identity in group.why)
        desk.sort(touched)
        report = self._save(desk)
        self._hold(members)
        return report

    def _hold(self, members: Iterable[str]) -> None:
        """Have members say why they are kept quiet as it is now, and not as it was when they joined."""
        homes = [(self._live.home(finding), finding) for finding in members]
        held = [(home, finding, self._judged.held.get(finding, "")) for home, finding in homes if home]
        if held:
            self._stream.hold_members(held)

    def _sweep(self, now: datetime) -> CorrelateReport:
        """What time alone asks for: incidents that are over, groups that have lasted, findings that are history."""
        self._swept_at = now
        report = self._take([], now) if self._judged.is_asked else CorrelateReport()
        desk = self._desk(now)
        waiting = self._waiting.take()
        desk.sort(waiting)
        desk.tell(self._judged.telling(self._live, self._findings, now))
        desk.settle()
        desk.close(list(self._resolved.values()))
        report += self._save(desk)
        if self._tidied_at is None or (now - self._tidied_at).total_seconds() >= TIDY_S:
            self._tidy(now)
        return report

    def _desk(self, now: datetime) -> Desk:
        hush = functools.partial(self._judged.hush, now)
        return Desk(self._stream, self._live, self._settings, self._worth, self._judged.held, hush, now)

    def _worth(self, findings: Sequence[Finding]) -> Worth:
        title = title_of(findings)
        if self._tiers is None:
            return Worth(title, max(finding.severity for finding in findings))
        entities = {finding.entity for finding in findings}
        return Worth(title, *severity_of(findings, self._tiers, reach_of(self._graph, entities)))

    def _save(self, desk: Desk) -> CorrelateReport:
        """Save what changed, in one unit of work, and let go of what ended by it."""
        for group in desk.waits:
            self._waiting.put(group)
        if not desk.parts:
            return CorrelateReport()
        heads, before = self._stream.grow_incidents(list(desk.parts.values()))
        if desk.retold:
            self._stream.retell_members(
                [(home, finding, why.tie, why.sentence, why.values) for home, finding, why in desk.retold]
            )
        self._seen = before + len(heads) if before == self._seen else self._seen
        for head in heads:
            if head.state.is_live:
                self._live.keep(head)
                continue
            gone = self._live.forget(head.id)
            if desk.parts[head.id].state.is_live:
                # Somebody ended it meanwhile. It swallows nothing: what was to join it is looked at again.
                new = {member.finding for member in desk.parts[head.id].members}
                self._backlog.add(Mark(f.id, f.entity) for f in map(self._findings.get, sorted(new)) if f is not None)
            self._let_go(gone)
            self._resolved.pop(head.id, None)
            if head.state is IncidentState.RESOLVED:
                self._resolved[head.id] = head
        opened = set(desk.opened)
        return CorrelateReport(
            tuple(head for head in heads if head.id in opened), tuple(head for head in heads if head.id not in opened)
        )

    def _resume(self, now: datetime) -> CorrelateReport:
        """Learn from the store what was there, and go on."""
        self._grouper = Grouper(self._settings, self._graph, memory=self._remembered.load())
        seen, cursor = self._stream.last_revision(), self._stream.last_finding_revision()
        live = self._stream.incidents(live=True, limit=_ALL)
        ids = [incident.id for incident in live]
        members = self._stream.member_ids(ids)
        told = {line.reference for i in live for line in i.timeline if line.what.startswith("over: ")}
        for incident in live:
            extent = Extent(incident.count, incident.entities)
            self._live.keep(replace(incident, members=(), timeline=(), extent=extent))
            self._live.place(incident.id, members.get(incident.id, ()))
        self._bind(live, members)
        since = now - timedelta(seconds=self._settings.close_after_s + self._settings.lookback_s)
        past = self._stream.incident_heads(live=False, start=since)
        self._resolved = {one.id: one for one in past if one.state is IncidentState.RESOLVED}
        self._graph, self._graph_at = self._topology.graph(now), now
        self._grouper.see(self._graph)
        self._judged.see(self._graph)
        over = self._recall(now)
        self._cursor, self._seen = cursor, seen
        desk = self._desk(now)
        desk.end(finding for finding in over if finding.id not in told)
        desk.sort(self._grouper.groups())
        return self._save(desk)

    def _recall(self, now: datetime) -> list[Finding]:
        """Take all findings that may still be grouped; returns those of live incidents that are over."""
        over: list[Finding] = []
        mine = {finding for live in self._live for finding in live.findings}
        for part in self._stream.lasting_findings(now - timedelta(seconds=self._settings.lookback_s)):
            mine -= {finding.id for finding in part}
            over += self._recalled(part, now)
        missing = sorted(mine)
        for start in range(0, len(missing), AT_ONCE):
            over += self._recalled(self._stream.findings(ids=missing[start : start + AT_ONCE]), now)
        return over

    def _recalled(self, part: Sequence[Finding], now: datetime) -> list[Finding]:
        found = self._wanted(part, now)
        self._judged.ask(part, now)
        self._judged.heed_rules(self._grouper, self._findings.values())
        self._findings.update((finding.id, finding) for finding in found)
        self._judged.put(self._grouper, found)
        return [finding for finding in found if self._live.see(finding)]

    def _wanted(self, findings: Sequence[Finding], now: datetime) -> list[Finding]:
        """The findings that belong to a live incident, or may come to.

        What a detector itself calls information is there to be looked at: it opens nothing and keeps nothing open. What
        was in an incident that is over stays with that one. What was over long ago is history.
        """
        since = now - timedelta(seconds=self._settings.lookback_s)
        mine = [finding for finding in findings if self._live.home(finding.id)]
        others = [f for f in findings if not self._live.home(f.id) and not _is_only_told(f)]
        others = [f for f in others if f.ends_at is None or f.ends_at >= since]
        unknown = [finding.id for finding in others if finding.id not in self._findings]
        taken = self._stream.incidents_holding(unknown) if unknown else {}
        return [*mine, *(finding for finding in others if finding.id not in taken)]

    def _look_around(self, now: datetime, *, at_once: bool) -> bool:
        """Take the topology as it is now; whether it is another one than it was."""
        is_recent = self._graph_at is not None and abs((now - self._graph_at).total_seconds()) < GRAPH_S
        if is_recent and not at_once:
            return False
        graph, self._graph_at = self._topology.graph(now), now
        if graph.is_like(self._graph):
            return False
        self._graph = graph
        self._grouper.see(self._graph)
        self._judged.see(self._graph)
        return True

    def _heed_others(self) -> None:
        """Learn what people and other stages did with incidents."""
        changed: dict[str, Incident] = {}
        while True:
            found, self._seen = self._stream.incident_heads_since(self._seen)
            changed |= {incident.id: incident for incident in found}
            if not found:
                break
        if not changed:
            return
        live = [incident for incident in changed.values() if incident.state.is_live]
        moved = [incident for incident in live if self._is_moved(incident)]
        members = self._stream.member_ids([incident.id for incident in moved])
        for incident in live:
            self._live.keep(incident)
        self._rehouse({incident.id: set(members.get(incident.id, ())) for incident in moved})
        for incident in changed.values():
            if not incident.state.is_live:
                self._let_go(self._live.forget(incident.id))
                self._resolved.pop(incident.id, None)
                if incident.state is IncidentState.RESOLVED:
                    self._resolved[incident.id] = incident

    def _is_moved(self, incident: Incident) -> bool:
        known = self._live.all.get(incident.id)
        return known is None or known.head.left != incident.left or len(known.findings) != incident.count

    def _rehouse(self, members: Mapping[str, set[str]]) -> None:
        """Put findings where somebody else put them, and have the grouper keep to it."""
        known = {incident: set(self._live.all[incident].findings) for incident in members}
        for incident, now_there in members.items():
            self._live.displace(known[incident] - now_there)
        for incident, now_there in members.items():
            self._live.place(incident, now_there - known[incident])
        came = {finding for incident, there in members.items() for finding in there - known[incident]}
        missing = sorted(came - self._findings.keys())
        found = self._stream.findings(ids=missing) if missing else []
        self._findings.update((finding.id, finding) for finding in found)
        for finding in sorted(came & self._findings.keys()):
            self._live.see(self._findings[finding])
        self._judged.put(self._grouper, found)
        for incident, there in members.items():
            if there - known[incident]:
                self._grouper.together(there)
            gone = known[incident] - there
            for some, others in parted(self._live.all[incident].head, there):
                if not gone.isdisjoint(some):
                    self._grouper.apart(some, others)
            self._grouper.touch(there)
        self._is_regrouped |= bool(members)

    def _bind(self, live: Sequence[Incident], members: dict[str, list[str]]) -> None:
        """Have the grouper keep to what people did, after a restart."""
        by_hand = self._stream.put_by_hand([incident.id for incident in live])
        moved = {finding for findings in by_hand.values() for finding in findings}
        for incident in live:
            here = set(members.get(incident.id, ()))
            if incident.id in by_hand:
                self._grouper.together(here)
            for some, others in parted(incident, here):
                if not moved.isdisjoint(some):
                    self._grouper.apart(some, others)

    def _let_go(self, findings: Iterable[str]) -> None:
        """Forget findings that are of no live incident any more."""
        gone = [finding for finding in findings if not self._live.home(finding)]
        self._grouper.drop(gone)
        for finding in gone:
            self._findings.pop(finding, None)
            self._judged.held.pop(finding, None)

    def _tidy(self, now: datetime) -> None:
        """Let go of what was over long ago, and of what is too much."""
        self._tidied_at = now
        self._remembered.save(self._grouper.memory, now)
        since = now - timedelta(seconds=self._settings.lookback_s)
        free = [f for f in self._findings.values() if f.ends_at is not None and not self._live.home(f.id)]
        old = [f.id for f in free if f.ends_at is not None and f.ends_at < since]
        too_many = len(self._findings) - len(old) - MOST
        if too_many > 0:
            newer = sorted({f.id for f in free} - set(old), key=lambda i: self._findings[i].starts_at)
            self._dropped += len(newer[:too_many])
            old += newer[:too_many]
        self._waiting.forget(old)
        self._let_go(old)


def _is_new_model(finding: Finding, graph: Graph) -> bool:
    """Whether it is about a model that went live since the topology was read: many such findings come at once."""
    return kind_of(finding.entity) in MODEL_SIDE and finding.entity not in graph.entities


def _is_only_told(finding: Finding) -> bool:
    """Whether it is information of a detector; an alert from outside may still belong to an incident."""
    return finding.severity is Severity.INFO and finding.kind is not FindingKind.EXTERNAL
