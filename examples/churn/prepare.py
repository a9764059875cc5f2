"""The rows of the example: ``customers.parquet`` of a folder, or customers that are made up from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

EXTRAS = (
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)
YEARS = {"Month-to-month": 0, "One year": 1, "Two year": 2}
INTERNET = ("No", "DSL", "Fiber optic")


def prepare(project: Path, data: Path | None, seed: int = 11) -> None:
    """Write ``history.parquet`` into the project."""
    customers = pq.read_table(data / "customers.parquet") if data else made_up(seed)
    order = np.random.default_rng(seed).permutation(customers.num_rows)
    pq.write_table(inputs(customers.take(pa.array(order))), project / "history.parquet")


def inputs(customers: pa.Table) -> pa.Table:
    """Customers as the contract takes them. They carry no date, so their order is drawn once from the seed."""

    def texts(name: str) -> list[str]:
        return [str(value) for value in customers[name].to_pylist()]

    def said(name: str) -> list[bool]:
        return [value == "Yes" for value in texts(name)]

    extras = np.sum([said(name) for name in EXTRAS], axis=0)
    return pa.table(
        {
            "tenure": customers["tenure"].cast(pa.float64()),
            "monthly_charges": customers["monthly_charges"].cast(pa.float64()),
            "total_charges": customers["total_charges"].cast(pa.float64()),
            "contract_years": [YEARS[value] for value in texts("contract")],
            "internet": texts("internet_service"),
            "extras": extras.astype(np.int64),
            "has_support": said("tech_support"),
            "paperless": said("paperless_billing"),
            "payment": texts("payment_method"),
            "senior": customers["senior_citizen"].cast(pa.bool_()),
            "partner": said("partner"),
            "dependents": said("dependents"),
            "churn": customers["churn"].cast(pa.float64()),
        }
    )


def made_up(seed: int, count: int = 4000) -> pa.Table:
    """Customers in the same form: who is new, on fibre, without a contract and without support leaves sooner."""
    random = np.random.default_rng(seed)
    tenure = np.minimum(random.exponential(30, count), 72).astype(np.int64)
    internet = random.choice(INTERNET, count, p=[0.22, 0.34, 0.44])
    contract = random.choice(list(YEARS), count, p=[0.55, 0.21, 0.24])
    online = internet != "No"
    has = {name: online & (random.random(count) < 0.4) for name in EXTRAS}
    charges = 20 + 25 * online + 25 * (internet == "Fiber optic") + 5 * np.sum(list(has.values()), axis=0)
    charges = charges + random.normal(0, 2, count)
    check = random.random(count) < 0.34
    senior = random.random(count) < 0.16
    leaning = -1.7 - 0.045 * (tenure - 20) + 0.9 * (internet == "Fiber optic") - 1.6 * (contract != "Month-to-month")
    leaning = leaning + 0.6 * check - 0.5 * has["tech_support"] + 0.3 * senior
    churn = random.random(count) < 1 / (1 + np.exp(-leaning))
    total = np.where(tenure == 0, np.nan, tenure * charges * random.uniform(0.9, 1.05, count))
    yes = np.array(["No", "Yes"])
    return pa.table(
        {
            "tenure": tenure,
            "monthly_charges": charges,
            "total_charges": pa.array(total, from_pandas=True),
            "contract": contract,
            "internet_service": internet,
            **{name: yes[values.astype(int)] for name, values in has.items()},
            "paperless_billing": yes[random.integers(0, 2, count)],
            "payment_method": np.where(check, "Electronic check", "Mailed check"),
            "senior_citizen": senior.astype(np.int64),
            "partner": yes[random.integers(0, 2, count)],
            "dependents": yes[(random.random(count) < 0.3).astype(int)],
            "churn": churn.astype(np.int64),
        }
    )
