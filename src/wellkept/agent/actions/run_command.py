"""Run a command that the configuration declares by name."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from typing import IO

from wellkept.agent.actions.base import Arguments, Result, done
from wellkept.agent.configuration import AgentConfiguration, Command
from wellkept.kernel.errors import ActionError, InputError

SHOWN, SHOWN_OF_A_FAILURE = 4096, 400
KEPT_BYTES = 64 * 1024
"""The end of the output that is kept; secrets are taken out before it is cut to what is shown."""
LAST_WORDS_S = 0.5
"""How long the rest of the output is waited for after a command has ended: what it left running may keep it open."""
NOT_FOR_COMMANDS = ("WELLKEPT_TOKEN",)

_NAME = r"[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w-]*"
_SECRETS = (
    (re.compile(r"""(?i)(authorization["']?\s*[=:]\s*["']?\w+\s+)[^\s"']+"""), r"\1[redacted]"),
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9+/=._~-]{6,}"), r"\1[redacted]"),
    (re.compile(rf"""(?i)({_NAME}["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&]+)"""), r"\1[redacted]"),
    (re.compile(rf"(?i)((?:^|(?<=\s))--?{_NAME}\s+)[^\s=:]\S*"), r"\1[redacted]"),
    (re.compile(r"(://[^/\s:@]*:)[^@\s]+@"), r"\1[redacted]@"),
    (re.compile(r"\bAKIA[0-9A-Z]{16}\b"), "[redacted]"),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        "[redacted]",
    ),
)


def run_command(configuration: AgentConfiguration, arguments: Arguments) -> Result:
    """Arguments: ``command``, the declared name."""
    name = str(arguments.get("command", ""))
    command = configuration.commands.get(name)
    if command is None:
        declared = ", ".join(sorted(configuration.commands)) or "none"
        raise InputError("command", f"must be a declared command ({declared})", name)
    output = run_declared(f"command {name}", command)
    return done(f"ran {name}", changed=True, output=output)


def run_declared(what: str, command: Command) -> str:
    """Run a declared command in a session of its own; returns the end of what it printed, without secrets.

    What it leaves running (a service that it started) lives on, also when the agent ends. What is still at work when
    its time is over is killed, with everything that it started.

    Raises:
        ActionError: it cannot be started, fails, or takes longer than it may.
    """
    environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_COMMANDS}
    try:
        process = subprocess.Popen(
            list(command.argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    except OSError as error:
        raise ActionError(f"{what}: cannot be started: {error.strerror}", retry_helps=False) from error
    assert process.stdout is not None
    output = _Output(process.stdout)
    try:
        code = process.wait(command.timeout_s)
    except subprocess.TimeoutExpired as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise ActionError(f"{what}: was not done within {command.timeout_s:g} s", retry_helps=False) from error
    printed = output.end()
    if code != 0:
        end = f": {printed[-SHOWN_OF_A_FAILURE:].strip()}" if printed.strip() else ""
        raise ActionError(f"{what}: {_ended(code)}{end}", retry_helps=False)
    return printed[-SHOWN:]


class _Output:
    """Reads what a command prints, keeps the end, and goes on reading for as long as somebody holds the other side.

    A service that was started without another place for its output must not be stopped by a full or a broken pipe.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._kept = pipe, b""
        self._thread = threading.Thread(target=self._read, name="command-output", daemon=True)
        self._thread.start()

    def end(self) -> str:
        """The end of what was printed so far, without secrets."""
        self._thread.join(LAST_WORDS_S)
        return redact(self._kept.decode("utf-8", errors="replace"))

    def _read(self) -> None:
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), KEPT_BYTES):
                self._kept = (self._kept + chunk)[-KEPT_BYTES:]


def redact(text: str) -> str:
    """Text without what looks like a secret."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
