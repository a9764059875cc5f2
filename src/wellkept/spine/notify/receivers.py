"""Receivers as the configuration says them: one place where somebody reads, by one channel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from wellkept.spine.webhooks.settings import Name, Part, Secret, Url, Variable

Timeout = Annotated[float, Field(gt=0, le=60)]


def _address(text: str) -> str:
    name, _, domain = text.rpartition("@")
    if not name or not domain or any(one.isspace() or not one.isprintable() or one in "<>,;" for one in text):
        raise ValueError("must be an address such as oncall@example.com")
    return text


Member = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]{2,20}$")]
Person = Annotated[str, Field(min_length=1, max_length=120)]
Address = Annotated[str, AfterValidator(_address)]


class Webhook(Secret):
    """A program that is sent a signed CloudEvent (Standard Webhooks), one an incident and change."""

    type: Literal["webhook"]
    name: Name
    url: Url
    """`https://`; `http://` goes only to addresses within `notify.networks`."""
    ca_file: Path | None = None
    timeout_s: Timeout = 15.0


class PagerDuty(Secret):
    """A service of PagerDuty, by Events v2. The secret is the integration's routing key."""

    type: Literal["pagerduty"]
    name: Name
    url: Url = "https://events.pagerduty.com/v2/enqueue"
    """`https://events.eu.pagerduty.com/v2/enqueue` for accounts of the EU."""
    ca_file: Path | None = None
    timeout_s: Timeout = 15.0


class Slack(Secret):
    """A channel of Slack. The secret is the bot's token (`xoxb-...`, with the scope `chat:write`)."""

    type: Literal["slack"]
    name: Name
    channel: Annotated[str, Field(min_length=1, max_length=80)]
    """The channel's id, such as `C0123456789`."""
    api_url: Url = "https://slack.com/api"
    signing_file: Path | None = None
    """A file with the app's signing secret. With it messages have buttons, which come back to this platform."""
    signing_env: Variable | None = None
    """A variable with it."""
    people: dict[Member, Person] = Field(default_factory=dict)
    """Member ids to names here. Where there are any, nobody else may press a button."""
    ca_file: Path | None = None
    timeout_s: Timeout = 15.0

    @property
    def has_buttons(self) -> bool:
        return self.signing_file is not None or self.signing_env is not None

    @property
    def signing(self) -> Secret:
        """Where the signing secret stands."""
        return Secret(secret_file=self.signing_file, secret_env=self.signing_env)

    @model_validator(mode="after")
    def _signs_in_one_place(self) -> Self:
        if self.signing_file is not None and self.signing_env is not None:
            raise ValueError("must have at most one of signing_file, signing_env")
        return self


class Email(Part):
    """Mail by SMTP. The messages of an incident are one thread."""

    type: Literal["email"]
    name: Name
    to: Annotated[tuple[Address, ...], Field(min_length=1)]
    sender: Address
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """`none` only where nobody signs in."""
    user: str = ""
    secret_file: Path | None = None
    """A file with the password of `user`."""
    secret_env: Variable | None = None
    ca_file: Path | None = None
    timeout_s: Timeout = 30.0

    @model_validator(mode="after")
    def _signs_in_over_tls(self) -> Self:
        has_secret = self.secret_file is not None or self.secret_env is not None
        if bool(self.user) != has_secret or (self.secret_file is not None and self.secret_env is not None):
            raise ValueError("user must come with exactly one of secret_file, secret_env")
        if self.user and self.tls == "none":
            raise ValueError("tls must not be none where user is given: the password would go in plain text")
        return self


class Apprise(Secret):
    """Any other service that apprise knows (Teams, Telegram, ntfy, ...). The secret is the apprise URL."""

    type: Literal["apprise"]
    name: Name
    timeout_s: Timeout = 30.0


Receiver = Annotated[Webhook | PagerDuty | Slack | Email | Apprise, Field(discriminator="type")]
EDITS = frozenset({"webhook", "pagerduty", "slack"})
"""Channels in which a message is updated; in the others every update is one more message."""
SHOWS_HOLDS = EDITS - {"pagerduty"}
"""Channels in which a message also says that nobody is told of more for now. An event of PagerDuty could page again."""
