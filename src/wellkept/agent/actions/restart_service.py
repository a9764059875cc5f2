"""Restart a declared service by its declared command, and wait until another process answers for it."""

from __future__ import annotations

import time

from wellkept.agent.actions.base import Arguments, Result, done
from wellkept.agent.actions.run_command import run_declared
from wellkept.agent.configuration import AgentConfiguration, Command, Service
from wellkept.agent.metrics import pid_of
from wellkept.kernel.errors import ActionError, InputError

TIMEOUT_S = 60.0
LOOK_EVERY_S = 0.1


def restart_service(configuration: AgentConfiguration, arguments: Arguments) -> Result:
    """Arguments: ``service``, the declared name; ``namespace``, where the name alone does not tell."""
    service = _declared(configuration, str(arguments.get("service", "")), arguments.get("namespace"))
    name = service.name
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
    was = f"process {before} is now {after}" if before else f"it runs as process {after}"
    return done(f"restarted {name}: {was}", changed=True, before=before, after=after)


def _declared(configuration: AgentConfiguration, name: str, namespace: object) -> Service:
    """The one service that is meant; two of one name in different namespaces are never guessed between."""
    found = [
        service
        for service in configuration.services
        if service.name == name and (namespace is None or service.namespace == namespace)
    ]
    if len(found) == 1:
        return found[0]
    declared = ", ".join(service.name for service in configuration.services) or "none"
    rule = "must name its namespace, as there are several" if found else f"must be a declared service ({declared})"
    raise InputError("service", rule, name)
