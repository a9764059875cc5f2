"""Declared commands: run by name alone, in their time, with nothing secret coming back."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from wellkept.agent.actions.run_command import SHOWN, redact, run_command, run_declared
from wellkept.agent.configuration import AgentConfiguration, Command
from wellkept.kernel.errors import ActionError, InputError

WITHIN_S = 30.0


def python(code: str, timeout_s: float = WITHIN_S) -> Command:
    return Command((sys.executable, "-c", code), timeout_s)


def shell(line: str, timeout_s: float = WITHIN_S) -> Command:
    return Command(("/bin/sh", "-c", line), timeout_s)


def gone(pid: int) -> bool:
    """Whether a process is dead within the time."""
    deadline = time.monotonic() + WITHIN_S
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_declared_command_runs_and_tells_what_it_printed() -> None:
    configuration = AgentConfiguration(commands={"greet": shell("echo out; echo err >&2")})

    result = run_command(configuration, {"command": "greet"})

    assert (result["ok"], result["changed"], result["sentence"]) == (True, True, "ran greet")
    assert result["details"]["output"].split() == ["out", "err"]


@pytest.mark.parametrize("name", ["", "reboot", "greet; reboot", "/bin/sh"])
def test_another_command_is_refused(name: str) -> None:
    configuration = AgentConfiguration(commands={"greet": shell("true"), "flush": shell("true")})

    with pytest.raises(InputError, match=r"^command: must be a declared command \(flush, greet\), got '"):
        run_command(configuration, {"command": name, "argv": ["reboot"]})


def test_nothing_is_declared() -> None:
    with pytest.raises(InputError, match=r"must be a declared command \(none\)"):
        run_command(AgentConfiguration(), {"command": "greet"})


def test_a_code_is_told_with_the_end_of_the_output() -> None:
    with pytest.raises(ActionError, match=r"^greet: ended with code 3: no such cache$") as raised:
        run_declared("greet", shell("echo no such cache; exit 3"))

    assert not raised.value.retry_helps


def test_a_signal_is_told_by_name() -> None:
    with pytest.raises(ActionError, match=r"^greet: was ended by SIGTERM$"):
        run_declared("greet", shell("kill -TERM $$"))


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(ActionError, match=r"^greet: cannot be started: No such file or directory$"):
        run_declared("greet", Command(("/no/such/program",)))


def test_a_command_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    line = f"sleep 600 & echo $! > {tmp_path}/pid; wait"

    with pytest.raises(ActionError, match=r"^greet: was not done within 0\.5 s$"):
        run_declared("greet", shell(line, 0.5))

    assert gone(int((tmp_path / "pid").read_text()))


def test_what_a_command_leaves_running_holds_nobody_up_and_lives_on(tmp_path: Path) -> None:
    """A service that is started without another place for its output keeps ours open."""
    code = "import sys,time\nprint('up', flush=True)\ntime.sleep(1)\nprint('x' * 300_000, flush=True)\ninput()"
    (tmp_path / "service.py").write_text(code, encoding="utf-8")
    os.mkfifo(tmp_path / "door")
    line = f"{sys.executable} {tmp_path}/service.py < {tmp_path}/door & echo $! > {tmp_path}/pid; sleep 0.2"
    door = os.open(tmp_path / "door", os.O_RDWR)

    output = run_declared("start", shell(line))

    service = psutil.Process(int((tmp_path / "pid").read_text()))
    assert output in ("up\n", "")
    assert os.getsid(service.pid) != os.getsid(0), "a Ctrl-C in our terminal is not for it"
    os.write(door, b"end\n")
    assert gone(service.pid), "it came past a pipe's worth of output to its end"
    os.close(door)


def test_nothing_is_asked_of_a_terminal() -> None:
    assert run_declared("ask", python("import sys; print(repr(sys.stdin.read()))")) == "''\n"


def test_the_agents_own_token_is_not_for_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLKEPT_TOKEN", "abc")
    monkeypatch.setenv("LANG_OF_TEST", "de")

    printed = run_declared(
        "env", python("import os; print(os.environ.get('WELLKEPT_TOKEN'), os.environ['LANG_OF_TEST'])")
    )

    assert printed == "None de\n"


def test_the_end_of_a_long_output_is_shown() -> None:
    printed = run_declared("count", python("for number in range(200_000): print(number)"))

    assert len(printed) == SHOWN
    assert printed.endswith("199998\n199999\n")


def test_bytes_that_are_no_text_are_shown_as_far_as_they_are() -> None:
    assert run_declared("raw", python("import sys; sys.stdout.buffer.write(b'caf\\xe9')")) == "caf\ufffd"


SECRETS = [
    ("password=hunter2", "password=[redacted]"),
    ("PASSWORD: hunter2 and more", "PASSWORD: [redacted] and more"),
    ('{"password": "hunter2 hunter3", "user": "ann"}', '{"password": [redacted], "user": "ann"}'),
    ("{'api_key': 'hunter2'}", "{'api_key': [redacted]}"),
    ("DB_PASSWORD=hunter2;HOST=a", "DB_PASSWORD=[redacted];HOST=a"),
    ("https://a/?token=hunter2&x=1", "https://a/?token=[redacted]&x=1"),
    ("client-secret = hunter2", "client-secret = [redacted]"),
    ("mysql --password hunter2 -h db", "mysql --password [redacted] -h db"),
    ("Authorization: Bearer hunter2hunter2", "Authorization: Bearer [redacted]"),
    ("Authorization: Basic aHVudGVyMg==", "Authorization: Basic [redacted]"),
    ("curl -H 'bearer hunter2hunter2'", "curl -H 'bearer [redacted]'"),
    ("postgres://ann:hunter2@db/x", "postgres://ann:[redacted]@db/x"),
    ("redis://:hunter2@db", "redis://:[redacted]@db"),
    ("key AKIAABCDEFGHIJKLMNOP used", "key [redacted] used"),
    ("-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\nx", "[redacted]\nx"),
    ("-----BEGIN PRIVATE KEY-----\nhunter2", "[redacted]"),
]


@pytest.mark.parametrize(("text", "shown"), SECRETS, ids=[text[:24] for text, _ in SECRETS])
def test_a_secret_is_taken_out(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text", ["12 files deleted", "the token has expired", "basic settings kept", "http://a:80/x", ""]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_secret_is_taken_out_of_a_failure_too() -> None:
    with pytest.raises(ActionError) as raised:
        run_declared("login", shell("echo password=hunter2; exit 1"))

    assert "hunter2" not in str(raised.value)


def test_a_secret_at_the_cut_is_taken_out_before_the_cut() -> None:
    code = f"print('password=' + 'hunter2' * 100 + ' ' + 'x' * {SHOWN - 300})"

    assert "hunter2" not in run_declared("login", python(code))
