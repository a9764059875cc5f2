"""Log files that are renamed, copied and cut, deleted, and replaced: nothing is lost, nothing is sent twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.test_tail import Logs

from wellkept.agent.tail import FINISHED_AFTER_LOOKS


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    """The glob names the present log and its rotated ones."""
    made = Logs(tmp_path, "app.log*")
    yield made
    made.tail.close()


@pytest.fixture
def only_present(tmp_path: Path) -> Iterator[Logs]:
    """The glob names the present log alone."""
    made = Logs(tmp_path, "app.log")
    yield made
    made.tail.close()


def lines(name: str, count: int = 100) -> list[str]:
    return [f"{name} line {number:05}" for number in range(count)]


def text(found: list[str]) -> str:
    return "".join(f"{line}\n" for line in found)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_renamed_file_is_read_to_its_end_before_its_successor(logs: Logs) -> None:
    logs.write("one\n")
    assert logs.read() == ["one"]
    logs.write("two\n")
    logs.path().rename(logs.path("app.log.1"))
    logs.write("three\n")

    assert logs.drain() == ["two", "three"]


def test_a_file_that_is_renamed_out_of_sight_is_read_to_its_end(only_present: Logs) -> None:
    logs = only_present
    logs.write("one\n")
    logs.read()
    logs.path().rename(logs.path("old"))
    logs.write("two\n", "old")
    logs.write("three\n")

    assert logs.drain() == ["two", "three"]


def test_a_writer_that_keeps_to_the_old_file_for_a_while_is_heard(only_present: Logs) -> None:
    logs = only_present
    logs.write("one\n")
    logs.read()
    logs.path().rename(logs.path("old"))
    for _ in range(FINISHED_AFTER_LOOKS - 1):
        assert logs.read() == []
    logs.write("late\n", "old")

    assert logs.read() == ["late"]


def test_many_rotations_keep_no_descriptors(only_present: Logs) -> None:
    logs = only_present
    logs.write("first\n")
    logs.read()
    before = descriptors()
    for number in range(5):
        logs.path().rename(logs.path("old"))
        logs.write(f"{number}\n")
        assert logs.read() == [str(number)]
        for _ in range(FINISHED_AFTER_LOOKS + 1):
            assert logs.read() == []

    assert descriptors() == before
    assert len(logs.tail._saved) == 1


def test_a_last_line_without_end_is_sent_when_its_file_is_gone(only_present: Logs) -> None:
    logs = only_present
    logs.write("one\n")
    logs.read()
    logs.write("the process died he")
    logs.path().unlink()

    found = [line for _ in range(FINISHED_AFTER_LOOKS + 2) for line in logs.read()]

    assert found == ["the process died he"]


def test_a_deleted_file_is_read_to_its_end(only_present: Logs) -> None:
    logs = only_present
    logs.write("one\n")
    logs.read()
    logs.write("two\n")
    logs.path().unlink()
    logs.write("three\n")

    assert logs.drain() == ["two", "three"]


def test_a_file_that_was_cut_is_read_from_its_beginning(only_present: Logs) -> None:
    logs = only_present
    logs.write("one\ntwo\n")
    logs.read()
    os.truncate(logs.path(), 0)
    logs.write("new\n")

    assert logs.drain() == ["new"]


@pytest.mark.parametrize("count", [100, 150])
def test_a_file_that_was_cut_and_is_as_long_again_is_noticed(only_present: Logs, count: int) -> None:
    logs = only_present
    logs.write(text(lines("old")))
    assert logs.drain() == lines("old")
    os.truncate(logs.path(), 0)
    logs.write(text(lines("new", count)))

    assert logs.drain() == lines("new", count)


def test_copied_and_cut_with_the_copy_in_sight_sends_each_line_once(logs: Logs) -> None:
    logs.write(text(lines("old")))
    assert logs.drain() == lines("old")
    logs.write("written just before\n")
    shutil.copy(logs.path(), logs.path("app.log.1"))
    os.truncate(logs.path(), 0)
    logs.write(text(lines("new", 3)))

    assert sorted(logs.drain()) == sorted(["written just before", *lines("new", 3)])


def test_copied_and_cut_while_the_agent_was_away(logs: Logs) -> None:
    logs.write(text(lines("old")))
    assert logs.drain() == lines("old")
    logs.tail.close()
    logs.write("written meanwhile\n")
    shutil.copy(logs.path(), logs.path("app.log.1"))
    os.truncate(logs.path(), 0)
    logs.write("new\n")
    logs.restart()

    assert sorted(logs.drain()) == ["new", "written meanwhile"]


def test_another_file_that_begins_alike_is_no_copy(logs: Logs) -> None:
    """Every start writes the same first line; a short beginning proves nothing."""
    logs.write("service started\n")
    assert logs.read() == ["service started"]
    logs.write("service started\n", "app.log.worker2")

    assert logs.read() == ["service started"]


def test_a_long_file_that_begins_alike_and_goes_on_otherwise_is_no_copy(logs: Logs) -> None:
    banner = text(lines("banner", 50))
    logs.write(banner + text(lines("a")))
    logs.drain()
    logs.write(banner + text(lines("b")), "app.log.worker2")

    assert logs.drain() == lines("banner", 50) + lines("b")


def test_a_new_file_on_an_old_inode_is_read_from_its_beginning(only_present: Logs) -> None:
    """While the agent was away the log was replaced, and the filesystem gave its inode away again."""
    logs = only_present
    logs.write(text(lines("old")))
    logs.drain()
    logs.tail.close()
    logs.path().write_text(text(lines("new", 200)), encoding="utf-8")
    logs.restart()

    assert logs.drain() == lines("new", 200)


def test_rotation_while_a_batch_is_on_its_way(logs: Logs) -> None:
    logs.write("one\n")
    batch = [line.text for line in logs.tail.read()]
    logs.path().rename(logs.path("app.log.1"))
    logs.write("two\n")
    logs.tail.commit()

    assert batch + logs.drain() == ["one", "two"]


def test_a_hole_that_a_writer_left_is_no_text(only_present: Logs) -> None:
    """A writer that does not append goes on at its old place after the cut; what lies before reads as zeros."""
    logs = only_present
    with logs.path().open("wb", buffering=0) as writer:
        writer.write(text(lines("old")).encode())
        assert logs.drain() == lines("old")
        os.truncate(logs.path(), 0)
        writer.write(b"new\n")

    assert logs.drain() == ["new"]


def test_three_rotations_between_two_looks(logs: Logs) -> None:
    logs.write("0\n")
    logs.read()
    for number in range(1, 4):
        for old in range(3, 0, -1):
            if logs.path(f"app.log.{old}").exists():
                logs.path(f"app.log.{old}").rename(logs.path(f"app.log.{old + 1}"))
        logs.path().rename(logs.path("app.log.1"))
        logs.write(f"{number}\n")

    assert sorted(logs.drain()) == ["1", "2", "3"]
