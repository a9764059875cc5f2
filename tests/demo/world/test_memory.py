"""The feature service's windows against the plain definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.demo.world.memory import MONTH_DAYS, NAMES, WEEK_DAYS, Memory
from wellkept.demo.world.purchases import DAY_S

Purchase = tuple[float, int, int, float]
PURCHASES = st.lists(
    st.tuples(
        st.floats(0.0, 40.0 * DAY_S),
        st.integers(0, 2),
        st.integers(0, 2),
        st.floats(1.0, 500.0).map(lambda x: round(x, 2)),
    ),
    max_size=40,
)
CHARGEBACKS = st.lists(st.tuples(st.floats(0.0, 40.0 * DAY_S), st.integers(0, 2)), max_size=15)


def plain(purchases: list[Purchase], chargebacks: list[tuple[float, int]], now: Purchase) -> dict[str, float | None]:
    at, card, terminal, amount = now
    before = [p for p in purchases if p[0] <= at]
    day = [p for p in before if p[0] > at - DAY_S]
    month = [p[3] for p in before if p[1] == card and p[0] > at - MONTH_DAYS * DAY_S]
    sold = [p for p in before if p[2] == terminal and p[0] > at - WEEK_DAYS * DAY_S]
    known = [c for c in chargebacks if c[1] == terminal and at - WEEK_DAYS * DAY_S < c[0] <= at]
    return {
        "spend_24h": sum(p[3] for p in day if p[1] == card),
        "tx_count_24h": float(sum(p[1] == card for p in day)),
        "amount_vs_usual": amount / (sum(month) / len(month)) if month else None,
        "terminal_tx_24h": float(sum(p[2] == terminal for p in day)),
        "terminal_risk_7d": len(known) / max(len(sold), len(known), 1),
    }


@given(PURCHASES, CHARGEBACKS)
def test_windows_are_what_they_are_defined_to_be(
    purchases: list[Purchase], chargebacks: list[tuple[float, int]]
) -> None:
    memory, ordered = Memory(), sorted(purchases)
    waiting = sorted(chargebacks)
    for index, (at, card, terminal, amount) in enumerate(ordered):
        while waiting and waiting[0][0] <= at:
            moment, where = waiting.pop(0)
            memory.charge_back(where, moment)
        found = memory.features(card, terminal, amount, at)
        assert tuple(found) == NAMES
        for name, value in plain(ordered[:index], chargebacks, ordered[index]).items():
            assert found[name] == (value if value is None else pytest.approx(value, abs=0.011)), name
        memory.remember(card, terminal, amount, at)


def test_a_card_that_was_never_seen_has_no_usual_amount() -> None:
    assert Memory().features(1, 1, 10.0, 0.0)["amount_vs_usual"] is None
