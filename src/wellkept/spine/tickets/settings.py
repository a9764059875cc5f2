"""The settings of tickets: which systems, and which incidents go where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from wellkept.kernel.finding import Severity
from wellkept.spine.webhooks.settings import Name, Network, Part, Secret, Url

Kind = Literal["github", "gitlab", "jira", "servicenow"]
Level = Literal["info", "warning", "error", "critical"]
LEVELS: Sequence[Level] = get_args(Level)

OWN = "wellkept"
"""The name of this platform among the trackers."""
DEFAULT_URLS: Mapping[str, str] = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}
PRIORITIES: Mapping[str, Mapping[str, str]] = {
    "github": {level: f"severity-{level}" for level in LEVELS},
    "gitlab": {level: f"severity::{level}" for level in LEVELS},
    "jira": {"critical": "Highest", "error": "High", "warning": "Medium", "info": "Low"},
    "servicenow": {"critical": "1", "error": "2", "warning": "3", "info": "3"},
}
"""What a severity is called: in GitHub and GitLab a label (there a scoped one: an issue has one of its family at most),
in Jira a priority, in ServiceNow impact and urgency (the priority follows from both)."""


OWN_FIELDS: Mapping[str, frozenset[str]] = {
    "github": frozenset({"body", "labels"}),
    "gitlab": frozenset({"description", "labels"}),
    "jira": frozenset({"labels"}),
    "servicenow": frozenset({"correlation_id"}),
}
"""What a ticket is found again by, and its severity told with: no setting lays anything over it."""


def _listed(value: Any) -> Any:
    """One word stands for a list of one, and an empty one for none."""
    return ([value] if value else []) if isinstance(value, str) else value


Step = Annotated[str, Field(min_length=1, max_length=100)]


class Tracker(Secret):
    """A system that tickets are kept in. The secret is its token, or the password that goes with ``user``."""

    name: Name
    kind: Kind
    url: Url | None = None
    """`https://acme.atlassian.net`, `https://acme.service-now.com`; github.com and gitlab.com need none."""
    project: str = Field(default="", max_length=200)
    """`owner/repository`, GitLab's path or number of a project, Jira's key of a project; of ServiceNow the table."""
    user: str = Field(default="", max_length=200)
    """Who the secret belongs to, where it goes as a password: Jira Cloud (an email address) and ServiceNow."""
    flavour: Literal["cloud", "server"] = "cloud"
    """Of Jira: `server` is Server and Data Center (version 2 of the interface, and a personal access token)."""
    labels: tuple[Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\s,]+$")], ...] = ()
    """Of GitHub, GitLab and Jira: labels of every ticket, beside `wellkept`."""
    priorities: dict[Level, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)
    """What a severity is called there, where it is not as usual: a label, a priority, or impact and urgency."""
    fields: dict[str, Any] = Field(default_factory=dict)
    """More fields of a new ticket, as the system calls them: `assignees`, `milestone_id`, `customfield_10010`,
    `assignment_group`."""
    issue_type: str = "Bug"
    """Of Jira: what kind of issue a ticket is."""
    close_as: Annotated[tuple[Step, ...], BeforeValidator(_listed)] = ()
    """Of Jira the transition or status that closes it, or a list of those that lead there, one after the other (empty:
    the first that leads to a status of the category done); of ServiceNow the close code (empty: `Solution provided`).
    """
    on_return: Literal["reopen", "link"] = "reopen"
    """What becomes of a closed ticket when its trouble comes back within `return_within_s`."""
    ca_file: Path | None = None
    """Who may have signed the certificate, in place of this machine's authorities."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 15.0
    """What a request and its whole answer may take."""

    @property
    def address(self) -> str:
        """The URL without a slash at its end."""
        return (self.url or DEFAULT_URLS[self.kind]).rstrip("/")

    def priority(self, severity: Severity) -> str:
        """What a severity is called there; empty where the system has no such thing."""
        own = {str(level): called for level, called in self.priorities.items()}
        return {**PRIORITIES[self.kind], **own}.get(severity.name.lower(), "")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.url is None and self.kind not in DEFAULT_URLS:
            raise ValueError(f"must have a url where kind is {self.kind}")
        if not self.project and self.kind != "servicenow":
            raise ValueError(f"must have a project where kind is {self.kind}")
        if self.kind == "github" and self.project.count("/") != 1:
            raise ValueError(f"project must be owner/repository where kind is github, got {self.project!r}")
        if self.kind == "servicenow" and len(self.close_as) > 1:
            raise ValueError(f"close_as must be one close code where kind is servicenow, got {list(self.close_as)}")
        if not self.user and (self.kind == "servicenow" or (self.kind == "jira" and self.flavour == "cloud")):
            raise ValueError(f"must have a user where kind is {self.kind}")
        for name in sorted(OWN_FIELDS[self.kind].intersection(self.fields)):
            rule = "labels stand in `labels`" if name == "labels" else "tickets are found again by it"
            raise ValueError(f"fields must not have {name!r} where kind is {self.kind}: {rule}")
        return self


class Route(Part):
    """Which incidents go where; everything that is named must fit."""

    to: tuple[Name, ...]
    """The trackers; none keeps the incidents of this route here."""
    owners: tuple[str, ...] = ()
    """Any entity, or the incident itself, belongs to one of these."""
    min_severity: Level = "info"
    tiers: tuple[Annotated[int, Field(ge=1, le=5)], ...] = ()
    """Any entity has one of these criticalities (1: everything stops without it)."""
    entities: tuple[str, ...] = ()
    """Any entity fits one of these patterns, such as `service:shop/*`."""
    after_s: Annotated[float, Field(ge=0)] = 0.0
    """What is over before it has lasted this long gets no ticket there."""

    @property
    def least(self) -> Severity:
        return Severity[self.min_severity.upper()]


class TicketSettings(Part):
    """Tickets in other systems."""

    page: str = ""
    """Where people reach the pages of this platform, for the link in a ticket; empty for the webhooks' `url`."""
    trackers: tuple[Tracker, ...] = ()
    """The systems."""
    routes: tuple[Route, ...] = ()
    """The first that fits an incident says where it goes. Without any, every incident goes to every tracker."""
    networks: tuple[Network, ...] = ()
    """Addresses that are not public and may be asked all the same, such as `10.1.0.0/16`."""
    return_within_s: Annotated[float, Field(ge=0)] = 86_400.0
    """Trouble that comes back this soon after the ticket was closed belongs to the same ticket (see `on_return`)."""
    every_s: Annotated[float, Field(ge=0)] = 30.0
    """The shortest pause between two updates of one ticket; what changes meanwhile is told as one."""
    poll_s: Annotated[float, Field(gt=0)] = 60.0
    """How often it is looked what people did with the ticket of a live incident."""
    attempts: Annotated[int, Field(ge=1, le=30)] = 12
    """After so many in a row a ticket is given up until somebody says `wellkept tickets retry`."""
    first_retry_s: Annotated[float, Field(gt=0)] = 5.0
    """The first pause; each further one is twice as long, up to an hour, and differs by up to a fifth."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [tracker.name for tracker in self.trackers]
        if OWN in names:
            raise ValueError(f"trackers: must not be called {OWN}, which is the name of the tickets here")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"trackers: names must be unique, got {twice[0]!r} twice")
        for route in self.routes:
            unknown = [name for name in route.to if name not in names]
            if unknown:
                raise ValueError(
                    f"routes: to must name trackers ({', '.join(names) or 'there are none'}), got {unknown[0]!r}"
                )
        for tracker in self.trackers:
            if tracker.address.startswith("http://") and not self.networks:
                rule = "must begin with https:// unless tickets.networks names where it may go in plain text"
                raise ValueError(f"trackers {tracker.name}: url {rule}, got {tracker.address!r}")
        return self
