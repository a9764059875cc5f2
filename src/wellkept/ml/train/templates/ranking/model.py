"""What somebody would choose next: vectors of users and items, learned from who chose what."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.ml.als import implicit_factors


def load(window: Any) -> pa.Table:
    """One row a choice: user, item, time, and 1 as the label."""
    return pq.read_table(window.history)


def train(frame: pa.Table) -> Any:
    """Two tables of vectors; the greater the product, the likelier the choice."""
    return implicit_factors(frame["user"].to_numpy(), frame["item"].to_numpy(), size=16, penalty=3.0)
