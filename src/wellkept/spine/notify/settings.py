"""Telling people, as the configuration says it. By default nobody is told of anything."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from wellkept.spine.notify.receivers import Receiver, Timeout
from wellkept.spine.notify.routing import Root, Seconds, unreachable, ways
from wellkept.spine.webhooks.settings import Name, Network, Part, Secret

NO_ESCALATION = "none"


class EscalationStep(Part):
    """Who is told when nobody has acknowledged for so long."""

    after_s: Seconds
    """Since the incident was first to be told, got worse, or was opened again."""
    receivers: Annotated[tuple[Name, ...], Field(min_length=1)]


class Policy(Part):
    """Steps that go on until somebody acknowledges."""

    name: Name
    steps: Annotated[tuple[EscalationStep, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _steps_come_in_order(self) -> Self:
        delays = [step.after_s for step in self.steps]
        if delays != sorted(delays):
            raise ValueError(f"steps must come in the order of after_s, got {delays}")
        return self


class Heartbeat(Secret):
    """An address outside that is asked for as long as the platform does its work. The secret is its URL."""

    every_s: Annotated[float, Field(ge=1)] = 60.0
    ca_file: Path | None = None
    timeout_s: Timeout = 10.0


class WatchdogSettings(Part):
    """What happens when the platform itself stands still."""

    receivers: tuple[Name, ...] | None = None
    """Who is told, past the store; where none are named, those at the top of `route`."""
    after_s: Annotated[float, Field(ge=1)] = 90.0
    """Without a good end for so long, what finds trouble or tells of it stands still."""
    heartbeat: Heartbeat | None = None
    """A dead-man's switch outside: it rings when it is asked for no more."""


class NotifySettings(Part):
    """Who is told of incidents, and how."""

    url: str = ""
    """Where people reach this platform, for the links in messages; empty for that of `webhooks.url`."""
    receivers: tuple[Receiver, ...] = ()
    """Who can be told (see docs/notifications.md)."""
    route: Root = Root()
    """Who is told of what."""
    escalations: tuple[Policy, ...] = ()
    """What happens when nobody acknowledges."""
    fallback: Name | None = None
    """The receiver that is told where another one cannot be."""
    fallback_after_s: Seconds = 300.0
    """How long a receiver must fail for that."""
    watchdog: WatchdogSettings = WatchdogSettings()
    """What happens when the platform itself stands still."""
    networks: tuple[Network, ...] = ()
    """Addresses that are not public and may be sent to all the same, such as `10.1.0.0/16`."""
    first_retry_s: Annotated[float, Field(gt=0)] = 5.0
    """The first pause after a failure; each further one is twice as long, up to five minutes."""
    give_up_s: Annotated[float, Field(gt=0)] = 86_400.0
    """What could not be delivered for so long is given up; a later change of the incident is tried again."""
    keep_days: Annotated[int, Field(ge=1)] = 30
    """How long the history of deliveries is kept."""

    def receiver(self, name: str) -> Receiver | None:
        return next((receiver for receiver in self.receivers if receiver.name == name), None)

    @property
    def watching(self) -> tuple[str, ...]:
        """The receivers that are told when the platform itself stands still."""
        named = self.watchdog.receivers
        return self.route.receivers if named is None else named

    def policy(self, name: str) -> Policy | None:
        return next((policy for policy in self.escalations if policy.name == name), None)

    @model_validator(mode="after")
    def _tree_is_whole(self) -> Self:
        mistakes = [*self._named_twice(), *self._unknown(), *unreachable(self.route)]
        if self.receivers and not self.route.receivers:
            mistakes.append("route must name receivers: they are told of what no branch takes")
        mistakes += [
            f"receiver {one.name}: url must begin with https:// unless notify.networks names where it may go"
            for one in self.receivers
            if getattr(one, "url", getattr(one, "api_url", "")).startswith("http://") and not self.networks
        ]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _named_twice(self) -> list[str]:
        lists = {"receiver": self.receivers, "escalation": self.escalations}
        found = [
            f"{what} {name} is there twice"
            for what, entries in lists.items()
            for name, count in Counter(one.name for one in entries).items()
            if count > 1
        ]
        paths = Counter(way.name for way, _ in ways(self.route))
        return [*found, *(f"route {path} is there twice" for path, count in paths.items() if count > 1)]

    def _unknown(self) -> list[str]:
        known = {receiver.name for receiver in self.receivers}
        policies = {policy.name for policy in self.escalations} | {NO_ESCALATION}
        used = [(f"route {way.name}", name) for way, branch in ways(self.route) for name in _own(way.receivers, branch)]
        used += [
            (f"escalation {one.name}", name) for one in self.escalations for s in one.steps for name in s.receivers
        ]
        used += [("fallback", self.fallback)] if self.fallback else []
        used += [("watchdog", name) for name in self.watchdog.receivers or ()]
        told = ", ".join(sorted(known)) or "none"
        missing = [
            f"{where} names receiver {name}, which is not one of {told}" for where, name in used if name not in known
        ]
        return missing + [
            f"route {way.name} names escalation {way.escalation}, which is not one of {', '.join(sorted(policies))}"
            for way, branch in ways(self.route)
            if way.escalation not in policies and (branch is None or branch.escalation is not None)
        ]


def _own(receivers: tuple[str, ...], branch: object) -> tuple[str, ...]:
    """The receivers that a branch names itself; what it inherits is the mistake of the one above."""
    return receivers if branch is None else getattr(branch, "receivers", ())
