"""Webhooks as the configuration says them: who is told of what, and who may ask for what."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

_PATTERN = re.compile(r"\*|[a-z_]+(\.[a-z_]+)*(\.\*)?")
OWN_VARIABLES = "WELLKEPT_"


class Part(BaseModel):
    """A key that nobody knows is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _pattern(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError("must be an event such as plan.proposed, a family such as plan.*, or *")
    return text


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text, strict=True))


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(one.isspace() for one in text):
        raise ValueError("must begin with https:// (or http://) and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("must name nobody and have no #; who sends is told by the signature")
    _ = parts.port  # raises ValueError where it is none
    return text


def _variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name.startswith(OWN_VARIABLES):
        raise ValueError(f"must be the name of a variable, and not begin with {OWN_VARIABLES}")
    return name


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Pattern = Annotated[str, AfterValidator(_pattern)]
Network = Annotated[str, AfterValidator(_network)]
Url = Annotated[str, AfterValidator(_url)]
Variable = Annotated[str, AfterValidator(_variable)]
Deed = Literal["train", "report", "change"]


class Secret(Part):
    """Where a secret stands: in a file, or in a variable of the environment; never in the configuration itself."""

    secret_file: Path | None = None
    """A file with the secret; several lines are several secrets, the newest first. Read for every message."""
    secret_env: Variable | None = None
    """A variable with the secret, in place of a file; several are parted by spaces."""

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if (self.secret_file is None) == (self.secret_env is None):
            raise ValueError("must have exactly one of secret_file, secret_env")
        return self


class Endpoint(Secret):
    """Somebody who is told."""

    name: Name
    url: Url
    """`https://`; `http://` goes only to addresses within `networks`."""
    events: tuple[Pattern, ...] = ("*",)
    """Which ones: `plan.proposed`, `plan.*`, `*` (see docs/webhooks.md)."""
    ca_file: Path | None = None
    """Who may have signed the certificate, in place of this machine's authorities."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 15.0
    """What connecting, sending and the whole answer may take together."""
    form: Literal["cloudevents", "github", "gitlab"] = "cloudevents"
    """`github` makes it a `repository_dispatch`, `gitlab` the trigger of a pipeline; else it goes as it is."""
    access_file: Path | None = None
    """A file with the token that the other side asks for: of GitHub a personal one, of GitLab that of the trigger."""
    access_env: Variable | None = None
    """A variable with that token."""
    ref: Annotated[str, Field(min_length=1, max_length=200)] = "main"
    """The branch on which GitLab runs the pipeline."""

    @model_validator(mode="after")
    def _has_access(self) -> Self:
        if self.access_file is not None and self.access_env is not None:
            raise ValueError("must have at most one of access_file, access_env")
        if self.form != "cloudevents" and self.access_file is None and self.access_env is None:
            raise ValueError(f"must have access_file or access_env where form is {self.form}")
        return self


class Door(Secret):
    """Somebody who may ask, at `/api/v1/hooks/NAME`."""

    name: Name
    scheme: Literal["standard", "github", "gitlab"] = "standard"
    """How the message is signed."""
    actions: Annotated[tuple[Deed, ...], Field(min_length=1)]
    """What may be asked for: `train`, `report`, `change`. A promotion never is: that goes through the gate."""
    models: tuple[str, ...] = ()
    """The models that may be trained or reported on; empty for none."""
    entity: str = ""
    """What a change is about where the message does not say it, such as `service:shop/checkout`."""
    events: dict[str, Deed] = {}
    """What an event of GitHub or GitLab asks for, by its name: `deployment_status: change`."""

    @field_validator("events")
    @classmethod
    def _asks_for_what_is_allowed(cls, events: dict[str, Deed], info: ValidationInfo) -> dict[str, Deed]:
        odd = [deed for deed in events.values() if deed not in info.data.get("actions", ())]
        if odd:
            raise ValueError(f"must ask for one of actions, got {odd[0]!r}")
        return events


class WebhookSettings(Part):
    """Signed events to other systems, and signed messages from them."""

    url: str = ""
    """Where others reach this platform, for what they fetch from it; empty for the address that it listens on."""
    send: tuple[Endpoint, ...] = ()
    """Who is told of events."""
    receive: tuple[Door, ...] = ()
    """Who may ask for something."""
    networks: tuple[Network, ...] = ()
    """Addresses that are not public and may be sent to all the same, such as `10.1.0.0/16`."""
    attempts: Annotated[int, Field(ge=1, le=30)] = 10
    """After so many an event is given up for that endpoint."""
    first_retry_s: Annotated[float, Field(gt=0)] = 5.0
    """The first pause; each further one is four times as long, up to half a day, and differs by up to a fifth."""
    keep_days: Annotated[int, Field(ge=1)] = 14
    """How long the history of deliveries is kept."""
    max_model_mib: Annotated[int, Field(ge=1, le=4096)] = 256
    """The largest file of a model that an external CI sends."""
    max_body_kib: Annotated[int, Field(ge=1, le=25_600)] = 1024
    """The longest message that comes in."""

    @field_validator("send", "receive")
    @classmethod
    def _names_are_unique(cls, given: tuple[Endpoint | Door, ...]) -> tuple[Endpoint | Door, ...]:
        names = [entry.name for entry in given]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"names must be unique, got {twice[0]!r} twice")
        return given

    @model_validator(mode="after")
    def _plain_text_stays_inside(self) -> Self:
        for endpoint in self.send:
            if endpoint.url.startswith("http://") and not self.networks:
                rule = "must begin with https:// unless webhooks.networks names where it may go in plain text"
                raise ValueError(f"send {endpoint.name}: url {rule}, got {endpoint.url!r}")
        return self
