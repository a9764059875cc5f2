"""What is found is told with the names of hosts instead of the ids that they are told apart by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from wellkept.kernel.entity import host_id
from wellkept.kernel.finding import Finding
from wellkept.kernel.hostnames import by_name, host_in, host_names
from wellkept.store.state.state import State
from wellkept.store.state.topology import TopologyRows


class HostNames:
    """The names of hosts, asked for once each."""

    def __init__(self, state: State) -> None:
        self._rows = TopologyRows(state)
        self._names: dict[str, str] = {}

    def told(self, findings: Iterable[Finding]) -> list[Finding]:
        """Findings whose words say by name the host that they are about, where it has one."""
        return [self._told(finding) for finding in findings]

    def _told(self, finding: Finding) -> Finding:
        identity = host_in(finding.entity)
        if not identity or not (names := self._of(identity)):
            return finding
        title = {"title": by_name(finding.attributes["title"], names)} if "title" in finding.attributes else {}
        sentence = by_name(finding.sentence, names)
        return replace(finding, sentence=sentence, attributes={**finding.attributes, **title})

    def _of(self, identity: str) -> dict[str, str]:
        if identity not in self._names:
            host = self._rows.entity(host_id(identity))
            self._names.update(host_names([host]) if host is not None else {})
        return {identity: self._names[identity]} if identity in self._names else {}
