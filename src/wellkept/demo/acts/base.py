"""What an act has to work with: the shop, the platform's records, the screen; and how it waits for something."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

import httpx

from wellkept.demo.keeper import ask
from wellkept.demo.layout import Layout
from wellkept.demo.observer import Observer, Record
from wellkept.demo.outcome import ActError, Told
from wellkept.demo.screen import Screen
from wellkept.kernel.errors import WellkeptError

T = TypeVar("T")

LOOK_EVERY_S = 0.4
PERSON = "demo"
"""Who approves, when no person does."""


class Act(Protocol):
    """One act of the demo."""

    name: str
    promise: str
    """What will happen, in a sentence for people."""

    def play(self, scene: Scene) -> Told:
        """Play it.

        Raises:
            ActError: it did not come out as told.
        """
        ...


@dataclass(slots=True)
class Scene:
    """The stage that acts play on. ``since`` is when the present act began; ``outage`` is left by one for another."""

    layout: Layout
    observer: Observer
    screen: Screen
    by_hand: bool
    since: datetime
    outage: tuple[datetime, datetime] | None = None
    shop: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60.0, trust_env=False))

    def wait(self, what: str, look: Callable[[], T | None], within_s: float) -> T:
        """What ``look`` finds, as soon as it finds something. The time that the server is away does not count.

        Raises:
            ActError: it was not there within the time.
        """
        self.screen.step(what)
        began, away = time.monotonic(), self.observer.away_s
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() - began - (self.observer.away_s - away) > within_s:
                raise ActError(f"{what}, within {within_s:.0f} s", self.observer.said(self.since))
            time.sleep(LOOK_EVERY_S)

    def expect(self, condition: object, what: str, said: str) -> None:
        """Raises ActError unless the condition holds."""
        if not condition:
            raise ActError(what, said)

    def tell(self, name: str, path: str, body: Mapping[str, Any]) -> Record:
        """Change something in a process of the shop, by its own door.

        Raises:
            WellkeptError: it does not answer, or refused.
        """
        return self._ask_shop("POST", name, path, body)

    def hear(self, name: str, path: str) -> Record:
        """What a process of the shop says of itself, at its own door.

        Raises:
            WellkeptError: it does not answer.
        """
        return self._ask_shop("GET", name, path, None)

    def _ask_shop(self, method: str, name: str, path: str, body: Mapping[str, Any] | None) -> Record:
        try:
            answer = self.shop.request(method, f"{self.layout.settings.url(name)}{path}", json=body)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise WellkeptError(f"{name} of the shop: {path}: {type(error).__name__}") from error
        found: Record = answer.json()
        return found

    def keep(self, verb: str, name: str) -> None:
        """Give the keeper of the processes an order."""
        ask(self.layout.settings, verb, name)

    @property
    def host(self) -> str:
        return self.layout.settings.host_id
