"""Silences and maintenance windows: made and ended by people, each change audited; and what is held, for reading."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from wellkept.kernel.clock import Clock, stable_id
from wellkept.kernel.codec import encode
from wellkept.kernel.errors import ConflictError, InputError, NotFoundError
from wellkept.kernel.matching import Matcher
from wellkept.kernel.noise import Digest, HeldFinding, HoldReason, Maintenance, Silence, SilenceState, Told
from wellkept.spine.audit import Audit
from wellkept.spine.matchers import Matching
from wellkept.store.state.noise import NoiseRows
from wellkept.store.state.state import State

KEPT = timedelta(days=5)
"""So long a silence or a window is listed after it ended (Alertmanager: five days)."""
FORGOTTEN = timedelta(days=90)
MOST = 10_000


class NoiseDesk:
    """Makes, changes and ends what holds findings back."""

    def __init__(self, state: State, audit: Audit, clock: Clock) -> None:
        self._rows, self._audit, self._clock = NoiseRows(state), audit, clock

    def revision(self) -> int:
        """Grows with every change of what is in force."""
        return self._rows.revision()

    def silences(self, *, over: bool = True) -> list[Silence]:
        """Silences, the last to end first; without ``over`` those alone that are active or still to come."""
        now = self._clock.now()
        return self._rows.silences(now - KEPT if over else now, MOST)

    def silence(self, silence: str) -> Silence:
        """A silence by its id.

        Raises:
            NotFoundError: there is none.
        """
        found = self._rows.silence(silence)
        if found is None:
            raise NotFoundError(f"silence {silence}", "is not known")
        return found

    def add_silence(
        self, matchers: Sequence[Matcher], starts_at: datetime | None, ends_at: datetime, by: str, comment: str
    ) -> Silence:
        """Silence what all matchers match; ``starts_at`` None or past is now.

        Raises:
            InputError: it has no matcher, matches everything, ends before it begins, or has no author or comment.
        """
        now = self._clock.now()
        ordered = checked(matchers)
        start = max(starts_at, now) if starts_at is not None else now
        words = "\n".join([*map(str, ordered), start.isoformat(), ends_at.isoformat(), by, comment, now.isoformat()])
        if ends_at <= now:
            raise InputError("silence.ends_at", "must not be in the past", ends_at.isoformat())
        made = Silence(str(uuid.uuid5(uuid.NAMESPACE_OID, words)), ordered, start, ends_at, by, comment, now)
        self._rows.save_silence(made)
        self._told("silence.added", made.id, by, made)
        return made

    def change_silence(self, changed: Silence) -> Silence:
        """Change a silence. Where other findings are meant, or it is over, it is ended and a new one made.

        Raises:
            NotFoundError: there is no such silence.
            InputError: as with ``add_silence``.
        """
        now, before = self._clock.now(), self.silence(changed.id)
        is_same = (
            set(before.matchers) == set(changed.matchers)
            and before.state(now) is not SilenceState.EXPIRED
            and (before.state(now) is SilenceState.PENDING or changed.starts_at == before.starts_at)
        )
        if not is_same:
            made = self.add_silence(changed.matchers, changed.starts_at, changed.ends_at, changed.by, changed.comment)
            if before.state(now) is not SilenceState.EXPIRED:
                self.end_silence(before.id, changed.by)
            return made
        if changed.ends_at <= now:
            raise InputError("silence.ends_at", "must not be in the past", changed.ends_at.isoformat())
        kept = replace(changed, matchers=checked(changed.matchers), updated_at=now)
        self._rows.save_silence(kept)
        self._told("silence.changed", kept.id, kept.by, kept)
        return kept

    def end_silence(self, silence: str, by: str) -> Silence:
        """End a silence now; one that did not begin yet never will.

        Raises:
            NotFoundError: there is no such silence.
            ConflictError: it is over already.
        """
        now, before = self._clock.now(), self.silence(silence)
        if before.state(now) is SilenceState.EXPIRED:
            raise ConflictError(f"silence {silence}", "is over already")
        start = min(before.starts_at, now - timedelta(microseconds=1))
        ended = replace(before, starts_at=start, ends_at=now, updated_at=now)
        self._rows.save_silence(ended)
        self._told("silence.ended", silence, by, ended)
        return ended

    def windows(self, *, over: bool = True) -> list[Maintenance]:
        """Maintenance windows that are open, to come, or (with ``over``) lately were."""
        now = self._clock.now()
        return self._rows.maintenance(now - KEPT if over else now, MOST)

    def window(self, window: str) -> Maintenance:
        """A maintenance window by its id.

        Raises:
            NotFoundError: there is none.
        """
        found = self._rows.window(window)
        if found is None:
            raise NotFoundError(f"maintenance {window}", "is not known")
        return found

    def add_window(self, window: Maintenance) -> Maintenance:
        """Keep a maintenance window; its id and moment are set here.

        Raises:
            InputError: its matchers are none, it is over already, or none of its months has its days.
        """
        now = self._clock.now()
        if window.is_over(now):
            raise InputError(f"maintenance {window.name}: ends_at", "must not be in the past", window.ends_at)
        if window.schedule is not None and not window.schedule.is_possible:
            days = list(window.schedule.monthdays)
            raise InputError(f"maintenance {window.name}: monthdays", "must be days that one of the months has", days)
        Matching(window.matchers)
        identity = stable_id("mnt", window.name, window.by, now.isoformat(), repr(window))
        made = replace(window, id=identity, updated_at=now)
        self._rows.save_maintenance(made)
        self._told("maintenance.added", made.id, made.by, made)
        return made

    def end_window(self, window: str, by: str) -> Maintenance:
        """End a maintenance window now, a recurring one for good.

        Raises:
            NotFoundError: there is no such window.
            ConflictError: it is over already.
        """
        now, before = self._clock.now(), self.window(window)
        if before.is_over(now):
            raise ConflictError(f"maintenance {window}", "is over already")
        start = before.starts_at
        if start is not None:
            start = min(start, now - timedelta(microseconds=1))
        ended = replace(before, starts_at=start, ends_at=now, updated_at=now)
        self._rows.save_maintenance(ended)
        self._told("maintenance.ended", window, by, ended)
        return ended

    def end_this_time(self, window: str, by: str) -> Maintenance:
        """End what is open now of a maintenance window; a recurring one opens again when it would next.

        Raises:
            NotFoundError: there is no such window.
            ConflictError: it is not open now.
        """
        now, before = self._clock.now(), self.window(window)
        until = before.until(now)
        if until is None:
            raise ConflictError(f"maintenance {window}", "is not open now")
        if before.schedule is None or until == before.ends_at:
            return self.end_window(window, by)
        ended = replace(before, starts_at=until, updated_at=now)
        self._rows.save_maintenance(ended)
        self._told("maintenance.ended_early", window, by, ended)
        return ended

    def keep_held(self, given: Sequence[HeldFinding]) -> None:
        """Keep what is held, and what was, so that it can be seen."""
        if given:
            self._rows.save_held(given)

    def held(self, reason: HoldReason | None = None, *, over_s: float = 0, limit: int = 1000) -> list[HeldFinding]:
        """What is held, the newest first; with ``over_s`` also holds that ended within so many seconds."""
        since = self._clock.now() - timedelta(seconds=over_s) if over_s else None
        return self._rows.held(reason, since, limit)

    def held_of(self, findings: Sequence[str]) -> dict[str, HeldFinding]:
        """What is kept of holds of these findings, by finding id."""
        return self._rows.held_of(findings)

    def held_counts(self) -> dict[str, int]:
        """How much is held now, by reason."""
        return self._rows.held_counts()

    def told(self, fingerprints: Sequence[str]) -> dict[str, Told]:
        """How often fingerprints were told, over all their occurrences that are kept."""
        return self._rows.told(fingerprints)

    def keep_digest(self, digest: Digest) -> None:
        """Keep what quiet hours held; whoever tells people reads it by its position."""
        self._rows.save_digest(digest)

    def digests(self, after: int = 0, limit: int = 100) -> tuple[list[Digest], int]:
        """Digests after a position, oldest first, and the position to go on from."""
        return self._rows.digests(after, limit)

    def forget_old(self) -> None:
        """Take out what was over long ago; the audit log keeps who did what."""
        self._rows.forget(self._clock.now() - FORGOTTEN)

    def _told(self, verb: str, subject: str, by: str, what: Silence | Maintenance) -> None:
        details = encode(what) | {"matchers": [str(matcher) for matcher in what.matchers]}
        self._audit.append(self._clock.now(), by, verb, subject, details)


def checked(matchers: Sequence[Matcher]) -> tuple[Matcher, ...]:
    """Matchers in their order, if they say what is meant.

    Raises:
        InputError: there is none, one is no regular expression, or what has no label at all would match.
    """
    if not matchers:
        raise InputError("matchers", "must hold at least one")
    if Matching(matchers).is_empty:
        rule = "at least one must not match the empty value, or nearly everything would be meant"
        raise InputError("matchers", rule, ", ".join(map(str, matchers)))
    return tuple(sorted(set(matchers), key=str))
