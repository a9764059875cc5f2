"""Groups that are no incident yet: they may become one when time passes, or when they are no longer kept quiet."""

from __future__ import annotations

from collections.abc import Collection, Iterable

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

    def take(self, holding: Collection[str] | None = None) -> list[Group]:
        """Let go of the groups that hold one of the findings (None: of all of them), and return them."""
        keys = self._groups.keys() if holding is None else {self._of[f] for f in holding if f in self._of}
        taken = [self._groups[key] for key in sorted(keys)]
        self.forget([group.findings[0].id for group in taken])
        return taken
