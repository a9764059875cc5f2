"""Alerts from outside become findings, and end when their senders say so, or say nothing any more."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import OverloadError, StoreError, WellkeptError
from wellkept.kernel.finding import HEARD_LATE, Finding
from wellkept.ops.ingest.alerts.base import (
    ACKNOWLEDGED,
    ENDED_BY,
    RECEIVER,
    SENDER,
    UNTIL,
    AlertSettings,
    Firing,
    Over,
    Word,
)
from wellkept.spine.pauses import Pause, paused_s
from wellkept.store.state.findings import Kept

_log = logging.getLogger(__name__)

ALERTMANAGER, PAGERDUTY = "alertmanager", "pagerduty"
SENDERS = (ALERTMANAGER, PAGERDUTY)
"""The names under which the doors speak, as detectors of their findings."""
STAYS = (ACKNOWLEDGED, RECEIVER, SENDER, HEARD_LATE)
"""Attributes that stay when the next word does not tell them: an alert may come by two ways, and one tells more."""
LATE = timedelta(minutes=10)
"""Who tells of an alert so long after it began tells of it late: Alertmanager gathers for five minutes, as it ships."""
_AT_ONCE = 2000
"""So many findings are saved by one transaction."""
MOST_WAITING = 20_000
"""So many words may wait; beyond that senders are told to come again."""


class Findings(Protocol):
    """The stream as alerts see it."""

    def keep(self, kept: Sequence[Kept], now: datetime) -> None: ...

    def open_findings(self, detector_prefix: str = "") -> list[Finding]: ...

    def known_findings(self, ids: Sequence[str]) -> set[str]: ...

    def held_until(self, findings: Sequence[str]) -> dict[str, datetime]: ...

    def findings_since(self, cursor: int) -> tuple[list[Finding], int]: ...

    def alone(self) -> AbstractContextManager[Callable[[], int]]: ...


@dataclass(slots=True)
class Counts:
    """What came of what was said."""

    opened: int = 0
    repeated: int = 0
    resolved: int = 0
    expired: int = 0
    refused: int = 0
    """Words that came while too many waited: their senders were told to come again."""
    unheard_of: int = 0
    """Words that an alert is over, or looked after, that is not open here."""


@dataclass(frozen=True, slots=True)
class Held:
    """An alert that is open, and until when its sender's last word holds."""

    finding: Finding
    until: datetime
    said_at: datetime

    def is_late(self, now: datetime, pauses: Sequence[Pause]) -> bool:
        """Whether nobody has repeated it in time."""
        if self.until > now:
            return False
        lost_s = paused_s(pauses, self.said_at.timestamp(), now.timestamp())
        return self.until + timedelta(seconds=lost_s) <= now


@dataclass(frozen=True, slots=True)
class Group:
    """Words that are stored together, in their order."""

    words: list[Word] = field(default_factory=list)
    done: Future[None] = field(default_factory=Future)


class Alerts:
    """Keeps what is open in memory beside the store. The latest word about an alert counts.

    A commit costs the disk some milliseconds, whatever is in it. So one thread stores what has come since the last one
    all together: in a storm commits grow, and nobody waits for more than two of them.

    An alert that comes back after it was over is a new finding, never the old one opened again: its incident is over,
    and nobody would look there.

    Where several servers share the store, each is told the same by senders that tell all of them. So what is in memory
    is read on, and what is stored is stored, in one unit of work that no other server writes in.
    """

    def __init__(
        self,
        stream: Findings,
        clock: Clock,
        settings: AlertSettings | None = None,
        *,
        pauses: Callable[[], Sequence[Pause]] = tuple,
        is_shared: bool = False,
    ) -> None:
        """``pauses``: when the platform was not at work, and so nobody could repeat anything."""
        self.settings, self.counts = settings or AlertSettings(), Counts()
        self._stream, self._clock, self._is_shared, self._cursor = stream, clock, is_shared, 0
        self._pauses = pauses
        self._open: dict[str, Held] | None = None
        self._well_since = clock.now()
        """Since when whoever wanted to tell something could."""
        self._turn = threading.Lock()
        self._waiting: deque[Group] = deque()
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self._thread.start()

    def submit(self, words: Sequence[Word]) -> Future[None]:
        """Take words in their order; the future is done when they are stored, or holds the StoreError.

        What is stored together shares its future: it must not be cancelled.

        Raises:
            OverloadError: too much waits, or the server is stopping.
        """
        with self._changed:
            if self._is_closed:
                raise OverloadError("alerts: the server is stopping", retry_after_s=2)
            waiting = sum(len(group.words) for group in self._waiting)
            if waiting and waiting + len(words) > MOST_WAITING:
                self.counts.refused += len(words)
                self._well_since = self._clock.now()
                raise OverloadError(f"alerts: {waiting} words wait, at most {MOST_WAITING} may")
            if not self._waiting or len(self._waiting[-1].words) >= _AT_ONCE:
                self._waiting.append(Group())
            group = self._waiting[-1]
            group.words.extend(words)
            self._changed.notify()
        return group.done

    def take(self, words: Sequence[Word]) -> None:
        """Take words in their order. When it returns they are stored.

        Raises:
            StoreError: the state store refused; some of the words may have been stored, and all may be said again.
            OverloadError: too much waits.
        """
        self.submit(words).result()

    def close(self) -> None:
        """Store what was taken, and stop."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def tick(self, now: datetime) -> None:
        """End what nobody has repeated in time; the time in which nobody could does not count."""
        pauses = self._pauses()
        with self._turn, self._unit(now) as held:
            late = {key: alert for key, alert in held.items() if alert.is_late(now, pauses)}
            late = self._still(late, held, now) if self._is_shared else late
            over = {key: replace(a, finding=_ended(a.finding, a.until, "silence")) for key, a in late.items()}
            self.counts.expired += len(over)
            for start in range(0, len(over), _AT_ONCE):
                self._save(held, dict(list(over.items())[start : start + _AT_ONCE]), now)

    def open(self, detector: str) -> list[Held]:
        """The open alerts of a door, oldest first."""
        with self._turn:
            held = [alert for alert in self._known(self._clock.now()).values() if alert.finding.detector == detector]
        return sorted(held, key=lambda alert: (alert.finding.starts_at, alert.finding.id))

    def _run(self) -> None:
        while group := self._next():
            error: WellkeptError | None = None
            try:
                self._take(group.words)
            except WellkeptError as failed:
                error = failed
            except Exception as surprise:  # noqa: BLE001 - the edge of the writer thread, which must outlive any surprise
                _log.exception("storing alerts failed")
                error = StoreError(f"alerts: {type(surprise).__name__}")
            self._well_since = self._clock.now() if error is not None else self._well_since
            group.done.set_result(None) if error is None else group.done.set_exception(error)

    def _next(self) -> Group | None:
        """What has waited longest; None when the door is closed and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            return self._waiting.popleft() if self._waiting else None

    def _take(self, words: Sequence[Word]) -> None:
        """All at once, or, so that other servers get their turns, in parts."""
        most = _AT_ONCE if self._is_shared else max(1, len(words))
        with self._turn:
            for start in range(0, len(words), most):
                now = self._clock.now()
                with self._unit(now) as held:
                    self._apply(words[start : start + most], held, now)

    def _apply(self, words: Sequence[Word], held: dict[str, Held], now: datetime) -> None:
        past = self._past(words, held, now)
        batch: dict[str, Held] = {}
        said: Counter[str] = Counter()
        for word in words:
            before = batch.get(word.fingerprint)
            is_another = before is not None and not before.finding.is_open
            if len(batch) >= _AT_ONCE or is_another:
                past.update(self._save(held, batch, now, said))
                batch, said = {}, Counter()
            after = self._after(word, batch.get(word.fingerprint) or held.get(word.fingerprint), past, now)
            if after is not None:
                batch[word.fingerprint] = after
                said[word.fingerprint] += isinstance(word, Firing)
        self._save(held, batch, now, said)

    def _after(self, word: Word, before: Held | None, past: Collection[str], now: datetime) -> Held | None:
        """What a word makes of an alert; None where it makes nothing."""
        match word:
            case Firing(finding, until):
                if before is None:
                    self.counts.opened += 1
                    return Held(self._late(_begun(finding, past, now), now), until, now)
                self.counts.repeated += 1
                same = _at(finding, before.finding.starts_at)
                known = before.finding.attributes
                stays = {name: known[name] for name in STAYS if name in known and name not in finding.attributes}
                if stays:
                    same = replace(same, attributes={**finding.attributes, **stays})
                return Held(before.finding if same == before.finding else same, until, now)
            case Over(_, at) if before is not None:
                self.counts.resolved += 1
                return replace(before, finding=_ended(before.finding, min(at, now), "its sender"))
            case _ if before is not None:
                attributes = {**before.finding.attributes, ACKNOWLEDGED: word.at.isoformat()}
                return replace(before, finding=replace(before.finding, attributes=attributes))
        self.counts.unheard_of += 1
        return None

    def _late(self, finding: Finding, now: datetime) -> Finding:
        """The finding, with a word where its sender could have told of it long before."""
        late = now - finding.starts_at
        if late < LATE or finding.starts_at < self._well_since:
            return finding
        said = f"{finding.detector} told of it {late.total_seconds() / 60:.0f} min after it began"
        return replace(finding, attributes={**finding.attributes, HEARD_LATE: said})

    def _past(self, words: Sequence[Word], held: Mapping[str, Held], now: datetime) -> set[str]:
        """The ids of findings that are over, of those that the words would begin."""
        new = [word.finding for word in words if isinstance(word, Firing) and word.fingerprint not in held]
        ids = sorted({_at(finding, min(finding.starts_at, now)).id for finding in new})
        parts = (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
        return {identity for part in parts for identity in self._stream.known_findings(part)}

    def _save(
        self, held: dict[str, Held], batch: Mapping[str, Held], now: datetime, said: Mapping[str, int] | None = None
    ) -> set[str]:
        """Store a batch, ``said`` so often; returns the ids of what is over by it."""
        if not batch:
            return set()
        kept = []
        for key, alert in batch.items():
            before = held.get(key)
            is_changed = before is None or before.finding is not alert.finding
            kept.append(Kept(alert.finding, alert.until, said[key] if said else 0, is_changed))
        self._stream.keep(kept, now)
        for key, alert in batch.items():
            if alert.finding.is_open:
                held[key] = alert
            else:
                held.pop(key, None)
        return {alert.finding.id for alert in batch.values() if not alert.finding.is_open}

    @contextmanager
    def _unit(self, now: datetime) -> Iterator[dict[str, Held]]:
        """What is open, and stays so until the block ends but for what the block makes of it."""
        if not self._is_shared:
            yield self._known(now)
            return
        try:
            with self._stream.alone() as newest:
                yield self._known(now)
                cursor = newest()
        except BaseException:
            self._open = None  # what the block made of it is not stored
            raise
        self._cursor = cursor

    def _known(self, now: datetime) -> dict[str, Held]:
        """What is open. After a start each alert gets the time to be repeated: nobody could while we were away."""
        if self._open is None:
            with self._stream.alone() as newest:
                self._cursor = newest()
                grace = now + timedelta(seconds=self.settings.resolve_timeout_s)
                found = [f for sender in SENDERS for f in self._stream.open_findings(sender) if f.detector == sender]
                until = self._stream.held_until([finding.id for finding in found])
                self._open = {f.fingerprint: Held(f, max(_until(f, until, grace), grace), now) for f in found}
        elif self._is_shared:
            self._read_on(self._open, now)
        return self._open

    def _still(self, late: dict[str, Held], held: dict[str, Held], now: datetime) -> dict[str, Held]:
        """Those that are late although other servers were told, too: a repeat is no news that is read on."""
        until = self._stream.held_until([alert.finding.id for alert in late.values()])
        for key, alert in late.items():
            held[key] = replace(alert, until=until.get(alert.finding.id, alert.until))
        return {key: held[key] for key in late if held[key].until <= now}

    def _read_on(self, held: dict[str, Held], now: datetime) -> None:
        """Take in what other servers were told."""
        found, self._cursor = self._stream.findings_since(self._cursor)
        while found:
            mine = [one for one in found if one.detector in SENDERS]
            until = self._stream.held_until([one.id for one in mine])
            for finding in mine:
                if finding.is_open:
                    held[finding.fingerprint] = Held(finding, _until(finding, until, now), now)
                elif finding.fingerprint in held and held[finding.fingerprint].finding.id == finding.id:
                    del held[finding.fingerprint]
            found, self._cursor = self._stream.findings_since(self._cursor)


def _begun(finding: Finding, past: Collection[str], now: datetime) -> Finding:
    """A finding at its beginning, which is never after now. What was over before begins anew now."""
    begun = _at(finding, min(finding.starts_at, now))
    while begun.id in past:
        begun = _at(begun, max(now, begun.starts_at + timedelta(microseconds=1)))
    return begun


def _at(finding: Finding, moment: datetime) -> Finding:
    return finding if finding.starts_at == moment else replace(finding, starts_at=moment)


def _ended(finding: Finding, at: datetime, by: str) -> Finding:
    attributes = {**finding.attributes, ENDED_BY: by}
    return replace(finding, ends_at=max(at, finding.starts_at), attributes=attributes)


def _until(finding: Finding, known: Mapping[str, datetime], otherwise: datetime) -> datetime:
    """Until when a word holds; earlier versions kept it among the attributes."""
    if finding.id in known:
        return known[finding.id]
    try:
        return datetime.fromisoformat(finding.attributes[UNTIL])
    except (KeyError, ValueError):
        return otherwise
