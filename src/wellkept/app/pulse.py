"""The pulse of the platform: what of it stands still. No store is asked, for one may be what does not answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wellkept.app.children import Child
from wellkept.app.schedule import Job, Loop, Schedule
from wellkept.spine.notify.watchdog import Heart, Watchdog
from wellkept.spine.pauses import BEAT_S

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

LOOK_EVERY_S = 2.0
LATELY_S = 60.0
"""A write that failed longer ago says nothing of now."""


class Pulse:
    """Looks whether the work goes on, and has people told where it does not, until it is closed."""

    def __init__(self, platform: Platform, schedules: Sequence[Schedule]) -> None:
        settings = platform.settings.notify
        self._platform, self._schedules, self._patience_s = platform, schedules, settings.watchdog.after_s
        self._full_since = time.monotonic()
        self.children: Sequence[Child] = ()
        """The processes beside the server, where there are any."""
        told, beats = platform.notifications, settings.watchdog.heartbeat
        self._watchdog = Watchdog(
            settings,
            told.senders,
            Heart(beats, platform.secrets, told.transport) if beats is not None else None,
            self,
            platform.clock,
            about=platform.settings.state.server or socket.gethostname(),
            url=told.url,
            path=platform.settings.data.resolve() / "watchdog.json",
        )
        self._thread = Schedule(
            [
                Loop("pauses", BEAT_S, [Job("pauses", platform.pauses.beat)]),
                Loop("watchdog", LOOK_EVERY_S, [Job("watchdog", self._watchdog.turn)]),
            ]
        )

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._thread.stop(2.0)

    def standing(self) -> dict[str, str]:
        """What stands still, and in a sentence why; empty where the work goes on."""
        standing: dict[str, str] = {}
        lost_s, now = self._platform.pauses.lost_s, time.monotonic()
        for schedule in self._schedules:
            standing |= schedule.standing(self._patience_s, lost_s)
        elsewhere = {
            name: told
            for name, seconds, told in self._elsewhere()
            if seconds - lost_s(now - seconds) > self._patience_s
        }
        return standing | elsewhere

    def is_proven(self) -> bool:
        """Whether every vital job has done its work since the start."""
        return all(schedule.is_proven() for schedule in self._schedules)

    def jobs(self) -> list[Job]:
        """Everything that is done again and again."""
        return [job for schedule in self._schedules for loop in schedule.loops for job in loop.jobs]

    def status(self) -> Mapping[str, Any]:
        """What stands still, and why nobody outside hears the heartbeat."""
        return {"standing": self.standing(), "heartbeat": self._watchdog.silent_because}

    def _elsewhere(self) -> Iterator[tuple[str, float, str]]:
        """What no job does: what it is, for how many seconds it has not gone well, and a sentence."""
        for signal, (seconds, why) in self._platform.ingest.stalled(LATELY_S).items():
            said = f"has stored nothing of what came for {seconds:.0f} s"
            yield f"ingest of {signal}", seconds, f"{said}: {why}" if why else said
        for child in self.children:
            seconds, how = child.failing()
            yield child.name, seconds, f"has ended again and again for {seconds:.0f} s: {how}"
        unheard_s = self._platform.leader.unheard_s
        yield "state", unheard_s, f"has not answered for {unheard_s:.0f} s"
        full_s = self._full_s()
        yield "disk", full_s, f"has had no room for telemetry for {full_s:.0f} s"

    def _full_s(self) -> float:
        """For how many seconds the disk has had no room."""
        now = time.monotonic()
        if self._platform.telemetry.engine.space.has_room():
            self._full_since = now
        return now - self._full_since
