"""History and the present agree: the rows that a model is trained on are the answers that it would have been served."""

from __future__ import annotations

import asyncio
import heapq
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from wellkept.demo.shop import features as shop
from wellkept.demo.world.history import HISTORY_DAYS, LABEL_DELAY_S, LOST, make_history, rows_of, write_history
from wellkept.demo.world.memory import NAMES
from wellkept.demo.world.purchases import DAY_S, Purchases

END = 1_790_000_000.0


def first(purchases: Purchases, count: int) -> Purchases:
    return Purchases(
        purchases.at[:count],
        purchases.card[:count],
        purchases.terminal[:count],
        purchases.amount[:count],
        purchases.card_present[:count],
        purchases.terminal_age_days[:count],
        purchases.fraud[:count],
    )


def test_a_history_is_a_month_that_ends_when_it_should() -> None:
    _, purchases = make_history(1, END)
    assert purchases.at.min() >= END - HISTORY_DAYS * DAY_S
    assert purchases.at.max() < END
    assert len(purchases) > 10_000


def test_the_service_answers_what_the_history_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, purchases = make_history(1, END)
    p = first(purchases, 1500)
    rows = rows_of(p, 1)
    store = shop.Store(tmp_path / "features.sqlite")
    service = shop.FeatureService(store)
    known: list[tuple[float, int]] = []
    differ = 0
    for index in range(len(p)):
        at, terminal = float(p.at[index]), int(p.terminal[index])
        while known and known[0][0] <= at:
            moment, where = heapq.heappop(known)
            monkeypatch.setattr(time, "time", lambda moment=moment: moment)
            asyncio.run(service.charge_back({"terminals": [where]}))
        asked = {"card": p.card[index], "terminal": terminal, "amount": p.amount[index], "at": at}
        served = asyncio.run(service.features(asked))
        if p.fraud[index]:
            heapq.heappush(known, (at + LABEL_DELAY_S, terminal))
        trained = {name: rows[name][index].as_py() for name in NAMES}
        differ += trained != served and any(value is not None for value in trained.values())
    store.close()
    assert differ == 0


def test_a_store_that_is_opened_again_remembers(tmp_path: Path) -> None:
    path = tmp_path / "features.sqlite"
    store = shop.Store(path)
    store.add([(1, 2, 30.0, END), (1, 2, 10.0, END + 1)], [(2, END + 2)])
    store.close()
    again = shop.Store(path)
    found = again.memory().features(1, 2, 40.0, END + 3)
    again.close()
    assert found["spend_24h"] == 40.0
    assert found["amount_vs_usual"] == 2.0
    assert found["terminal_risk_7d"] == 0.5


def test_rows_hold_the_inputs_some_lost_and_the_label(tmp_path: Path) -> None:
    _, purchases = make_history(1, END)
    p = first(purchases, 4000)
    path = tmp_path / "fraud" / "history.parquet"
    write_history(rows_of(p, 1), path)
    rows = pq.read_table(path)
    assert rows.num_rows == 4000
    assert np.array_equal(rows["is_fraud"].to_numpy(), p.fraud.astype(float))
    nulls = rows["spend_24h"].null_count / rows.num_rows
    assert nulls == pytest.approx(LOST, abs=0.004)
    assert rows.sort_by("time").equals(rows)
