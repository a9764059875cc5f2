"""A program: a CloudEvent, signed by Standard Webhooks. Every message about one thing has the same subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError
from wellkept.kernel.webhooks import signed
from wellkept.spine.notify.receivers import Webhook
from wellkept.spine.notify.senders.base import AGENT, Request, Sent, of_reply
from wellkept.spine.notify.words import Message
from wellkept.spine.webhooks.events import MEDIA, Event, body_of
from wellkept.spine.webhooks.secret import Secrets


class WebhookSender:
    """Sends the newest state of a thing, under a key that is the same until it is taken."""

    def __init__(self, receiver: Webhook, secrets: Secrets, transport: Request, clock: Clock) -> None:
        self._receiver, self._secrets, self._transport, self._clock = receiver, secrets, transport, clock

    def send(self, message: Message, reference: Mapping[str, Any]) -> Sent:  # noqa: ARG002 - the subject is enough
        told = Event(message.key, kind_of(message), message.now.subject, message.now.at, message.data())
        body = body_of(told, message.url or "wellkept").encode()
        try:
            keys = self._secrets.keys(self._receiver)
        except InputError as error:
            return Sent(is_taken=False, said=str(error))
        headers = {
            **signed(keys, message.key, int(self._clock.now().timestamp()), body),
            "Idempotency-Key": message.key,
            "Content-Type": MEDIA,
            "User-Agent": AGENT,
        }
        receiver = self._receiver
        reply = self._transport.request("POST", receiver.url, body, headers, receiver.timeout_s, receiver.ca_file)
        return of_reply(reply, {})

    def problem(self) -> str:
        try:
            self._secrets.keys(self._receiver)
        except InputError as error:
            return str(error)
        return ""


def kind_of(message: Message) -> str:
    """The event's type: ``incident.opened``, ``incident.over``, ``approval.opened``, ..."""
    return f"{message.now.event}.{message.what.replace(' ', '_')}"
