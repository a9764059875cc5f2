"""The audit log's rows: each entry holds the hash of the one before, and reads back as it was written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update
from tests.store.telemetry.scenes import at

from wellkept.store.state.audit import GENESIS, AuditRows
from wellkept.store.state.state import State
from wellkept.store.state.tables import audit

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def rows(state: State) -> AuditRows:
    return AuditRows(state)


def is_whole(rows: AuditRows) -> bool:
    number, previous = 0, GENESIS
    for entry in rows.all():
        if (entry.number, entry.previous, entry.hash) != (number + 1, previous, entry.digest()):
            return False
        number, previous = entry.number, entry.hash
    return True


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, texts, texts, st.dictionaries(texts, plain, max_size=3)), max_size=4))
def test_whatever_is_written_down_reads_back_with_its_hash(
    rows: AuditRows, state: State, written: list[tuple[str, str, str, dict[str, Any]]]
) -> None:
    with state.transaction() as connection:
        connection.execute(delete(audit))
    entries = [rows.append(at(n), *entry) for n, entry in enumerate(written)]
    assert [*rows.all()] == entries
    assert is_whole(rows)


@pytest.mark.parametrize("column", ["at", "actor", "verb", "subject", "details", "previous", "hash"])
def test_a_change_of_any_column_shows(rows: AuditRows, state: State, column: str) -> None:
    for number in range(3):
        rows.append(at(number), "ana", "approve", f"plan-{number}", {"why": "fine"})
    assert is_whole(rows)
    other: Any = {"at": at(99), "details": {"why": "bad"}}.get(column, "0" * 64)
    with state.transaction() as connection:
        connection.execute(update(audit).where(audit.c.number == 2).values({column: other}))
    assert not is_whole(rows)


def test_many_who_append_at_once_make_one_chain(rows: AuditRows) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: rows.append(at(n), "ana", "note", "x", {"n": n}), range(40)))
    assert [entry.number for entry in rows.all()] == list(range(1, 41))
    assert is_whole(rows)


def test_the_newest_first_and_by_subject(rows: AuditRows) -> None:
    for number in range(5):
        rows.append(at(number), "ana", "note", "even" if number % 2 == 0 else "odd", {})
    assert [entry.number for entry in rows.newest(2, None)] == [5, 4]
    assert [entry.number for entry in rows.newest(10, "odd")] == [4, 2]
