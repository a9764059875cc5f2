"""Room on the disk: nothing is taken in below the floor, and nothing counts as stored that is not on the disk."""

from __future__ import annotations

import contextlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.store.fixtures import KEPT

from wellkept.kernel.errors import OverloadError, StoreError
from wellkept.store.telemetry.failures import translate
from wellkept.store.telemetry.space import FLOOR_BYTES, TIGHT_BYTES, Space
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.watch import Watch

ROWS = 1000
_PUT = f"""
INSERT INTO metric_points
SELECT number, toDateTime64('2026-11-02 12:00:00', 3, 'UTC') + toIntervalMillisecond({{at:UInt32}}), rand64()
FROM numbers({ROWS})"""
_PARTS = """
SELECT name, path FROM system.parts
WHERE database = currentDatabase() AND table = 'metric_points' AND active ORDER BY min_block_number"""


class Disk:
    """A file system that says what it is told to."""

    def __init__(self, telemetry: Telemetry, free: int) -> None:
        self.free = free
        telemetry.engine.space.free = lambda: self.free


def put(telemetry: Telemetry, at: int) -> None:
    telemetry.engine.command(_PUT, {"at": at})


def rows(telemetry: Telemetry) -> int:
    return int(telemetry.engine.query("SELECT count() AS n FROM metric_points")["n"][0].as_py())


def parts(telemetry: Telemetry) -> list[Path]:
    return [Path(path) for path in telemetry.engine.query(_PARTS)["path"].to_pylist()]


def lose(part: Path) -> None:
    """What a full disk leaves of a part. The engine remembers what it found lost: the next test gets another one."""
    KEPT.let_go_after()
    for file in part.iterdir():
        os.truncate(file, 0)


def test_below_the_floor_nothing_is_taken_and_it_ends_by_itself(telemetry: Telemetry) -> None:
    disk = Disk(telemetry, FLOOR_BYTES)
    put(telemetry, 1)
    disk.free = FLOOR_BYTES - 1
    with pytest.raises(OverloadError, match=r"at least 64 MiB must be free, 63 MiB are") as caught:
        put(telemetry, 2)
    assert caught.value.retry_after_s == 5
    assert rows(telemetry) == ROWS
    disk.free = FLOOR_BYTES
    put(telemetry, 2)
    assert rows(telemetry) == 2 * ROWS


def test_a_statement_from_a_file_is_held_to_it_as_well(telemetry: Telemetry) -> None:
    """What is no insert goes on: removing is what makes room."""
    put(telemetry, 1)
    Disk(telemetry, 0)
    with pytest.raises(OverloadError, match="must be free"):
        telemetry.engine.command("-- A word on it.\n-- Another.\n" + _PUT, {"at": 1})
    with pytest.raises(OverloadError, match="must be free"):
        telemetry.tiers.roll_up(datetime(2026, 11, 20, tzinfo=UTC))
    telemetry.engine.command("TRUNCATE TABLE metric_points")


def test_an_answer_is_a_second_old_at_most() -> None:
    looks: list[int] = []
    space = Space(lambda: looks.append(1) or 0)  # type: ignore[func-returns-value]
    for _ in range(1000):
        with pytest.raises(OverloadError):
            space.check()
    assert len(looks) < 100
    with pytest.raises(OverloadError):
        space.guard()


def test_the_least_that_was_seen_is_told_once() -> None:
    found = iter([5, 3, 9, 8, 7])
    space = Space(lambda: next(found))
    space.look(), space.look()
    assert space.lowest() == 3
    assert space.look() == 8
    assert space.lowest() == 7


def test_what_is_not_whole_on_the_disk_does_not_count_as_stored(telemetry: Telemetry) -> None:
    began = int(time.time())
    put(telemetry, 1)
    put(telemetry, 2)
    telemetry.engine.proof.of_insert(began)
    put(telemetry, 3)
    lose(parts(telemetry)[-1])
    with pytest.raises(OverloadError, match="ran full"):
        telemetry.engine.proof.of_insert(began)
    assert rows(telemetry) == 2 * ROWS
    with pytest.raises(OverloadError, match="ran full"):
        telemetry.engine.proof.of_insert(began)  # it may be the other one's part that was lost
    telemetry.engine.proof.of_insert(int(time.time()) + 2)


def test_a_merge_that_is_not_whole_is_undone(telemetry: Telemetry) -> None:
    began = int(time.time())
    for at in range(4):
        put(telemetry, at)
    telemetry.engine.command("OPTIMIZE TABLE metric_points FINAL")
    (merged,) = parts(telemetry)
    assert telemetry.engine.proof.of_merges(began) == 0
    telemetry.engine.proof._sound.clear()
    lose(merged)
    assert telemetry.engine.proof.of_merges(began) == 1
    assert len(parts(telemetry)) == 4
    assert rows(telemetry) == 4 * ROWS
    assert telemetry.engine.query("SELECT name FROM system.detached_parts").num_rows == 0
    put(telemetry, 5)
    assert rows(telemetry) == 5 * ROWS


def test_a_table_that_could_not_be_taken_up_again_is_later(telemetry: Telemetry) -> None:
    put(telemetry, 1)
    telemetry.engine.command("DETACH TABLE metric_points")
    telemetry.engine.proof._away.add("metric_points")
    assert telemetry.engine.proof.of_merges(int(time.time())) == 0
    assert rows(telemetry) == ROWS


def test_merges_stop_where_room_is_short_and_are_proven_before_they_go_on(telemetry: Telemetry) -> None:
    disk = Disk(telemetry, TIGHT_BYTES)
    watch = Watch(telemetry.engine)
    watch.look()
    for at in range(3):
        put(telemetry, at)
    telemetry.engine.command("OPTIMIZE TABLE metric_points FINAL")
    lose(parts(telemetry)[0])
    disk.free = 2 * FLOOR_BYTES - 1
    watch.look()
    assert watch.is_short
    put(telemetry, 9)
    with contextlib.suppress(StoreError):
        telemetry.engine.command("OPTIMIZE TABLE metric_points FINAL")
    assert len(parts(telemetry)) == 2
    disk.free = 2 * FLOOR_BYTES
    watch.look()
    assert rows(telemetry) == 4 * ROWS
    assert len(parts(telemetry)) == 4


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Code: 243. DB::Exception: Cannot reserve 1.00 MiB. (NOT_ENOUGH_SPACE)", OverloadError),
        ("Code: 75. DB::ErrnoException: Cannot write: , errno: 28, strerror: No space left on device", OverloadError),
        ("Code: 1001. DB::Exception: filesystem error: No space left on device (STD_EXCEPTION)", OverloadError),
        ("Code: 76. DB::ErrnoException: Cannot open file: , errno: 122, strerror: Disk quota exceeded", OverloadError),
        ("Code: 75. DB::ErrnoException: Cannot write: , errno: 5, strerror: Input/output error", StoreError),
        ("Code: 27. DB::Exception: Cannot parse 'No space left on device' (CANNOT_PARSE_INPUT)", StoreError),
    ],
)
def test_a_full_disk_is_told_from_a_broken_one(text: str, kind: type[Exception]) -> None:
    assert type(translate("insert", RuntimeError(text))) is kind


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Code: 1001. DB::Exception: std::filesystem::filesystem_error: filesystem error: in rename: No data [x].",
            "unknown error (code 1001): filesystem error: in rename: No data",
        ),
        (
            "Code: 1001. DB::Exception: std::length_error: alice@example.org. (STD_EXCEPTION)",
            "STD_EXCEPTION (code 1001): length_error",
        ),
        (
            "Code: 76. DB::ErrnoException: Cannot open: , errno: 24, strerror: Too many open files. (CANNOT_OPEN_FILE)",
            "CANNOT_OPEN_FILE (code 76): errno: 24, strerror: Too many open files",
        ),
        ("Code: 27. DB::Exception: Cannot parse 'alice' (CANNOT_PARSE_INPUT)", "CANNOT_PARSE_INPUT (code 27)"),
    ],
)
def test_an_error_says_what_failed_about_files_and_quotes_no_rows(text: str, words: str) -> None:
    assert str(translate("insert", RuntimeError(text))) == f"telemetry engine, insert: {words}"
