"""A server that is killed in a storm of alerts: nothing acknowledged is lost, and its incidents are the same."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from tests.app.running import Running, start, until
from tests.ml.workshop import Changes

from wellkept.app.clock import SystemClock
from wellkept.ops.correlate.stage import CorrelateRunner
from wellkept.ops.ingest.alerts.alertmanager import Reader
from wellkept.ops.ingest.alerts.intake import Alerts
from wellkept.ops.ingest.identity import Identity
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.state.state import State

DOOR = "/alertmanager/api/v2/alerts"
AT_ONCE, REQUESTS, KILLED_AT = 12, 30, 13


def storm(begun: datetime) -> list[list[dict[str, Any]]]:
    """Requests with alerts about five services, in turns; each alert is said once."""
    words = [
        {
            "labels": {"alertname": f"Rule{n % 7}", "service": f"shop{n % 5}", "pod": f"p{n}", "severity": "critical"},
            "startsAt": (begun + timedelta(milliseconds=250 * n)).isoformat(),
            "endsAt": (begun + timedelta(hours=2)).isoformat(),
        }
        for n in range(AT_ONCE * REQUESTS)
    ]
    return [words[start : start + AT_ONCE] for start in range(0, len(words), AT_ONCE)]


def sent(server: Running, requests: Sequence[Any]) -> int:
    """How many requests were acknowledged, one after the other, until the server was gone."""
    done = 0
    with server.http() as http, contextlib.suppress(httpx.HTTPError):
        for request in requests:
            http.post(DOOR, json=request).raise_for_status()
            done += 1
    return done


def is_grouped(server: Running) -> bool:
    with server.http() as http:
        told = http.get("/api/v1/status").json()["correlation"]
    return not told["backlog"] and not told["unread"]


def told(stream: Stream) -> set[tuple[frozenset[str], int, datetime, str, str]]:
    """Live incidents by what they are about; ids aside."""
    return {
        (frozenset(one.entities), one.count, one.opened_at, one.title, one.severity.name)
        for one in stream.incidents(live=True, limit=1000)
    }


def undisturbed(folder: Path, requests: Sequence[Any]) -> set[tuple[frozenset[str], int, datetime, str, str]]:
    """The incidents of the same alerts where nothing happens to the server."""
    state, clock = State.open(folder), SystemClock()
    stream = Stream(state, Changes())
    alerts = Alerts(stream, clock)
    reader = Reader(Identity(Topology(state), clock), alerts.settings)
    for request in requests:
        alerts.take(reader.posted(request, clock.now()).words)
    CorrelateRunner(stream, Topology(state)).tick(clock.now())
    alerts.close()
    found = told(stream)
    state.close()
    return found


def test_what_was_acknowledged_is_grouped_as_if_nothing_had_happened(tmp_path: Path) -> None:
    data, requests = tmp_path / "data", storm(datetime.now(UTC) - timedelta(minutes=5))
    server = start(data)
    first = sent(server, requests[:KILLED_AT])
    rest: list[int] = []
    sender = threading.Thread(target=lambda: rest.append(sent(server, requests[KILLED_AT:])))
    sender.start()
    server.stop(signal.SIGKILL)
    sender.join()
    acknowledged = first + rest[0]
    assert first == KILLED_AT

    again = start(data)
    with again.http() as http:
        known = {one["labels"]["pod"] for one in http.get(DOOR).json()}
    assert {alert["labels"]["pod"] for request in requests[:acknowledged] for alert in request} <= known
    assert sent(again, requests[acknowledged:]) == len(requests) - acknowledged
    until(lambda: is_grouped(again), "everything is grouped")
    again.stop()

    state = State.open(data / "state")
    assert told(Stream(state, Changes())) == undisturbed(tmp_path / "other", requests)
    state.close()
