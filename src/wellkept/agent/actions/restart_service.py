"""Restart a declared service by its declared command, and wait until another process answers for it."""

from __future__ import annotations

import time

from wellkept.agent.actions.base import Arguments, Result, done
from wellkept.agent.actions.run_command import run_declared
from wellkept.agent.configuration import AgentConfiguration, Command
from wellkept.agent.metrics import pid_of
from wellkept.kernel.errors import ActionError, InputError

TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.1


def restart_service(configuration: AgentConfiguration, arguments: Arguments) -> Result:
    """Arguments: ``service``, the declared name."""
    name = str(arguments.get("service", ""))
    service = next((declared for declared in configuration.services if declared.name == name), None)
    if service is None:
        declared = ", ".join(declared.name for declared in configuration.services) or "none"
        raise InputError("service", f"must be a declared service ({declared})", name)
    if not service.restart:
        raise InputError(f"service {name}", "declares no restart command")
    before = pid_of(service)
    run_declared(f"restart of {name}", Command(service.restart, TIMEOUT_S))
    deadline = time.monotonic() + TIMEOUT_S
    while (after := pid_of(service)) in (0, before):
        if time.monotonic() > deadline:
            message = f"{name} did not come back: {service.pid_file} names no new process after {TIMEOUT_S:g} s"
            raise ActionError(message, retry_helps=False)
        time.sleep(LOOK_EVERY_S)
    return done(f"restarted {name}: process {before} is now {after}", changed=True, before=before, after=after)
