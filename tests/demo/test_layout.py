"""A demo's folder: what the platform and its agent are told is right by their own rules."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wellkept.agent.configuration import load_configuration
from wellkept.app.settings import load_settings, resumed_demo
from wellkept.demo.layout import Layout
from wellkept.demo.shop.settings import SERVICES, ShopSettings


def test_the_platform_takes_its_configuration(layout: Layout) -> None:
    settings = load_settings(layout.folder / "wellkept.yaml", {})
    assert settings.data == layout.folder / "data"
    assert settings.server.host == "127.0.0.1"
    assert settings.server.port == layout.settings.ports["server"]
    assert settings.ml.serve_port == layout.settings.ports["model"]
    assert not settings.ingest.grpc.enabled  # its port is the same for everybody
    assert [receiver.name for receiver in settings.notify.receivers] == ["pager"]
    assert settings.agent.config == layout.folder / "agent.yaml"


def test_the_agent_takes_its_configuration(layout: Layout) -> None:
    agent = load_configuration(layout.folder / "agent.yaml")
    assert {service.name for service in agent.services} == set(SERVICES)
    assert all(service.restart and service.memory_limit_bytes for service in agent.services)
    (directory,), (quota,) = agent.directories, agent.filesystems
    assert directory.path == quota.path == str(layout.payments_logs)
    assert directory.patterns == ("payments.log.*",)


def test_secrets_are_for_the_owner_alone(layout: Layout) -> None:
    for path in (layout.folder / "shop.json", layout.folder / "data" / "token", layout.folder / "pager.secret"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = (layout.folder / "data" / "token").read_text(encoding="ascii").strip()
    assert ShopSettings.read(layout.folder).token == token
    assert layout.page.endswith(f"/?token={token}")


def test_every_process_has_a_port_of_its_own(layout: Layout) -> None:
    assert len(set(layout.settings.ports.values())) == len(layout.settings.ports)


def test_a_server_that_was_killed_finds_its_demo_again(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(layout.folder.parent)
    assert resumed_demo(Path("demo")) == Path("demo/wellkept.yaml")
    (layout.folder / "demo.pid").write_text("", encoding="ascii")
    assert resumed_demo(Path("demo")) is None
