"""Who leaves the telephone company: small tabular data, one row a customer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

COLUMNS = (
    "tenure",
    "monthly_charges",
    "total_charges",
    "contract_years",
    "internet",
    "extras",
    "has_support",
    "paperless",
    "payment",
    "senior",
    "partner",
    "dependents",
    "charge_rise",
)
CALL_COSTS, CUSTOMER_IS_WORTH, STAYS = 10.0, 200.0, 0.3
"""What a call costs, what a customer who stays brings, and how many of those who would leave stay when called."""


def load(window: Any) -> pa.Table:
    """Customers with their truth."""
    return pq.read_table(window.history)


def features(frame: pa.Table) -> pa.Table:
    """How much more is charged now than on average so far."""
    months = pc.max_element_wise(frame["tenure"], 1.0)
    rise = pc.subtract(frame["monthly_charges"], pc.divide(frame["total_charges"], months))
    return frame.append_column("charge_rise", rise)


def train(frame: pa.Table) -> Any:
    """Few small trees, as more would only learn noise; a longer contract never raises a score."""
    from lightgbm import LGBMClassifier

    rows = frame.select(COLUMNS).to_pandas()  # internet and payment come as pandas' categories
    model = LGBMClassifier(
        n_estimators=120,
        num_leaves=6,
        learning_rate=0.05,
        min_child_samples=30,
        monotone_constraints=[-int(name == "contract_years") for name in COLUMNS],
        monotone_constraints_method="advanced",
        n_jobs=1,
        verbose=-1,
        random_state=7,
    )
    return model.fit(rows, frame["churn"].to_numpy())


def metrics(frame: pa.Table) -> dict[str, float]:
    """What calling the tenth that is likeliest to leave would bring, a customer, in the currency of the bills."""
    label, score = frame["label"].to_numpy(), frame["score"].to_numpy()
    called = np.argsort(-score)[: max(1, len(score) // 10)]
    brought = STAYS * CUSTOMER_IS_WORTH * label[called].sum() - CALL_COSTS * len(called)
    return {"saved_per_customer": float(brought / len(label))}
