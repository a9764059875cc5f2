"""The keeper of noise: has findings judged by what is in force at the time, and writes down what is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.noise import Held, HeldFinding, HoldReason, reason_of, sentence_of
from wellkept.ops.correlate.noise.base import FLAPPING, Book
from wellkept.ops.correlate.noise.effects import Effects, Trouble
from wellkept.ops.correlate.noise.flaps import KEPT
from wellkept.ops.correlate.noise.noise import Noise
from wellkept.ops.correlate.noise.quiet import Quiet, QuietTimes
from wellkept.ops.correlate.noise.settings import NoiseSettings
from wellkept.ops.correlate.rules.apart import Apart, Pair
from wellkept.ops.correlate.rules.rules import GroupRules
from wellkept.spine.graph import Graph
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.labels import Whose
from wellkept.spine.noise import NoiseDesk

MOST = 50_000
"""Findings of the last windows that are read after a start."""
MOST_ENTITIES = 200


class Findings(Protocol):
    """What noise needs of the stream."""

    def publish(self, findings: Iterable[Finding], now: datetime) -> list[Finding]: ...

    def close(self, fingerprints: Iterable[str], at: datetime) -> list[Finding]: ...

    def open_findings(self, detector_prefix: str = "") -> list[Finding]: ...

    def findings(self, *, start: datetime | None = None, limit: int = 1000) -> list[Finding]: ...


class NoiseKeeper:
    """Judges, with what is in the store and in the configuration. Not safe for use by several threads at once.

    It reads the store only where something in it changed, so that a storm costs no questions.
    """

    def __init__(
        self,
        desk: NoiseDesk,
        grouping: GroupingDesk,
        stream: Findings,
        settings: NoiseSettings | None = None,
        whose: Whose | None = None,
    ) -> None:
        self._desk, self._grouping, self._stream = desk, grouping, stream
        self._settings = settings or NoiseSettings()
        self._noise = Noise(self._settings.flapping, whose=whose)
        self._effects = Effects(self._settings.effects_hops)
        self._effect_of: dict[str, Held] = {}
        """The incidents that were effects when all were last looked at."""
        self._quiet = QuietTimes(one.hours() for one in self._settings.quiet_hours)
        self._graph = Graph((), ())
        self._revision: tuple[int, int] | None = None
        self._book = Book()
        self.ruled = 0
        """Grows when grouping rules change."""
        self._apart = Apart(self._noise.rules)
        self._kept: dict[str, HeldFinding] = {}

    @property
    def rules(self) -> GroupRules:
        """The grouping rules in force, as of the last ``judge``."""
        return self._noise.rules

    def see(self, graph: Graph) -> None:
        """Take the topology as it is now."""
        if graph is self._graph or graph.is_like(self._graph):
            return
        self._graph = graph
        self._noise.see(graph)

    def judge(self, findings: Sequence[Finding], now: datetime) -> dict[str, Held | None]:
        """Whether findings are held, by their ids: each one given, and each other one whose answer changed.

        None is for what is told. What follows is kept: what is held, and the findings that tell that something flaps.

        Raises:
            StoreError: the state store refused; the next call makes up for it.
        """
        is_first = self._revision is None
        self._refresh()
        if is_first:
            findings = self._resumed(findings, now)
        found = self._noise.judge(findings, now)
        self._keep(found, {finding.id: finding for finding in findings}, now)
        told, calm = self._noise.notices(now)
        if told:
            self._stream.publish(told, now)
        if calm:
            self._stream.close([finding.fingerprint for finding in calm], now)
        return found

    def telling(self, live: Sequence[Incident], now: datetime) -> dict[str, Held | None]:
        """Whether live incidents are told (None), by their ids: not while all their findings are held, while another
        one is their cause, or in quiet hours.
        """
        found: dict[str, Held | None] = {incident.id: _by_members(incident) for incident in live}
        if self._settings.effects:
            troubles = [_trouble(incident) for incident in live if found[incident.id] is None]
            self._effect_of = self._effects.of(troubles, self._graph)
            found |= self._effect_of
        quiet = {}
        for incident in live:
            if found[incident.id] is None:
                held = found[incident.id] = self._quiet.hold(self._quiet_of(incident), now)
                if held is not None:
                    quiet[incident.id] = (held.values["quiet_hours"], incident.title, incident.noticed_at)
        for digest in self._quiet.ended(frozenset(found), now):
            self._desk.keep_digest(digest)
        self._quiet.note(quiet)
        return found

    def hush(self, incident: Incident, now: datetime) -> str:
        """Why one incident that is opened or changes now is not told, as the line that it carries; empty where it is.

        Whether it is an effect of others, or they of it, is looked at anew by :meth:`telling`.
        """
        held = self._effect_of.get(incident.id)
        if held is None and self._settings.effects:
            held = self._effects.of_new(_trouble(incident))
        held = held or self._quiet.hold(self._quiet_of(incident), now)
        return held.words if held is not None else ""

    def groups_of(self, finding: Finding) -> list[tuple[str, float]]:
        """The groups of grouping rules that a finding is in, as words, and within how many seconds each is one."""
        rules = self._noise.rules
        return [(rules.words(key), rules.window_s(key)) for key in rules.keys(finding)] if rules else []

    def kept_apart(self, findings: Sequence[Finding], *, anew: bool = False) -> list[Pair]:
        """What grouping rules keep apart, as far as these findings add to it: ids of both sides.

        ``anew``: whoever asks knows nothing of what was told before.
        """
        if anew:
            self._apart = Apart(self._noise.rules)
        return self._apart.add(findings)

    def _refresh(self) -> None:
        revision = (self._desk.revision(), self._grouping.files_revision)
        if revision == self._revision:
            return
        before, self._book = (
            self._book.rules,
            Book(
                silences=tuple(self._desk.silences(over=False)),
                maintenance=tuple(self._desk.windows(over=False)),
                inhibit=tuple(one.rule() for one in self._settings.inhibit),
                rules=tuple(one.rule for one in self._grouping.rules()),
            ),
        )
        self.ruled += before != self._book.rules
        self._noise.use(self._book, self._graph)
        if before != self._book.rules:
            self._apart = Apart(self._noise.rules)
        self._revision = revision

    def _resumed(self, given: Sequence[Finding], now: datetime) -> list[Finding]:
        """With what is given, all that is open or was within the windows, oldest first; and what was held before."""
        since = now - timedelta(seconds=KEPT * self._settings.flapping.window_s)
        known = [*self._stream.findings(start=since, limit=MOST), *self._stream.open_findings(), *given]
        self._noise.resume(finding for finding in known if finding.detector == FLAPPING and finding.is_open)
        self._kept = {one.finding: one for one in self._desk.held(limit=MOST)}
        unique = {finding.id: finding for finding in known}
        for id_ in self._kept.keys() - unique.keys():
            self._desk.keep_held([replace(self._kept.pop(id_), ended_at=now)])
        return sorted(unique.values(), key=lambda finding: (finding.starts_at, finding.id))

    def _keep(self, found: Mapping[str, Held | None], given: Mapping[str, Finding], now: datetime) -> None:
        changed: list[HeldFinding] = []
        for id_, held in found.items():
            before = self._kept.get(id_)
            finding = given.get(id_) or self._noise.finding(id_)
            if held is not None and finding is not None:
                since = before.since if before is not None else now
                kept = HeldFinding(id_, finding.fingerprint, finding.entity, held, since)
                if not finding.is_open:
                    kept = replace(kept, ended_at=finding.ends_at)
                if kept != before:
                    changed.append(kept)
                self._kept[id_] = kept
                if kept.ended_at is not None:
                    del self._kept[id_]
            elif before is not None:
                changed.append(replace(self._kept.pop(id_), ended_at=now))
        self._desk.keep_held(changed)

    def _quiet_of(self, incident: Incident) -> Quiet:
        severity = incident.severity.name.lower()
        entities = [self._graph.entities.get(id_) for id_ in incident.entities[:MOST_ENTITIES]]
        labels = [
            {"severity": severity, "entity": id_, "entity_kind": id_.partition(":")[0]}
            | ({"owner": one.owner, "tier": str(one.criticality), **one.attributes} if one is not None else {})
            for id_, one in zip(incident.entities, entities, strict=False)
        ]
        return Quiet(incident.id, incident.title, incident.severity, labels or [{"severity": severity}])


def _by_members(incident: Incident) -> Held | None:
    """The hold of an incident of which every finding is held: the reason of the first."""
    words = [member.held for member in incident.members]
    if not words or not all(words):
        return None
    reason = reason_of(words[0])
    return Held(reason or HoldReason.SILENCED, {"findings": str(len(words))}, sentence_of(words[0]))


def _trouble(incident: Incident) -> Trouble:
    entities = frozenset(entity for entity in incident.entities if entity)
    return Trouble(incident.id, incident.title, incident.severity, incident.opened_at.timestamp(), entities)
