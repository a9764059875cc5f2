"""What was answered, as the prediction log takes it in, keeps it on disk, and sends it: many at once, as Arrow."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from wellkept.ml.categories import Categories, words_of
from wellkept.ml.interval import LOWER, UPPER, Interval
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.serve.served import Served

LENGTH = struct.Struct("<I")
Pairs = list[tuple[str, str]]
SHADOW_OF = "shadow_of"
"""The attribute by which a shadow's prediction names the one that was given."""
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("time", pa.timestamp("ms", tz="UTC")),
        ("model", pa.string()),
        ("version", pa.string()),
        ("entity_key", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("score", pa.float64()),
        ("decision", pa.string()),
        ("features", pa.map_(pa.string(), pa.float64())),
        ("categories", pa.map_(pa.string(), pa.string())),
        ("latency_ms", pa.float64()),
        ("attributes", pa.map_(pa.string(), pa.string())),
    ]
)
"""The columns that the platform's door for predictions takes."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request that was answered. ``prediction`` is the id of one row; of several, row ``n`` has ``-n`` behind it.

    ``entity_keys`` is one for all rows, or one a row. ``rows``: float64[n, inputs], NaN is null. ``is_shadow``: nobody
    was given this answer; its ids have the version behind them, and name the prediction that was given.
    """

    at_ms: int
    served: Served
    prediction: str
    rows: Matrix
    scores: Scores
    taken_s: float = 0.0
    entity_keys: Sequence[str] = ("",)
    trace_id: str = ""
    span_id: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    is_shadow: bool = False
    odd: Sequence[tuple[int, str, str]] = ()
    """Categories that the version does not know, NaN in its rows: row, input and text."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the answers of one version have in common."""

    model: str
    digest: str
    threshold: float | None
    names: tuple[str, ...]
    categories: Categories = field(default_factory=dict)
    interval: Interval | None = None


def opening(served: Served) -> bytes:
    """What must be known of a version to read its answers back."""
    threshold = served.contract.output.threshold
    interval = served.interval.values() if served.interval is not None else None
    return orjson.dumps([served.digest, served.name, threshold, served.names, served.categories, interval])


def packed(answered: Answered) -> bytes:
    """An answer as bytes; :func:`unpacked` is its inverse."""
    head = orjson.dumps(
        (
            answered.served.digest,
            answered.at_ms,
            answered.prediction,
            answered.entity_keys,
            answered.trace_id,
            answered.span_id,
            answered.taken_s * 1000,
            answered.marks,
            f"~{answered.served.label}" if answered.is_shadow else "",
            answered.odd,
        )
    )
    return b"".join((LENGTH.pack(len(head)), head, answered.rows.tobytes(), answered.scores.tobytes()))


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An answer read back."""

    digest: str
    head: Sequence[Any]
    count: int
    body: bytes


def opened(payload: bytes) -> tuple[str, Source]:
    """A version by its digest, from its opening."""
    digest, model, threshold, names, *more = orjson.loads(payload)  # older journals have no categories, or no interval
    interval = Interval.of(more[1]) if len(more) > 1 and more[1] else None
    return digest, Source(model, digest, threshold, tuple(names), more[0] if more else {}, interval)


def unpacked(payload: bytes, rows: int) -> Unpacked:
    """An answer from its bytes."""
    end = LENGTH.size + LENGTH.unpack_from(payload)[0]
    head = orjson.loads(payload[LENGTH.size : end])
    return Unpacked(head[0], head, rows, payload[end:])


def table_of(answers: Iterable[Unpacked], sources: Mapping[str, Source]) -> pa.Table:
    """Answers as the platform's door takes them, those of each version together."""
    groups: dict[str, list[Unpacked]] = {}
    for answer in answers:
        groups.setdefault(answer.digest, []).append(answer)
    return pa.concat_tables([_table(sources[digest], group) for digest, group in groups.items()])


def _table(source: Source, answers: Sequence[Unpacked]) -> pa.Table:
    counts = [answer.count for answer in answers]
    total, width = sum(counts), len(source.names)
    rows = np.empty(total * width)
    scores, at = np.empty(total), 0
    for answer, count in zip(answers, counts, strict=True):
        values = np.frombuffer(answer.body)
        rows[at * width : (at + count) * width] = values[: count * width]
        scores[at : at + count] = values[count * width :]
        at += count
    heads = [answer.head for answer in answers]
    repeated = np.repeat(np.arange(len(answers)), counts)

    def spread(place: int, kind: pa.DataType) -> pa.Array:
        return pa.array([head[place] for head in heads], kind).take(pa.array(repeated))

    columns = {
        "id": pa.array(_ids(answers), pa.string()),
        "time": spread(1, pa.int64()).cast(SCHEMA.field("time").type),
        "model": pa.array([source.model], pa.string()).take(pa.array(np.zeros(total, dtype=np.int64))),
        "version": pa.array([source.digest], pa.string()).take(pa.array(np.zeros(total, dtype=np.int64))),
        "entity_key": pa.array(_keys(answers), pa.string()),
        "trace_id": spread(4, pa.string()),
        "span_id": spread(5, pa.string()),
        "score": pa.array(scores),
        "decision": _decisions(scores, source.threshold),
        "features": _features(source, rows.reshape(total, width)),
        "categories": _categories(source, rows.reshape(total, width), answers),
        "latency_ms": spread(6, pa.float64()),
        "attributes": pa.array(_attributes(answers, _ends(source, scores)), SCHEMA.field("attributes").type),
    }
    return pa.table(columns, schema=SCHEMA)


def ids_of(prediction: str, count: int) -> list[str]:
    """The ids of the predictions of so many rows."""
    return [prediction] if count == 1 else [f"{prediction}-{index}" for index in range(count)]


def _ids(answers: Sequence[Unpacked]) -> list[str]:
    return [name + answer.head[8] for answer in answers for name in ids_of(answer.head[2], answer.count)]


def _attributes(answers: Sequence[Unpacked], ends: Sequence[Pairs]) -> list[Pairs]:
    found: list[Pairs] = []
    for answer in answers:
        marks = list(answer.head[7].items())
        if answer.head[8]:
            found += [[*marks, (SHADOW_OF, name)] for name in ids_of(answer.head[2], answer.count)]
        else:
            found += [marks] * answer.count
    return [[*marks, *own] for marks, own in zip(found, ends, strict=True)] if ends else found


def _ends(source: Source, scores: Scores) -> list[Pairs]:
    """The ends of each answer's interval; empty where there are none."""
    if source.interval is None:
        return []
    bounds = source.interval.bounds(scores)
    pairs = zip(bounds.lower.tolist(), bounds.upper.tolist(), strict=True)
    return [[(LOWER, repr(lower)), (UPPER, repr(upper))] for lower, upper in pairs]


def _keys(answers: Sequence[Unpacked]) -> list[str]:
    return [
        key
        for answer in answers
        for key in (answer.head[3] if len(answer.head[3]) == answer.count else list(answer.head[3]) * answer.count)
    ]


def _decisions(scores: Scores, threshold: float | None) -> pa.Array:
    if threshold is None:
        return pa.array([""], pa.string()).take(pa.array(np.zeros(len(scores), dtype=np.int64)))
    return pa.array(["false", "true"], pa.string()).take(pa.array((scores >= threshold).astype(np.int64)))


def _features(source: Source, rows: Matrix) -> pa.MapArray:
    """A map a row from input to value; NaN becomes null."""
    places = [place for place, name in enumerate(source.names) if name not in source.categories]
    kept = rows if len(places) == len(source.names) else rows[:, places]
    return _maps([source.names[place] for place in places], pa.array(kept.ravel(), from_pandas=True), len(rows))


def _categories(source: Source, rows: Matrix, answers: Sequence[Unpacked]) -> pa.MapArray:
    """A map a row from each input that is a category to its text; an empty one is no value."""
    names = [name for name in source.names if name in source.categories]
    texts = np.full((len(rows), len(names)), "", dtype=object)
    for place, name in enumerate(names):
        texts[:, place] = words_of(rows[:, source.names.index(name)], source.categories[name])
    first = 0
    for answer in answers if names else ():
        for row, name, text in answer.head[9] if len(answer.head) > 9 else ():
            texts[first + row, names.index(name)] = text
        first += answer.count
    return _maps(names, pa.array(texts.ravel().tolist(), pa.string()), len(rows))


def _maps(names: Sequence[str], values: pa.Array, total: int) -> pa.MapArray:
    """A map a row with these names; ``values`` are those of all rows, one after the other."""
    width = len(names)
    keys = pa.array(names, pa.string()).take(pa.array(np.tile(np.arange(width), total)))
    offsets = pa.array(np.arange(total + 1, dtype=np.int32) * width, pa.int32())
    return pa.MapArray.from_arrays(offsets, keys, values)
