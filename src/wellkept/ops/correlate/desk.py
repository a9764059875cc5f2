"""What one step makes of the groups that it touched: incidents that are opened, grow, become one, or part."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wellkept.kernel.change import Change
from wellkept.kernel.finding import Finding, heard_late_of
from wellkept.kernel.incident import Incident
from wellkept.kernel.noise import Held
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.contract import Incidents
from wellkept.ops.correlate.groups import Group
from wellkept.ops.correlate.life import (
    TOLD,
    Origin,
    Worth,
    absorb,
    ended,
    grown,
    heard,
    is_enough,
    lost,
    open_incident,
    opened_again,
    settle,
    took,
)
from wellkept.ops.correlate.links import Why
from wellkept.ops.correlate.live import Live, LiveIncidents


class Desk:
    """Gathers the changes of a step in ``parts``: the heads of incidents with those members and lines that are new."""

    def __init__(
        self,
        stream: Incidents,
        live: LiveIncidents,
        settings: CorrelateSettings,
        worth: Callable[[Sequence[Finding]], Worth],
        held: Mapping[str, str],
        hush: Callable[[Incident, Sequence[Finding]], str],
        now: datetime,
    ) -> None:
        self._stream, self._live, self._settings = stream, live, settings
        self._worth, self._held, self._hush, self._now = worth, held, hush, now
        self.parts: dict[str, Incident] = {}
        self.opened: list[str] = []
        self.retold: list[tuple[str, str, Why]] = []
        """Incident, finding, and why it is in it by now: of those that were there before."""
        self._parted: set[str] = set()
        self.waits: list[Group] = []
        """Groups that are not enough for an incident, or not yet."""

    def end(self, over: Iterable[Finding]) -> None:
        """Tell of findings of incidents that they are over."""
        for finding in over:
            live = self._live.all.get(self._live.home(finding.id))
            if live is not None and len(live.findings) <= TOLD:
                self.parts[live.head.id] = ended(self._part(live), [finding], self._now)

    def tell(self, telling: Mapping[str, Held | None]) -> None:
        """Note which live incidents people are told of now, and of which they are not any more."""
        for incident, held in telling.items():
            before = self._part(self._live.all[incident])
            words = held.words if held is not None else ""
            if words != before.held:
                self.parts[incident] = replace(before, held=words, updated_at=max(before.updated_at, self._now))

    def settle(self) -> None:
        """Resolve and close what has been over for long enough."""
        for live in self._live:
            if live.ended_at is None:
                continue
            before = self._part(live)
            after = settle(before, live.ended_at, self._now, self._settings)
            if after is not before:
                self.parts[after.id] = after

    def close(self, resolved: Iterable[Incident]) -> None:
        """Close those of the resolved incidents whose time has come."""
        for incident in resolved:
            before = _bare(incident)
            after = settle(before, None, self._now, self._settings)
            if after is not before:
                self.parts[after.id] = after

    def sort(self, groups: Sequence[Group]) -> None:
        """Bring the incidents up to date with groups. An incident whose findings part stays with most of them."""
        votes: dict[str, Counter[int]] = defaultdict(Counter)
        for index, group in enumerate(groups):
            for finding in group.why:
                if home := self._live.home(finding):
                    votes[home][index] += 1
        staying: dict[int, list[Live]] = defaultdict(list)
        for incident, counts in votes.items():
            index = max(counts, key=lambda place: (counts[place], -place))
            staying[index].append(self._live.all[incident])
        new: list[Group] = []
        for index, group in enumerate(groups):
            if index in staying:
                self._grow(sorted(staying[index], key=lambda live: (live.head.opened_at, live.head.id)), group)
            else:
                new.append(group)
        self._open_all(new)
        for index, here in staying.items():
            first = groups[index].findings[0].id
            self.retold += [
                (live.head.id, first, groups[index].why[first]) for live in here if live.head.id in self._parted
            ]

    def _grow(self, here: Sequence[Live], group: Group) -> None:
        """The earliest of the incidents that are one group takes everything; the others end in its favour."""
        survivor, *others = here
        self._move_here(group, survivor.head, {live.head.id for live in here})
        before = self._part(survivor)
        part = before
        for other in others:
            part = took(part, other.head, self._now)
            self.parts[other.head.id] = absorb(self._part(other), survivor.head, self._now)
        part = self._joined(part, survivor, group)
        for other in others:
            self._live.displace(list(other.findings))
        told = self._told(group)
        worth = self._worth(told)
        if part.severity_by:
            worth = replace(worth, severity=part.severity, why=part.severity_why)
        onset = part.onset(finding.starts_at for finding in told)
        rated = part if part.severity is worth.severity else replace(part, severity=worth.severity)
        held = self._quiet(group, told, rated)
        new = (worth.title, worth.severity, worth.why or part.severity_why, onset, held)
        is_same = new == (part.title, part.severity, part.severity_why, part.opened_at, part.held)
        if part is before and is_same:
            return
        self.parts[part.id] = replace(
            heard(part, heard_late_of(told, onset), self._now),
            title=worth.title,
            severity=worth.severity,
            severity_why=worth.why,
            opened_at=onset,
            held=held,
            updated_at=max(part.updated_at, self._now),
        )

    def _open_all(self, groups: Sequence[Group]) -> None:
        """Open an incident for each group that is worth one."""
        worth_it: list[tuple[Group, str]] = []
        for group in groups:
            why = is_enough([f for f in group.findings if f.id not in self._held], self._now, self._settings)
            if why:
                worth_it.append((group, why))
            elif not any(self._live.home(finding) for finding in group.why):
                self.waits.append(group)
        if not worth_it:
            return
        changes = self._changes([group for group, _ in worth_it])
        prints = sorted({finding.fingerprint for group, _ in worth_it for finding in group.findings})
        since = self._now - timedelta(seconds=self._settings.reopen_s)
        before = self._stream.ended_about(prints, since)
        for group, why in worth_it:
            self._open(group, why, changes, before)

    def _open(self, group: Group, why: str, changes: Sequence[Change], before: Mapping[str, str]) -> None:
        told = self._told(group)
        homes = Counter(home for finding in group.why if (home := self._live.home(finding)))
        ended_ones = [before[finding.fingerprint] for finding in group.findings if finding.fingerprint in before]
        split = min(homes, key=lambda home: (-homes[home], home)) if homes else ""
        origin = Origin(
            why,
            _near(told, changes, self._settings),
            "" if split or not ended_ones else ended_ones[0],
            split,
            self._live.all[split].head.reopening if split else None,
        )
        incident = open_incident(told, self._worth(told), origin, self._now)
        self._move_here(group, incident, set())
        live = self._live.keep(_bare(incident))
        self.opened.append(incident.id)
        part = self._joined(incident, live, group)
        self.parts[incident.id] = replace(part, held=self._quiet(group, told, part))

    def _joined(self, part: Incident, live: Live, group: Group) -> Incident:
        """The incident with those findings of the group that are not in it yet, and a word for those that are over."""
        new = [finding for finding in group.findings if finding.id not in live.findings]
        if not new:
            return part
        count = len(live.findings)
        if count and new[0] is group.findings[0]:  # an earlier one than the first sign so far
            former = next((finding.id for finding in group.findings if finding.id in live.findings), "")
            self.retold += [(part.id, former, group.why[former])] if former else []
        self._live.place(part.id, [finding.id for finding in new])
        over = [finding for finding in new if self._live.see(finding)]
        part = grown(part, count, new, group.why, self._held, self._now)
        loud = [finding for finding in new if finding.id not in self._held]
        part = opened_again(part, loud, group.findings, self._now)
        return ended(part, over, self._now) if len(live.findings) <= TOLD else part

    def _move_here(self, group: Group, to: Incident, mine: Collection[str]) -> None:
        """Take findings of the group out of incidents that stay with another group."""
        leaving: dict[str, list[str]] = defaultdict(list)
        for finding in group.why:
            home = self._live.home(finding)
            if home and home not in mine:
                leaving[home].append(finding)
        for home, findings in sorted(leaving.items()):
            self.parts[home] = lost(self._part(self._live.all[home]), findings, to, self._now)
            self._live.displace(findings)
            self._parted.add(home)

    def _told(self, group: Group) -> Sequence[Finding]:
        """The findings of a group that are not kept quiet; all where all are."""
        return [finding for finding in group.findings if finding.id not in self._held] or group.findings

    def _quiet(self, group: Group, told: Sequence[Finding], incident: Incident) -> str:
        """Why nobody is to be told: all that is still open is kept quiet, or the incident as a whole is."""
        open_ones = [finding for finding in group.findings if finding.is_open]
        if not open_ones:
            return incident.held
        reasons = [self._held.get(finding.id, "") for finding in open_ones]
        return reasons[0] if all(reasons) else self._hush(incident, told)

    def _changes(self, groups: Sequence[Group]) -> list[Change]:
        onsets = [group.findings[0].starts_at for group in groups]
        return self._stream.changes(min(onsets) - timedelta(seconds=self._settings.change_s), max(onsets))

    def _part(self, live: Live) -> Incident:
        return self.parts.get(live.head.id) or _bare(live.head)


def _near(findings: Sequence[Finding], changes: Sequence[Change], settings: CorrelateSettings) -> tuple[Change, ...]:
    """The changes to what is affected, shortly before it began."""
    onset = findings[0].starts_at
    entities = {finding.entity for finding in findings if finding.entity}
    first = onset - timedelta(seconds=settings.change_s)
    return tuple(change for change in changes if change.entity in entities and first <= change.at <= onset)


def _bare(incident: Incident) -> Incident:
    """The head: what is added to it is what is new."""
    return replace(incident, members=(), timeline=(), extent=None)
