"""What ``wellkept replay --rules`` does and says: rules that are not on yet, over history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from wellkept.cli.render import client, say_json, say_table
from wellkept.kernel.errors import InputError

SHOWN = 40
LONGEST_S = 600.0
"""How long a back-test on the server may take before the command gives up."""


def over_recording(
    rules: Path, incidents: Path | None, config: Path | None, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Try the rules over a recording, in this process."""
    from wellkept.app.backtest_recording import backtest_recording
    from wellkept.app.replay import Wish
    from wellkept.app.settings import load_settings

    found = backtest_recording(Wish(**wanted), rules, incidents, load_settings(config).ops)
    return {"new": found.document(), "now": None}


def over_stored(rules: Path, since: datetime, until: datetime | None, data: Path | None) -> dict[str, Any]:
    """Try the rules over what the server has stored."""
    from wellkept.app.rules import check_rules

    check_rules(rules)
    asked = {
        "text": rules.read_text("utf-8"),
        "name": str(rules),
        "start": since.isoformat(),
        "end": until.isoformat() if until else None,
    }
    answer: dict[str, Any] = client(data).post("/api/v1/rules/backtest", asked, LONGEST_S)
    return answer


def say(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """The outcome, for people or for machines."""
    if as_json:
        return say_json(answer)
    new, now = answer["new"], answer["now"]
    click.echo(f"from {_when(new['start'])} to {_when(new['end'])} UTC")
    click.secho(summary(new), bold=True)
    if now is not None:
        click.echo(f"The rules that are on now: {summary(now)}")
    for failed in new["failed"]:
        click.secho(f"could not be tried: {failed['rule']}: {failed['why']}", fg="yellow", err=True)
    if new["pages"]:
        _say_pages(new)
    if new["incidents"]:
        _say_incidents(new, now)
    return None


def summary(found: Mapping[str, Any]) -> str:
    """The outcome in one sentence."""
    pages, incidents = len(found["pages"]), len(found["incidents"])
    text = f"{pages} page{'s' * (pages != 1)} ({found['per_day']:.2f} a day)"
    if not incidents:
        return f"{text}; no incident is known of that time, so none is called missed"
    text += f"; {incidents - found['missed']} of {incidents} known incidents found, {found['missed']} missed"
    if found["lead_median_s"] is not None:
        text += f"; the first page came {early(found['lead_median_s'])} (median)"
    return f"{text}; {found['unmatched']} page{'s' * (found['unmatched'] != 1)} about no known incident"


def early(lead_s: float) -> str:
    """How long before or after the beginning, in words."""
    size = abs(lead_s)
    amount = f"{size / 3600:.1f} h" if size >= 3600 else (f"{size / 60:.0f} min" if size >= 120 else f"{size:.0f} s")
    return f"{amount} {'before' if lead_s > 0 else 'after'} it began" if size >= 1 else "as it began"


def _say_pages(found: Mapping[str, Any]) -> None:
    counts = Counter(page["rule"] for page in found["pages"])
    alone = Counter(page["rule"] for page in found["pages"] if not page["incident"])
    by_rule = [(rule, str(count), str(alone[rule])) for rule, count in counts.most_common()]
    say_table("By rule", ("rule", "pages", "about no incident"), by_rule, "")
    rows = [
        (
            _when(page["fired_at"]),
            _lasted(page),
            page["severity"],
            page["rule"],
            ", ".join(f'{name}="{text}"' for name, text in page["labels"] if name != "alertname"),
            f"{page['incident']}, {early(page['lead_s'])}" if page["incident"] else "",
        )
        for page in found["pages"][:SHOWN]
    ]
    say_table("Pages", ("since (UTC)", "lasted", "severity", "rule", "labels", "incident"), rows, "")
    if len(found["pages"]) > SHOWN:
        click.echo(f"The first {SHOWN} of {len(found['pages'])} pages; --json gives all.")


def _say_incidents(new: Mapping[str, Any], now: Mapping[str, Any] | None) -> None:
    before = {one["id"]: one["lead_s"] for one in now["incidents"]} if now is not None else {}
    rows = [
        (
            _when(one["start"]),
            one["title"],
            _lead(one["lead_s"]),
            *((_lead(before.get(one["id"])),) if now is not None else ()),
        )
        for one in new["incidents"]
    ]
    columns = ("since (UTC)", "known incident", "first page", *(("with the rules on now",) if now is not None else ()))
    say_table("Known incidents", columns, rows, "")


def _lead(lead_s: float | None) -> str:
    return "missed" if lead_s is None else early(lead_s)


def _lasted(page: Mapping[str, Any]) -> str:
    if page["ended_at"] is None:
        return "still fires"
    seconds = (datetime.fromisoformat(page["ended_at"]) - datetime.fromisoformat(page["fired_at"])).total_seconds()
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _when(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M:%S}"


def check_options(folder: Path | None, rules: Path | None, since: datetime | None) -> None:
    """Refuse what does not go together.

    Raises:
        InputError: neither a recording nor rules, or a span of time for a recording.
    """
    if folder is None and rules is None:
        raise InputError("FOLDER", "is required, unless --rules asks for the server's stored history")
    if folder is not None and since is not None:
        raise InputError("--since", "is for the server's stored history; a recording is tried as a whole")
