"""The MLflow extra, wired: what the configuration may say, and what it must not."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from wellkept.app.clock import SystemClock
from wellkept.app.mlflow import MlflowExtra
from wellkept.app.settings import Mlflow, load_settings
from wellkept.kernel.errors import ConflictError, ForbiddenError, InputError


def extra(folder: Path, **wanted: object) -> MlflowExtra:
    return MlflowExtra(Mlflow.model_validate({"port": 0, **wanted}), folder, SystemClock(), folder / "logs")


def test_a_bare_off_in_yaml_is_off(tmp_path: Path) -> None:
    file = tmp_path / "wellkept.yaml"
    file.write_text("mlflow: {mode: off}\n", "utf-8")

    assert load_settings(file, {}).mlflow.mode == "off"
    assert load_settings(file, {"WELLKEPT_MLFLOW__MODE": "managed"}).mlflow.mode == "managed"


def test_beyond_loopback_it_has_to_be_meant(tmp_path: Path) -> None:
    with pytest.raises(ForbiddenError, match=r"mlflow\.allow_remote"):
        extra(tmp_path, mode="url", url="http://127.0.0.1:9", host="0.0.0.0")


@pytest.mark.parametrize("url", ["", "ftp://x", "http://user:secret@host", "file:///etc"])
def test_the_teams_server_is_a_web_address_without_a_password(tmp_path: Path, url: str) -> None:
    with pytest.raises(InputError, match=r"mlflow\.url"):
        extra(tmp_path, mode="url", url=url)


def test_without_mlflow_the_way_to_get_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`make mlflow` makes one"):
        extra(tmp_path, mode="managed", python=tmp_path / "nothing")


def test_a_port_that_is_taken_is_said_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConflictError, match="cannot be used"):
        extra(tmp_path, mode="url", url="http://127.0.0.1:9", port=taken.getsockname()[1])


def test_a_secret_is_sent_as_the_server_wants_it_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n", "utf-8")
    more = {"mode": "url", "url": "https://mlflow.example.org/", "secret_file": tmp_path / "secret"}
    bearer, basic = extra(tmp_path, **more), extra(tmp_path, **more, user="wellkept")

    assert bearer.client.upstream.headers() == {"Authorization": "Bearer s3cret"}
    assert basic.client.upstream.headers()["Authorization"].startswith("Basic ")
    assert "s3cret" not in repr(basic.client.upstream)
    for made in (bearer, basic):
        made.close()
