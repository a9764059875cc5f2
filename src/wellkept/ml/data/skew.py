"""Training-serving skew: what was served beside what the sources say that was known at that moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.ml.categories import is_text, texts_of
from wellkept.ml.data.moments import as_column, moments
from wellkept.ml.data.sources import Sources
from wellkept.ml.data.training import TIME, with_source
from wellkept.ml.dataspec import Data

Floats = NDArray[np.float64]
Value = float | str | None
SMALLEST = 1e-9
"""Numbers that are so near to each other are alike, however small they are."""
SHOWN = 5
HIDDEN = "(masked)"


def skew_report(logged: pa.Table, data: Data, sources: Sources, defaults: Mapping[str, float | None]) -> dict[str, Any]:
    """Compare the inputs of logged predictions with those that the joins give at the same moments.

    Args:
        logged: ``id``, ``time``, ``entity_key`` and a column for each input.
        data: the contract's data part, with an entity and sources to be joined.
        sources: reads them.
        defaults: every input of the contract, with what is taken where its service does not answer.

    Returns:
        JSON values: ``verdict`` (ok, skewed, or unknown where nothing could be compared), ``rows``, ``without_key``,
        ``limit``, and for each input ``feature``, ``source``, ``rows``, ``differ``, ``share``, ``only_served``,
        ``only_recomputed``, ``defaults`` and ``worst``.
    """
    assert data.entity is not None
    names = [key for key in data.entity.keys if any(key in data.sources[name].keys for name in data.features)]
    keys = _keys(logged["entity_key"], names)
    there = pc.is_valid(keys[0])
    for column in keys[1:]:
        there = pc.and_(there, pc.is_valid(column))
    rows = logged.filter(there)
    table = pa.table({key: column.filter(there) for key, column in zip(names, keys, strict=True)})
    features: list[dict[str, Any]] = []
    for name in data.features if rows.num_rows else ():
        found = recomputed(table, rows[TIME], name, sources)
        features += [
            {"feature": one, "source": name, **_compared(rows, one, found[one], data, defaults[one])}
            for one in found.column_names
            if one in defaults and one in rows.column_names
        ]
    odd = [one for one in features if one["share"] > data.skew.share]
    return {
        "verdict": "unknown" if not features else "skewed" if odd else "ok",
        "rows": rows.num_rows,
        "without_key": logged.num_rows - rows.num_rows,
        "limit": data.skew.share,
        "features": sorted(features, key=lambda one: (-one["share"], one["feature"])),
    }


def recomputed(keys: pa.Table, time: pa.ChunkedArray, name: str, sources: Sources) -> pa.Table:
    """The columns of a source as they were known for these keys at these moments."""
    at = moments(time, None, TIME, up=False)
    column = as_column(at)
    ends = pc.min_max(column).as_py()
    span = (ends["min"], as_column(np.array([int(at.max()) + 1]))[0].as_py())
    source, rows = sources.source(name), sources.history(name, span)
    typed = {key: _typed(keys[key], rows.table[held].type) for key, held in source.keys.items()}
    joined, _ = with_source(pa.table({TIME: column, **typed}), at, name, sources, span)
    return joined.drop_columns([TIME, *typed])


def _compared(rows: pa.Table, name: str, found: pa.ChunkedArray, data: Data, default: float | None) -> dict[str, Any]:
    """How one input differs, and the rows in which it does so most."""
    if is_text(rows[name].type):
        return _compared_texts(rows, name, found, data)
    served, known = _floats(rows[name]), _floats(found)
    only_served, only_known = ~np.isnan(served) & np.isnan(known), np.isnan(served) & ~np.isnan(known)
    apart = np.abs(served - known)
    size = np.maximum(np.abs(served), np.abs(known))
    differs = only_served | only_known | (apart > np.maximum(data.skew.tolerance * size, SMALLEST))
    share = np.where(only_served | only_known, np.inf, apart / np.maximum(size, SMALLEST))
    worst = [
        int(index) for index in np.argsort(-np.where(differs, share, -1.0), kind="stable")[:SHOWN] if differs[index]
    ]
    return {
        "rows": len(served),
        "differ": int(differs.sum()),
        "share": float(differs.mean()),
        "only_served": int(only_served.sum()),
        "only_recomputed": int(only_known.sum()),
        "defaults": 0 if default is None else int((differs & (served == default)).sum()),
        "worst": [_row(rows, index, _number(served[index]), _number(known[index]), data) for index in worst],
    }


def _compared_texts(rows: pa.Table, name: str, found: pa.ChunkedArray, data: Data) -> dict[str, Any]:
    """The same of a category: it differs, or it does not."""
    served, known = texts_of(rows[name]).to_pylist(), texts_of(found).to_pylist()
    pairs = list(zip(served, known, strict=True))
    differs = [index for index, (one, other) in enumerate(pairs) if one != other]
    return {
        "rows": len(pairs),
        "differ": len(differs),
        "share": len(differs) / len(pairs),
        "only_served": sum(other is None for one, other in pairs if one is not None),
        "only_recomputed": sum(one is None for one, other in pairs if other is not None),
        "defaults": 0,
        "worst": [_row(rows, index, *pairs[index], data) for index in differs[:SHOWN]],
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _row(rows: pa.Table, index: int, served: Value, known: Value, data: Data) -> dict[str, Any]:
    is_hidden = data.entity is not None and any(key in data.masks for key in data.entity.keys)
    return {
        "id": rows["id"][index].as_py(),
        "time": rows[TIME][index].as_py().isoformat(),
        "entity_key": HIDDEN if is_hidden else rows["entity_key"][index].as_py(),
        "served": served,
        "recomputed": known,
    }


def _keys(column: pa.ChunkedArray, names: Sequence[str]) -> list[pa.Array]:
    """The keys as texts, null where they are not told: an object in JSON, or the text itself of the only key."""
    texts = column.to_pylist()
    objects = [_object(text) for text in texts]
    if len(names) == 1 and not any(objects):
        return [pa.array([text or None for text in texts], pa.string())]
    return [pa.array([_text(found.get(name)) for found in objects], pa.string()) for name in names]


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value)


def _typed(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Keys in a source's own type; what is no such number is null, and serves nobody."""
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        whole = pc.match_substring_regex(column, r"^[+-]?\d{1,18}(\.0+)?$")
        return pc.if_else(whole, pc.replace_substring_regex(column, r"\.0+$", ""), None).cast(pa.int64())
    return column


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
