"""PagerDuty's Events API v2 as we receive it: trigger, acknowledge and resolve by ``dedup_key``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Evidence, Finding, FindingKind, fingerprint
from wellkept.kernel.severities import severity_of
from wellkept.ops.ingest.alerts.base import (
    LONGEST_SENTENCE,
    LONGEST_TITLE,
    SCORE_MEANING,
    AlertSettings,
    Firing,
    Over,
    Taken,
    Word,
    annotated,
    score_of,
    shortened,
    web_addresses,
)
from wellkept.ops.ingest.alerts.intake import PAGERDUTY
from wellkept.ops.ingest.identity import Identity
from wellkept.ops.ingest.moments import rfc3339

ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")
LONGEST_KEY, LONGEST_SUMMARY = 255, 1024
_TEXTS = ("component", "group", "class")


@dataclass(frozen=True, slots=True)
class Event:
    """One event, read and checked: what it says, and the key under which its sender will speak of it again."""

    word: Word
    dedup_key: str


class EventReader:
    """Reads events."""

    def __init__(self, identity: Identity, settings: AlertSettings) -> None:
        self._identity, self._settings = identity, settings

    def event(self, document: Mapping[str, Any], now: datetime) -> Event:
        """The event of a document whose routing key is in order.

        Raises:
            InputError: it breaks a rule; names the field.
        """
        routing = str(document["routing_key"])
        action = document.get("event_action")
        if action not in ACTIONS:
            raise InputError("event_action", f"must be one of {', '.join(ACTIONS)}", action)
        key = document.get("dedup_key")
        if key is not None and (not isinstance(key, str) or len(key) > LONGEST_KEY):
            raise InputError("dedup_key", f"must be a text of at most {LONGEST_KEY} characters", key)
        if action == "trigger":
            return self._trigger(document, routing, key or "", now)
        if not key:
            raise InputError("dedup_key", f"is required to {action}")
        identity = identity_of(routing, key)
        return Event(Over(identity, now) if action == "resolve" else Taken(identity, now), key)

    def _trigger(self, document: Mapping[str, Any], routing: str, key: str, now: datetime) -> Event:
        payload = _payload(document.get("payload"))
        said = document.get("client"), document.get("client_url")
        client, client_url = (value if isinstance(value, str) else "" for value in said)
        key = key or _key_of(payload)
        severity = severity_of(payload["severity"])
        moment = rfc3339("payload.timestamp", payload["timestamp"]) if payload.get("timestamp") else None
        summary = payload["summary"]
        labels = _labels(payload)
        links = [*_links(document.get("links"), "href"), *_links(document.get("images"), "src"), client_url]
        finding = Finding(
            fingerprint=identity_of(routing, key),
            detector=PAGERDUTY,
            detector_version="2",
            entity=self._entity(payload, client),
            kind=FindingKind.EXTERNAL,
            severity=severity,
            score=score_of(severity),
            score_meaning=SCORE_MEANING,
            starts_at=moment or now,
            sentence=shortened(summary, LONGEST_SENTENCE),
            evidence=(
                Evidence(signal=payload.get("class") or "event", attributes=labels, samples=web_addresses(links)),
            ),
            attributes={
                "title": shortened(summary, LONGEST_TITLE),
                "symptom": "" if payload["severity"] == "info" else "yes",
                "dedup_key": key,
                **({"client": client[:LONGEST_TITLE]} if client else {}),
                **annotated(_details(payload.get("custom_details"))),
            },
        )
        return Event(Firing(finding, now + timedelta(seconds=self._settings.repeat_timeout_s)), key)

    def _entity(self, payload: Mapping[str, Any], client: str) -> str:
        """The entity: by labels among the details; else a known service of that name; else the source as a host.

        A source that is the name of the sending tool says nothing about what is unwell.
        """
        found = self._identity.entity_of(_details(payload.get("custom_details")))
        if found:
            return found
        source = "" if payload["source"] == client else payload["source"]
        for name in (payload.get("component") or "", source):
            if name and self._identity.is_known(name):
                return self._identity.entity_of({"service.name": name})
        return self._identity.entity_of({"host.name": source})


def identity_of(routing_key: str, dedup_key: str) -> str:
    """The fingerprint of an event. The routing key is a secret, and goes in as a digest alone."""
    return fingerprint(PAGERDUTY, "", hashlib.sha256(routing_key.encode()).hexdigest(), dedup_key)


def _payload(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError("payload", "must be an object", value)
    for name in ("summary", "source", "severity"):
        if not isinstance(value.get(name), str) or not value[name].strip():
            raise InputError(f"payload.{name}", "must be a text that is not empty", value.get(name))
    if len(value["summary"]) > LONGEST_SUMMARY:
        rule = f"must be at most {LONGEST_SUMMARY} characters"
        raise InputError("payload.summary", rule, len(value["summary"]))
    if value["severity"] not in SEVERITIES:
        raise InputError("payload.severity", f"must be one of {', '.join(SEVERITIES)}", value["severity"])
    for name in _TEXTS:
        if value.get(name) is not None and not isinstance(value[name], str):
            raise InputError(f"payload.{name}", "must be a text", value[name])
    return value


def _labels(payload: Mapping[str, Any]) -> dict[str, str]:
    return {name: payload[name] for name in ("source", *_TEXTS) if payload.get(name)}


def _details(value: Any) -> dict[str, str]:
    """The custom details as texts, whatever they are."""
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        return {"details": _text(value)}
    return {str(name): text for name, item in value.items() if (text := _text(item))}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def _key_of(payload: Mapping[str, Any]) -> str:
    """The key of an event that came without: its content, so that the same event sent again is the same."""
    content = {name: value for name, value in payload.items() if name != "timestamp"}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _links(value: Any, name: str) -> list[Any]:
    return [item.get(name) for item in value if isinstance(item, dict)] if isinstance(value, list) else []
