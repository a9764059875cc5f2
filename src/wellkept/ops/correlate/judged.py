"""What noise says of findings and incidents, as the runner needs it: remembered, and harmless where nobody judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident
from wellkept.kernel.noise import Held
from wellkept.ops.correlate.contract import Judge
from wellkept.ops.correlate.grouper import Grouper
from wellkept.ops.correlate.live import LiveIncidents
from wellkept.spine.graph import Graph


class Judged:
    """``held``: the findings that are kept quiet, each with its reason in one line."""

    def __init__(self, noise: Judge | None) -> None:
        self._noise = noise
        self._ruled = 0
        self.held: dict[str, str] = {}

    @property
    def is_asked(self) -> bool:
        """Whether anybody judges."""
        return self._noise is not None

    def ask(self, findings: Sequence[Finding], now: datetime) -> set[str]:
        """Ask which findings are kept quiet; returns the ids of those whose answer is another one now."""
        turned: set[str] = set()
        if self._noise is None:
            return turned
        for finding, held in self._noise.judge(findings, now).items():
            said = held.words if held is not None else ""
            if said != self.held.get(finding, ""):
                turned.add(finding)
                if said:
                    self.held[finding] = said
                else:
                    del self.held[finding]
        return turned

    def heed_rules(self, grouper: Grouper, known: Iterable[Finding]) -> bool:
        """Have everything grouped anew where the user's rules are others now; whether they are."""
        if self._noise is None or self._noise.ruled == self._ruled:
            return False
        self._ruled = self._noise.ruled
        grouper.rule_by(self._noise.groups_of)
        self._keep_apart(grouper, list(known), anew=True)
        return True

    def put(self, grouper: Grouper, findings: Sequence[Finding]) -> None:
        """Give findings to the grouper, with what the user's rules keep apart."""
        self._keep_apart(grouper, findings)
        grouper.put(findings)

    def see(self, graph: Graph) -> None:
        """Take the topology as it is now."""
        if self._noise is not None:
            self._noise.see(graph)

    def hush(self, now: datetime, incident: Incident, told: Iterable[Finding]) -> str:
        """Why nobody is told of an incident of which these findings are told; empty where people are."""
        return self._noise.hush(incident, told, now) if self._noise is not None else ""

    def telling(self, live: LiveIncidents, known: Mapping[str, Finding], now: datetime) -> Mapping[str, Held | None]:
        """Which live incidents people are told of: of those that something open of is told."""
        if self._noise is None:
            return {}
        loud = [one.head for one in live if any(finding not in self.held for finding in one.open)]

        def told(incident: str) -> Iterable[Finding]:
            mine = live.all[incident].findings
            return (known[finding] for finding in mine if finding in known and finding not in self.held)

        return self._noise.telling(loud, told, now)

    def _keep_apart(self, grouper: Grouper, findings: Sequence[Finding], *, anew: bool = False) -> None:
        if self._noise is not None:
            for some, others in self._noise.kept_apart(findings, anew=anew):
                grouper.apart(some, others)
