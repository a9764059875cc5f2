"""What is found is told with the names of hosts instead of the ids that they are told apart by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from wellkept.kernel.entity import host_id
from wellkept.kernel.finding import Finding
from wellkept.kernel.hostnames import LEAST, by_name, host_in, host_names
from wellkept.store.state.state import State
from wellkept.store.state.topology import TopologyRows


class HostNames:
    """The names of hosts as they are now, asked for once for all findings that are told together."""

    def __init__(self, state: State) -> None:
        self._rows = TopologyRows(state)

    def told(self, findings: Iterable[Finding]) -> list[Finding]:
        """Findings whose words say by name the host that they are about, where it has one."""
        every = list(findings)
        ids = {host_id(host) for host in (host_in(finding.entity) for finding in every) if len(host) >= LEAST}
        names = host_names(self._rows.of(sorted(ids))) if ids else {}
        return [self._told(finding, names) for finding in every] if names else every

    def _told(self, finding: Finding, known: Mapping[str, str]) -> Finding:
        identity = host_in(finding.entity)
        if identity not in known:
            return finding
        names = {identity: known[identity]}
        title = {"title": by_name(finding.attributes["title"], names)} if "title" in finding.attributes else {}
        sentence = by_name(finding.sentence, names)
        return replace(finding, sentence=sentence, attributes={**finding.attributes, **title})
