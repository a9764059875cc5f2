"""How an event is wrapped for who gets it: as it is, or in the way that starts a workflow of GitHub or GitLab."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from wellkept.kernel.errors import InputError
from wellkept.spine.webhooks.events import MEDIA
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.settings import Endpoint, Secret

VARIABLE = "WELLKEPT_EVENT"
LONGEST_TYPE = 100
GITHUB_VERSION = "2022-11-28"


@dataclass(frozen=True, slots=True)
class Form:
    """A body, and the headers that go with it."""

    body: bytes
    headers: Mapping[str, str]


def form_of(endpoint: Endpoint, kind: str, document: str, secrets: Secrets) -> Form:
    """What is sent to an endpoint.

    Args:
        endpoint: who gets it.
        kind: the event's type.
        document: the event as JSON.
        secrets: reads the endpoint's access token.

    Raises:
        InputError: the access token cannot be read.
    """
    access = _access(endpoint, secrets)
    bearer = {"Authorization": f"Bearer {access}"} if access else {}
    if endpoint.form == "github":
        payload = {"event_type": kind[:LONGEST_TYPE], "client_payload": {"event": json.loads(document)}}
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": GITHUB_VERSION, **bearer}
        body = json.dumps(payload, separators=(",", ":")).encode()
        return Form(body, {"Content-Type": "application/json", **headers})
    if endpoint.form == "gitlab":
        fields = {"token": access, "ref": endpoint.ref, f"variables[{VARIABLE}]": document}
        return Form(urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"})
    return Form(document.encode(), {"Content-Type": MEDIA, **bearer})


def _access(endpoint: Endpoint, secrets: Secrets) -> str:
    if endpoint.access_file is None and endpoint.access_env is None:
        return ""
    token = secrets.texts(Secret(secret_file=endpoint.access_file, secret_env=endpoint.access_env))[0]
    if not token.isascii() or not token.isprintable():
        raise InputError("access token", "must be ASCII characters")
    return token
