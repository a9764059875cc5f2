"""Run a command that the configuration declares by name."""

from __future__ import annotations

import re
import subprocess

from wellkept.agent.actions.base import Arguments, Result, done
from wellkept.agent.configuration import AgentConfiguration, Command
from wellkept.kernel.errors import ActionError, InputError

SHOWN = 4096
_SECRET = re.compile(
    r"(?i)(bearer\s+)\S+|((?:\w*(?:password|passwd|secret|token|api_?key|access_?key)\w*)\s*[=:]\s*)\S+|(://[^/\s:]+:)[^@\s]+@"
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
    """Run a declared command; returns the end of what it printed, without secrets.

    Raises:
        ActionError: it cannot be started, fails, or takes longer than it may.
    """
    try:
        done_process = subprocess.run(
            list(command.argv), capture_output=True, timeout=command.timeout_s, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise ActionError(f"{what}: was not done within {command.timeout_s:g} s", retry_helps=False) from error
    except OSError as error:
        raise ActionError(f"{what}: cannot be started: {error.strerror}", retry_helps=False) from error
    output = redact((done_process.stdout + done_process.stderr).decode("utf-8", errors="replace")[-SHOWN:])
    if done_process.returncode != 0:
        message = f"{what}: ended with code {done_process.returncode}: {output[-400:].strip()}"
        raise ActionError(message, retry_helps=False)
    return output


def redact(text: str) -> str:
    """Text without what looks like a secret."""
    return _SECRET.sub(
        lambda found: f"{found[1] or found[2] or found[3] or ''}[redacted]{'@' if found[3] else ''}", text
    )
