"""``wellkept demo``: what it prints, and how it ends, without the shop."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner

from wellkept.cli.demo import command
from wellkept.demo import run
from wellkept.demo.outcome import Ending, Outcome, Told
from wellkept.demo.run import Options
from wellkept.kernel.errors import NotFoundError

GOOD = Ending([Outcome("one", True, 1.0, Told("c", "a", "r", 2.0))], 3.0, {"labels": 0}, "/logs")
BAD = Ending([Outcome("one", False, 1.0, Told("", "", "expected a"))], 3.0, None, "/logs")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """Plays nothing, and ends well; remembers how it was asked."""
    options: list[Options] = []
    _ends_with(monkeypatch, GOOD, options)
    return options


def _ends_with(monkeypatch: pytest.MonkeyPatch, ending: Ending, options: list[Options]) -> None:
    @contextmanager
    def played(asked: Options, screen: Any) -> Iterator[Ending]:
        options.append(asked)
        screen.open("http://127.0.0.1:1/", [])
        yield ending

    monkeypatch.setattr(run, "played", played)


@pytest.mark.usefixtures("asked")
def test_json_is_one_object_on_stdout_and_progress_is_not_there() -> None:
    result = CliRunner().invoke(command, ["--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == GOOD.as_json()
    assert "http://127.0.0.1:1/" in result.stderr


@pytest.mark.usefixtures("asked")
def test_without_json_there_is_a_table() -> None:
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 0
    assert "nothing that was acknowledged was lost" in result.stdout


def test_an_act_that_failed_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    _ends_with(monkeypatch, BAD, [])
    for arguments in (["--json"], []):
        assert CliRunner().invoke(command, arguments).exit_code == 1


def test_options_are_passed_on(asked: list[Options]) -> None:
    CliRunner().invoke(command, ["--by-hand", "--port", "4711", "--folder", "x"])
    (options,) = asked
    assert (str(options.folder), options.port, options.by_hand) == ("x", 4711, True)


@pytest.mark.usefixtures("asked")
def test_a_missing_extra_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "lightgbm" else object())
    result = CliRunner().invoke(command, [])
    assert isinstance(result.exception, NotFoundError)
    assert "package lightgbm" in str(result.exception)
    assert "wellkept[demo]" in str(result.exception)
