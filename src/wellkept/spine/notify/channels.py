"""The table of channels: which class sends to which sort of receiver."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from wellkept.kernel.clock import Clock
from wellkept.spine.notify.receivers import Apprise, Email, PagerDuty, Receiver, Slack
from wellkept.spine.notify.senders.apprise import AppriseSender
from wellkept.spine.notify.senders.base import Request, Sender
from wellkept.spine.notify.senders.email import EmailSender
from wellkept.spine.notify.senders.pagerduty import PagerDutySender
from wellkept.spine.notify.senders.slack import SlackSender
from wellkept.spine.notify.senders.webhook import WebhookSender
from wellkept.spine.notify.settings import NotifySettings
from wellkept.spine.webhooks.secret import Secrets


def senders_of(settings: NotifySettings, secrets: Secrets, transport: Request, clock: Clock) -> Mapping[str, Sender]:
    """Receiver to what sends to it."""
    return {one.name: _sender(one, settings, secrets, transport, clock) for one in settings.receivers}


def _sender(receiver: Receiver, settings: NotifySettings, secrets: Secrets, transport: Request, clock: Clock) -> Sender:
    match receiver:
        case PagerDuty():
            return PagerDutySender(receiver, secrets, transport)
        case Slack():
            return SlackSender(receiver, secrets, transport)
        case Email():
            return EmailSender(receiver, secrets)
        case Apprise():
            networks = [ipaddress.ip_network(text) for text in settings.networks]
            return AppriseSender(receiver, secrets, networks)
    return WebhookSender(receiver, secrets, transport, clock)
