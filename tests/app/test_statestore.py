"""Where state is kept, as the configuration says it: one place, and no password in the file."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from wellkept.app.settings import load_settings
from wellkept.app.statestore import StateSettings, leader_of, server_name
from wellkept.kernel.errors import DocumentError, InputError
from wellkept.spine.lease import Alone
from wellkept.spine.webhooks.secret import Secrets
from wellkept.store.state.state import State

URL = "postgresql://wellkept:hunter2@db.example.com/wellkept?sslmode=require"
NONE = Secrets({})


def test_by_default_it_is_the_data_folder(tmp_path: Path) -> None:
    assert StateSettings().target(tmp_path, NONE) == tmp_path / "state"


def test_a_url_a_file_and_a_variable(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{URL}\n", encoding="utf-8")
    plain = "postgresql://wellkept@db.example.com/wellkept"
    assert StateSettings(url=plain).target(tmp_path, NONE) == plain
    assert StateSettings(secret_file=tmp_path / "url").target(tmp_path, NONE) == URL
    assert StateSettings(secret_env="STATE").target(tmp_path, Secrets({"STATE": URL})) == URL


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        (f"url: {URL}", "state.url: must hold no password (write the whole URL into secret_file or secret_env"),
        ("url: mysql://u@h/d", "state.url: must be a URL such as postgresql://wellkept@db.example.com/wellkept"),
        ("url: hunter2", "state.url: must be a URL such as postgresql://"),
        ("lease_s: 1", "state.lease_s"),
    ],
)
def test_a_mistake_is_named_and_a_password_never(tmp_path: Path, said: str, rule: str) -> None:
    file = tmp_path / "wellkept.yaml"
    file.write_text(f"state:\n  {said}\n", encoding="utf-8")
    with pytest.raises(DocumentError) as raised:
        load_settings(file, {})
    assert rule in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_there_is_one_place() -> None:
    with pytest.raises(ValidationError, match="at most one of url, secret_file, secret_env"):
        StateSettings(url="postgresql://u@h/d", secret_env="STATE")


def test_a_secret_that_is_no_url_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="state: STATE must be a URL such as") as raised:
        StateSettings(secret_env="STATE").target(tmp_path, Secrets({"STATE": "hunter2"}))
    assert "hunter2" not in str(raised.value)


def test_a_server_has_a_name_that_outlives_it(tmp_path: Path) -> None:
    assert server_name(StateSettings(server="left"), tmp_path) == "left"
    assert server_name(StateSettings(), tmp_path) == f"{socket.gethostname()}:{tmp_path.resolve()}"


def test_on_a_file_one_leads_alone(tmp_path: Path) -> None:
    state = State.open(tmp_path)
    assert isinstance(leader_of(StateSettings(), state, tmp_path), Alone)
    state.close()
