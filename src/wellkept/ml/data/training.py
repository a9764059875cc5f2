"""The frame that is trained on: the entity's rows, each with what was known of it at its moment, and with its truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.kernel.errors import InputError
from wellkept.ml.data.join import NONE, Codes, Events, codes, first_after, latest_known
from wellkept.ml.data.moments import FIRST, NEVER, Micros, as_column, micros_of, moments
from wellkept.ml.data.order import content_order
from wellkept.ml.data.sources import Read, Sources, Span
from wellkept.ml.dataspec import Data, EntityRows, Source

TIME = "time"
"""What the entity's moment is called in the frame."""


@dataclass(frozen=True, slots=True)
class LabelTold:
    """The label's name, and how long its truth takes to become known."""

    name: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The joined rows, the span that they are of, and what the manifest says of the joins."""

    table: pa.Table
    span: Span
    told: dict[str, Any]


def joined(data: Data, label: LabelTold, sources: Sources, span: Span) -> Frame:
    """The entity's rows of a span, in the order of time, with the newest known values of every joined source.

    Rows whose truth was not known at the end of the span are left out.

    Raises:
        InputError: a source cannot be read or joined; says which and what to do.
    """
    entity = data.entity
    if entity is None:
        raise InputError("window.joined()", "needs data.entity in the contract")
    if entity.until == "newest":
        span = _until_newest(entity, sources, span)
    table, at = entity_rows(entity, sources, span)
    told: dict[str, Any] = {"entity": {"source": entity.source, "rows": table.num_rows}, "features": {}}
    for name in data.features:
        table, told["features"][name] = with_source(table, at, name, sources, span)
    table, told["label"] = _with_label(table, at, data, label, sources, span)
    return Frame(table, span, told)


def entity_rows(entity: EntityRows, sources: Sources, span: Span) -> tuple[pa.Table, Micros]:
    """The rows of the entity, by time, with their keys and time under the frame's own names; and their moments."""
    source, rows = sources.source(entity.source), sources.rows(entity.source, span)
    assert rows.at is not None
    names = {source.keys.get(key, key): key for key in entity.keys}
    rest = source.columns or {one: one for one in rows.table.column_names if one not in (source.time, source.known_at)}
    columns: dict[str, Any] = {TIME: as_column(rows.at)}
    for column, name in names.items():
        if column in rows.table.column_names:
            _add(columns, name, rows.table[column], entity.source)
    for given, column in rest.items():
        if column not in names:
            _add(columns, f"{source.prefix}{given}", rows.table[column], entity.source)
    missing = [key for key in entity.keys if key not in columns]
    if missing:
        raise InputError(f"source {entity.source}", "must have the keys of the entity; missing", missing[0])
    table = pa.table(columns)
    order = content_order(table, [rows.at])
    if bool((np.diff(order) == 1).all()):
        return table, rows.at
    return table.take(pa.array(order)), rows.at[order]


def with_source(
    table: pa.Table, at: Micros, name: str, sources: Sources, span: Span
) -> tuple[pa.Table, dict[str, Any]]:
    """The rows with the columns of a source beside them, and how many rows it knew something of."""
    source = sources.source(name)
    rows = sources.history(name, span)
    mine, theirs = _codes(table, rows, name, source)
    order = np.arange(rows.table.num_rows)
    if rows.at is None:
        found = _by_key(mine, theirs, name)
    else:
        order = content_order(rows.table, [one for one in (rows.known, rows.at) if one is not None])
        known = None if rows.known is None else rows.known[order]
        ttl = None if source.ttl_s is None else round(source.ttl_s * 1e6)
        events = Events(theirs[order], rows.at[order], known)
        found = latest_known(mine, at, events, round(source.delay_s * 1e6), ttl)
    index = _indices(found, order)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    held = {*source.keys.values(), source.time, source.known_at}
    for given, column in (source.columns or {one: one for one in rows.table.column_names if one not in held}).items():
        _add(columns, f"{source.prefix}{given}", rows.table[column].combine_chunks().take(index), name)
    return pa.table(columns), {"matched": int((found != NONE).sum()), "rows": table.num_rows}


def _by_key(mine: NDArray[np.int64], theirs: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """The row of a table that has one row a key.

    Raises:
        InputError: it has several.
    """
    usable = np.flatnonzero(theirs != NONE)
    _, count = np.unique(theirs[usable], return_counts=True)
    if (count > 1).any():
        rule = "is static and must have one row a key; make it so, or say its time"
        raise InputError(f"source {name}", rule, f"{int((count > 1).sum())} keys with several rows")
    place = np.full(int(max(mine.max(initial=0), theirs.max(initial=0))) + 1, NONE, dtype=np.int64)
    place[theirs[usable]] = usable
    return np.where(mine == NONE, NONE, place[np.maximum(mine, 0)])


def _with_label(
    table: pa.Table, at: Micros, data: Data, label: LabelTold, sources: Sources, span: Span
) -> tuple[pa.Table, dict[str, Any]]:
    """The rows whose truth was known at the end of the span, with it."""
    end, spec = micros_of(span[1]), data.label
    due = at + round((label.delay_s + (spec.within_s or 0.0)) * 1e6) <= end
    if spec.source is not None:
        values = _label_of_source(table, data, label, sources, span)
        if spec.missing is not None:
            values = pc.fill_null(values, pa.scalar(spec.missing).cast(values.type))
        columns = {name: table[name] for name in table.column_names if name != label.name}
        table = pa.table({**columns, label.name: values})
    elif spec.column and spec.column != label.name:
        table = table.rename_columns([label.name if one == spec.column else one for one in table.column_names])
    if label.name not in table.column_names:
        raise InputError("data.label", "must be a column of the entity's source, or name a source", label.name)
    if spec.known_at:
        if spec.known_at not in table.column_names:
            raise InputError("data.label.known_at", "must be a column of the entity's source", spec.known_at)
        known = moments(table[spec.known_at], None, "data.label.known_at")
        due &= (known != NEVER) & (known <= end)
        table = table.drop_columns([spec.known_at])
    truth = table[label.name]
    there = np.asarray(pc.is_valid(truth).to_numpy(zero_copy_only=False), dtype=np.bool_)
    if pa.types.is_floating(truth.type):
        there &= ~np.isnan(truth.to_numpy(zero_copy_only=False))
    kept = due & there
    told = {"not_due": int((~due).sum()), "unknown": int((due & ~there).sum()), "rows": int(kept.sum())}
    return table if kept.all() else table.filter(pa.array(kept)), told


def _label_of_source(table: pa.Table, data: Data, label: LabelTold, sources: Sources, span: Span) -> pa.Array:
    """The truth of each row by its keys: the newest one that was known at the end, or what happened first after it."""
    spec, end = data.label, micros_of(span[1])
    assert spec.source is not None
    name, source = spec.source, sources.source(spec.source)
    rows = sources.rows(name, (FIRST if spec.within_s is None else span[0], span[1]))
    rows = rows.only(_known_by(rows, source, end))
    mine, theirs = _codes(table, rows, name, source)
    stamps = [one for one in (rows.known, rows.at) if one is not None]
    order = content_order(rows.table, stamps)
    if spec.within_s is not None:
        assert rows.at is not None
        at = moments(table[TIME], None, TIME)
        found = first_after(mine, at, Events(theirs[order], rows.at[order]), round(spec.within_s * 1e6))
    elif stamps:
        found = latest_known(mine, np.full(len(mine), end), Events(theirs[order], stamps[0][order]))
    else:
        found, order = _by_key(mine, theirs, name), np.arange(len(theirs))
    index = _indices(found, order)
    if spec.column is None and spec.within_s is not None:
        return pa.array(np.ones(len(order))).take(index)
    column = spec.column or label.name
    if column not in rows.table.column_names:
        raise InputError(f"source {name}", "must have the column of the label (data.label.column)", column)
    return rows.table[column].combine_chunks().take(index)


def _codes(table: pa.Table, rows: Read, name: str, source: Source) -> tuple[Codes, Codes]:
    keys = list(source.keys)
    return codes(
        [table[key] for key in keys], [rows.table[source.keys[key]] for key in keys], [f"{name}.{key}" for key in keys]
    )


def _indices(found: NDArray[np.int64], order: NDArray[np.int64]) -> pa.Array:
    """Places in an order as places in the table; null where nothing was found."""
    missing = found == NONE
    return pa.array(order[np.where(missing, 0, found)] if len(order) else np.zeros(len(found), np.int64), mask=missing)


def _known_by(rows: Read, source: Source, end: int) -> NDArray[np.bool_]:
    """Which rows were known at a moment."""
    known = np.ones(rows.table.num_rows, dtype=np.bool_)
    if rows.known is not None:
        known &= rows.known <= end
    if rows.at is not None:
        known &= rows.at + round(source.delay_s * 1e6) <= end
    return known


def _until_newest(entity: EntityRows, sources: Sources, span: Span) -> Span:
    """A span of the same length that ends just after the entity's newest row."""
    rows = sources.rows(entity.source, (FIRST, span[1]))
    if rows.at is None or not len(rows.at):
        return span
    end: datetime = as_column(np.array([rows.at.max() + 1]))[0].as_py()
    return end - (span[1] - span[0]), end


def _add(columns: dict[str, Any], name: str, values: Any, source: str) -> None:
    if name in columns:
        rule = "must give the frame columns of names that it has not yet; choose its columns, or give it a prefix"
        raise InputError(f"source {source}", rule, name)
    columns[name] = values
