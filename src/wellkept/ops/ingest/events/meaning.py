"""What an event means here: a change that somebody made, told by the words of its type, or just something said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.clock import from_nanos
from wellkept.ops.ingest.events.cloudevents import VERSION, Event
from wellkept.ops.ingest.identity import Identity
from wellkept.ops.ingest.records import UNKNOWN, Records, fields
from wellkept.ops.ingest.words import level_of

LONGEST, LONGEST_DIFF = 1000, 64 << 10
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}\Z")

_DONE = frozenset(
    {
        "change", "changed", "update", "updated", "modified", "created", "deleted", "applied", "set", "toggled",
        "migrated", "removed",
    }
)  # fmt: skip
_NOT_YET = frozenset({"queued", "requested", "planned", "pending", "waiting", "scheduled", "proposed", "validated"})
_DEPLOYED = frozenset(
    {
        "deploy", "deployed", "redeployed", "deployment", "rollout", "rollback", "rolledback", "release", "released",
        "upgraded",
    }
)  # fmt: skip
_CONFIGURED = frozenset(
    {"config", "configuration", "configmap", "setting", "settings", "flag", "featureflag", "environment"}
)
_WORDS: tuple[tuple[ChangeKind, frozenset[str], frozenset[str]], ...] = (
    (ChangeKind.DEPLOY, _DEPLOYED, frozenset()),
    (ChangeKind.SCALING, frozenset({"scaled", "scaling", "autoscaled", "resized"}), frozenset()),
    (ChangeKind.SCHEMA, frozenset({"schema", "migration"}), _DONE | {"finished", "completed"}),
    (ChangeKind.CONFIGURATION, _CONFIGURED, _DONE),
)
"""A kind of change, the words of which a type has to have one, and those of which it has to have one besides."""
_ACTORS, _SUMMARIES = ("actor", "user", "author", "by", "sender"), ("summary", "message", "description", "title")
_REFERENCES, _LEVELS = ("reference", "url", "html_url", "link", "commit", "sha"), ("severity", "level")


def change_kind(event_type: str) -> ChangeKind | None:
    """The kind of change that an event of this type says has been made; None where it says none."""
    words = {word.lower() for word in _WORD.findall(event_type)}
    if words & _NOT_YET:
        return None
    for kind, needed, besides in _WORDS:
        if words & needed and (not besides or words & besides):
            return kind
    return None


def change_of(event: Event, identity: Identity, now: datetime) -> Change | None:
    """The change that an event says; None where it says none, or none of anything that can be named."""
    kind = change_kind(event.type)
    entity = _entity(event, identity) if kind else ""
    if kind is None or not entity:
        return None
    data = event.data if isinstance(event.data, dict) else {}
    summary = _first(data, _SUMMARIES) or " ".join(filter(None, (event.type, event.subject)))
    return Change(
        entity=entity,
        kind=kind,
        at=from_nanos(event.at_ns) if event.at_ns else now,
        actor=(_first(event.extensions, _ACTORS) or _first(data, _ACTORS) or event.source)[:LONGEST],
        summary=summary[:LONGEST],
        reference=(_first(data, _REFERENCES) or f"{event.source}#{event.id}")[:LONGEST],
        attributes={**_attributes(event), **_brought(data)},
    )


def _brought(data: Mapping[str, Any]) -> dict[str, str]:
    """What a change brought, which the diagnosis compares with what fails: its files, one a line, and its diff."""
    files, diff = data.get("files"), data.get("diff")
    listed = files.split() if isinstance(files, str) else files if isinstance(files, list) else []
    names = "\n".join(name for name in listed if isinstance(name, str))
    found = {"files": names[:LONGEST_DIFF], "diff": diff[:LONGEST_DIFF] if isinstance(diff, str) else ""}
    return {name: text for name, text in found.items() if text}


def add_record(records: Records, event: Event, identity: Identity) -> None:
    """The event as a log record: its data is the text, what it is are the attributes."""
    place = records.resource(identity.resource_of(_labels(event)))
    data = event.data if isinstance(event.data, dict) else {}
    word = _first(event.extensions, _LEVELS) or _first(data, _LEVELS)
    parent = _PARENT.match(event.extensions.get("traceparent", ""))
    trace, span = parent.groups() if parent else (None, None)
    extra = fields(_attributes(event), trace, span, event.type)
    records.add(place, event.at_ns, event.text, level_of(word) if word else UNKNOWN, extra)


def _attributes(event: Event) -> dict[str, str]:
    """The attributes of an event under the names that OpenTelemetry gives them."""
    said = {
        "id": event.id, "source": event.source, "type": event.type, "subject": event.subject, "spec_version": VERSION,
        "datacontenttype": event.content_type, "dataschema": event.schema,
    }  # fmt: skip
    named = {f"cloudevents.event_{name}": value for name, value in said.items() if value}
    return {**named, **{f"cloudevents.{name}": value for name, value in event.extensions.items()}}


def _entity(event: Event, identity: Identity) -> str:
    """Whom a change was made to: by labels in its data, else a service by the name that its subject ends in."""
    found = identity.entity_of(_labels(event))
    if found:
        return found
    named = _inner(event.data, "subject").get("id") if isinstance(event.data, dict) else ""
    for name in (named, event.subject):
        last = str(name or "").rstrip("/").rpartition("/")[2].rpartition(":")[2]
        if last:
            return identity.entity_of({"service.name": last})
    return ""


def _labels(event: Event) -> dict[str, str]:
    """What in an event could name something: its extensions, and the plain texts of its data, outer before inner."""
    data = event.data if isinstance(event.data, dict) else {}
    subject = _inner(data, "subject")
    parts = (_inner(subject, "content"), subject, data, event.extensions)
    return {name: value for part in parts for name, value in part.items() if isinstance(value, str) and name != "id"}


def _inner(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _first(said: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((said[name] for name in names if isinstance(said.get(name), str) and said[name]), "")
