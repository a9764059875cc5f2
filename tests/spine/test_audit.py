"""The audit log: whoever changes what was written is found."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from tests.spine.scene import NOON

from wellkept.kernel.errors import StoreError
from wellkept.spine.audit import Audit
from wellkept.store.state.state import State

ENTRIES = 6


@pytest.fixture
def audit(state: State) -> Audit:
    log = Audit(state)
    for number in range(1, ENTRIES + 1):
        details = {"hash": f"h{number}", "why": "größer & ärger", "share": 0.1 * number, "deep": {"b": [1], "a": None}}
        log.append(NOON + timedelta(seconds=number), "ann", "plan.approved", f"pln-{number}", details)
    return log


@pytest.fixture
def tamper(tmp_path: Path) -> Callable[..., None]:
    """Somebody with a database client."""

    def change(statement: str, *values: Any) -> None:
        with sqlite3.connect(tmp_path / "state" / "state.sqlite") as connection:
            assert connection.execute(statement, values).rowcount > 0
        connection.close()

    return change


def test_an_untouched_log_holds(audit: Audit) -> None:
    assert audit.verify() == ENTRIES


def test_an_empty_log_holds(state: State) -> None:
    assert Audit(state).verify() == 0


CHANGES = {
    "at": "2020-01-01 00:00:00.000000",
    "actor": "mallory",
    "verb": "plan.rejected",
    "subject": "pln-9",
    "details": "{}",
    "previous": "0" * 63 + "1",
    "hash": "f" * 64,
}


@pytest.mark.parametrize("column", CHANGES)
@pytest.mark.parametrize("number", [1, 3, ENTRIES])
def test_a_change_of_any_entry_is_found_and_named(
    audit: Audit, tamper: Callable[..., None], number: int, column: str
) -> None:
    tamper(f"UPDATE audit SET {column} = ? WHERE number = ?", CHANGES[column], number)

    with pytest.raises(StoreError, match=rf"^audit log: entry {number} was changed after it was written$"):
        audit.verify()


@pytest.mark.parametrize("number", [1, 3, ENTRIES - 1])
def test_a_missing_entry_is_named(audit: Audit, tamper: Callable[..., None], number: int) -> None:
    tamper("DELETE FROM audit WHERE number = ?", number)

    with pytest.raises(StoreError, match=rf"^audit log: entry {number} is missing$"):
        audit.verify()


def test_a_gap_that_was_closed_is_found(audit: Audit, tamper: Callable[..., None]) -> None:
    tamper("DELETE FROM audit WHERE number = ?", 3)
    tamper("UPDATE audit SET number = number - 1 WHERE number > ?", 3)

    with pytest.raises(StoreError, match=r"^audit log: entry 3 was changed"):
        audit.verify()


def test_an_entry_that_was_forged_at_the_end_is_found(audit: Audit, tamper: Callable[..., None]) -> None:
    tamper(
        "INSERT INTO audit SELECT number + 1, at, 'mallory', verb, subject, details, hash, hash FROM audit "
        "WHERE number = ?",
        ENTRIES,
    )

    with pytest.raises(StoreError, match=rf"^audit log: entry {ENTRIES + 1} was changed"):
        audit.verify()


def test_two_entries_that_changed_places_are_found(audit: Audit, tamper: Callable[..., None]) -> None:
    for before, after in ((2, -1), (3, 2), (-1, 3)):
        tamper("UPDATE audit SET number = ? WHERE number = ?", after, before)

    with pytest.raises(StoreError, match=r"^audit log: entry 2 was changed"):
        audit.verify()


def test_entries_come_newest_first_and_by_subject(audit: Audit) -> None:
    assert [entry.number for entry in audit.entries(2)] == [6, 5]
    assert [entry.number for entry in audit.entries(subject="pln-3")] == [3]


def test_a_moment_in_another_zone_is_no_tampering(state: State) -> None:
    log = Audit(state)
    moment = NOON.astimezone(timezone(timedelta(hours=9)))

    assert log.append(moment, "ann", "plan.approved", "pln-1").at == NOON
    assert log.verify() == 1


def test_many_who_write_at_once_make_one_chain(state: State) -> None:
    logs = [Audit(state) for _ in range(4)]

    def write(log: Audit) -> None:
        for number in range(10):
            log.append(NOON, "ann", "plan.approved", f"pln-{number}")

    threads = [threading.Thread(target=write, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert logs[0].verify() == 40
