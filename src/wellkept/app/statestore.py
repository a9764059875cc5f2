"""Where state is kept, as the configuration says it; and which server leads where several share it."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from wellkept.kernel.clock import stable_id
from wellkept.kernel.errors import InputError
from wellkept.spine.lease import Alone, Leader, Lease
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.settings import Secret, Variable
from wellkept.store.state.postgres import carries_password
from wellkept.store.state.state import State

LONGEST_NAME = 250


def _without_password(text: str) -> str:
    if text and carries_password(text):
        raise ValueError("must hold no password (write the whole URL into secret_file or secret_env instead), got one")
    return text


class StateSettings(BaseModel):
    """Where incidents, plans, models and the audit log are kept: SQLite in the data folder, or a PostgreSQL.

    Servers that name the same PostgreSQL are one platform: see docs/high-availability.md.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    url: Annotated[str, AfterValidator(_without_password)] = ""
    """A PostgreSQL, such as `postgresql://wellkept@db.example.com/wellkept?sslmode=verify-full`; without a password."""
    secret_file: Path | None = None
    """A file with the whole URL, password and all, in place of `url`."""
    secret_env: Variable | None = None
    """A variable with the whole URL, in place of `url`."""
    server: Annotated[str, Field(max_length=LONGEST_NAME)] = ""
    """What this server is called, another name on each; empty for the names of the host and of the data folder."""
    lease_s: Annotated[float, Field(ge=2, le=300)] = 10.0
    """The server that leads is replaced by another one when it was not heard of for so many seconds."""

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if sum(bool(one) for one in (self.url, self.secret_file, self.secret_env)) > 1:
            raise ValueError("must have at most one of url, secret_file, secret_env")
        return self

    def target(self, data: Path, secrets_: Secrets) -> Path | str:
        """What to open: a folder, or a URL that is never shown.

        Raises:
            InputError: the secret cannot be read, or is no URL of PostgreSQL.
        """
        if self.url:
            return self.url
        if self.secret_file is None and self.secret_env is None:
            return data / "state"
        (text, *_) = secrets_.texts(Secret(secret_file=self.secret_file, secret_env=self.secret_env))
        try:
            carries_password(text)
        except ValueError as error:
            raise InputError("state", f"{self.secret_file or self.secret_env} {error}") from error
        return text


def leader_of(settings: StateSettings, state: State, data: Path) -> Leader:
    """Who may do what only one may: everybody is alone on a store of its own."""
    if not state.is_shared:
        return Alone()
    return Lease(state, secrets.token_hex(8), server_name(settings, data), settings.lease_s)


def server_name(settings: StateSettings, data: Path) -> str:
    """What this server is called among those that share a store; the same after a restart."""
    return settings.server or f"{socket.gethostname()}:{data.resolve()}"[-LONGEST_NAME:]


def process_name() -> str:
    """What this process is called in claims of rows: no two have the same, also after a restart."""
    return stable_id("wrk", socket.gethostname(), str(os.getpid()), secrets.token_hex(8))
