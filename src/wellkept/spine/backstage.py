"""Descriptor files of Backstage (``catalog-info.yaml``), read for owners, tiers and dependencies.

Format: https://backstage.io/docs/features/software-catalog/descriptor-format. Several documents may stand in a file;
kinds that are nothing that can be unwell (User, Group, Location, Template, Domain) are passed over.
"""

from __future__ import annotations

import fnmatch
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from wellkept.kernel.entity import Edge, EdgeKind
from wellkept.kernel.errors import DocumentError, Problem
from wellkept.spine.severity import tier_of

FILES = ("catalog-info.yaml", "catalog-info.yml")
MAX_BYTES = 4 << 20
EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when a declared dependency holds: nobody says, so always."""
KINDS: Mapping[str, tuple[str, ...]] = {
    "component": ("service", "model", "deployment", "pipeline", "process"),
    "api": ("endpoint", "service"),
    "resource": ("database", "host", "dataset", "disk", "service"),
}
"""What Backstage's kinds are among ours, the likeliest first."""
ENTITY = "wellkept.io/entity"
"""The annotation that names the entity's id here, with ``*`` where it has a part that changes."""
_OF_TARGET = {
    "host": EdgeKind.RUNS_ON,
    "disk": EdgeKind.READS,
    "dataset": EdgeKind.READS,
    "pipeline": EdgeKind.FED_BY,
}
TIER = ("wellkept.io/tier", "tier", "criticality")


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids that a descriptor means: those with this name at their end, or of a pattern where it has none."""

    name: str
    pattern: str

    def means(self, entity: str) -> bool:
        return re.fullmatch(self.pattern, entity) is not None

    def among(self, by_name: Mapping[str, Sequence[str]], known: Collection[str]) -> list[str]:
        return [entity for entity in (by_name.get(self.name, ()) if self.name else known) if self.means(entity)]


@dataclass(frozen=True, slots=True)
class Described:
    """One thing that a descriptor tells of."""

    ids: Ids
    owner: str
    tier: int | None
    depends_on: tuple[Ids, ...] = ()


def dependent(match: str, others: Sequence[str]) -> Described:
    """What is told of entities by a pattern of their ids (``*`` and ``?``): what they depend on, by such patterns."""
    return Described(_matching(match), "", None, tuple(map(_matching, others)))


def read_descriptors(places: Sequence[Path]) -> tuple[Described, ...]:
    """What all descriptor files at these places tell, in the order of their names.

    Raises:
        DocumentError: a place is not there, or a file is too long or no YAML.
    """
    return tuple(one for file in _files(places) for document in _documents(file) for one in _described(document))


def _files(places: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            found += sorted(file for name in FILES for file in place.rglob(name) if file.is_file())
        elif place.is_file():
            found.append(place)
        else:
            raise _wrong(place, 0, "is neither a file nor a folder")
    return found


def _documents(file: Path) -> list[Any]:
    if file.stat().st_size > MAX_BYTES:
        raise _wrong(file, 0, f"must be at most {MAX_BYTES} bytes")
    try:
        return list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except UnicodeDecodeError as error:
        raise _wrong(file, 0, "is not UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise _wrong(file, mark.line + 1 if mark else 0, "is not YAML") from error


def _wrong(file: Path, line: int, rule: str) -> DocumentError:
    return DocumentError(str(file), (Problem(line, "catalogue.backstage", rule),))


def _described(document: Any) -> list[Described]:
    if not isinstance(document, Mapping) or not str(document.get("apiVersion", "")).startswith("backstage.io/"):
        return []
    kind = str(document.get("kind", "")).lower()
    meta, spec = _mapping(document.get("metadata")), _mapping(document.get("spec"))
    name = str(meta.get("name", ""))
    if kind not in KINDS or not name:
        return []
    said = {**_mapping(meta.get("labels")), **_mapping(meta.get("annotations"))}
    ids = Ids("", _glob(str(said[ENTITY]))) if said.get(ENTITY) else _ids(kind, name)
    owner = _bare(str(spec.get("owner", "")))
    tier = tier_of(next((str(said[key]) for key in TIER if said.get(key) is not None), ""))
    depends = spec.get("dependsOn")
    others = tuple(_reference(str(one)) for one in depends) if isinstance(depends, list) else ()
    return [Described(ids, owner, tier, others)]


def edges_among(described: Sequence[Described], known: Collection[str]) -> list[Edge]:
    """The dependencies that descriptors tell of, between entities that are known."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for entity in known:
        by_name[_last(entity)].append(entity)
    found = []
    for one in described:
        sources = one.ids.among(by_name, known) if one.depends_on else []
        targets = [target for other in one.depends_on for target in other.among(by_name, known)] if sources else []
        found += [
            Edge(source, target, _kind_of(source, target), EVER)
            for source in sources
            for target in targets
            if target != source
        ]
    return found


def _kind_of(source: str, target: str) -> EdgeKind:
    """How one thing depends on another: descriptors do not say, so their kinds tell."""
    kind = target.partition(":")[0]
    if kind == "dataset" and source.startswith("model:"):
        return EdgeKind.TRAINED_ON
    return _OF_TARGET.get(kind, EdgeKind.CALLS)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _ids(kind: str, name: str) -> Ids:
    """Ids of entities with this name, whatever namespace they are in."""
    kinds = "|".join(KINDS.get(kind, KINDS["component"]))
    return Ids(name, rf"(?:{kinds}):(?:[^/]+/)?{re.escape(name)}")


def _last(entity: str) -> str:
    return re.split(r"[:/]", entity)[-1]


def _matching(pattern: str) -> Ids:
    last = _last(pattern)
    return Ids("" if set(last) & set("*?[") else last, fnmatch.translate(pattern))


def _glob(text: str) -> str:
    return ".*".join(re.escape(part) for part in text.split("*"))


def _bare(reference: str) -> str:
    """``group:default/payments`` as ``payments``."""
    return reference.rpartition("/")[2].rpartition(":")[2]


def _reference(text: str) -> Ids:
    """The ids of an entity reference (``component:default/db``, ``resource:db``)."""
    kind = text.partition(":")[0].lower() if ":" in text else "component"
    return _ids(kind, _bare(text))
