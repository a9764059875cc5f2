"""Buttons that come back from Slack: known by their signature, pressed once, and done as the person who pressed.

Source: https://api.slack.com/authentication/verifying-requests-from-slack and
https://api.slack.com/reference/interaction-payloads/block-actions.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import ForbiddenError, InputError, WellkeptError
from wellkept.spine.notify.receivers import Slack
from wellkept.spine.notify.senders.base import AGENT, Request
from wellkept.spine.notify.senders.slack import ACKNOWLEDGE, RESOLVE, SILENCE
from wellkept.spine.webhooks.secret import Secrets
from wellkept.store.state.webhooks import ReceivedRows

log = logging.getLogger(__name__)

VERSION, TOLERANCE_S = "v0", 300
SIGNATURE, TIMESTAMP = "x-slack-signature", "x-slack-request-timestamp"
DOOR = "slack"
ABANDONED_AFTER = timedelta(minutes=5)
ANSWERS = "hooks.slack.com"
"""Where answers to a press go; the payload names the address, so no other host is believed."""

Deed = Callable[[str, str], str]
"""Does what a button asks for: incident, by; returns a sentence. Raises InputError where it cannot be."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button that somebody pressed. ``refusal`` says why it is not done; empty where it is."""

    key: str
    action: str
    incident: str
    by: str
    refusal: str
    answer_url: str


class SlackDoor:
    """Takes presses."""

    def __init__(
        self,
        receivers: Sequence[Slack],
        secrets: Secrets,
        received: ReceivedRows,
        deeds: Mapping[str, Deed],
        transport: Request,
        clock: Clock,
    ) -> None:
        """``deeds`` are by action: those of the buttons that can be done here."""
        self._receivers = [one for one in receivers if one.has_buttons]
        self._secrets, self._received, self._deeds = secrets, received, deeds
        self._transport, self._clock = transport, clock

    def read(self, headers: Mapping[str, str], body: bytes) -> Press | None:
        """The press that a request brings; None for what is no press of ours.

        Args:
            headers: by lower-case name.
            body: as it came.

        Raises:
            ForbiddenError: no app's signature fits, or it is older than five minutes.
            InputError: it is signed, and not of the right form.
        """
        fitting = self._proven(headers, body)
        payload = _payload(body)
        if payload.get("type") != "block_actions":
            return None
        user, actions = payload.get("user"), payload.get("actions")
        if (
            not isinstance(user, dict)
            or not isinstance(actions, list)
            or not actions
            or not isinstance(actions[0], dict)
        ):
            raise InputError("payload", "must name a user and an action")
        action, incident = str(actions[0].get("action_id", "")), str(actions[0].get("value", ""))
        if action not in (ACKNOWLEDGE, RESOLVE, SILENCE):
            return None
        receiver = _of_channel(fitting, payload)
        member = str(user.get("id", ""))
        by = receiver.people.get(member) or f"slack:{user.get('username') or member}"[:120]
        refusal = "" if not receiver.people or member in receiver.people else _stranger(receiver, member)
        key = hashlib.sha256(headers.get(TIMESTAMP, "").encode() + b"\n" + body).hexdigest()
        return Press(key, action, incident, by, refusal, self._answer_url(receiver, payload))

    def do(self, press: Press) -> str:
        """Do what was asked for, once, and say to who pressed what came of it where the message will not show it."""
        now = self._clock.now()
        if not self._received.claim(DOOR, press.key, now, now - ABANDONED_AFTER):
            return "it was done already"
        try:
            said = press.refusal or self._deeds[press.action](press.incident, press.by)
        except KeyError:
            said = "this platform cannot do that"
        except WellkeptError as error:
            said = str(error)
        self._received.answered(DOOR, press.key, {"said": said})
        if press.answer_url and said:
            self._answer(press.answer_url, said)
        return said

    def _answer(self, url: str, said: str) -> None:
        told = {"response_type": "ephemeral", "replace_original": False, "text": said}
        headers = {"Content-Type": "application/json", "User-Agent": AGENT}
        reply = self._transport.request("POST", url, json.dumps(told).encode(), headers, 5.0)
        if not 200 <= reply.status < 300:
            log.info("slack: an answer to a button was not taken: %s", reply.said)

    def _proven(self, headers: Mapping[str, str], body: bytes) -> list[Slack]:
        """The receivers whose app has signed the request."""
        moment = headers.get(TIMESTAMP, "")
        if not (moment.isascii() and moment.isdigit() and len(moment) <= 12):
            raise ForbiddenError(f"{TIMESTAMP} must be whole seconds since the epoch")
        if abs(self._clock.now().timestamp() - int(moment)) > TOLERANCE_S:
            raise ForbiddenError(f"{TIMESTAMP} is more than {TOLERANCE_S} s from now; the request may be a replay")
        given = headers.get(SIGNATURE, "").encode("utf-8", "replace")
        fitting = [
            one
            for one in self._receivers
            if any(hmac.compare_digest(given, own) for own in self._own(one, moment, body))
        ]
        if not fitting:
            raise ForbiddenError(f"{SIGNATURE} fits no signing secret of a receiver with buttons")
        return fitting

    def _own(self, receiver: Slack, moment: str, body: bytes) -> list[bytes]:
        try:
            return [signature(secret, moment, body).encode() for secret in self._secrets.texts(receiver.signing)]
        except InputError as error:
            log.warning("receiver %s: %s", receiver.name, error)
            return []

    def _answer_url(self, receiver: Slack, payload: Mapping[str, Any]) -> str:
        url = str(payload.get("response_url", ""))
        parts, own = urlsplit(url), urlsplit(receiver.api_url)
        is_slack = (parts.scheme, parts.hostname) == ("https", ANSWERS)
        is_own = own.hostname != "slack.com" and (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
        return url if is_slack or is_own else ""


def signature(secret: str, moment: str, body: bytes) -> str:
    """``v0=`` and the hexadecimal HMAC-SHA256 over version, time and body, with colons between."""
    digest = hmac.new(secret.encode(), f"{VERSION}:{moment}:".encode() + body, hashlib.sha256).hexdigest()
    return f"{VERSION}={digest}"


def _payload(body: bytes) -> dict[str, Any]:
    """The document in a form.

    Raises:
        InputError: it is none.
    """
    try:
        payload = json.loads(parse_qs(body.decode("utf-8"), max_num_fields=10)["payload"][0])
    except (ValueError, KeyError, RecursionError) as error:
        raise InputError("payload", "must be a form with a field payload that is JSON") from error
    if not isinstance(payload, dict):
        raise InputError("payload", "must be an object")
    return payload


def _of_channel(fitting: Sequence[Slack], payload: Mapping[str, Any]) -> Slack:
    channel = payload.get("channel")
    named = channel.get("id") if isinstance(channel, dict) else None
    return next((one for one in fitting if one.channel == named), fitting[0])


def _stranger(receiver: Slack, member: str) -> str:
    return f"You ({member}) are not among the people of receiver {receiver.name}, so nothing was done."
