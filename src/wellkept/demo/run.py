"""The demo from beginning to end: start everything, play the acts, count what was lost, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wellkept.demo.acts.base import Act, Scene
from wellkept.demo.acts.disk import Disk
from wellkept.demo.acts.leak import Leak
from wellkept.demo.acts.shift import Shift
from wellkept.demo.acts.ship import MODEL, Ship
from wellkept.demo.acts.starved import Starved
from wellkept.demo.keeper import SERVER, ask
from wellkept.demo.layout import PID, Layout, claim, lay_out
from wellkept.demo.observer import Observer, now
from wellkept.demo.outcome import NOT_PLAYED, ActError, Ending, Outcome, Told
from wellkept.demo.screen import Screen
from wellkept.demo.shop.settings import NAMESPACE, SERVICES, ShopSettings
from wellkept.kernel.entity import service_id
from wellkept.kernel.errors import WellkeptError
from wellkept.sdk.client import Client

ACTS: tuple[Act, ...] = (Ship(), Disk(), Leak(), Starved(), Shift())
START_S = 90.0
LOOK_S = 1.0
END_S = 30.0
ARRIVE_S = 20.0
"""How long the last telemetry may be on its way at the end."""


@dataclass(frozen=True, slots=True)
class Options:
    """How it is played."""

    folder: Path
    port: int | None = None
    by_hand: bool = False


@contextlib.contextmanager
def played(options: Options, screen: Screen, acts: Sequence[Act] = ACTS) -> Iterator[Ending]:
    """Start everything, play the acts, and give how it ended, while everything still runs; then end everything.

    Raises:
        WellkeptError: the demo could not be started.
    """
    folder = options.folder.resolve()
    claim(folder)
    began, first = time.monotonic(), now()
    layout = lay_out(folder, options.port)
    screen.open(layout.page, [act.name for act in acts])
    try:
        with kept(folder) as keeper:
            observer = _started(layout, screen, keeper)
            scene = Scene(layout, observer, screen, options.by_hand, first)
            outcomes = [*outcomes_of(scene, acts)]
            lost = _lost(scene, first) if all(outcome.passed for outcome in outcomes) else None
            screen.close()
            scene.tell("load", "/admin/buying", {"goes_on": True})
            yield Ending(outcomes, time.monotonic() - began, lost, str(folder / "logs"))
    finally:
        screen.close()
        (folder / PID).write_text("", encoding="ascii")


@contextlib.contextmanager
def kept(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The keeper of all processes, for as long as this one lives: it reads from a pipe that only we hold."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    with (logs / "keeper.log").open("ab") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "wellkept.demo.keeper", str(folder)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    assert keeper.stdin is not None
    try:
        yield keeper
    finally:
        keeper.stdin.close()
        try:
            keeper.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(keeper.pid, signal.SIGKILL)
            keeper.wait()


def _started(layout: Layout, screen: Screen, keeper: subprocess.Popen[bytes]) -> Observer:
    """Start the platform and the shop; returns when both answer."""
    screen.begin("Start", "The platform, an agent, and a card-payment shop of real processes, all on this machine.")
    screen.step("the platform and the shop start")
    began = time.monotonic()
    wait_for_keeper(layout.settings)
    ask(layout.settings, "start", SERVER)
    client = Client(layout.address, layout.settings.token)
    for name in (*SERVICES, "load"):
        ask(layout.settings, "start", name)
    wait_for_server(layout, client)
    told = Told("", "", f"{len(SERVICES)} services, a load generator, the server, its agent")
    screen.done(Outcome("Start", True, time.monotonic() - began, told))

    def away(is_away: bool) -> None:
        if keeper.poll() is not None:
            raise WellkeptError(f"the keeper of the demo's processes ended with code {keeper.returncode}")
        screen.away(is_away)

    return Observer(client, away)


def wait_for_server(layout: Layout, client: Client) -> None:
    """Wait until the server is ready; one that ended will not be.

    Raises:
        WellkeptError: it ended (with the last that it said), or was not ready in time.
    """
    deadline = time.monotonic() + START_S
    while True:
        try:
            client.wait_ready(LOOK_S)
        except WellkeptError:
            ended = ask(layout.settings, "status", "")["ended"]
            if SERVER in ended:
                said = (layout.folder / "logs" / f"{SERVER}.log").read_text(encoding="utf-8", errors="replace")
                last = (said.strip().splitlines() or ["nothing"])[-1]
                raise WellkeptError(f"the server ended with code {ended[SERVER]}; it said: {last}") from None
            if time.monotonic() > deadline:
                raise
        else:
            return


def wait_for_keeper(settings: ShopSettings) -> None:
    """Wait until the keeper listens."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            ask(settings, "status", "")
        except WellkeptError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def outcomes_of(scene: Scene, acts: Sequence[Act]) -> Iterator[Outcome]:
    """Each act's outcome. After one that failed the stage is not what the next ones need, so they are not played."""
    is_fine = True
    for act in acts:
        if not is_fine:
            yield Outcome(act.name, False, 0.0, Told("", "", NOT_PLAYED))
            continue
        scene.screen.begin(act.name, act.promise)
        scene.since, began = now(), time.monotonic()
        try:
            told = act.play(scene)
        except (ActError, WellkeptError, OSError) as error:
            told, is_fine = Told("", "", str(error)), False
        outcome = Outcome(act.name, is_fine, time.monotonic() - began, told)
        scene.screen.done(outcome)
        yield outcome


def _lost(scene: Scene, since: datetime) -> Mapping[str, int]:
    """What was acknowledged and is not stored, when everything had time to arrive."""
    scene.screen.begin("Count", "Everything that was acknowledged must be stored.")
    scene.screen.step("the load stops, the last telemetry arrives")
    began = time.monotonic()
    counts = scene.tell("load", "/admin/buying", {"goes_on": False})
    totals = scene.hear("ledger", "/admin/totals")
    expected = {
        "payments": totals["payments"],
        "predictions": totals["scored"],
        "labels": counts["labelled"],
    }
    lost = dict(expected)
    while any(lost.values()) and time.monotonic() - began < ARRIVE_S:
        stored = scene.observer.stored(since)
        found = {
            "payments": stored["answers"].get(service_id("ledger", NAMESPACE), 0),
            "predictions": stored["predictions"].get(MODEL, 0),
            "labels": stored["labels"].get(MODEL, 0),
        }
        lost = {name: max(0, count - found[name]) for name, count in expected.items()}
        time.sleep(0.3)
    words = ", ".join(f"{count} {name}" for name, count in expected.items())
    told = Told("", "", f"{words} acknowledged, {sum(lost.values())} lost")
    scene.screen.done(Outcome("Count", not any(lost.values()), time.monotonic() - began, told))
    return lost
