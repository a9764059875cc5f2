"""What is odd about the rows that were loaded, and stops nothing: it is told wherever the training is looked at."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from wellkept.kernel.errors import InputError
from wellkept.ml.data.stage import MOMENT

REPEATED = 0.01
"""From this share on rows that are like another one are told: now and then two rows are alike by chance."""


def known_rows(table: pa.Table, end: datetime) -> tuple[pa.Table, list[str]]:
    """The rows that are not of a later moment than ``end``, and what is to be said of the others.

    Nobody can know yet what came true of those, and as the newest they would be what the model is judged by.

    Raises:
        InputError: all are of a later moment.
    """
    time = table["time"].cast(MOMENT)
    is_known = pc.less_equal(time, pa.scalar(end, MOMENT))
    later = table.num_rows - int(pc.sum(is_known).as_py() or 0)
    if not later:
        return table, []
    newest, until = (f"{moment:%Y-%m-%d %H:%M}" for moment in (pc.max(time).as_py(), end))
    if later == table.num_rows:
        rule = f"must not be later than the window's end ({until}): nobody can know yet what came true"
        raise InputError("load(window): time", rule, f"all of {later:,} rows, up to {newest}")
    said = f"{later:,} of {table.num_rows:,} rows are of later than the window's end ({until}), up to {newest}"
    return table.filter(is_known), [f"{said}: nobody can know yet what came true of them, so they are left out"]


def repeated_rows(table: pa.Table) -> list[str]:
    """What is to be said of rows that are like another one in every column, their time among them."""
    import polars as pl

    if "time" not in table.column_names or not table.num_rows:
        return []
    frame = pl.from_arrow(table.replace_schema_metadata(None))
    assert isinstance(frame, pl.DataFrame)
    plain = frame.select(name for name, kind in frame.schema.items() if not kind.is_nested())
    again = plain.height - plain.n_unique()
    if again < REPEATED * plain.height:
        return []
    said = f"{again:,} of {plain.height:,} rows repeat another one in every column, time and label among them"
    return [f"{said}: if a join or an export doubled them, all figures look surer than they are; leave such rows out"]
