"""A real server on a furnished folder, and the program, called as the shell calls it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.app.running import Running, running
from tests.cli.furnished import furnish

from wellkept.cli.main import main


@dataclass(frozen=True)
class Said:
    """What a command said, and the code that it ended with."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that was printed."""
        assert self.code == 0, self.err
        return json.loads(self.out)


class Program:
    """Calls ``wellkept`` in this process; of a server it knows what its environment says."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capture = patch, capture
        patch.delenv("WELLKEPT_TRACE", raising=False)
        patch.setenv("COLUMNS", "200")

    def address(self, address: str, token: str) -> None:
        """Speak to another server."""
        self._patch.setenv("WELLKEPT_URL", address)
        self._patch.setenv("WELLKEPT_TOKEN", token)

    def nowhere(self) -> None:
        """Know of no server."""
        for name in ("WELLKEPT_URL", "WELLKEPT_TOKEN"):
            self._patch.delenv(name, raising=False)

    def __call__(self, *arguments: str) -> Said:
        self._patch.setattr(sys, "argv", ["wellkept", *arguments])
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capture.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, said.out, said.err)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("cli")
    furnish(data)
    with running(data, WELLKEPT_OPS__ENABLED="false") as found:
        yield found


@pytest.fixture
def program(server: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    found = Program(monkeypatch, capsys)
    found.address(server.address, server.token)
    return found


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in a folder of its own, without a server."""
    found = Program(monkeypatch, capsys)
    found.nowhere()
    monkeypatch.chdir(tmp_path)
    return found
