"""The contract of a tracker: what is asked of a system that tickets are kept in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from wellkept.kernel.errors import WellkeptError
from wellkept.kernel.finding import Severity
from wellkept.spine.tickets.text import Block

MARK = "wellkept"
"""The label of every ticket, so that people find them and no other is ever touched."""


class Ending(StrEnum):
    """Why a ticket is closed."""

    RECOVERED = "recovered"
    MERGED = "merged"


class Trouble(StrEnum):
    """What kind of failure it was, which says what to do about it."""

    AGAIN = "again"
    """It may work later: no answer, too many requests, a server's error."""
    REFUSED = "refused"
    """It was understood and refused; the same again is refused again."""
    DENIED = "denied"
    """The secret is not accepted, or does not allow it; somebody may mend that."""
    GONE = "gone"
    """There is no such ticket (any more)."""
    UNREADABLE = "unreadable"
    """It was taken, but the answer lacks what its interface says: that concerns the one ticket, and not the tracker."""


class TicketError(WellkeptError):
    """A system did not do what it was asked. ``wait_s`` is how long it asks to be left alone."""

    def __init__(self, trouble: Trouble, said: str, wait_s: float = 0.0) -> None:
        self.trouble, self.wait_s = trouble, wait_s
        super().__init__(said)


@dataclass(frozen=True, slots=True)
class Draft:
    """A ticket to be made. ``mark`` is what it is found by again, and is never used for another."""

    mark: str
    title: str
    text: Sequence[Block]
    severity: Severity
    labels: Sequence[str]
    since: datetime
    """A moment before which it cannot have been made."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A ticket as the other system has it now."""

    id: str
    """What its interface knows it by."""
    number: str
    """What people call it: ``#12``, ``PAY-7``, ``INC0010023``."""
    url: str
    is_open: bool
    state: str = ""
    """In the system's own word."""
    assignee: str = ""
    labels: Sequence[str] = field(default_factory=tuple)
    can_reopen: bool = True


class Adapter(Protocol):
    """Speaks to one system. Every method raises TicketError where that fails; none keeps anything."""

    settle_s: float
    """How long after a request without an answer it may take until :meth:`find` finds what it made."""

    def find(self, mark: str, since: datetime) -> Remote | None:
        """The ticket with this mark, whatever became of it; None where it was never made."""
        ...

    def create(self, draft: Draft) -> Remote: ...

    def read(self, ticket: str) -> Remote: ...

    def comment(self, ticket: str, text: Sequence[Block], mark: str) -> None:
        """Say something in a ticket; ``mark`` is found by :meth:`commented`."""
        ...

    def commented(self, ticket: str, mark: str, since: datetime) -> bool:
        """Whether a comment with this mark is there."""
        ...

    def grade(self, ticket: str, severity: Severity, before: Severity) -> None:
        """Change the priority, or the label that stands for it. The same again changes nothing."""
        ...

    def close(self, ticket: str, ending: Ending, text: Sequence[Block]) -> None:
        """Close it. ``text`` goes where the system keeps the reason, if it has such a place."""
        ...

    def reopen(self, ticket: str) -> None: ...

    def link(self, ticket: str, other: str) -> None:
        """Say that two tickets are about the same trouble, where the system has a way to."""
        ...

    def check(self) -> str:
        """A sentence on what the secret gives access to. Changes nothing."""
        ...
