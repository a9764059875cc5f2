"""How series and entities are called in sentences, and what tells several series of one entity apart."""

from __future__ import annotations

from datetime import datetime

from wellkept.kernel.entity import EntityKind
from wellkept.store.telemetry.window import SeriesInfo

_TELLING = (
    ("pod", "pod"),
    ("container", "container"),
    ("persistentvolumeclaim", "volume"),
    ("resourcequota", "quota"),
    ("resource", "resource"),
    ("queue", "queue"),
    ("topic", "topic"),
    ("consumergroup", "group"),
    ("pool", "pool"),
    ("db.client.connection.pool.name", "pool"),
    ("jvm.memory.pool.name", "pool"),
    ("messaging.destination.name", "queue"),
    ("span.endpoint", "endpoint"),
)
"""Labels that name a part of what an entity's series are about, and what they are called."""

_OF_SENDERS = frozenset({"instance", "job"})
MOST_LABELS = 3


def bare(entity: str) -> str:
    """An entity's id without its kind."""
    return entity.partition(":")[2]


def capital(words: str) -> str:
    """With a capital letter, as a sentence begins."""
    return words[:1].upper() + words[1:]


def clock(at: datetime, now: datetime) -> str:
    """A moment as sentences say it: ``08:25:00 UTC``, with the date where it is not of the day of ``now``."""
    return f"{at:%H:%M:%S} UTC" if at.date() == now.date() else f"{at:%d %b %H:%M:%S} UTC"


def named(entity: str) -> str:
    """An entity with the word for its kind: ``service shop/checkout``."""
    return f"{EntityKind(entity.partition(':')[0]).value} {bare(entity)}" if entity else "everything"


def which(info: SeriesInfo) -> tuple[str, ...]:
    """What tells a series from others of its entity, as words: ``pod web-1``. Empty where the entity says it all."""
    named_by = bare(info.entity).split("/") if info.entity.startswith(f"{EntityKind.CONTAINER}:") else ()
    labels = [(word, info.attributes.get(label, "")) for label, word in _TELLING]
    told = [f"{word} {value}" for word, value in labels if value and value not in named_by]
    if callee := info.attributes.get("span.callee"):
        told.append(f"calls to {bare(callee)}")
    instance = info.attributes.get("instance")
    if instance and not told and info.entity.startswith(f"{EntityKind.SERVICE}:"):
        told.append(f"instance {instance}")
    return tuple(told)


def subject(info: SeriesInfo) -> str:
    """Whom a series is about: ``shop/checkout``, ``kubelet (pod web-1)``."""
    told = which(info)
    return bare(info.entity) + (f" ({', '.join(told)})" if told else "")


def labelled(info: SeriesInfo) -> str:
    """The same of a series that nobody knows: what its labels say tells it from the others of its name."""
    told = [f"{label} {value}" for label, value in sorted(info.attributes.items()) if label not in _OF_SENDERS]
    return bare(info.entity) + (f" ({', '.join(told[:MOST_LABELS])})" if told else "")
