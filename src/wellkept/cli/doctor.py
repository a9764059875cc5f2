"""``wellkept doctor``: look whether this installation does its work, and say what to do where it does not."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import click

from wellkept import __version__
from wellkept.cli.render import CONFIGURATION, client, configured, data_option, json_option, say_json
from wellkept.kernel.errors import WellkeptError
from wellkept.kernel.sizes import size_of
from wellkept.sdk.client import DEFAULT_DATA

State = Literal["well", "look", "ill"]
_COLOURS: Mapping[State, str] = {"well": "green", "look": "yellow", "ill": "red"}
LITTLE_ROOM = 5 << 30
LATE_S, APART_S, GONE_S = 300.0, 5.0, 120.0


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and what to do where it is not ``well``; to ``look`` at is no failure."""

    what: str
    state: State
    said: str
    advice: str = ""


@click.command(name="doctor")
@data_option
@json_option
def command(data: Path | None, as_json: bool) -> None:
    """Look at the configuration, the data folder, the server, its work, its disk, and whom it tells.

    Ends with 1 where something is ill.
    """
    found = list(_checks(data))
    if as_json:
        say_json([asdict(check) for check in found])
    else:
        for check in found:
            _say(check)
    if any(check.state == "ill" for check in found):
        raise SystemExit(1)


def _say(check: Check) -> None:
    click.secho(f"{check.state:5}", fg=_COLOURS[check.state], nl=False)
    click.echo(f" {check.what}: {check.said}")
    if check.advice:
        click.echo(f"      {check.advice}")


def _checks(data: Path | None) -> Iterator[Check]:
    yield from _configuration()
    is_remote = data is None and bool(os.environ.get("WELLKEPT_URL"))
    if not is_remote:
        yield from _folder(data or configured() or DEFAULT_DATA)
    try:
        api = client(data)
        status = api.get("/api/v1/status")
    except WellkeptError as error:
        yield Check("server", "ill", str(error), "Start it with `wellkept up`, or name its folder with --data.")
        return
    if "version" not in status:
        yield Check("server", "look", f"{api.url} is older than this command", "Start it anew after an update.")
        return
    yield Check("server", "well", f"answers at {api.url}")
    for look in (_versions, _clock, _work, _doors, _detection, _disk, _people):
        yield from look(status)
    yield from _agents(datetime.fromisoformat(status["now"]), api.get("/api/v1/agents")["agents"])
    yield from _backups(api.get("/api/v1/backups")["backups"])


def _configuration() -> Iterator[Check]:
    if not CONFIGURATION.is_file():
        yield Check("configuration", "well", f"no {CONFIGURATION} in this folder: the defaults hold")
        return
    from wellkept.app.settings import load_settings

    try:
        load_settings(CONFIGURATION)
    except WellkeptError as error:
        yield Check("configuration", "ill", str(error), f"`wellkept config check {CONFIGURATION}` names every mistake.")
        return
    yield Check("configuration", "well", f"{CONFIGURATION} is right")


def _folder(data: Path) -> Iterator[Check]:
    if not data.is_dir():
        yield Check("data folder", "look", f"{data} is not there", "The first `wellkept up` makes it.")
        return
    if not os.access(data, os.W_OK):
        yield Check("data folder", "ill", f"{data} cannot be written by you", "Use the user that the server runs as.")
        return
    others = data.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    if others:
        yield Check("data folder", "look", f"{data} can be read by others", f"It holds the token: chmod 700 {data}")
        return
    yield Check("data folder", "well", f"{data}, {size_of(shutil.disk_usage(data).free)} free")


def _versions(status: Any) -> Iterator[Check]:
    theirs = status["version"]
    if theirs != __version__:
        advice = "Start the server anew after an update."
        yield Check("version", "look", f"the server is {theirs}, this command {__version__}", advice)
    else:
        yield Check("version", "well", __version__)


def _clock(status: Any) -> Iterator[Check]:
    apart_s = abs((datetime.now(UTC) - datetime.fromisoformat(status["now"])).total_seconds())
    if apart_s > APART_S:
        yield Check("clock", "look", f"{apart_s:.0f} s apart from this machine's", "Have both follow NTP.")


def _work(status: Any) -> Iterator[Check]:
    pulse = status["pulse"]
    for name, why in pulse["standing"].items():
        yield Check("work", "ill", f"{name} {why}", "The log of the server says more.")
    if not pulse["standing"]:
        yield Check("work", "well", f"{len(status['jobs'])} jobs go on")
    if pulse["heartbeat"]:
        yield Check("heartbeat", "ill", pulse["heartbeat"], "Look at notify.watchdog.heartbeat.")


def _doors(status: Any) -> Iterator[Check]:
    problem = status["doors"].get("grpc", {}).get("problem")
    if problem:
        yield Check("door OTLP/gRPC", "look", problem)
    refused = {reason: count for reason, count in status["doors"]["metrics"]["refused"].items() if count}
    if refused:
        words = ", ".join(f"{count} for {reason}" for reason, count in refused.items())
        yield Check("metrics", "look", f"points were refused: {words}", "docs/doors.md says which limit is which.")
    down = [one for one in status["doors"].get("scrape", {}).get("targets", ()) if one["health"] == "down"]
    if down:
        advice = "`wellkept targets --down` says why."
        yield Check("scraping", "look", f"{len(down)} targets are down, {down[0]['instance']} among them", advice)


def _detection(status: Any) -> Iterator[Check]:
    detection = status["detection"]
    if not status["ops"]:
        yield Check("detection", "well", "is switched off (ops.enabled)")
    elif not detection.get("series"):
        advice = "Send OTLP, remote write or logs to it: docs/doors.md."
        yield Check("detection", "look", "no series has come yet", advice)
    else:
        behind_s = datetime.now(UTC).timestamp() - detection["until"]
        state: State = "look" if behind_s > LATE_S else "well"
        yield Check("detection", state, f"{detection['series']:.0f} series, {behind_s:.0f} s behind the clock")


def _disk(status: Any) -> Iterator[Check]:
    storage = status["storage"]
    said = f"telemetry takes {size_of(storage['bytes'])}, {size_of(storage['free'])} are free"
    if storage["full_at"]:
        said += f", enough until {storage['full_at'][:16].replace('T', ' ')} UTC"
    state: State = "ill" if storage["merges_stopped"] else "look" if storage["free"] < LITTLE_ROOM else "well"
    advice = "Make room, or set retention.disk_gib: the oldest telemetry goes first then."
    yield Check("disk", state, said, "" if state == "well" else advice)


def _people(status: Any) -> Iterator[Check]:
    told = status["doors"]["notifications"]
    if not told["receivers"]:
        yield Check(
            "people", "look", "nobody is told of incidents", "Name receivers under notify: docs/notifications.md."
        )
    elif told["trouble"]:
        yield Check(
            "people", "ill", told["trouble"], "`wellkept notify receivers` says more; `notify test NAME` tries one."
        )
    else:
        yield Check("people", "well", f"can be told by {', '.join(told['receivers'])}")


def _agents(now: datetime, agents: Any) -> Iterator[Check]:
    lost = [one["id"] for one in agents if (now - datetime.fromisoformat(one["last_seen"])).total_seconds() > GONE_S]
    if lost:
        yield Check("agents", "look", f"not heard of: {', '.join(lost[:5])}", "Remedies on these hosts have to wait.")
    elif agents:
        yield Check("agents", "well", f"{len(agents)} connected")


def _backups(made: Any) -> Iterator[Check]:
    if made:
        yield Check("backup", "well", f"the newest is of {made[0]['made_at'][:16].replace('T', ' ')} UTC")
    else:
        advice = "`wellkept backup` makes one; backup.every_h has it made by itself."
        yield Check("backup", "look", "there is none", advice)
