"""The contract of an action: a function of the configuration and its arguments, with a plain result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wellkept.agent.configuration import AgentConfiguration

Arguments = Mapping[str, Any]
Result = dict[str, Any]
Action = Callable[[AgentConfiguration, Arguments], Result]
"""Raises InputError when an argument breaks a rule, ActionError when the action itself fails."""


def done(sentence: str, *, changed: bool, **details: Any) -> Result:
    """The result of an action that did what was asked."""
    return {"ok": True, "changed": changed, "sentence": sentence, "details": details}
