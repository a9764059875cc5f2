"""What a route can ask of something that people may be told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wellkept.kernel.finding import Severity

EVENTS = ("incident", "approval", "plan", "rollback")
"""``approval``: a plan that waits for somebody; ``plan``: one that was done or failed; ``rollback``: a model's."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One thing, as routes see it. ``tier`` is that of the most important entity (1 to 5).

    ``labels`` are the attributes of all its entities: a name may have several values.
    """

    event: str = "incident"
    severity: Severity = Severity.WARNING
    entities: tuple[str, ...] = ()
    owners: frozenset[str] = frozenset()
    tier: int = 3
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of its entities."""
        return frozenset(entity.partition(":")[0] for entity in self.entities)

    def group(self, names: tuple[str, ...]) -> str:
        """The values of these names, by which what is alike is put into one message; empty where it has none."""
        return "; ".join(f"{name} {', '.join(sorted(values))}" for name in names if (values := self._values(name)))

    def _values(self, name: str) -> frozenset[str]:
        match name:
            case "owner":
                return self.owners
            case "kind":
                return self.kinds
            case "entity":
                return frozenset(self.entities)
            case "severity":
                return frozenset({self.severity.name.lower()})
            case "tier":
                return frozenset({str(self.tier)})
        return self.labels.get(name, frozenset())
