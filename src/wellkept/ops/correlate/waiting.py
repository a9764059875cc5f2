"""Groups that are no incident yet: they may become one when time passes, or when they are no longer kept quiet."""

from __future__ import annotations

from collections.abc import Iterable

from wellkept.ops.correlate.groups import Group


class Waiting:
    """Each finding is in one waiting group at most."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._of: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def put(self, group: Group) -> None:
        key = group.findings[0].id
        self._groups[key] = group
        self._of.update(dict.fromkeys(group.why, key))

    def forget(self, findings: Iterable[str]) -> None:
        """Let go of every group that holds one of the findings."""
        for finding in findings:
            group = self._groups.pop(self._of.get(finding, ""), None)
            for other in group.why if group is not None else ():
                self._of.pop(other, None)

    def take(self) -> list[Group]:
        """Let go of all groups, and return them."""
        taken = [self._groups[key] for key in sorted(self._groups)]
        self._groups.clear()
        self._of.clear()
        return taken
