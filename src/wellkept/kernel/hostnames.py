"""Hosts by the names that people know them by, in words for people.

A host is told apart by its ``host.id``: the hash of a machine, the number of an instance. Nobody knows it by that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from wellkept.kernel.entity import Entity, EntityKind

LEAST = 8
"""A shorter id could be any word of a sentence."""
_WORD = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_ON_A_HOST = (EntityKind.HOST, EntityKind.DISK, EntityKind.PROCESS)


def host_in(entity: str) -> str:
    """The identifying part of the host that the id of a host, disk or process names; empty for any other."""
    kind, _, rest = entity.partition(":")
    return rest.partition(":")[0] if kind in _ON_A_HOST else ""


def host_names(entities: Iterable[Entity]) -> dict[str, str]:
    """The names of hosts by the ids that they are told apart by, of those whose id says less."""
    hosts = ((host_in(entity.id), entity.name) for entity in entities if entity.kind is EntityKind.HOST)
    return {identity: name for identity, name in hosts if len(identity) >= LEAST and name not in ("", identity)}


def by_name(text: str, names: Mapping[str, str]) -> str:
    """A text that says the names of hosts (:func:`host_names`) where it said their ids."""
    return _WORD.sub(lambda word: names.get(word[0], word[0]), text) if names else text
