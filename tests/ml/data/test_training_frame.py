"""The joined frame: what each row knew at its moment, and which rows have a truth."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.ml.data.projects import DAY, HOUR, NOON, data_of, frame_of, put

from wellkept.kernel.errors import InputError

ENTITY = {"source": "orders", "keys": ["card"]}
ORDERS: dict[str, dict[str, Any]] = {"orders": {"time": "at"}}


def orders(folder: Path, **more: Any) -> None:
    """Three orders: two of card 1 (two days and one day ago), one of card 2 (an hour ago)."""
    columns = {"card": [2, 1, 1], "at": [NOON - HOUR, NOON - DAY, NOON - 2 * DAY], "label": [1.0, 0.0, 1.0]}
    put(folder, "orders", {**columns, **more})


def test_rows_come_by_time_with_the_newest_known_value(tmp_path: Path) -> None:
    orders(tmp_path)
    put(tmp_path, "risk", {"card": [1, 1, 2], "at": [NOON - 3 * DAY, NOON - DAY, NOON], "risk": [0.1, 0.2, 0.9]})
    data = data_of({**ORDERS, "risk": {"keys": ["card"], "time": "at"}}, entity=ENTITY)

    frame = frame_of(tmp_path, data)

    assert frame.table["time"].to_pylist() == [NOON - 2 * DAY, NOON - DAY, NOON - HOUR]
    assert frame.table["risk"].to_pylist() == [0.1, 0.2, None]
    assert frame.told["features"] == {"risk": {"matched": 2, "rows": 3}}


def test_what_was_written_after_a_moment_never_serves_it(tmp_path: Path) -> None:
    orders(tmp_path)
    late = {"card": [1, 1], "at": [NOON - 3 * DAY] * 2, "seen": [NOON - 3 * DAY, NOON - DAY - HOUR], "risk": [0.1, 0.7]}
    put(tmp_path, "risk", late)
    fields = {"keys": ["card"], "time": "at", "known_at": "seen"}

    known = frame_of(tmp_path, data_of({**ORDERS, "risk": fields}, entity=ENTITY)).table
    naive = frame_of(tmp_path, data_of({**ORDERS, "risk": {**fields, "as_known": False}}, entity=ENTITY)).table

    assert known["risk"].to_pylist() == [0.1, 0.7, None]
    assert naive["risk"].to_pylist() == [0.7, 0.7, None]


def test_delay_and_age_bound_what_serves(tmp_path: Path) -> None:
    orders(tmp_path)
    put(tmp_path, "risk", {"card": [1, 1, 2], "at": [NOON - 3 * DAY, NOON - DAY, NOON - 2 * HOUR], "risk": [1, 2, 3]})
    fields = {"keys": ["card"], "time": "at", "delay_s": 3600, "ttl_s": 86_400 + 3600}

    table = frame_of(tmp_path, data_of({**ORDERS, "risk": fields}, entity=ENTITY)).table

    assert table["risk"].to_pylist() == [1, None, 3]  # of yesterday only the value of two days before, which is too old


def test_a_static_table_needs_one_row_a_key(tmp_path: Path) -> None:
    orders(tmp_path)
    put(tmp_path, "holder", {"id": [1, 3], "age": [40, 50]})
    data = data_of({**ORDERS, "holder": {"keys": {"card": "id"}, "static": True}}, entity=ENTITY)

    assert frame_of(tmp_path, data).table["age"].to_pylist() == [40, 40, None]

    put(tmp_path, "holder", {"id": [1, 1, None, None], "age": [40, 50, 1, 2]})
    with pytest.raises(InputError, match=r"source holder: is static and must have one row a key.*1 keys with several"):
        frame_of(tmp_path, data)


def test_null_keys_and_times_serve_nobody_and_are_counted(tmp_path: Path) -> None:
    put(
        tmp_path,
        "orders",
        {"card": [1, None, 1], "at": [NOON - HOUR, NOON - 2 * HOUR, None], "label": [0.0, 1.0, 0.0]},
    )
    put(tmp_path, "risk", {"card": [1, None, 1], "at": [None, NOON - DAY, NOON - DAY], "risk": [0.1, 0.2, 0.3]})
    data = data_of({**ORDERS, "risk": {"keys": ["card"], "time": "at"}}, entity=ENTITY)

    frame = frame_of(tmp_path, data)

    assert frame.table.select(["card", "risk"]).to_pylist() == [{"card": None, "risk": None}, {"card": 1, "risk": 0.3}]
    assert frame.told["entity"]["rows"] == 2


def test_rows_whose_truth_is_not_due_are_left_out(tmp_path: Path) -> None:
    orders(tmp_path)

    frame = frame_of(tmp_path, data_of(ORDERS, entity=ENTITY), delay=3 * HOUR)

    assert frame.table["label"].to_pylist() == [1.0, 0.0]
    assert frame.told["label"] == {"not_due": 1, "unknown": 0, "rows": 2}


def test_a_truth_that_says_when_it_became_known_is_used_from_then_on(tmp_path: Path) -> None:
    orders(tmp_path, told=[NOON + HOUR, NOON, None])

    table = frame_of(tmp_path, data_of(ORDERS, entity=ENTITY, label={"known_at": "told"})).table

    assert table.column_names == ["time", "card", "label"]
    assert table["label"].to_pylist() == [0.0]


def test_a_truth_of_another_source_is_the_newest_known_one(tmp_path: Path) -> None:
    put(tmp_path, "orders", {"id": [1, 2, 3], "card": [1, 1, 1], "at": [NOON - DAY] * 3})
    told = {
        "order": [1, 1, 2, 2],
        "at": [NOON - 9 * HOUR, NOON - HOUR, NOON - 9 * HOUR, NOON + HOUR],
        "fraud": [0.0, 1.0, 0.0, 1.0],
    }
    put(tmp_path, "disputes", told)
    sources = {**ORDERS, "disputes": {"keys": {"id": "order"}, "time": "at"}}
    entity = {"source": "orders", "keys": ["id", "card"]}
    label = {"source": "disputes", "column": "fraud"}

    known = frame_of(tmp_path, data_of(sources, entity=entity, label=label))
    filled = frame_of(tmp_path, data_of(sources, entity=entity, label={**label, "missing": 0}))

    assert known.table.select(["id", "label"]).to_pylist() == [{"id": 1, "label": 1.0}, {"id": 2, "label": 0.0}]
    assert known.told["label"]["unknown"] == 1
    assert filled.table["label"].to_pylist() == [1.0, 0.0, 0.0]


def test_what_happens_within_a_time_is_the_truth(tmp_path: Path) -> None:
    put(tmp_path, "orders", {"card": [1, 2, 3, 4], "at": [NOON - 3 * DAY] * 3 + [NOON - HOUR]})
    happened = [NOON - 2 * DAY, NOON - HOUR, NOON - 4 * DAY, NOON - HOUR / 2]
    put(tmp_path, "left", {"card": [1, 2, 3, 4], "at": happened})
    sources = {**ORDERS, "left": {"keys": ["card"], "time": "at"}}
    label = {"source": "left", "within_s": 2 * 86_400, "missing": 0}

    frame = frame_of(tmp_path, data_of(sources, entity=ENTITY, label=label))

    assert dict(zip(frame.table["card"].to_pylist(), frame.table["label"].to_pylist(), strict=True)) == {
        1: 1,
        2: 0,
        3: 0,
    }
    assert frame.told["label"]["not_due"] == 1


def test_a_window_may_end_with_the_newest_row(tmp_path: Path) -> None:
    put(tmp_path, "orders", {"card": [1, 1, 1], "at": [NOON - n * 100 * DAY for n in (1, 1.05, 3)], "label": [0.0] * 3})

    frame = frame_of(tmp_path, data_of(ORDERS, entity={**ENTITY, "until": "newest"}))

    assert frame.table["time"].to_pylist() == [NOON - 105 * DAY, NOON - 100 * DAY]
    assert frame.span[1] == NOON - 100 * DAY + timedelta(microseconds=1)


def test_names_that_would_meet_are_refused_and_a_prefix_helps(tmp_path: Path) -> None:
    orders(tmp_path, risk=[1.0, 2.0, 3.0])
    put(tmp_path, "risk", {"card": [1], "at": [NOON - 5 * DAY], "risk": [0.5]})
    fields = {"keys": ["card"], "time": "at"}

    with pytest.raises(InputError, match=r"source risk: must give the frame columns of names .* got 'risk'"):
        frame_of(tmp_path, data_of({**ORDERS, "risk": fields}, entity=ENTITY))
    table = frame_of(tmp_path, data_of({**ORDERS, "risk": {**fields, "prefix": "their_"}}, entity=ENTITY)).table
    assert table["their_risk"].to_pylist() == [0.5, 0.5, None]


def test_the_order_in_which_a_source_gives_its_rows_does_not_matter(tmp_path: Path) -> None:
    tables: list[pa.Table] = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        rows = [("a", 1, 5.0), ("a", 1, 6.0), ("b", 1, 5.0), ("b", 2, 1.0)]
        mine = [rows[index] for index in order]
        put(tmp_path, "orders", {"card": [r[0] for r in mine], "at": [NOON - DAY] * 4, "label": [1.0] * 4})
        values = {"card": [r[0] for r in mine], "at": [NOON - r[1] * DAY for r in mine], "risk": [r[2] for r in mine]}
        put(tmp_path, "risk", values)
        data = data_of({**ORDERS, "risk": {"keys": ["card"], "time": "at"}}, entity=ENTITY)
        tables.append(frame_of(tmp_path, data).table)

    assert tables[0].equals(tables[1])
    assert tables[0]["risk"].to_pylist() == [6.0, 6.0, 5.0, 5.0]
