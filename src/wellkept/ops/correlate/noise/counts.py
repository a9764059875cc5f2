"""Count conditions: which groups of grouping rules have enough in them to be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wellkept.kernel.finding import Finding
from wellkept.kernel.grouping import GroupRule
from wellkept.ops.correlate.rules.rules import Key
from wellkept.spine.labels import what_of

Population = Callable[[str, Mapping[str, str]], int]
"""How many entities of a kind carry the labels of a group."""


@dataclass(frozen=True, slots=True)
class _Entry:
    start: float
    end: float | None
    fingerprint: str
    what: str
    entity: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What a group has: different fingerprints, sorts of alerts, entities, and the share of all such entities."""

    findings: int
    kinds: int
    entities: int
    share: float

    def lacks(self, rule: GroupRule) -> dict[str, tuple[float, float]]:
        """What there is too little of: name to (there, asked for)."""
        asked = rule.require
        pairs = {
            "findings": (float(self.findings), float(asked.findings)),
            "kinds": (float(self.kinds), float(asked.kinds)),
            "entities": (float(self.entities), float(asked.entities)),
            "share": (self.share, asked.share),
        }
        return {name: pair for name, pair in pairs.items() if pair[0] < pair[1] - 1e-9}


class Counts:
    """Counts what is open, or was within the rule's window, by group.

    A group that once had enough has enough until all of it is over: what was told is not taken back.
    """

    def __init__(self, population: Population) -> None:
        self._population = population
        self._groups: dict[Key, dict[str, _Entry]] = {}
        self._enough: set[Key] = set()

    def see(self, population: Population) -> None:
        """Take the topology as it is now."""
        self._population = population

    def note(self, key: Key, finding: Finding) -> None:
        """Take a finding of a group as it is now."""
        end = finding.ends_at.timestamp() if finding.ends_at is not None else None
        entry = _Entry(finding.starts_at.timestamp(), end, finding.fingerprint, what_of(finding), finding.entity)
        self._groups.setdefault(key, {})[finding.id] = entry

    def lacks(self, key: Key, rule: GroupRule, now: float) -> dict[str, tuple[float, float]]:
        """What a group lacks at ``now``; nothing once it had enough."""
        if key in self._enough and self._is_live(key):
            return {}
        lacks = self.tally(key, rule, now).lacks(rule)
        if not lacks:
            self._enough.add(key)
        return lacks

    def tally(self, key: Key, rule: GroupRule, now: float) -> Tally:
        """What a group has at ``now``."""
        since = now - rule.window_s
        found = [e for e in self._groups.get(key, {}).values() if e.end is None or e.end >= since]
        entities = {entry.entity for entry in found if entry.entity}
        share = 0.0
        if rule.require.share and entities:
            kinds = sorted({entity.partition(":")[0] for entity in entities})
            labels = dict(zip(rule.by, key.values, strict=True))
            known = sum(self._population(kind, labels) for kind in kinds)
            share = len(entities) / max(known, len(entities))
        return Tally(
            len({entry.fingerprint for entry in found}), len({entry.what for entry in found}), len(entities), share
        )

    def forget(self, rules: Mapping[str, GroupRule], now: float) -> None:
        """Let go of what no window reaches any more."""
        for key, group in list(self._groups.items()):
            rule = rules.get(key.rule)
            since = now - rule.window_s if rule is not None else float("inf")
            left = {id_: e for id_, e in group.items() if rule is not None and (e.end is None or e.end >= since)}
            if left:
                self._groups[key] = left
            else:
                del self._groups[key]
        self._enough &= {key for key in self._groups if self._is_live(key)}

    def _is_live(self, key: Key) -> bool:
        return any(entry.end is None for entry in self._groups.get(key, {}).values())
