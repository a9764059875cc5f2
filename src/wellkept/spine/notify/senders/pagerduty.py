"""PagerDuty by Events v2: one alert a thing, triggered, acknowledged and resolved under one key.

Source: https://developer.pagerduty.com/docs/events-api-v2-overview
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wellkept.kernel.errors import InputError
from wellkept.spine.notify.receivers import PagerDuty
from wellkept.spine.notify.senders.base import AGENT, Request, Sent, of_reply, unreadable
from wellkept.spine.notify.snapshot import Phase
from wellkept.spine.notify.words import Message
from wellkept.spine.webhooks.secret import Secrets

LONGEST_SUMMARY, LONGEST_KEY, LONGEST_WHY = 1024, 255, 200
REFUSED = 400
ACTIONS = {Phase.ACKNOWLEDGED: "acknowledge", Phase.MITIGATED: "acknowledge", Phase.OVER: "resolve"}


class PagerDutySender:
    """A resolve of what was never triggered is dropped there, and a trigger after a resolve is a new alert."""

    def __init__(self, receiver: PagerDuty, secrets: Secrets, transport: Request) -> None:
        self._receiver, self._secrets, self._transport = receiver, secrets, transport

    def send(self, message: Message, reference: Mapping[str, Any]) -> Sent:  # noqa: ARG002 - the key is enough
        try:
            key = self._secrets.texts(self._receiver)[0]
        except InputError as error:
            return Sent(is_taken=False, said=str(error))
        body = json.dumps({"routing_key": key, **document(message)}, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "User-Agent": AGENT}
        receiver = self._receiver
        reply = self._transport.request("POST", receiver.url, body, headers, receiver.timeout_s, receiver.ca_file)
        why = _why(reply.body, key) if reply.status == REFUSED else ""
        return of_reply(replace(reply, said=f"{reply.said}: {why}") if why else reply, {})

    def problem(self) -> str:
        return unreadable(self._secrets, self._receiver)


def document(message: Message) -> dict[str, Any]:
    """An event without the routing key."""
    now = message.now
    action = "trigger" if message.word else ACTIONS.get(now.phase, "trigger")
    if now.is_over:
        action = "resolve"
    told: dict[str, Any] = {
        "event_action": action,
        "dedup_key": f"wellkept:{now.subject}"[:LONGEST_KEY],
        "payload": {
            "summary": now.title[:LONGEST_SUMMARY],
            "source": (now.entities[0] if now.entities else "wellkept")[:LONGEST_SUMMARY],
            "severity": now.severity.name.lower(),
            "timestamp": (now.opened_at or now.at).isoformat(),
            "component": now.entities[0] if now.entities else "",
            "group": now.owner,
            "class": now.event,
            "custom_details": {"text": message.lines(), "key": message.key, **message.facts()},
        },
        "client": "Wellkept",
    }
    if message.link:
        told["client_url"] = message.link
        told["links"] = [{"href": message.link, "text": "Open in Wellkept"}]
    return told


def _why(body: bytes, key: str) -> str:
    """What is wrong with an event, as the answer that refuses it says, without the key; empty where it does not."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    words = [one for one in errors if isinstance(one, str)] if isinstance(errors, list) else []
    return " ".join("; ".join(words).replace(key, "…").split())[:LONGEST_WHY]
