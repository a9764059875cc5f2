"""Every error that Wellkept raises on purpose.

WellkeptError
├── InputError           the caller's fault: names the thing, the rule and the value
│   ├── DocumentError    a YAML document broke rules; lists every problem with its line
│   ├── NotFoundError    no such thing under that name
│   ├── ConflictError    the state of the world does not allow it (already decided, changed, expired)
│   └── TooLargeError    over a declared limit
├── ForbiddenError       the caller may not do that
├── OverloadError        try again later; carries the seconds to wait
├── StoreError           an engine failed
│   └── ClosedError      it was closed, for the process ends
├── ActionError          an action on the outside world failed; says whether a retry helps
└── TrainingError        a training process failed; carries the end of its output
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class WellkeptError(Exception):
    """Base of the tree. ``exit_code`` is what the command line ends with."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes whole, whatever their constructors ask for."""
        return _rebuilt, (type(self), self.args, self.__dict__)


class InputError(WellkeptError, ValueError):
    """Something given to us breaks a rule.

    The message is built from the three parts, so that every one of them reads alike.
    """

    exit_code = 2

    def __init__(self, thing: str, rule: str, value: object = None) -> None:
        self.thing, self.rule, self.value = thing, rule, value
        got = "" if value is None else f", got {short(value)}"
        super().__init__(f"{thing}: {rule}{got}")


class NotFoundError(InputError):
    """Nothing is stored under the given name."""

    exit_code = 4


class ConflictError(InputError):
    """The request is well formed but the state of the world does not allow it."""

    exit_code = 5


class TooLargeError(InputError):
    """A body or a batch is over its declared limit."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule in a document. ``line`` counts from 1; 0 where the document has no such line."""

    line: int
    field: str
    rule: str
    value: object = None

    def __str__(self) -> str:
        got = "" if self.value is None else f", got {short(self.value)}"
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.field}: {self.rule}{got}"


class DocumentError(InputError):
    """A document (configuration, model contract, runbook) broke one or more rules."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.source, self.problems = source, problems
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        lines = "\n".join(f"  {problem}" for problem in problems)
        Exception.__init__(self, f"{source} has {count}:\n{lines}")
        self.thing, self.rule, self.value = source, count, None


class ForbiddenError(WellkeptError):
    """The caller is not allowed to do this; the message says what is missing."""

    exit_code = 3


class OverloadError(WellkeptError):
    """The queue is full. ``retry_after_s`` is what a sender should wait."""

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreError(WellkeptError):
    """An engine refused or failed; what was acknowledged before is untouched."""


class ClosedError(StoreError):
    """The store was closed under who still works, as the process ends: nothing to go on without, or to log."""


class ActionError(WellkeptError):
    """An action failed. ``retry_helps`` tells the runner whether to try the same thing again."""

    def __init__(self, message: str, *, retry_helps: bool) -> None:
        super().__init__(message)
        self.retry_helps = retry_helps


class TrainingError(WellkeptError):
    """A training process failed. ``output`` is the end of what it printed.

    ``cause`` is ``memory``, ``time``, ``data`` (what was loaded breaks the contract), ``cancelled`` or ``code``.
    """

    def __init__(self, message: str, output: str = "", *, cause: str = "code") -> None:
        super().__init__(f"{message}\n{output}".rstrip())
        self.output, self.cause = output, cause


def _rebuilt(kind: type[WellkeptError], arguments: tuple[Any, ...], state: Mapping[str, Any]) -> WellkeptError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


def short(value: object, limit: int = 120) -> str:
    """A value for a message, whoever it comes from: on one line, cut where it is long, and of a choice its word."""
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, str) else value.name.lower()
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
