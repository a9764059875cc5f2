"""The simulator: cardholders with their habits, terminals that come and go, and fraud that changes its ways.

Follows the simulator of the Fraud Detection Handbook (Le Borgne, Siblini, Lebichot, Bontempi, 2022): compromised
terminals and stolen cards; what is added is the third way, which begins only when it is told to. History and the
present come from the same code: a history is this, run ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wellkept.demo.world.purchases import DAY_S, Flags, Floats, Ints, Purchases

STEP_S = 1.0
"""What is stolen, compromised or opened changes at most once in this time."""


@dataclass(frozen=True, slots=True)
class Customs:
    """How the world goes. Rates are purchases per second, durations are in days of the shop."""

    cards: int = 500
    terminals: int = 400
    honest: float = 27.5
    terminal_days: float = 20.0
    present: float = 0.7
    """Share of the honest purchases where the card is there."""
    stolen: float = 1.2
    stolen_cards: int = 30
    stolen_days: float = 5.0
    cloned: float = 1.3
    cloned_terminals: int = 4
    cloned_days: float = 7.0
    popup: float = 3.0
    popup_days: float = 0.1
    """A terminal of the third way is used for so short a time that no chargeback has come when it closes."""
    popup_age_days: float = 0.2
    """It was opened up to this long before it is used."""


class World:
    """Makes purchases from ``start`` on, always the same ones for the same seed and the same questions."""

    def __init__(self, seed: int, start: float, customs: Customs | None = None) -> None:
        self.customs = customs or Customs()
        self._random = np.random.default_rng(seed)
        self._now = start
        c = self.customs
        self._usual = np.exp(self._random.normal(np.log(40.0), 0.6, c.cards))
        self._haunts = self._random.integers(0, c.terminals, (c.cards, 20))
        self._ids = np.arange(c.terminals)
        ages = self._random.exponential(c.terminal_days, c.terminals)
        self._opened = start - ages * DAY_S
        self._closes = start + self._random.exponential(c.terminal_days, c.terminals) * DAY_S
        self._next = c.terminals
        self._stolen_until = np.full(c.cards, -np.inf)
        self._cloned_until = np.full(c.terminals, -np.inf)
        self._popup, self._popup_opened, self._popup_closes = -1, 0.0, -np.inf
        self.is_new = False
        """Whether fraud goes the third way: many small amounts, without the card, at terminals opened for it."""

    def purchases(self, until: float) -> Purchases:
        """Everything from where the last answer ended up to ``until`` (seconds since the epoch)."""
        parts = [self._none()]
        while self._now < until:
            end = min(until, self._now + STEP_S)
            self._turn(end - self._now)
            parts += [self._honest(end), *self._dishonest(end)]
            self._now = end
        return Purchases.joined(parts)

    def skip(self, until: float) -> None:
        """Let time pass in which nobody buys."""
        while self._now < until:
            end = min(until, self._now + STEP_S)
            self._turn(end - self._now)
            self._now = end

    def _turn(self, span: float) -> None:
        """Terminals close and others open; cards are stolen, terminals are cloned, a popup moves on."""
        random, c = self._random, self.customs
        for slot in np.flatnonzero(self._closes <= self._now):
            self._ids[slot], self._next = self._next, self._next + 1
            self._opened[slot] = self._now
            self._closes[slot] = self._now + random.exponential(c.terminal_days) * DAY_S
            self._cloned_until[slot] = -np.inf
        _afflict(random, self._stolen_until, c.stolen_cards, c.stolen_days, self._now, span)
        _afflict(random, self._cloned_until, c.cloned_terminals, c.cloned_days, self._now, span)
        if self.is_new and self._popup_closes <= self._now:
            self._popup, self._next = self._next, self._next + 1
            self._popup_opened = self._now - random.uniform(0.0, c.popup_age_days) * DAY_S
            self._popup_closes = self._now + c.popup_days * DAY_S

    def _honest(self, end: float) -> Purchases:
        random, c = self._random, self.customs
        at = self._times(c.honest, end)
        card = random.integers(0, c.cards, len(at))
        slot = self._haunts[card, random.integers(0, self._haunts.shape[1], len(at))]
        amount = self._amounts(card, 1.0)
        return self._at_slots(at, card, slot, amount, random.random(len(at)) < c.present, fraud=False)

    def _dishonest(self, end: float) -> list[Purchases]:
        return [self._popups(end)] if self.is_new else [self._with_stolen_cards(end), self._at_cloned_terminals(end)]

    def _with_stolen_cards(self, end: float) -> Purchases:
        """Large amounts on stolen cards, anywhere."""
        random, c = self._random, self.customs
        stolen = np.flatnonzero(self._stolen_until > self._now)
        at = self._times(c.stolen if len(stolen) else 0.0, end)
        card = stolen[random.integers(0, max(len(stolen), 1), len(at))]
        slot = random.integers(0, c.terminals, len(at))
        amount = self._amounts(card, random.uniform(4.0, 8.0, len(at)))
        return self._at_slots(at, card, slot, amount, random.random(len(at)) < 0.5, fraud=True)

    def _at_cloned_terminals(self, end: float) -> Purchases:
        """Ordinary amounts on anybody's card, at terminals that were tampered with."""
        random, c = self._random, self.customs
        cloned = np.flatnonzero(self._cloned_until > self._now)
        at = self._times(c.cloned if len(cloned) else 0.0, end)
        card = random.integers(0, c.cards, len(at))
        slot = cloned[random.integers(0, max(len(cloned), 1), len(at))]
        return self._at_slots(at, card, slot, self._amounts(card, 2.0), np.ones(len(at), dtype=bool), fraud=True)

    def _popups(self, end: float) -> Purchases:
        """Small amounts on anybody's card, without the card, at a terminal that was opened for it."""
        random, c = self._random, self.customs
        at = self._times(c.popup, end)
        size = len(at)
        return Purchases(
            at,
            random.integers(0, c.cards, size),
            np.full(size, self._popup),
            np.round(random.uniform(1.0, 12.0, size), 2),
            np.zeros(size, dtype=bool),
            (at - self._popup_opened) / DAY_S,
            np.ones(size, dtype=bool),
        )

    def _times(self, rate: float, end: float) -> Floats:
        count = self._random.poisson(rate * (end - self._now))
        return np.sort(self._random.uniform(self._now, end, count))

    def _amounts(self, card: Ints, times: float | Floats) -> Floats:
        usual = self._usual[card] * times
        return np.round(np.maximum(usual * np.exp(self._random.normal(0.0, 0.45, len(card))), 0.5), 2).astype(
            np.float64
        )

    def _at_slots(
        self, at: Floats, card: Ints, slot: Ints, amount: Floats, present: Flags, *, fraud: bool
    ) -> Purchases:
        age = (at - self._opened[slot]) / DAY_S
        return Purchases(at, card, self._ids[slot], amount, present, age, np.full(len(at), fraud))

    def _none(self) -> Purchases:
        empty, whole, flags = np.empty(0), np.empty(0, dtype=np.int64), np.empty(0, dtype=bool)
        return Purchases(empty, whole, whole, empty, flags, empty, flags)


def _afflict(random: np.random.Generator, until: Floats, usual: int, days: float, now: float, span: float) -> None:
    """Afflict others as the afflicted recover, so that about ``usual`` of them are at any time."""
    if not np.isfinite(until).any():
        first = random.choice(len(until), usual, replace=False)
        until[first] = now + random.uniform(0.0, days, usual) * DAY_S
    for _ in range(random.poisson(usual * span / (days * DAY_S))):
        until[random.integers(0, len(until))] = now + days * DAY_S
