"""The command ``wellkept``: its table of commands, and the edge at which errors become one line and an exit code."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import pytest

from wellkept.cli import main as program
from wellkept.kernel.errors import ForbiddenError, InputError, NotFoundError, WellkeptError

HEAVY = frozenset(
    {
        "alembic", "chdb", "dbos", "fastapi", "google", "httpx", "jinja2", "lightgbm", "numpy", "onnxruntime",
        "opentelemetry", "orjson", "pandas", "psutil", "pyarrow", "pydantic", "rich", "sklearn", "sqlalchemy",
        "starlette", "uvicorn", "yaml",
    }
)  # fmt: skip
"""What makes a command slow to start. The help of all commands needs none of it."""
HELPERS = frozenset({"__init__", "main"})

Run = Callable[[Callable[[], None]], int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Register a function as the command ``probe``, call ``wellkept probe`` and give its exit code."""
    monkeypatch.delenv("WELLKEPT_TRACE", raising=False)
    monkeypatch.setattr(sys, "argv", ["wellkept", "probe"])
    monkeypatch.setitem(program.COMMANDS, "probe", "Only for the tests.")

    def call(body: Callable[[], None]) -> int:
        module = ModuleType("wellkept.cli.probe")
        vars(module)["command"] = click.command(name="probe")(body)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        with pytest.raises(SystemExit) as ended:
            program.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return call


def raises(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


@pytest.mark.parametrize("name", sorted(program.COMMANDS))
def test_every_command_of_the_table_loads_under_its_name(name: str) -> None:
    command = importlib.import_module(f"wellkept.cli.{name}").command

    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


def test_every_command_module_is_in_the_table() -> None:
    modules = {path.stem for path in Path(program.__file__).parent.glob("*.py")} - HELPERS

    commands = {name for name in modules if hasattr(importlib.import_module(f"wellkept.cli.{name}"), "command")}

    assert commands == set(program.COMMANDS)


def test_the_help_of_the_table_is_one_sentence_each() -> None:
    for name, text in program.COMMANDS.items():
        assert text.endswith("."), name
        assert len(text) <= 68, f"{name}: does not fit one line of a terminal"


def test_help_lists_every_command_and_loads_none_of_them() -> None:
    probe = (
        "import sys; from click.testing import CliRunner; from wellkept.cli.main import COMMANDS, cli\n"
        "result = CliRunner().invoke(cli, ['--help'])\n"
        "assert result.exit_code == 0, result.output\n"
        "assert all(name in result.output for name in COMMANDS)\n"
        "print(*(name for name in COMMANDS if f'wellkept.cli.{name}' in sys.modules))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )

    commands, _, modules = python(probe).rpartition("\n")

    assert commands.strip() == ""
    assert not HEAVY & set(modules.split())


def test_importing_the_program_loads_nothing_heavy() -> None:
    loaded = python("import sys, wellkept.cli.main; print(*{name.partition('.')[0] for name in sys.modules})")

    assert not HEAVY & set(loaded.split())


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str], run: Run) -> None:
    sys.argv[1] = "no-such-command"

    assert run(lambda: None) == 2
    assert "no-such-command" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        WellkeptError("the engine is gone"),
        InputError("server.port", "must be at most 65535", 70_000),
        NotFoundError("incident 17", "no such incident"),
        ForbiddenError("the token is missing"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_our_errors_end_with_their_message_and_their_exit_code(
    error: WellkeptError, capsys: pytest.CaptureFixture[str], run: Run
) -> None:
    assert run(raises(error)) == error.exit_code

    said = capsys.readouterr()
    assert said.err == f"error: {error}\n"
    assert said.out == ""


def test_other_errors_are_one_line_and_say_how_to_see_the_trace(capsys: pytest.CaptureFixture[str], run: Run) -> None:
    assert run(raises(ValueError("no such column\nand a page of detail"))) == 1

    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: ValueError: no such column"
    assert second == "run with WELLKEPT_TRACE=1 for the trace"


def test_other_errors_keep_their_trace_when_asked(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setenv("WELLKEPT_TRACE", "1")

    with pytest.raises(ValueError, match="no such column"):
        run(raises(ValueError("no such column")))


def test_an_interrupt_ends_with_130_and_no_trace(capsys: pytest.CaptureFixture[str], run: Run) -> None:
    assert run(raises(KeyboardInterrupt())) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 3])
def test_a_command_may_choose_its_exit_code(code: int, run: Run) -> None:
    assert run(lambda: click.get_current_context().exit(code)) == code


def test_a_command_that_returns_ends_with_0(run: Run) -> None:
    assert run(lambda: None) == 0


def python(source: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    return done.stdout.strip()
