"""Projects with sources for tests: files of a folder, and what is joined of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.ml.data.base import Access, DataSettings
from wellkept.ml.data.secrets import Secrets
from wellkept.ml.data.sources import Sources
from wellkept.ml.data.training import Frame, LabelTold, joined
from wellkept.ml.dataspec import Data

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SPAN = (NOON - 10 * DAY, NOON)


def put(folder: Path, name: str, columns: Mapping[str, Any]) -> None:
    """A Parquet file of these columns; moments in microseconds."""
    kinds = {key: pa.array(values) for key, values in columns.items()}
    made = {
        key: values.cast(pa.timestamp("us", tz="UTC"))
        if pa.types.is_timestamp(values.type) and values.type.tz
        else values
        for key, values in kinds.items()
    }
    pq.write_table(pa.table(made), folder / f"{name}.parquet")


def data_of(sources: Mapping[str, Mapping[str, Any]], **rest: Any) -> Data:
    """The data part of a contract whose sources are Parquet files of their names."""
    whole = {name: {"connector": "parquet", "path": f"{name}.parquet", **more} for name, more in sources.items()}
    return Data.model_validate({"sources": whole, **rest})


def reading(folder: Path, data: Data, **limits: Any) -> Sources:
    return Sources(data, Access(folder, secrets=Secrets(None, {})), DataSettings(**limits))


def frame_of(folder: Path, data: Data, delay: timedelta = timedelta(), span: Any = SPAN) -> Frame:
    """The joined frame over ten days until noon."""
    return joined(data, LabelTold("label", delay.total_seconds()), reading(folder, data), span)
