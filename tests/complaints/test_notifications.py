"""What users of comparable systems complain of in how replicas tell people: two real servers on one PostgreSQL."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
import yaml
from tests.app.receiver import Receiver, receiving
from tests.app.running import Running, start, until
from tests.store.postgres import database

NEVER = "0001-01-01T00:00:00Z"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Pair:
    """Two servers that are one platform, and somebody who is told."""

    def __init__(self, servers: list[Running], receiver: Receiver) -> None:
        self.servers, self.receiver = servers, receiver

    def alert(self, server: Running, name: str, status: str = "firing") -> None:
        """One alert by the door of one of them."""
        now = datetime.now(UTC).isoformat()
        labels = {"alertname": name, "severity": "critical", "service": name.lower()}
        one = {
            "status": status,
            "labels": labels,
            "annotations": {"summary": f"{name} is wrong"},
            "startsAt": now,
            "endsAt": now if status == "resolved" else NEVER,
            "fingerprint": name.lower().ljust(16, "0"),
        }
        body = {"version": "4", "groupKey": "{}", "status": status, "receiver": "wellkept", "alerts": [one]}
        with server.http() as http:
            assert http.post("/alertmanager/webhook", json=body).status_code == 200

    def told(self, name: str) -> list[str]:
        """The keys of the messages about an alert's incidents, in the order in which they came, repeats and all."""
        pairs = zip(list(self.receiver.headers), list(self.receiver.bodies), strict=False)
        return [headers["webhook-id"] for headers, body in pairs if f"{name} is wrong".encode() in body]

    def delivered(self, server: Running) -> set[str]:
        """The keys of what a server has written down as delivered, each once."""
        answer = server.client.get("/api/v1/notifications/deliveries", outcome="delivered", limit=1000)
        keys = [one["key"] for one in answer["deliveries"]]
        assert len(keys) == len(set(keys))
        return set(keys)

    def servers_say(self) -> dict[str, Any]:
        """Who leads, as any of those that live says it."""
        living = next(one for one in self.servers if one.process.poll() is None)
        found: dict[str, Any] = living.client.get("/api/v1/status")["servers"]
        return found


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder: Path = tmp_path_factory.mktemp("pair")
    with receiving() as receiver, database() as url:
        settings = {
            "server": {"port": 0},
            "ml": {"enabled": False},
            "state": {"secret_env": "STATE_URL", "lease_s": 2},
            "notify": {
                "networks": ["127.0.0.0/8"],
                "first_retry_s": 0.2,
                "receivers": [{"type": "webhook", "name": "ops", "url": receiver.url, "secret_env": "HOOK"}],
                "route": {"receivers": ["ops"], "group_wait_s": 0.5, "group_interval_s": 0.5, "repeat_s": 0},
            },
        }
        file = folder / "wellkept.yaml"
        file.write_text(yaml.safe_dump(settings), "utf-8")
        with contextlib.ExitStack() as stopping:
            servers = [_started(folder / name, file, url, stopping) for name in ("one", "two")]
            yield Pair(servers, receiver)


def _started(data: Path, file: Path, url: str, stopping: contextlib.ExitStack) -> Running:
    server = start(data, ["--config", str(file)], STATE_URL=url, HOOK=SECRET)
    stopping.callback(server.stop, SIGKILL)
    return server


def test_20_replicas_tell_no_flapping_in_contradicting_pairs(pair: Pair) -> None:
    for turn in range(6):
        for server in pair.servers:
            pair.alert(server, "Flapping", "firing" if turn % 2 == 0 else "resolved")
    pair.alert(pair.servers[0], "Flapping")
    until(lambda: pair.told("Flapping"), "it is told")
    pair.alert(pair.servers[1], "After")
    until(lambda: pair.told("After"), "what came after is told")

    keys = pair.told("Flapping")
    assert len(keys) == len(set(keys)), "nothing is told twice"
    told = [json.loads(body) for body in pair.receiver.bodies if b"Flapping is wrong" in body]
    assert [one["type"] for one in told].count("incident.opened") == 1
    assert {one["data"]["phase"] for one in told} == {"open"}, "it is never said to be over while it comes and goes"
    assert len({one["subject"] for one in told}) == 1, "one message that is updated"
    moments = [one["data"]["at"] for one in told]
    assert moments == sorted(moments)


def test_21_a_receiver_that_was_down_gets_one_delivery_a_change(pair: Pair) -> None:
    pair.receiver.status = 500
    for server in pair.servers:
        pair.alert(server, "Down")
    until(lambda: len(pair.told("Down")) >= 3, "it was tried again and again")
    tried = pair.told("Down")
    pair.receiver.status = 200
    until(lambda: len(pair.told("Down")) > len(tried), "it was delivered")
    pair.alert(pair.servers[0], "Later")
    until(lambda: pair.told("Later"), "what came later is told")

    assert len(set(pair.told("Down"))) == 1, "one change, one key, whoever tries"
    after = pair.told("Down")[len(tried) :]
    assert 1 <= len(after) <= 2, "one that was on its way as it came up, and the delivery"
    assert after[0] in pair.delivered(pair.servers[1])


def test_22_who_leads_may_die_and_each_change_is_told_once_under_its_key(pair: Pair) -> None:
    leader = pair.servers_say()["leader"]["server"]
    (first,) = [one for one in pair.servers if one.client.get("/api/v1/status")["servers"]["leads"]]
    (other,) = [one for one in pair.servers if one is not first]
    pair.alert(other, "BeforeDeath")
    until(lambda: set(pair.told("BeforeDeath")) & pair.delivered(other), "told by the one that leads, and written down")
    first.stop(SIGKILL)
    for name in ("AtDeath", "AfterDeath"):
        pair.alert(other, name)
    until(lambda: pair.told("AtDeath") and pair.told("AfterDeath"), "told by the one that is left")
    (known,) = [one for one in other.client.get("/api/v1/incidents")["incidents"] if "BeforeDeath" in one["title"]]
    other.client.post(f"/api/v1/incidents/{known['id']}/resolve", {"by": "ada", "why": "it is over"})
    until(lambda: len(pair.told("BeforeDeath")) > 1, "the end is told, too")

    assert pair.servers_say()["leader"]["server"] != leader
    for name in ("BeforeDeath", "AtDeath", "AfterDeath"):
        keys = pair.told(name)
        assert len(keys) == len(set(keys)), "nothing is told twice"
    assert len(pair.told("BeforeDeath")) == 2
