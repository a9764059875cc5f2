"""Trackers of a configuration: the adapter of each, with its secret read anew for every request."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import InputError
from wellkept.spine.tickets.adapters.github import GitHub
from wellkept.spine.tickets.adapters.gitlab import GitLab
from wellkept.spine.tickets.adapters.jira import Jira
from wellkept.spine.tickets.adapters.servicenow import ServiceNow
from wellkept.spine.tickets.base import Adapter, TicketError, Trouble
from wellkept.spine.tickets.http import Caller, Sending, Site, Told
from wellkept.spine.tickets.settings import Tracker
from wellkept.spine.webhooks.secret import Secrets

GITHUB_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}


def adapter(tracker: Tracker, secrets: Secrets, transport: Sending, clock: Clock, told: Told) -> Adapter:
    """What speaks to a tracker; ``told`` hears of every request."""

    def headers() -> Mapping[str, str]:
        return headers_of(tracker, secrets)

    caller = Caller(Site(tracker.address, headers, tracker.timeout_s, tracker.ca_file), transport, clock, told)
    if tracker.kind == "github":
        return GitHub(caller, tracker)
    if tracker.kind == "gitlab":
        return GitLab(caller, tracker)
    if tracker.kind == "jira":
        return Jira(caller, tracker)
    return ServiceNow(caller, tracker)


def headers_of(tracker: Tracker, secrets: Secrets) -> Mapping[str, str]:
    """What says who asks.

    Raises:
        TicketError: the secret cannot be read; the message names the place, never the secret.
    """
    try:
        secret = secrets.texts(tracker)[0]
    except InputError as error:
        raise TicketError(Trouble.DENIED, str(error)) from error
    if not secret.isascii() or not secret.isprintable():
        raise TicketError(Trouble.DENIED, "secret: must be ASCII characters")
    if tracker.kind == "gitlab":
        return {"PRIVATE-TOKEN": secret}
    if tracker.user and tracker.kind in ("jira", "servicenow"):
        pair = base64.b64encode(f"{tracker.user}:{secret}".encode()).decode("ascii")
        return {"Authorization": f"Basic {pair}"}
    bearer = {"Authorization": f"Bearer {secret}"}
    return {**bearer, **GITHUB_HEADERS} if tracker.kind == "github" else bearer
