"""Notifications, wired: one thread that plans, one for each receiver that sends, and one that forgets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from wellkept.app.buttons import slack_door
from wellkept.app.schedule import VITAL, Job, Loop, Schedule
from wellkept.app.statestore import process_name
from wellkept.spine.notify.channels import senders_of
from wellkept.spine.notify.delivery import Delivery
from wellkept.spine.notify.describing import Describer
from wellkept.spine.notify.desk import NotifyDesk
from wellkept.spine.notify.planning import Planning
from wellkept.spine.notify.receivers import Receiver
from wellkept.spine.webhooks.send import Transport
from wellkept.store.state.news import NewsRows
from wellkept.store.state.notifications import NotificationRows
from wellkept.store.state.plans import PlanRows
from wellkept.store.state.tellings import HistoryRows

if TYPE_CHECKING:
    from wellkept.app.platform import Platform

PLAN_EVERY_S, SEND_EVERY_S, TIDY_EVERY_S = 1.0, 0.5, 3600.0
MOST_TURNS = 20
"""Turns of planning at a time: a storm is read to its end, and a stop is not held up by it."""


class Notifications:
    """Plans, sends and forgets until it is closed. What waits is kept, and goes on at the next start."""

    def __init__(self, platform: Platform) -> None:
        settings, clock = platform.settings.notify, platform.clock
        url = settings.url or platform.settings.webhooks.url
        self._platform, self._settings, self._clock = platform, settings, clock
        self._rows, self._history = NotificationRows(platform.state), HistoryRows(platform.state)
        transport = Transport(settings.networks, setting="notify.networks")
        self.slack = slack_door(platform, transport)
        self.transport, self.url = transport, url
        self.senders = senders = senders_of(settings, platform.secrets, transport, clock)
        self.describer = Describer(platform.stream, platform.topology, platform.catalogue)
        news, plans = NewsRows(platform.state), PlanRows(platform.state)
        reading = (platform.stream, news, plans, self.describer, platform.noise.digests)
        self._planning = Planning(settings, self._rows, self._history, *reading)
        self._delivery = Delivery(settings, self._rows, senders, clock, worker=process_name(), url=url)
        self.desk = NotifyDesk(settings, self._rows, self._history, senders, platform.audit, clock, url)
        self.schedule = Schedule(self._loops(), platform.leader)

    def start(self) -> None:
        """Start. Where nobody is to be told, what happened up to now will not be told to whoever comes later."""
        self.schedule.start()

    def close(self) -> None:
        """Ask every thread to end. One that waits for an answer is left: it sends again when its lease has ended."""
        self.schedule.stop(2.0)

    def status(self) -> dict[str, Any]:
        """How every receiver is, why people may not be told, and whether the work goes on."""
        receivers = {
            one.name: {"type": one.type, "well": one.is_well, "waiting": one.waiting, "dead": one.dead}
            for one in self.desk.receivers()
        }
        return {"receivers": receivers, "trouble": self.desk.trouble(), **self.schedule.failures()}

    def plan(self) -> None:
        """Plan what has changed."""
        for _ in range(MOST_TURNS):
            if not self._planning.turn(self._clock.now()):
                return

    def send(self, receiver: Receiver) -> int:
        """Send what is due to one receiver."""
        return self._delivery.send_due(receiver)

    def _loops(self) -> list[Loop]:
        every = [Loop(f"notify-{one.name}", SEND_EVERY_S, [self._sending(one)]) for one in self._settings.receivers]
        plan = Loop("notify", PLAN_EVERY_S, [Job("notify", self.plan, led=True, patience=VITAL)])
        return [plan, *every, Loop("notify-old", TIDY_EVERY_S, [Job("notify-old", self._forget, led=True)])]

    def _sending(self, receiver: Receiver) -> Job:
        is_alone, delivery = not self._platform.state.is_shared, self._delivery
        begin = lambda: delivery.inherit(receiver, alone=is_alone)  # noqa: E731 - as short as the job itself
        return Job(f"notify-{receiver.name}", lambda: self.send(receiver), led=True, begin=begin)

    def _forget(self) -> None:
        before = self._clock.now() - timedelta(days=self._settings.keep_days)
        self._rows.forget(before)
        self._history.forget(before)
