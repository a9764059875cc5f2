"""What correlation needs of the stream, of the topology and of noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from wellkept.kernel.change import Change
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, Tie
from wellkept.kernel.noise import Held
from wellkept.spine.graph import Graph
from wellkept.store.state.findings import Mark


class Incidents(Protocol):
    """What correlation needs of the stream."""

    def findings(self, *, ids: Sequence[str] | None = None) -> list[Finding]: ...

    def marked_findings(self, marks: Sequence[Mark]) -> list[Finding]: ...

    def finding_marks(self, cursor: int) -> tuple[list[Mark], int]: ...

    def last_finding_revision(self) -> int: ...

    def lasting_findings(self, since: datetime) -> Iterator[list[Finding]]: ...

    def changes(self, start: datetime, end: datetime) -> list[Change]: ...

    def incidents(self, *, live: bool | None = None, limit: int = 100) -> list[Incident]: ...

    def incident_heads(self, *, live: bool, start: datetime | None = None) -> list[Incident]: ...

    def incident_heads_since(self, revision: int) -> tuple[list[Incident], int]: ...

    def last_revision(self) -> int: ...

    def member_ids(self, incidents: Sequence[str]) -> dict[str, list[str]]: ...

    def hold_members(self, held: Sequence[tuple[str, str, str]]) -> None: ...

    def retell_members(self, told: Sequence[tuple[str, str, Tie, str, Mapping[str, str]]]) -> None: ...

    def put_by_hand(self, incidents: Sequence[str]) -> dict[str, list[str]]: ...

    def incidents_holding(self, findings: Sequence[str]) -> dict[str, list[str]]: ...

    def ended_about(self, fingerprints: Sequence[str], since: datetime) -> dict[str, str]: ...

    def grow_incidents(self, parts: Sequence[Incident]) -> tuple[list[Incident], int]: ...


class Places(Protocol):
    """What correlation needs of the topology."""

    def graph(self, at: datetime | None = None) -> Graph: ...


class Judge(Protocol):
    """Says which findings are kept quiet, which incidents nobody is told of, and what the user's rules put together."""

    def judge(self, findings: Sequence[Finding], now: datetime) -> Mapping[str, Held | None]:
        """The answer for each finding that is given, by its id, and for each other one whose answer changed."""
        ...

    @property
    def ruled(self) -> int:
        """Grows when the user's rules change."""
        ...

    def see(self, graph: Graph) -> None:
        """Take the topology as it is now."""
        ...

    def groups_of(self, finding: Finding) -> Sequence[tuple[str, float]]:
        """The groups of the user's rules that a finding is in, and within how many seconds each is one."""
        ...

    def kept_apart(
        self, findings: Sequence[Finding], *, anew: bool = False
    ) -> Sequence[tuple[Sequence[str], Sequence[str]]]:
        """What the user's rules keep apart, as far as these findings add to it: ids of both sides.

        ``anew``: nothing of what was told before is known any more.
        """
        ...

    def hush(self, incident: Incident, told: Iterable[Finding], now: datetime) -> str:
        """Why nobody is told of an incident of which these findings are told; empty where people are."""
        ...

    def telling(
        self, live: Sequence[Incident], told: Callable[[str], Iterable[Finding]], now: datetime
    ) -> Mapping[str, Held | None]:
        """The same for all live incidents together, by their ids: each may be an effect of another.

        ``told`` gives those of an incident's findings that are told.
        """
        ...
