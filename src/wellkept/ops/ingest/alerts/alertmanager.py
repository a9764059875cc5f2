"""What Alertmanager's webhook sends, and what Prometheus posts to an Alertmanager: words about alerts.

Labels are the identity of an alert, annotations are not, whichever of the two ways it comes: an alert that comes both
ways is one alert.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.kernel.severities import severity_of
from wellkept.ops.ingest.alerts.base import (
    LONGEST_SENTENCE,
    LONGEST_TITLE,
    RECEIVER,
    SCORE_MEANING,
    SENDER,
    AlertSettings,
    Firing,
    Over,
    Word,
    annotated,
    score_of,
    shortened,
    web_addresses,
)
from wellkept.ops.ingest.alerts.intake import ALERTMANAGER
from wellkept.ops.ingest.identity import Identity
from wellkept.ops.ingest.moments import rfc3339

WEBHOOK_VERSION = "4"
GENERATOR = "generator_url"
"""Attribute of a finding: who found it."""
MOST_REMEMBERED, LONGEST_REMEMBERED = 10_000, 4_000
"""So many alerts are remembered as they were read, each of at most so many bytes."""
_OF_THE_WORD = frozenset({"status", "endsAt", "updatedAt"})
"""What differs between words about one alert: Prometheus tells another end each time that it repeats one."""
_NO_LINK = ("summary", "description", "message")


@dataclass(frozen=True, slots=True)
class Posted:
    """One alert as it was sent, but for its end. ``starts_at`` is None where the sender did not say."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime | None
    generator: str


@dataclass(frozen=True, slots=True)
class Read:
    """The words of the alerts that can be taken, and what is wrong with the others: a bad one takes none with it."""

    words: tuple[Word, ...]
    mistakes: tuple[InputError, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """An alert as it was read, and the finding that it is by what was said around it, where it says when it began."""

    alert: Posted
    fingerprint: str
    findings: dict[tuple[str, ...], Finding]


Memory = dict[bytes, Heard]
"""Alerts by their text, without what another word about the same alert says otherwise."""


class Reader:
    """Reads the documents of both ways. Who repeats an alert repeats all of it but its end: that is read once."""

    def __init__(self, identity: Identity, settings: AlertSettings) -> None:
        self._identity, self._settings = identity, settings
        self._memory, self._identified = Memory(), 0

    def webhook(self, document: Any, now: datetime) -> Read:
        """The words of a notification. A firing alert's end is Go's zero time, and holds until it is repeated.

        Raises:
            InputError: it is no such notification.
        """
        where = "Alertmanager notification"
        if not isinstance(document, dict):
            raise InputError(where, "must be an object", document)
        version = document.get("version", WEBHOOK_VERSION)
        if version != WEBHOOK_VERSION:
            raise InputError(f"{where}.version", f'must be "{WEBHOOK_VERSION}"', version)
        alerts = document.get("alerts")
        if not isinstance(alerts, list):
            raise InputError(
                f"{where}.alerts", "must be a list (a receiver with a payload of its own is not read)", alerts
            )
        about = {RECEIVER: document.get("receiver"), SENDER: document.get("externalURL")}
        known = {name: value[:LONGEST_TITLE] for name, value in about.items() if isinstance(value, str) and value}
        memory = self._remembered()
        return _each(
            f"{where}.alerts",
            alerts,
            lambda place, item: self._told(_heard(place, item, memory), place, item, known, now),
        )

    def posted(self, document: Any, now: datetime) -> Read:
        """The words of a list of alerts. One without an end is over when nobody repeats it for ``resolve_timeout_s``.

        Raises:
            InputError: it is no list.
        """
        if not isinstance(document, list):
            raise InputError("alerts", "must be a list", document)
        memory = self._remembered()
        return _each(
            "alerts", document, lambda place, item: self._posted(_heard(place, item, memory), place, item, now)
        )

    def _remembered(self) -> Memory:
        """What was read already; where other entities are known by now, nothing. Who still reads keeps the old one."""
        identified = self._identity.changes
        if identified != self._identified or len(self._memory) >= MOST_REMEMBERED:
            self._memory, self._identified = Memory(), identified
        return self._memory

    def _told(self, heard: Heard, where: str, item: Any, about: Mapping[str, str], now: datetime) -> Word:
        status = item.get("status")
        if status not in ("firing", "resolved"):
            raise InputError(f"{where}.status", "must be firing or resolved", status)
        ends_at = _moment(where, item, "endsAt")
        if status == "resolved":
            return Over(heard.fingerprint, ends_at or now)
        return self._firing(heard, now, now + timedelta(seconds=self._settings.repeat_timeout_s), about)

    def _posted(self, heard: Heard, where: str, item: Any, now: datetime) -> Word:
        starts_at, ends_at = heard.alert.starts_at, _moment(where, item, "endsAt")
        if starts_at is not None and ends_at is not None and ends_at < starts_at:
            raise InputError(f"{where}.endsAt", f"must not be before startsAt {item['startsAt']}", item["endsAt"])
        if ends_at is not None and ends_at <= now:
            return Over(heard.fingerprint, ends_at)
        until = ends_at or now + timedelta(seconds=self._settings.resolve_timeout_s)
        return self._firing(heard, now, until, {})

    def _firing(self, heard: Heard, now: datetime, until: datetime, about: Mapping[str, str]) -> Firing:
        around = tuple(part for pair in about.items() for part in pair)
        finding = heard.findings.get(around)
        if finding is None:
            finding = self._finding(heard, now, about)
            if heard.alert.starts_at is not None:
                heard.findings[around] = finding
        return Firing(finding, until)

    def _finding(self, heard: Heard, now: datetime, about: Mapping[str, str]) -> Finding:
        alert = heard.alert
        labels, annotations = alert.labels, alert.annotations
        severity = severity_of(labels.get("severity") or labels.get("priority") or labels.get("level") or "")
        title, sentence = _said(labels, annotations)
        links = web_addresses([alert.generator, *(v for k, v in annotations.items() if k not in _NO_LINK)])
        return Finding(
            fingerprint=heard.fingerprint,
            detector=ALERTMANAGER,
            detector_version=WEBHOOK_VERSION,
            entity=self._identity.entity_of(labels),
            kind=FindingKind.EXTERNAL,
            severity=severity,
            score=score_of(severity),
            score_meaning=SCORE_MEANING,
            starts_at=alert.starts_at or now,
            sentence=sentence,
            evidence=(Evidence(signal=name_of(labels), attributes=labels, samples=links),),
            attributes={
                "title": title,
                "symptom": "" if severity is Severity.INFO else "yes",
                **about,
                **({GENERATOR: alert.generator} if alert.generator else {}),
                **annotated(annotations),
            },
        )


def identity_of(labels: Mapping[str, str]) -> str:
    """The fingerprint of an alert: all of its labels, and nothing else."""
    parts = [part for name in sorted(labels) for part in (name, labels[name])]
    return fingerprint(ALERTMANAGER, "", name_of(labels), *parts)


def name_of(labels: Mapping[str, str]) -> str:
    """The alert's name, or what stands for it where its sender gave none."""
    return labels.get("alertname") or "alert"


def _said(labels: Mapping[str, str], annotations: Mapping[str, str]) -> tuple[str, str]:
    """The title and the sentence of an alert."""
    summary = annotations.get("summary") or annotations.get("title") or ""
    more = annotations.get("description") or annotations.get("message") or ""
    rest = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "alertname")
    title = summary or name_of(labels)
    sentence = more or summary or (f"{name_of(labels)} ({rest})" if rest else name_of(labels))
    return shortened(title, LONGEST_TITLE), shortened(sentence, LONGEST_SENTENCE)


def _each(where: str, items: list[Any], read: Callable[[str, Any], Word]) -> Read:
    words: list[Word] = []
    mistakes: list[InputError] = []
    for number, item in enumerate(items):
        try:
            words.append(read(f"{where}[{number}]", item))
        except InputError as error:
            mistakes.append(error)
    return Read(tuple(words), tuple(mistakes))


def _heard(where: str, item: Any, memory: Memory) -> Heard:
    """An alert that was sent, read or remembered."""
    if not isinstance(item, dict):
        raise InputError(where, "must be an object", item)
    try:
        text = orjson.dumps({name: value for name, value in item.items() if name not in _OF_THE_WORD})
    except TypeError:  # nested too deeply; so it is no alert
        text = b""
    heard = memory.get(text)
    if heard is None:
        alert = _alert(where, item)
        heard = Heard(alert, identity_of(alert.labels), {})
        if 0 < len(text) <= LONGEST_REMEMBERED:
            memory[text] = heard
    return heard


def _moment(where: str, item: dict[str, Any], name: str) -> datetime | None:
    """A moment that an alert names; None where it names none."""
    return rfc3339(f"{where}.{name}", item[name]) if item.get(name) not in (None, "") else None


def _alert(where: str, item: dict[str, Any]) -> Posted:
    labels = _texts(f"{where}.labels", item.get("labels"))
    if not labels:
        raise InputError(f"{where}.labels", "must hold at least one label with a value")
    starts_at = _moment(where, item, "startsAt")
    generator = item.get("generatorURL") or ""
    if not isinstance(generator, str):
        raise InputError(f"{where}.generatorURL", "must be a text", generator)
    annotations = _texts(f"{where}.annotations", item.get("annotations"))
    return Posted(labels, annotations, starts_at, generator[:LONGEST_SENTENCE])


def _texts(where: str, value: Any) -> dict[str, str]:
    """A set of names and texts; an empty text is as good as none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(where, "must be an object of texts", value)
    for name, text in value.items():
        if not name:
            raise InputError(where, "must not hold an empty name")
        if not isinstance(text, str):
            raise InputError(f"{where}.{name}", "must be a text", text)
    return {name: text for name, text in sorted(value.items()) if text}
