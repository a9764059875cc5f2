"""The catalogue: whose an entity is, and how much rests on it.

The first to say something counts: the configuration's entries, descriptor files of Backstage, attributes that the
entity's own telemetry carries, and what the platform knows of it (a model's owner is in its contract).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from wellkept.kernel.entity import Edge, Entity, EntityKind
from wellkept.spine.backstage import Described, dependent, edges_among, read_descriptors
from wellkept.spine.severity import USUAL, Reach, reach_of, severity_of, tier_of

__all__ = ["Catalogue", "CatalogueSettings", "Entry", "Reach", "reach_of", "severity_of"]

OWNERS = ("wellkept.owner", "service.owner", "owner", "team", "k8s.label.team")
TIERS = ("wellkept.tier", "service.tier", "tier", "service.criticality")
_OF = {"feature": "model", "model_version": "model", "deployment": "model", "disk": "host", "process": "host"}
"""Kinds whose id begins with the name of what they belong to; they are its owner's, unless somebody says otherwise."""
_MOST_REMEMBERED = 50_000


class Part(BaseModel):
    """A key that nobody knows is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(Part):
    """Entities by a pattern, and what is known of them."""

    match: Annotated[str, Field(min_length=1)]
    """An entity's id, with `*` and `?`: `service:shop/*`, `host:db-??`."""
    owner: str = ""
    tier: Annotated[int, Field(ge=1, le=5)] | None = None
    """1 (everything stops without it) to 5 (nobody would notice)."""
    depends_on: tuple[str, ...] = ()
    """What it asks or runs on, by ids as in `match`, where no telemetry tells it; what is not known is passed over."""


class CatalogueSettings(Part):
    """Whose things are, and how much rests on them."""

    entries: tuple[Entry, ...] = ()
    """The first that matches and says something counts, for owner and tier each."""
    backstage: tuple[Path, ...] = ()
    """Descriptor files (`catalog-info.yaml`) of Backstage, or folders that hold such files at any depth."""


class Catalogue:
    """Answers for every entity, also one that telemetry has never shown.

    Of those that it has described it remembers what they carry themselves: the topology has it describe all of them.
    """

    def __init__(self, settings: CatalogueSettings | None = None) -> None:
        """Raises:
        DocumentError: a descriptor file cannot be read; names it.
        """
        chosen = settings or CatalogueSettings()
        self._seen: dict[str, Entity] = {}
        self._unseen: dict[str, Entity] = {}
        self._entries = [(re.compile(fnmatch.translate(e.match)), e.owner, e.tier) for e in chosen.entries]
        self._descriptors: Sequence[Described] = read_descriptors(chosen.backstage)
        told = [(e.match, e.depends_on) for e in chosen.entries if e.depends_on]
        self._dependent = (*self._descriptors, *(dependent(match, others) for match, others in told))
        self._said: dict[str, tuple[str, int | None]] = {}

    def owner(self, entity: str) -> str:
        """Whose the entity is; empty where nobody says."""
        return self._known(entity).owner

    def tier(self, entity: str) -> int:
        """How much rests on it, 1 to 5; 3 where nobody says."""
        return self._known(entity).criticality

    def describe(self, entity: Entity) -> Entity:
        """The entity with the owner and the tier that the catalogue gives it."""
        described = self._described_as(entity)
        if self._seen.get(entity.id) != described:
            if len(self._seen) >= _MOST_REMEMBERED:
                self._seen.clear()
            self._seen[entity.id] = described
            self._unseen.clear()  # one of them may be a part of this one
        return described

    def described(self, entities: Sequence[Entity]) -> list[Entity]:
        """All of the entities with their owners and tiers."""
        for entity in entities:
            if not _parent(entity.id):
                self.describe(entity)
        return [self.describe(entity) for entity in entities]

    def declared(self, known: Collection[str]) -> list[Edge]:
        """The dependencies that entries and Backstage's descriptors tell of, between entities that are known."""
        return edges_among(self._dependent, known) if self._dependent else []

    def _described_as(self, entity: Entity) -> Entity:
        owner, tier = self._written(entity.id)
        own_owner, own_tier = of_attributes(entity.attributes)
        owner = owner or own_owner or entity.owner
        tier = tier or own_tier or (entity.criticality if entity.criticality != USUAL else None)
        parent = _parent(entity.id)
        if parent and not (owner and tier):
            above = self._known(parent)
            owner, tier = owner or above.owner, tier or above.criticality
        if (owner, tier or USUAL) == (entity.owner, entity.criticality):
            return entity
        return replace(entity, owner=owner, criticality=tier or USUAL)

    def _known(self, entity: str) -> Entity:
        known = self._seen.get(entity) or self._unseen.get(entity)
        if known is None:
            if len(self._unseen) >= _MOST_REMEMBERED:
                self._unseen.clear()
            known = self._unseen[entity] = self._described_as(_unseen(entity))
        return known

    def _written(self, entity: str) -> tuple[str, int | None]:
        """What the entries and Backstage say of an id, which does not change while the server runs."""
        said = self._said.get(entity)
        if said is None:
            if len(self._said) >= _MOST_REMEMBERED:
                self._said.clear()
            hits = [(owner, tier) for pattern, owner, tier in self._entries if pattern.match(entity)]
            hits += [(one.owner, one.tier) for one in self._descriptors if one.ids.means(entity)]
            owner = next((owner for owner, _ in hits if owner), "")
            said = self._said[entity] = owner, next((tier for _, tier in hits if tier), None)
        return said


def of_attributes(attributes: Mapping[str, str]) -> tuple[str, int | None]:
    """Owner and tier as an entity's own telemetry gives them; what makes no tier is passed over."""
    owner = next((attributes[name] for name in OWNERS if attributes.get(name)), "")
    tier = next((attributes[name] for name in TIERS if attributes.get(name)), "")
    return owner, tier_of(tier)


def _parent(entity: str) -> str:
    kind, _, rest = entity.partition(":")
    if kind not in _OF:
        return ""
    name = re.split(r"[/@:]", rest, maxsplit=1)[0]
    return f"{_OF[kind]}:{name}"


def _unseen(entity: str) -> Entity:
    """An entity that telemetry has not shown. Of a kind that nobody knows, its id is all that is asked for."""
    kind = entity.partition(":")[0]
    known = kind in EntityKind.__members__.values()
    return Entity(EntityKind(kind) if known else EntityKind.SERVICE, entity, entity)
