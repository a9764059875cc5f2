"""What is to be told to whom: from changes to rows. No clock, no store and no chance in here.

Every receiver has one row a thing, whose wanted state is replaced by each change: what was not told yet is never told
late, only the newest is. What many things have in common is told once: a burst is folded into one digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wellkept.kernel.clock import stable_id
from wellkept.kernel.codec import decode, encode
from wellkept.spine.notify.receivers import EDITS, SHOWS_HOLDS
from wellkept.spine.notify.routing import Routed, Way, ways
from wellkept.spine.notify.settings import NotifySettings
from wellkept.spine.notify.snapshot import DIGEST, Phase, Snapshot, digest_of
from wellkept.store.state.notifications import Notification, Planned

EDIT_EVERY_S = 30.0
"""How often a message is edited for something small."""
REMINDER = "It is still open, and nobody has acknowledged it."


@dataclass(frozen=True, slots=True)
class Item:
    """A changed thing: what it is now, whether nobody is to be told, and the rows that there are about it."""

    snapshot: Snapshot
    held: bool
    rows: Sequence[Notification]
    again: bool = False
    """Whether it is asked anew where it goes, although it did not change: hours of routes have begun or ended."""

    @property
    def is_worse(self) -> bool:
        """Whether it is worse than all who know of it were to know so far."""
        return bool(self.rows) and all(row.wanted["severity"] < int(self.snapshot.severity) for row in self.rows)


class Planner:
    """Plans one turn; what comes of it is in ``planned``."""

    def __init__(self, settings: NotifySettings, now: datetime) -> None:
        self._settings, self._now, self.planned = settings, now, Planned()
        self._edits = {one.name for one in settings.receivers if one.type in EDITS}
        self._shows = {one.name for one in settings.receivers if one.type in SHOWS_HOLDS}
        self._ways: Mapping[str, Way] = {way.name: way for way, _ in ways(settings.route)}

    def needs_route(self, item: Item) -> bool:
        """Whether somebody else may have to be told now."""
        if item.held or item.snapshot.is_over:
            return False
        now = encode(item.snapshot)
        return item.again or not item.rows or any(row.is_held or not _told_alike(now, row.wanted) for row in item.rows)

    def take(self, item: Item, routed: Routed | None, group: Mapping[str, str]) -> None:
        """Plan for a changed thing.

        Args:
            item: the thing.
            routed: where it goes; None where nobody new is to be told.
            group: route to the values by which bursts are put together.
        """
        for row in item.rows:
            self._update(row, item.snapshot, held=item.held)
        known = {row.receiver for row in item.rows}
        if routed is None:
            return
        for receiver, way in routed.takers().items():
            if receiver not in known:
                due = self._now + timedelta(seconds=way.group_wait_s)
                self._add(receiver, item.snapshot, way.name, group.get(way.name, ""), due)

    def tell(self, receiver: str, wanted: Snapshot, row: Notification | None, route: str, word: str) -> None:
        """Have a receiver told now, although the thing itself did not change."""
        if row is None:
            self._add(receiver, wanted, route, "", self._now, word)
            return
        if row.is_over or row.is_held:
            return
        values: dict[str, Any] = {"word": word, "due_at": self._now, "digest": "", "repeat_at": None}
        if row.told_key:
            turn = row.turn + 1
            values |= {"turn": turn, "wanted_key": self._key(replace(row, turn=turn), wanted)}
        self.planned.change(row.id, **values)

    def remind(self, row: Notification) -> None:
        """Tell again what is still open."""
        wanted = decode(Snapshot, row.wanted)
        if wanted.phase is Phase.OPEN and not wanted.held:
            self.tell(row.receiver, wanted, row, row.route, REMINDER)
        else:
            self.planned.change(row.id, repeat_at=None)

    def fall_back(self, failing: Iterable[Notification], known: Iterable[Notification]) -> None:
        """Tell the fallback receiver of what others could not be told and should know by now."""
        fallback = self._settings.fallback
        told = {row.subject for row in known if row.receiver == fallback}
        for row in map(self._as_planned, failing):
            if fallback is None or row.receiver == fallback or row.subject in told or not _is_missed(row):
                continue
            told.add(row.subject)
            word = f"{row.receiver} could not be told: {row.said}"
            self._add(fallback, decode(Snapshot, row.wanted), "fallback", "", self._now, word)

    def fold(
        self, untold: Sequence[Notification], digests: Sequence[Notification], quiet: Mapping[str, str]
    ) -> list[tuple[Notification, Sequence[Notification]]]:
        """Put what waits for its first message into digests, where it is a burst, or was held by quiet hours.

        Args:
            untold: what waits.
            digests: those that are open and so young that more is put into them.
            quiet: thing to the sentence about the quiet hours that held it and are over.

        Returns:
            The digests that grew, each with what is new in it.
        """
        loud = [one for one in digests if not one.word and not one.is_held and not one.wanted.get("held")]
        open_ones = {(one.receiver, one.route, one.group, ""): one for one in loud}
        grown: list[tuple[Notification, Sequence[Notification]]] = []
        for place, rows in self._alike(untold, quiet).items():
            way, digest = self._ways.get(place[1]), open_ones.get(place)
            if digest is not None:
                grown.append((digest, rows))
            elif way is None or len(rows) < (2 if place[3] else way.digest_at):
                continue
            self._fold(digest, rows, place[3])
        return grown

    def _alike(
        self, untold: Sequence[Notification], quiet: Mapping[str, str]
    ) -> dict[tuple[str, str, str, str], list[Notification]]:
        """What waits and can be told together, by receiver, route, group and quiet hours."""
        found: dict[tuple[str, str, str, str], list[Notification]] = {}
        for row in [*(one for one in untold if one.id not in self.planned.changed), *self.planned.new.values()]:
            is_plain = row.wanted["event"] == "incident" and not row.subject.startswith(DIGEST)
            if is_plain and not row.digest and not row.word and not row.is_held:
                place = (row.receiver, row.route, row.group, quiet.get(row.subject, ""))
                found.setdefault(place, []).append(row)
        return found

    def refresh(self, digest: Notification, members: Sequence[Notification]) -> None:
        """Bring a digest up to date with its members; what is held before it is told leaves it, where not all is."""
        planned = [self._as_planned(member) for member in members]
        loud = [one for one in planned if not one.is_held]
        if not digest.told_key and any(not one.is_over for one in loud):
            for one in planned:
                if one.is_held:
                    self.planned.change(one.id, digest="")
            planned = loud
        if planned:
            wanted = digest_of(digest.subject, digest.group, [decode(Snapshot, one.wanted) for one in planned])
            says_so = bool(digest.told_key) and digest.receiver in self._shows
            self._update(digest, wanted, held=bool(wanted.held) and not says_so)

    def wanted(self, row: Notification) -> Mapping[str, Any]:
        """What a row is to tell, as far as it is planned."""
        return self._as_planned(row).wanted

    def _as_planned(self, row: Notification) -> Notification:
        return replace(row, **self.planned.changed.get(row.id, {}))

    def _fold(self, digest: Notification | None, rows: Sequence[Notification], word: str) -> None:
        first = rows[0]
        if digest is None:
            subject = DIGEST + stable_id("dig", first.route, first.group, first.subject)
            wanted = digest_of(subject, first.group, [decode(Snapshot, self.wanted(row)) for row in rows])
            due = min(row.due_at for row in rows)
            digest = self._add(first.receiver, wanted, first.route, first.group, due, word)
        for row in rows:
            if row.id in self.planned.new:
                self.planned.new[row.id] = replace(row, digest=digest.id)
            else:
                self.planned.change(row.id, digest=digest.id)

    def _add(
        self, receiver: str, wanted: Snapshot, route: str, group: str, due: datetime, word: str = ""
    ) -> Notification:
        row = Notification(
            id=stable_id("ntf", receiver, wanted.subject),
            receiver=receiver,
            subject=wanted.subject,
            route=route,
            group=group,
            created_at=self._now,
            version=wanted.version,
            wanted=encode(wanted),
            wanted_key=wanted.key(whole=receiver in self._edits, turn=0),
            due_at=due,
            word=word,
            is_over=wanted.is_over,
        )
        self.planned.new.setdefault(row.id, row)
        return row

    def _update(self, row: Notification, wanted: Snapshot, *, held: bool) -> None:
        if held and not wanted.is_over:
            self._hold(row, wanted.held)
            return
        key, body = self._key(row, wanted), encode(wanted)
        if row.is_held:  # it is tried afresh: what failed before it was held says nothing of now
            self.planned.change(row.id, is_held=False, due_at=self._now, failing_since=None, dead_key="")
        elif key == row.wanted_key and _told_alike(body, row.wanted):
            return
        self.planned.change(row.id, version=wanted.version, wanted=body, is_over=wanted.is_over, wanted_key=key)
        if key != row.wanted_key:
            self.planned.change(row.id, due_at=self._due(row, wanted))
            if row.wanted_key == row.told_key:
                self.planned.change(row.id, word="")

    def _hold(self, row: Notification, why: str) -> None:
        """Tell nothing more of what is held; a message that can be edited says that, and is else as it was told."""
        if row.digest:
            shown = replace(decode(Snapshot, row.wanted), held=why)
            self.planned.change(row.id, is_held=True, wanted=encode(shown))
            return
        told = decode(Snapshot, row.told) if row.told and row.receiver in self._shows else None
        if told is None or told.is_over:
            if not row.is_held:
                self.planned.change(row.id, is_held=True)
            return
        shown = replace(told, held=why)
        key = self._key(row, shown)
        if key != row.wanted_key:
            self.planned.change(row.id, wanted=encode(shown), wanted_key=key, due_at=self._due(row, shown), word="")

    def _due(self, row: Notification, wanted: Snapshot) -> datetime:
        if row.told_at is None or row.told is None:
            return self._now if row.is_held else row.due_at
        is_edited, way = row.receiver in self._edits, self._ways.get(row.route)
        before = decode(Snapshot, row.told)
        is_worse = wanted.severity > before.severity and not wanted.is_over
        is_turned = wanted.phase is not before.phase or bool(wanted.held) != bool(before.held)
        if is_worse or (is_edited and is_turned):
            return self._now
        interval_s = way.group_interval_s if way is not None else self._settings.route.group_interval_s
        pause_s = min(interval_s, EDIT_EVERY_S) if is_edited else interval_s
        return max(self._now, row.told_at + timedelta(seconds=pause_s))

    def _key(self, row: Notification, wanted: Snapshot) -> str:
        return wanted.key(whole=row.receiver in self._edits, turn=row.turn)


def _is_missed(row: Notification) -> bool:
    """Whether it is open, and somebody could not be told what matters of it."""
    wanted, told = decode(Snapshot, row.wanted), decode(Snapshot, row.told) if row.told else None
    is_held = row.is_held or bool(wanted.held)
    if is_held or wanted.phase not in (Phase.OPEN, Phase.SAID) or row.failing_since is None:
        return False
    matters = told is None or bool(row.word) or told.key(whole=False, turn=0) != wanted.key(whole=False, turn=0)
    return matters and row.state in ("waiting", "dead")


def _told_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two snapshots differ in no more than when they were made."""
    apart = ("version", "at")
    return {k: v for k, v in one.items() if k not in apart} == {k: v for k, v in other.items() if k not in apart}
