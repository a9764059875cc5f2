"""What is scraped and how, as the configuration says it: close to ``scrape_configs`` of Prometheus."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from wellkept.ops.ingest.scrape.address import Address

DEFAULT_TIMEOUT_S = 10.0
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def _label_name(name: str) -> str:
    if not _LABEL.match(name):
        raise ValueError("must be a label's name: letters, digits and _, and no digit first")
    if name.startswith("__"):
        raise ValueError("must not begin with __: such labels are not stored, and nothing is told by them here")
    return name


def _address(text: str) -> str:
    Address.read(text)
    return text


LabelName = Annotated[str, AfterValidator(_label_name)]
Place = Annotated[str, AfterValidator(_address)]


class Part(BaseModel):
    """A key that nobody knows is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Group(Part):
    """Targets that share labels, in the configuration or in a file of targets."""

    targets: tuple[Place, ...] = ()
    """`host:port`, or a whole URL."""
    labels: dict[LabelName, str] = {}
    """Put on every series of these targets."""


class BasicAuth(Part):
    """Who asks, by user and password. The password stands in a file of its own."""

    username: str
    password_file: Path


class Tls(Part):
    """How a target's certificate is checked."""

    verify: bool = True
    """False takes any certificate."""
    ca_file: Path | None = None
    """Who may have signed it, in place of this machine's authorities."""
    cert_file: Path | None = None
    """Our own certificate, for targets that ask for one."""
    key_file: Path | None = None
    """Its key, where that is not in the same file."""

    @field_validator("key_file")
    @classmethod
    def _has_a_certificate(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if key is not None and info.data.get("cert_file") is None:
            raise ValueError("needs cert_file beside it")
        return key


class Job(Part):
    """Targets of one kind, and how they are asked."""

    job: Annotated[str, Field(min_length=1)]
    """The name, which becomes the label `job` and so the service."""
    targets: tuple[Place, ...] = ()
    """`host:port`, or a whole URL, which then counts more than `scheme`, `path` and `params`."""
    labels: dict[LabelName, str] = {}
    """Put on every series of every target of this job."""
    groups: tuple[Group, ...] = ()
    """More targets, each group with `targets` and `labels` of its own."""
    files: tuple[str, ...] = ()
    """Files with lists of groups, YAML or JSON, as for `file_sd_configs` of Prometheus; `*` stands for any name. \
They are read again when they change."""
    every_s: Annotated[float, Field(ge=0.1)] = 15.0
    """How often each target is asked."""
    timeout_s: Annotated[float, Field(gt=0)] | None = None
    """How long an answer may take; 10 seconds, or `every_s` where that is shorter."""
    scheme: Literal["http", "https"] = "http"
    path: str = "/metrics"
    params: dict[str, tuple[str, ...]] = {}
    """Parameters of the URL, each with a list of values."""
    bearer_token_file: Path | None = None
    """A file with the token that is sent; it is read for every scrape."""
    basic_auth: BasicAuth | None = None
    """`username` and `password_file`."""
    honor_labels: bool = False
    """Where a page has a label that we put on, too: true keeps the page's, false renames it to `exported_...`."""
    honor_timestamps: bool = True
    """Whether times on a page count. Series with times of their own are never marked stale."""
    sample_limit: Annotated[int, Field(ge=0)] = 0
    """A page with more samples is a failed scrape; 0 is for no limit."""
    body_mib: Annotated[int, Field(ge=1, le=1024)] = 20
    """A longer page, after decompression, is a failed scrape."""
    tls: Tls = Tls()

    @field_validator("timeout_s")
    @classmethod
    def _ends_before_the_next(cls, timeout_s: float | None, info: ValidationInfo) -> float | None:
        every_s = info.data.get("every_s")
        if timeout_s is not None and every_s is not None and timeout_s > every_s:
            raise ValueError(f"must be at most every_s, which is {every_s:g}")
        return timeout_s

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        if not path.startswith("/") or "#" in path or any(letter.isspace() for letter in path):
            raise ValueError("must begin with / and hold neither spaces nor #")
        return path

    @field_validator("basic_auth")
    @classmethod
    def _is_the_only_proof(cls, proof: BasicAuth | None, info: ValidationInfo) -> BasicAuth | None:
        if proof is not None and info.data.get("bearer_token_file") is not None:
            raise ValueError("must not be there beside bearer_token_file")
        return proof

    @model_validator(mode="after")
    def _has_targets(self) -> Self:
        if not (self.targets or self.groups or self.files):
            raise ValueError("must name targets, groups or files")
        return self

    @property
    def patience_s(self) -> float:
        """How long an answer may take."""
        return self.timeout_s if self.timeout_s is not None else min(DEFAULT_TIMEOUT_S, self.every_s)
