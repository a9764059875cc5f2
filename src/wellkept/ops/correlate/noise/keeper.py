"""The keeper of noise: has findings judged by what is in force at the time, and writes down what is held."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.noise import Held, HoldReason, reason_of, sentence_of
from wellkept.ops.correlate.noise.base import FLAPPING, Book
from wellkept.ops.correlate.noise.effects import Effects, Trouble
from wellkept.ops.correlate.noise.flaps import KEPT
from wellkept.ops.correlate.noise.kept import Kept
from wellkept.ops.correlate.noise.noise import Noise
from wellkept.ops.correlate.noise.quiet import LOOKED_BACK, QuietTimes, digests_of
from wellkept.ops.correlate.noise.remedies import Plans, Remedies
from wellkept.ops.correlate.noise.settings import NoiseSettings
from wellkept.ops.correlate.rules.apart import Apart, Pair
from wellkept.ops.correlate.rules.rules import GroupRules
from wellkept.spine.graph import Graph
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.labels import Whose
from wellkept.spine.noise import NoiseDesk

MOST = 50_000
"""Findings of the last windows that are read after a start."""
MOST_ASKED = 200
"""Of an incident so many findings are asked whether quiet hours are for them, the earliest."""


class Findings(Protocol):
    """What noise needs of the stream."""

    def publish(self, findings: Iterable[Finding], now: datetime) -> list[Finding]: ...

    def close(self, fingerprints: Iterable[str], at: datetime) -> list[Finding]: ...

    def open_findings(self, detector_prefix: str = "") -> list[Finding]: ...

    def findings(
        self, *, ids: Sequence[str] | None = None, start: datetime | None = None, limit: int = 1000
    ) -> list[Finding]: ...


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
        plans: Plans | None = None,
    ) -> None:
        """``plans``: where it is seen which incidents are mended by themselves; None: none is."""
        self._desk, self._grouping, self._stream = desk, grouping, stream
        self._settings = settings or NoiseSettings()
        self._noise = Noise(self._settings.flapping, whose=whose)
        self._effects = Effects(self._settings.effects_hops)
        self._effect_of: dict[str, Held] = {}
        """The incidents that were effects when all were last looked at."""
        self._remedies = Remedies(plans, self._settings.remedy_wait_s)
        self._mended: dict[str, Held] = {}
        """The incidents that were being mended by themselves when all were last looked at."""
        self._quiet = QuietTimes(one.hours() for one in self._settings.quiet_hours)
        self._fitting: dict[str, tuple[datetime, frozenset[str]]] = {}
        """The quiet hours that are for an incident, as of its last change."""
        self._graph = Graph((), ())
        self._began: datetime | None = None
        self._revision: tuple[int, int] | None = None
        self._book = Book()
        self.ruled = 0
        """Grows when grouping rules change."""
        self._apart = Apart(self._noise.rules)
        self._kept = Kept(desk)

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
        self._refresh()
        if self._began is None:
            findings, self._began = self._resumed(findings, now), now
        past = [f for f in findings if _is_before(f, self._began) and self._noise.finding(f.id) is None]
        found = self._noise.judge(findings, now)
        history = self._kept.past(past)
        given = {finding.id: finding for finding in findings}
        new = {id_: held for id_, held in found.items() if id_ not in history}
        self._kept.note(new, lambda id_: given.get(id_) or self._noise.finding(id_), now)
        told, calm = self._noise.notices(now)
        if told:
            self._stream.publish(told, now)
        if calm:
            self._stream.close([finding.fingerprint for finding in calm], now)
        return {**found, **history}

    def telling(
        self, live: Sequence[Incident], told: Callable[[str], Iterable[Finding]], now: datetime
    ) -> dict[str, Held | None]:
        """Whether live incidents are told (None), by their ids: not while all their findings are held, while another
        one is their cause or a remedy is at work, or in quiet hours. ``told`` gives those of an incident's findings
        that are told.
        """
        found: dict[str, Held | None] = {incident.id: _by_members(incident) for incident in live}
        loud = [incident for incident in live if found[incident.id] is None]
        if self._settings.effects:
            self._effect_of = self._effects.of([_trouble(incident) for incident in loud], self._graph)
            found |= self._effect_of
        self._mended = self._remedies.of([one for one in loud if found[one.id] is None], now)
        found |= self._mended
        self._fitting = {one.id: self._fitting[one.id] for one in loud if one.id in self._fitting}
        for incident in loud:
            if found[incident.id] is None:
                found[incident.id] = self._by_hours(incident, told, now)
        self._kept.note_incidents([(one, held) for one in loud if (held := found[one.id]) is not None], now)
        if self._quiet.have_ended(now):
            held_lately = self._desk.held(HoldReason.QUIET_HOURS, over_s=LOOKED_BACK.total_seconds(), limit=MOST)
            for digest in digests_of(held_lately, {one.id: one.title for one in live}, now):
                self._desk.keep_digest(digest)
        return found

    def hush(self, incident: Incident, told: Iterable[Finding], now: datetime) -> str:
        """Why one incident that is opened or changes now is not told, as the line that it carries; empty where it is.
        ``told`` are its findings that are.

        Whether it is an effect of others, or they of it, is looked at anew by :meth:`telling`.
        """
        held = self._effect_of.get(incident.id)
        if held is None and self._settings.effects:
            held = self._effects.of_new(_trouble(incident))
        self._fitting.pop(incident.id, None)
        held = held or self._mended.get(incident.id) or self._by_hours(incident, lambda _: told, now)
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
        """With what is given, all that is open, was within the windows or was held before, oldest first."""
        since = now - timedelta(seconds=KEPT * self._settings.flapping.window_s)
        known = [*self._stream.findings(start=since, limit=MOST), *self._stream.open_findings(), *given]
        self._noise.resume(finding for finding in known if finding.detector == FLAPPING and finding.is_open)
        unique = {finding.id: finding for finding in known}
        others = sorted(set(self._kept.resume()) - unique.keys())
        unique |= {finding.id: finding for finding in self._stream.findings(ids=others)}
        self._kept.lose(set(others) - unique.keys(), now)
        return sorted(unique.values(), key=lambda finding: (finding.starts_at, finding.id))

    def _by_hours(self, incident: Incident, told: Callable[[str], Iterable[Finding]], now: datetime) -> Held | None:
        """The hold of quiet hours on an incident. Which of them are for it is looked up once for each of its changes,
        so that a storm that lasts costs nothing.
        """
        fitting = frozenset[str]()
        if self._quiet.ask_labels:
            at, fitting = self._fitting.get(incident.id, (None, fitting))
            if at != incident.updated_at:
                some = heapq.nsmallest(MOST_ASKED, told(incident.id), key=lambda one: (one.starts_at, one.id))
                fitting = self._quiet.fitting([self._noise.labels(finding) for finding in some])
                self._fitting[incident.id] = (incident.updated_at, fitting)
        return self._quiet.hold(incident, fitting, now)


def _is_before(finding: Finding, moment: datetime) -> bool:
    """Whether a finding was over before a moment."""
    return finding.ends_at is not None and finding.ends_at <= moment


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
