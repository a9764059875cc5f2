"""Lines: whole, partial, long, broken; and that they are handed out once when they were committed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellkept.agent import tail as tails
from wellkept.agent.configuration import LogFiles
from wellkept.agent.tail import MAX_LINE, Tail, severity_of


class Logs:
    """A folder of logs, and a tail that has looked once before anything was written."""

    def __init__(self, folder: Path, pattern: str = "*.log") -> None:
        self.folder = folder
        (folder / "logs").mkdir(exist_ok=True)
        self.pattern = str(folder / "logs" / pattern)
        self.tail = self.opened()
        self.tail.read()

    def opened(self) -> Tail:
        """A tail as a new process has it."""
        return Tail((LogFiles(self.pattern, "checkout", "shop"),), self.folder / "state" / "positions.json")

    def restart(self) -> None:
        self.tail.close()
        self.tail = self.opened()

    def path(self, name: str = "app.log") -> Path:
        return self.folder / "logs" / name

    def write(self, data: bytes | str, name: str = "app.log") -> None:
        with self.path(name).open("ab") as file:
            file.write(data.encode() if isinstance(data, str) else data)

    def read(self, *, commit: bool = True) -> list[str]:
        """The next batch."""
        found = [line.text for line in self.tail.read()]
        if commit:
            self.tail.commit()
        else:
            self.tail.give_back()
        return found

    def drain(self) -> list[str]:
        """Everything, until nothing more comes."""
        found: list[str] = []
        while batch := self.read():
            found += batch
        return found


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    made = Logs(tmp_path)
    yield made
    made.tail.close()


def test_lines_are_handed_out_with_what_they_belong_to(logs: Logs) -> None:
    logs.write("one\ntwo\n")

    first, second = logs.tail.read()

    assert (first.text, second.text) == ("one", "two")
    assert first.path == str(logs.path())
    assert (first.source.service, first.source.namespace) == ("checkout", "shop")


def test_what_was_committed_is_not_handed_out_again(logs: Logs) -> None:
    logs.write("one\n")
    assert logs.read() == ["one"]
    assert logs.read() == []
    logs.write("two\n")
    assert logs.read() == ["two"]


def test_what_was_given_back_is_handed_out_again(logs: Logs) -> None:
    logs.write("one\n")
    assert logs.read(commit=False) == ["one"]
    logs.write("two\n")
    assert logs.read() == ["one", "two"]


def test_a_batch_that_is_neither_is_a_mistake_of_the_caller(logs: Logs) -> None:
    logs.write("one\n")
    logs.tail.read()

    with pytest.raises(AssertionError, match="commit or give back"):
        logs.tail.read()


def test_a_line_without_its_end_waits_for_it(logs: Logs) -> None:
    logs.write("one\ntw")
    assert logs.read() == ["one"]
    assert logs.read() == []
    logs.write("o\n")
    assert logs.read() == ["two"]


def test_what_was_there_before_the_first_look_ever_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log").write_text("old\n", encoding="utf-8")
    logs = Logs(tmp_path)
    logs.write("new\n")

    assert logs.read() == ["new"]
    logs.tail.close()


def test_a_file_that_came_while_the_agent_was_away_is_read_from_its_beginning(logs: Logs) -> None:
    logs.tail.close()
    logs.write("written meanwhile\n")
    logs.restart()

    assert logs.read() == ["written meanwhile"]


def test_positions_outlive_the_process(logs: Logs) -> None:
    logs.write("one\ntwo\n")
    logs.read()
    logs.write("three\n")
    logs.restart()

    assert logs.read() == ["three"]


def test_a_process_that_dies_before_the_commit_sends_again(logs: Logs) -> None:
    logs.write("one\n")
    logs.tail.read()
    logs.restart()

    assert logs.read() == ["one"]


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"1:2": 5}', '{"1:2": ["x", 1, 2]}', "null", "\x00"])
def test_positions_that_cannot_be_understood_lose_nothing(logs: Logs, content: str) -> None:
    logs.write("one\n")
    logs.read()
    logs.tail.close()
    (logs.folder / "state" / "positions.json").write_text(content, encoding="utf-8")
    logs.restart()

    assert logs.read() == ["one"]


def test_a_quiet_tail_writes_nothing(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.write("one\n")
    logs.read()
    saved: list[object] = []
    monkeypatch.setattr(tails, "save", lambda *arguments: saved.append(arguments))

    for _ in range(5):
        logs.read()

    assert saved == []


def test_bytes_that_are_no_text_do_not_stop_the_rest(logs: Logs) -> None:
    logs.write(b"caf\xe9 \xff\xfe\nnext\n")

    assert logs.read() == ["caf\ufffd \ufffd\ufffd", "next"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_ends_at_a_line_feed(logs: Logs, end: str) -> None:
    logs.write(f"one{end}two{end}{end}three{end}")

    assert logs.read() == ["one", "two", "three"]


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\r"])
def test_a_line_ends_nowhere_else(logs: Logs, character: str) -> None:
    logs.write(f'{{"text": "a{character}b"}}\n')

    assert logs.read() == [f'{{"text": "a{character}b"}}']


def test_a_line_that_is_very_long_comes_in_pieces(logs: Logs) -> None:
    text = "x" * (3 * MAX_LINE + 10)
    logs.write(f"{text}\nnext\n")

    pieces = logs.drain()

    assert pieces[-1] == "next"
    assert "".join(pieces[:-1]) == text
    assert max(map(len, pieces)) == MAX_LINE


def test_a_line_without_end_is_sent_in_pieces_before_it_fills_the_memory(logs: Logs) -> None:
    logs.write("x" * (MAX_LINE + 10))
    assert logs.read() == ["x" * MAX_LINE]
    logs.write("y\n")
    assert logs.read() == ["x" * 10 + "y"]


@pytest.mark.parametrize("shift", range(4))
def test_a_long_line_is_not_cut_within_a_character(logs: Logs, shift: int) -> None:
    text = "x" * shift + "€𝄞" * MAX_LINE
    logs.write(text)
    logs.write("\n")

    assert "".join(logs.drain()) == text


def test_a_line_longer_than_a_batch_arrives_whole(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "MAX_LINE", 16)
    monkeypatch.setattr(tails, "MAX_BATCH_BYTES", 64)
    text = "".join(chr(97 + number % 26) for number in range(1000))
    logs.write(f"{text}\nnext\n")

    found = logs.drain()

    assert "".join(found) == text + "next"


def test_a_busy_file_starves_nobody(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "MAX_BATCH_BYTES", 100)
    logs.write("busy line\n" * 100, "a.log")
    logs.write("quiet\n", "b.log")

    batches = [logs.read() for _ in range(3)]

    assert any("quiet" in batch for batch in batches[:2])


def test_links_pipes_folders_and_compressed_files_are_no_logs(logs: Logs) -> None:
    secret = logs.folder / "secret"
    secret.write_text("root:x:0\n", encoding="utf-8")
    logs.path("link.log").symlink_to(secret)
    os.mkfifo(logs.path("pipe.log"))
    logs.path("folder.log").mkdir()
    logs.pattern = str(logs.folder / "logs" / "*")
    logs.restart()
    logs.write(b"\x1f\x8b\x08binary\n", "app.log.1.gz")
    logs.write("one\n")

    assert logs.read() == ["one"]


def test_a_file_that_may_not_be_read_does_not_stop_the_others(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refusing(path: str, flags: int, *arguments: int, **named: int) -> int:
        if str(path).endswith("private.log"):
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *arguments, **named)

    monkeypatch.setattr(os, "open", refusing)
    logs.write("hidden\n", "private.log")
    logs.write("one\n")

    assert logs.read() == ["one"]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("2026-11-02 12:00:00 ERROR it broke", "ERROR"),
        ('{"level":"warning","msg":"hm"}', "WARN"),
        ("CRITICAL: no disk", "FATAL"),
        ("[debug] x", "DEBUG"),
        ("nothing said", "INFO"),
        ("x" * 400 + " ERROR", "INFO"),
        ("terrors and infos", "INFO"),
    ],
)
def test_a_line_has_the_severity_that_it_names(text: str, severity: str) -> None:
    assert severity_of(text) == severity


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    chunks=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=30), max_size=20),
    every=st.integers(1, 4),
    crash=st.integers(0, 19),
)
def test_whatever_is_written_arrives_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[str], every: int, crash: int
) -> None:
    """Chunks end a line now and then; reads come in between; once the process is started anew."""
    logs = Logs(tmp_path_factory.mktemp("tail"))
    written, found = "", []
    for number, chunk in enumerate(chunks):
        text = chunk + ("\n" if number % 3 else "")
        logs.write(text)
        written += text
        if number % every == 0:
            found += logs.read()
        if number == crash:
            logs.restart()
    logs.write("\n")
    found += logs.drain()
    logs.tail.close()

    assert found == [line for line in written.split("\n") if line]
