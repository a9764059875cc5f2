"""Who watches the platform: people are told that it stands still, past every store that may stand still with it.

Telling of incidents goes through the store, so that it outlives a crash. A store that does not answer has nobody told,
and nothing found. So this asks no store: it looks whether the work goes on, sends by the channels themselves, and keeps
what it told in a small file. Somebody outside is asked for as long as all is well, and rings when that ends: that is
for the death of the whole process, or of the machine.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from wellkept.kernel.clock import Clock
from wellkept.kernel.codec import decode, encode
from wellkept.kernel.errors import InputError, WellkeptError
from wellkept.kernel.finding import Severity
from wellkept.spine.notify.receivers import EDITS
from wellkept.spine.notify.senders.base import AGENT, Request, Sender
from wellkept.spine.notify.settings import Heartbeat, NotifySettings
from wellkept.spine.notify.snapshot import LONGEST, MOST_LINES, Phase, Snapshot
from wellkept.spine.notify.words import Message, key_of
from wellkept.spine.webhooks.secret import Secrets

log = logging.getLogger(__name__)

RETRY_S, LONGEST_PAUSE_S = 10.0, 300.0
"""A receiver that did not take it is tried again after so long, and then after twice as long each time, up to that."""
MOST_NAMES = 3


class Work(Protocol):
    """The work of the platform, as the watchdog sees it."""

    def standing(self) -> Mapping[str, str]:
        """What stands still, and in a sentence why; empty where the work goes on."""
        ...

    def is_proven(self) -> bool:
        """Whether all that could stand still has done its work since the start."""
        ...


@dataclass(frozen=True, slots=True)
class _Told:
    """What a receiver was told last."""

    snapshot: Snapshot
    reference: Mapping[str, Any] = field(default_factory=dict)


class Heart:
    """Asks for an address outside, by which somebody there knows that the platform does its work."""

    def __init__(self, settings: Heartbeat, secrets: Secrets, transport: Request) -> None:
        self.every_s = settings.every_s
        self._settings, self._secrets, self._transport = settings, secrets, transport

    def beat(self) -> str:
        """Why it could not be reached; empty where it could. Never tells the URL, which is secret."""
        try:
            url = self._secrets.texts(self._settings)[0]
        except InputError as error:
            return str(error)
        chosen = self._settings
        if not url.startswith(("https://", "http://")):
            return "the secret must be a URL that begins with https://"
        reply = self._transport.request("GET", url, None, {"User-Agent": AGENT}, chosen.timeout_s, chosen.ca_file)
        return "" if 200 <= reply.status < 300 else reply.said.replace(url, "…")


class Watchdog:
    """Looks whether the work goes on, and tells people where it does not. One thread takes the turns."""

    def __init__(
        self,
        settings: NotifySettings,
        senders: Mapping[str, Sender],
        heart: Heart | None,
        work: Work,
        clock: Clock,
        *,
        about: str,
        url: str,
        path: Path,
    ) -> None:
        """``about`` names this server for people, ``path`` is the file of what was told."""
        self._settings, self._senders, self._heart, self._work, self._clock = settings, senders, heart, work, clock
        self._about, self._url, self._path = about, url, path
        self._told = {name: told for name, told in _read(path).items() if name in senders}
        self._rests: dict[str, tuple[float, float]] = {}
        """Until when a receiver that did not take it is left alone, and how long that was."""
        self._began: datetime | None = None
        self._calm_since = time.monotonic()
        self._beat_at = float("-inf")
        self.silent_because = ""
        """Why the last beat did not reach its address; empty where it did."""

    def turn(self) -> None:
        """Look, tell who has to be told, and have the heart beat where all is well."""
        standing, now = self._work.standing(), time.monotonic()
        if standing:
            self._calm_since = now
            self._began = self._began or self._clock.now()
            self._tell(self._open(standing))
            return
        if self._told and now - self._calm_since >= self._settings.watchdog.after_s and self._work.is_proven():
            self._tell(None)
        self._began = self._began if self._told else None
        if self._heart is not None and now - self._beat_at >= self._heart.every_s:
            self._beat_at = now
            self._beat(self._heart)

    def _open(self, standing: Mapping[str, str]) -> Snapshot:
        assert self._began is not None
        names = sorted(standing)
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        return Snapshot(
            subject=f"platform:{self._about}",
            event="platform",
            version=int(self._began.timestamp()),
            phase=Phase.OPEN,
            severity=Severity.CRITICAL,
            title=f"Part of Wellkept on {self._about} stands still: {', '.join(names[:MOST_NAMES])}{more}",
            at=self._clock.now(),
            path="/",
            sentence="Until it goes on, trouble may be missed, and people not told.",
            entities=tuple(names),
            entity_count=len(names),
            opened_at=self._began,
            lines=tuple(f"{name} {standing[name]}"[:LONGEST] for name in names[:MOST_LINES]),
        )

    def _tell(self, standing: Snapshot | None) -> None:
        """Bring every receiver up to date, all at once: one that hangs holds up no other.

        With None, those who were told learn that it goes on again.
        """
        due: list[tuple[str, Snapshot, _Told | None]] = []
        for receiver in self._told if standing is None else self._settings.watching:
            before = self._told.get(receiver)
            wanted = standing if standing is not None else _over(before, self._clock.now())
            if wanted is None or (before is not None and not self._is_news(receiver, before.snapshot, wanted)):
                continue
            if time.monotonic() >= self._rests.get(receiver, (0.0, 0.0))[0]:
                due.append((receiver, wanted, before))
        if not due:
            return
        with ThreadPoolExecutor(len(due), "watchdog-tell") as tellers:
            changed = any(list(tellers.map(self._send, *zip(*due, strict=True))))
        if changed:
            self._told = {name: told for name, told in self._told.items() if not told.snapshot.is_over}
            self._write()

    def _send(self, receiver: str, wanted: Snapshot, before: _Told | None) -> bool:
        key = key_of(f"{wanted.subject}:{receiver}", wanted.key(whole=True, turn=0), wanted.version)
        message = Message(key, wanted.subject, wanted, "", self._url, before.snapshot if before else None)
        sent = self._senders[receiver].send(message, before.reference if before else {})
        if not sent.is_taken:
            log.error("watchdog: %s could not be told (%s): %s", receiver, sent.said, wanted.title)
            _, rested_s = self._rests.get(receiver, (0.0, RETRY_S / 2))
            rest_s = min(2 * rested_s, LONGEST_PAUSE_S)
            self._rests[receiver] = time.monotonic() + rest_s, rest_s
            return False
        log.warning("watchdog: %s was told: %s", receiver, message.title)
        self._rests.pop(receiver, None)
        self._told[receiver] = _Told(wanted, sent.reference)
        return True

    def _is_news(self, receiver: str, before: Snapshot, wanted: Snapshot) -> bool:
        found = self._settings.receiver(receiver)
        edits = found is not None and found.type in EDITS
        return before.phase is not wanted.phase or (edits and before.entities != wanted.entities)

    def _beat(self, heart: Heart) -> None:
        why = heart.beat()
        if why != self.silent_because:
            log.log(logging.WARNING if why else logging.INFO, "watchdog: the heartbeat %s", why or "is heard again")
        self.silent_because = why

    def _write(self) -> None:
        kept = {
            name: {"told": encode(told.snapshot), "reference": dict(told.reference)}
            for name, told in self._told.items()
        }
        try:
            partial = self._path.with_suffix(".partial")
            partial.write_text(json.dumps(kept))
            partial.replace(self._path)
        except OSError as error:
            log.warning("watchdog: what was told is not kept: %s", error)


def _over(before: _Told | None, now: datetime) -> Snapshot | None:
    """That what was told has ended."""
    if before is None:
        return None
    told = before.snapshot
    title = told.title.replace("stands still", "goes on again")
    sentence = "It finds trouble and tells of it again."
    return replace(told, phase=Phase.OVER, title=title, at=now, ended_at=now, sentence=sentence, lines=())


def _read(path: Path) -> dict[str, _Told]:
    """What was told before a restart; nothing where the file is not there or nobody understands it."""
    try:
        kept = json.loads(path.read_bytes())
        return {name: _Told(decode(Snapshot, one["told"]), one["reference"]) for name, one in kept.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, WellkeptError) as error:
        log.warning("watchdog: what was told before cannot be read (%s)", type(error).__name__)
        return {}
