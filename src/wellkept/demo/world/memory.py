"""What the feature service remembers: purchases by card and terminal, chargebacks by terminal, in sliding windows."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from wellkept.demo.world.purchases import DAY_S

MONTH_DAYS, WEEK_DAYS = 30.0, 7.0

NAMES = ("spend_24h", "tx_count_24h", "amount_vs_usual", "terminal_tx_24h", "terminal_risk_7d")
"""The features, in the order of the contract."""

Features = Mapping[str, float | None]


@dataclass(slots=True)
class _Card:
    """A month of one card's purchases: (at, amount), and the sum of the amounts."""

    recent: deque[tuple[float, float]] = field(default_factory=deque)
    total: float = 0.0


@dataclass(slots=True)
class _Terminal:
    """A week of one terminal: when it sold, and when chargebacks for it came."""

    sold: deque[float] = field(default_factory=deque)
    charged_back: deque[float] = field(default_factory=deque)


class Memory:
    """Answers with the features of a purchase as they were before it, and then remembers it.

    Moments are seconds since the epoch and should not go back by much: a window ends at the purchase that asks.
    """

    def __init__(self) -> None:
        self._cards: dict[int, _Card] = defaultdict(_Card)
        self._terminals: dict[int, _Terminal] = defaultdict(_Terminal)

    def features(self, card: int, terminal: int, amount: float, at: float) -> Features:
        """The features of a purchase; ``amount_vs_usual`` is None for a card that was never seen."""
        mine, place = self._card(card, at), self._terminal(terminal, at)
        day = at - DAY_S
        today = [spent for when, spent in reversed(mine.recent) if when > day]
        usual = mine.total / len(mine.recent) if mine.recent else 0.0
        return {
            "spend_24h": round(sum(today), 2),
            "tx_count_24h": float(len(today)),
            "amount_vs_usual": amount / usual if usual > 0 else None,
            "terminal_tx_24h": float(sum(when > day for when in place.sold)),
            "terminal_risk_7d": len(place.charged_back) / max(len(place.sold), len(place.charged_back), 1),
        }

    def remember(self, card: int, terminal: int, amount: float, at: float) -> None:
        """Take a purchase in."""
        mine = self._cards[card]
        mine.recent.append((at, amount))
        mine.total += amount
        self._terminals[terminal].sold.append(at)

    def charge_back(self, terminal: int, at: float) -> None:
        """Take in that a purchase at a terminal turned out to be fraud, known since ``at``."""
        self._terminals[terminal].charged_back.append(at)

    def _card(self, card: int, at: float) -> _Card:
        mine, month = self._cards[card], at - MONTH_DAYS * DAY_S
        while mine.recent and mine.recent[0][0] <= month:
            mine.total -= mine.recent.popleft()[1]
        return mine

    def _terminal(self, terminal: int, at: float) -> _Terminal:
        place, week = self._terminals[terminal], at - WEEK_DAYS * DAY_S
        for moments in (place.sold, place.charged_back):
            while moments and moments[0] <= week:
                moments.popleft()
        return place
