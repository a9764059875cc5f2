"""What people say of grouping: rules, and merges and splits by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from wellkept.kernel.errors import InputError
from wellkept.kernel.matching import Matcher


@dataclass(frozen=True, slots=True)
class Require:
    """How much there has to be in a group before it is told. 0 asks for nothing.

    ``findings`` counts fingerprints, ``kinds`` different sorts of alerts, ``entities`` what they are about; ``share``
    is the part of all entities of that kind which carry the group's labels (0.6: three of five nodes).
    """

    findings: int = 0
    kinds: int = 0
    entities: int = 0
    share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("findings", "kinds", "entities"):
            if getattr(self, name) < 0:
                raise InputError(f"require.{name}", "must not be negative", getattr(self, name))
        if not 0 <= self.share <= 1:
            raise InputError("require.share", "must be from 0 to 1", self.share)

    @property
    def asks(self) -> bool:
        """Whether anything is asked for."""
        return max(self.findings, self.kinds, self.entities) > 1 or self.share > 0


@dataclass(frozen=True, slots=True)
class GroupRule:
    """Findings that ``match``, agree in every label of ``by`` and begin within ``window_s`` are one group.

    A finding without one of the labels is in no group of the rule: an empty label equals none. With ``against`` it is
    a rule that keeps apart: what matches one side never shares an incident with what matches the other for its links.
    """

    name: str
    match: tuple[Matcher, ...]
    by: tuple[str, ...] = ()
    window_s: float = 600.0
    require: Require = field(default_factory=Require)
    against: tuple[Matcher, ...] = ()
    comment: str = ""

    def __post_init__(self) -> None:
        where = f"grouping rule {self.name}"
        if not self.name or not all(one.isalnum() or one in "-_." for one in self.name) or len(self.name) > 80:
            raise InputError("grouping rule", "must have a name of letters, digits, - _ and . (at most 80)", self.name)
        if not self.match:
            raise InputError(f"{where}: match", "must hold at least one matcher")
        if not 1 <= self.window_s <= 7 * 86_400:
            raise InputError(f"{where}: window", "must be from a second to a week", self.window_s)
        if not all(self.by) or len(set(self.by)) != len(self.by):
            raise InputError(f"{where}: by", "must name labels, each once", list(self.by))
        if self.against and self.require.asks:
            raise InputError(f"{where}: require", "must be empty where against says what is kept apart")


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A version of a rule. ``source`` is empty for what is in the store, else the file that it stands in."""

    rule: GroupRule
    version: int
    by: str
    at: datetime
    source: str = ""
    removed: bool = False


class DecisionKind(StrEnum):
    """What somebody did to the grouping."""

    MERGE = "merge"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a merge or a split: its findings, and what they were, so that it can be learned from later."""

    findings: tuple[str, ...]
    incident: str = ""
    fingerprints: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    labels: tuple[Mapping[str, str], ...] = ()
    """The label sets of its findings, in their order."""
    starts: tuple[datetime, ...] = ()
    """When its findings began, in their order."""


@dataclass(frozen=True, slots=True)
class GroupingDecision:
    """A merge or a split by hand: a fact that grouping honours from then on."""

    id: str
    kind: DecisionKind
    at: datetime
    by: str
    left: Side
    right: Side
    why: str = ""
