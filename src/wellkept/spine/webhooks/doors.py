"""Messages from others' systems: known by their signature, taken once, and only for what the configuration allows.

Nothing here promotes a model or decides on a plan; that goes through the gate, whoever asks.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from wellkept.kernel.clock import Clock
from wellkept.kernel.errors import ForbiddenError, InputError, OverloadError
from wellkept.kernel.webhooks import check_github, check_gitlab, verified
from wellkept.spine.audit import Audit
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.settings import Door, WebhookSettings
from wellkept.store.state.webhooks import ReceivedRows

log = logging.getLogger(__name__)

DEEDS = ("train", "report", "change")
EVENT_HEADERS = {"github": "x-github-event", "gitlab": "x-gitlab-event"}
LONGEST_WORD = 300
ABANDONED_AFTER = timedelta(minutes=5)
"""No deed takes so long; what was not answered by then was cut off, and may be sent again."""

Deed = Callable[[Door, Mapping[str, Any]], Mapping[str, Any]]
"""Does what is asked by a door with the message's data; returns what is answered.

Raises InputError (or a class below it) where the message is at fault.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """What a verified request says: the deed that it asks for, with what; ``key`` is the same when it comes again."""

    key: str
    deed: str
    data: Mapping[str, Any]


class DoorKeeper:
    """Takes messages in."""

    def __init__(
        self,
        settings: WebhookSettings,
        secrets: Secrets,
        received: ReceivedRows,
        deeds: Mapping[str, Deed],
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._doors = {door.name: door for door in settings.receive}
        self._secrets, self._received, self._deeds = secrets, received, deeds
        self._audit, self._clock, self._keep_days = audit, clock, settings.keep_days

    def take(self, name: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Do what a message asks for, once; the same message again gets the same answer.

        Args:
            name: of the door.
            headers: by lower-case name.
            body: as it came.

        Raises:
            ForbiddenError: the signature does not fit, or there is no such door (which of the two is not told), or
                the door may not ask for that.
            InputError: the message is at fault.
            OverloadError: the same message is being worked on.
        """
        door = self._doors.get(name)
        if door is None:
            raise ForbiddenError("the signature fits no door of this name")
        key = self._proven(door, headers, body)
        message = _read(door, key, headers, body)
        if message is None:
            return {"status": "ignored"}
        if message.deed not in door.actions:
            raise InputError(f"hook {name}", f"may ask for {', '.join(door.actions)} alone", message.deed)
        now = self._clock.now()
        if not self._received.claim(name, message.key, now, now - ABANDONED_AFTER):
            return self._again(name, message.key)
        try:
            answer = {"status": "done", **self._deeds[message.deed](door, message.data)}
            self._received.answered(name, message.key, answer)
        except Exception:
            self._received.release(name, message.key)
            raise
        told = {"deed": message.deed, "message": message.key, "answer": answer}
        self._audit.append(self._clock.now(), f"hook:{name}", "hook.taken", f"hook:{name}", told)
        return answer

    def forget_old(self) -> None:
        """Take out messages that nobody sends again."""
        self._received.forget(self._clock.now() - timedelta(days=self._keep_days))

    def _again(self, name: str, key: str) -> dict[str, Any]:
        known = self._received.answer(name, key)
        if known is None:
            raise OverloadError("the same message is being worked on", 5)
        return {**known, "status": "duplicate"}

    def _proven(self, door: Door, headers: Mapping[str, str], body: bytes) -> str:
        """The key of a message whose sender is known.

        Of Standard Webhooks the id, which is signed. Of the others the body's digest: their ids are not signed, and
        whoever has seen one message could send it again under another id.
        """
        try:
            if door.scheme == "standard":
                return verified(self._secrets.keys(door), headers, body, self._clock.now().timestamp())
            texts = self._secrets.texts(door)
        except InputError as error:
            log.warning("hook %s: %s", door.name, error)
            raise ForbiddenError("the signature fits no door of this name") from error
        if door.scheme == "github":
            check_github(texts, headers, body)
        else:
            check_gitlab(texts, headers)
        event = headers.get(EVENT_HEADERS[door.scheme], "")
        return hashlib.sha256(event.encode() + b"\n" + body).hexdigest()


def _read(door: Door, key: str, headers: Mapping[str, str], body: bytes) -> Message | None:
    """What a message asks for; None for what the door is not to act on (a ping, an event that is not listed).

    Raises:
        InputError: it is not JSON of the right form.
    """
    document = _json(body)
    if door.scheme in EVENT_HEADERS:
        event = headers.get(EVENT_HEADERS[door.scheme], "")
        if event in door.events:
            return Message(key, door.events[event], _told(event, document))
        if event:
            return None
    kind, data = document.get("type"), document.get("data", {})
    if kind not in DEEDS:
        raise InputError("type", f"must be one of {', '.join(DEEDS)}", kind)
    if not isinstance(data, dict):
        raise InputError("data", "must be an object", data)
    return Message(key, str(kind), data)


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError("message", "must be JSON") from error
    if not isinstance(document, dict):
        raise InputError("message", "must be an object", document)
    return document


def _told(event: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """What an event of GitHub or GitLab says about a change, as far as it can be found."""

    def word(*paths: str) -> str:
        for path in paths:
            found: Any = document
            for part in path.split("."):
                found = found.get(part) if isinstance(found, dict) else None
            if isinstance(found, str | int) and not isinstance(found, bool) and str(found):
                return str(found)[:LONGEST_WORD]
        return ""

    where = word("repository.full_name", "project.path_with_namespace", "project.name")
    what = word("deployment.ref", "ref", "object_attributes.ref", "workflow_run.head_branch", "release.tag_name")
    state = word("deployment_status.state", "object_attributes.status", "workflow_run.conclusion", "status", "action")
    return {
        "summary": " ".join(one for one in (event, where, what, state) if one)[:LONGEST_WORD],
        "actor": word("sender.login", "user_username", "user.username", "user_name"),
        "reference": word(
            "deployment_status.target_url",
            "workflow_run.html_url",
            "compare",
            "deployment.url",
            "deployable_url",
            "object_attributes.url",
            "repository.html_url",
            "project.web_url",
        ),
    }
