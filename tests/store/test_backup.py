"""Copies of a data folder: whole, of one moment, checked before they are used, and nothing left of one that failed."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.store.fixtures import telemetry_in

from wellkept.kernel.errors import ConflictError, InputError, StoreError
from wellkept.store import backup as copies
from wellkept.store.backup import (
    RESTORING,
    back_up,
    backups,
    forget,
    let_go_of_oldest,
    placed,
    read_head,
    restore,
)
from wellkept.store.telemetry.telemetry import Telemetry

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LINE = "INSERT INTO otel_logs (Timestamp, Body) VALUES (now64(9), '{}')"


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with telemetry, state, artifacts, and what is of a run alone."""
    folder = tmp_path_factory.mktemp("made") / "data"
    telemetry = telemetry_in(folder / "telemetry")
    telemetry.engine.command(LINE.format("before"))
    telemetry.close()
    for name in ("state", "runs", "logs", "detect", "artifacts/ab", "backups"):
        (folder / name).mkdir(parents=True)
    for name in ("lock", "server.pid", "address", "logs/agent.log", "detect/baseline.npz", "artifacts/ab/cd", "token"):
        (folder / name).write_text(name)
    (folder / "token").chmod(0o600)
    return folder


@pytest.fixture
def data(made_once: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it, in which SQLite is at work."""
    folder = tmp_path / "data"
    shutil.copytree(made_once, folder, symlinks=True)
    with contextlib.ExitStack() as opened:
        for name in ("state/state.sqlite", "runs/runs.sqlite"):
            connection = opened.enter_context(contextlib.closing(sqlite3.connect(folder / name)))
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE seen (n INTEGER)")
            connection.execute("INSERT INTO seen VALUES (1)")
            connection.commit()
        yield folder


def bodies(folder: Path) -> list[str]:
    telemetry = Telemetry.open(folder / "telemetry")
    found: list[str] = telemetry.engine.query("SELECT Body FROM otel_logs ORDER BY Body")["Body"].to_pylist()
    telemetry.close()
    return found


def rows(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT count(*) FROM seen").fetchone()[0])


def test_it_is_the_folder_as_it_was_without_what_is_of_the_running_server(data: Path, tmp_path: Path) -> None:
    made = back_up(data, tmp_path / "kept", NOON, "1.0")
    assert made.path.name == "2026-11-24T12-00-00Z"
    assert (made.has_state, made.linked_bytes > 0, made.bytes > made.linked_bytes) == (True, True, True)
    content = made.path / "data"
    assert {path.name for path in content.iterdir()} == {"telemetry", "state", "runs", "detect", "artifacts", "token"}
    assert stat.S_IMODE((content / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o700
    assert backups(tmp_path / "kept") == [made]


def test_what_is_restored_has_what_was_there_and_nothing_that_came_later(data: Path, tmp_path: Path) -> None:
    made = back_up(data, tmp_path / "kept", NOON, "1.0")
    with sqlite3.connect(data / "state/state.sqlite") as connection:
        connection.execute("INSERT INTO seen VALUES (2)")
    again = restore(made.path, tmp_path / "again")
    assert again == made
    assert rows(tmp_path / "again/state/state.sqlite") == 1
    assert (tmp_path / "again/detect/baseline.npz").read_text() == "detect/baseline.npz"
    assert (tmp_path / "again/telemetry/data/wellkept/otel_logs").is_symlink()
    assert not (tmp_path / "again/lock").exists()


def test_the_engine_opens_what_was_copied_while_it_took_in_and_merged(tmp_path: Path) -> None:
    data, stopped = tmp_path / "data", threading.Event()
    telemetry = telemetry_in(data / "telemetry")
    written = list[str]()

    def write() -> None:
        while not stopped.is_set():
            telemetry.engine.command(LINE.format(f"{len(written):06d}"))
            written.append(f"{len(written):06d}")
            if len(written) % 20 == 0:
                telemetry.engine.command("OPTIMIZE TABLE otel_logs FINAL")

    writer = threading.Thread(target=write)
    writer.start()
    kept = []
    for number in range(3):
        while len(written) < 30 * (number + 1):
            stopped.wait(0.01)
        before = len(written)
        made = back_up(data, tmp_path / "kept", NOON + timedelta(seconds=number), "1.0")
        kept.append((before, made))
    stopped.set()
    writer.join()
    telemetry.close()

    for number, (before, made) in enumerate(kept):
        restore(made.path, tmp_path / f"again-{number}")
        found = bodies(tmp_path / f"again-{number}")
        assert found == sorted(set(found)), "nothing is there twice"
        assert set(written[:before]) <= set(found), "what was acknowledged before is there"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: (path / "data/token").unlink(), "token missing or changed"),
        (lambda path: (path / "data/state/state.sqlite").write_bytes(b"x" * 8192), "state/state.sqlite missing or"),
        (lambda path: (path / "files.json").write_text("{"), "files.json cannot be read"),
        (lambda path: (path / "backup.json").unlink(), "has no backup.json"),
        (lambda path: (path / "backup.json").write_text("[]"), "backup.json is damaged"),
        (lambda path: (path / "backup.json").write_text('{"format": 2}'), "must be of format 1"),
        (lambda path: (path / "data/telemetry/data/wellkept/otel_logs").unlink(), "otel_logs missing or changed"),
    ],
)
def test_a_backup_that_is_not_whole_is_refused(
    data: Path, tmp_path: Path, harm: Callable[[Path], object], said: str
) -> None:
    made = back_up(data, tmp_path / "kept", NOON, "1.0")
    harm(made.path)
    with pytest.raises(InputError, match=said):
        restore(made.path, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_part_that_is_missing_is_seen(data: Path, tmp_path: Path) -> None:
    made = back_up(data, tmp_path / "kept", NOON, "1.0")
    part = next(made.path.rglob("checksums.txt")).parent
    shutil.rmtree(part)
    with pytest.raises(InputError, match=r"and \d+ more missing or changed"):
        restore(made.path, tmp_path / "again")


def test_a_folder_that_holds_something_is_left_as_it_is(data: Path, tmp_path: Path) -> None:
    made = back_up(data, tmp_path / "kept", NOON, "1.0")
    with pytest.raises(ConflictError, match="holds data already"):
        restore(made.path, data)
    (tmp_path / "empty").mkdir()
    restore(made.path, tmp_path / "empty")


def test_nothing_is_left_of_one_that_failed(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copies, "_rest", full)
    with pytest.raises(StoreError, match="No space left on device"):
        back_up(data, tmp_path / "kept", NOON, "1.0")
    assert list((tmp_path / "kept").iterdir()) == []


def test_on_another_disk_everything_is_copied(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", elsewhere)
    made = back_up(data, tmp_path / "kept", NOON, "1.0")
    assert made.linked_bytes == 0
    restore(made.path, tmp_path / "again")


def test_the_oldest_go(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    made = [back_up(data, kept, NOON + timedelta(hours=hour), "1.0") for hour in range(4)]
    (kept / "notes").mkdir()
    assert forget(kept, 2, made[3]) == [made[1], made[0]]
    assert backups(kept) == [made[3], made[2]]
    assert {path.name for path in kept.iterdir()} == {made[3].path.name, made[2].path.name, "notes"}


def test_the_one_just_made_stays_though_the_clock_has_gone_back(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    made = [back_up(data, kept, NOON - timedelta(hours=hour), "1.0") for hour in range(3)]
    assert forget(kept, 1, made[2]) == [made[1]]
    assert backups(kept) == [made[0], made[2]]


def test_what_an_interrupted_one_left_goes_before_the_next_takes_room(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, others = tmp_path / ".2026-11-24T10-00-00Z.partial", tmp_path / ".rsync.partial"
    (left / "data").mkdir(parents=True)
    others.mkdir()

    def full(*_: object) -> None:
        assert not left.exists()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copies, "_databases", full)
    with pytest.raises(StoreError, match="No space left on device"):
        back_up(data, tmp_path, NOON, "1.0")
    assert others.exists()


def test_a_second_one_of_the_same_second_leaves_the_first_as_it_is(data: Path, tmp_path: Path) -> None:
    made = back_up(data, tmp_path / "kept", NOON, "1.0")
    with pytest.raises(ConflictError, match="is there already, of this second"):
        back_up(data, tmp_path / "kept", NOON, "1.0")
    assert backups(tmp_path / "kept") == [made]
    restore(made.path, tmp_path / "again")


def test_it_is_whole_where_it_goes_beside_the_data_folder(data: Path, tmp_path: Path) -> None:
    made = back_up(data, placed(data, tmp_path), NOON, "1.0")
    assert (made.path / "data/token").read_text() == "token"


@pytest.mark.parametrize("inside", ["", "telemetry", "telemetry/kept", "kept", "state/backups", "link"])
def test_it_may_not_go_where_the_next_one_would_copy_it(data: Path, inside: str) -> None:
    (data / "link").symlink_to(data / "detect")
    with pytest.raises(InputError, match=r"backup\.folder: must not be in the data folder, except in `backups` there"):
        placed(data, data / inside)


@pytest.mark.parametrize("inside", ["backups", "backups/nightly"])
def test_it_may_go_into_the_folder_for_it(data: Path, inside: str) -> None:
    assert placed(data, data / inside) == data / inside


def test_nothing_is_left_of_a_restore_that_failed(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, copied = back_up(data, tmp_path / "kept", NOON, "1.0"), shutil.copy2

    def full(source: Path, target: Path) -> None:
        if source.name == "token":
            raise OSError(28, "No space left on device")
        copied(source, target)

    monkeypatch.setattr("shutil.copy2", full)
    with pytest.raises(StoreError, match="No space left on device"):
        restore(made.path, tmp_path / "again")
    monkeypatch.undo()
    restore(made.path, tmp_path / "again")
    assert not (tmp_path / "again" / RESTORING).exists()


def test_those_on_the_disk_of_the_data_give_way_one_by_one(data: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert let_go_of_oldest(data, kept) is None
    made = [back_up(data, kept, NOON + timedelta(hours=hour), "1.0") for hour in range(2)]
    assert let_go_of_oldest(data, kept) == made[0]
    assert backups(kept) == [made[1]]
    assert let_go_of_oldest(data, kept) == made[1]
    assert let_go_of_oldest(data, kept) is None


def test_its_head_says_what_it_is_without_the_list_of_files(data: Path, tmp_path: Path) -> None:
    made = back_up(data, tmp_path / "kept", NOON, "1.0")
    assert read_head(made.path) == made
    assert json.loads((made.path / "backup.json").read_bytes())["version"] == "1.0"
