"""Where a piece of evidence can be looked at: a link to it, or the command that shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from wellkept.kernel.diagnosis import Look, Pointer
from wellkept.web.wording import bare


@dataclass(frozen=True, slots=True)
class PointerView:
    """What it is, in words; where it is, and how it is asked for on the command line; either may be empty."""

    words: str
    href: str = ""
    command: str = ""


def pointed(pointer: Pointer) -> PointerView | None:
    """None for what cannot be shown."""
    if pointer.look is Look.FINDING:
        return PointerView("the finding", f"/findings/{quote(pointer.name)}")
    if pointer.look is Look.SERIES:
        of = f"{pointer.name} of {bare(pointer.entity)}"
        return PointerView(of, "", _between(pointer.start, pointer.end))
    if pointer.look is Look.TRACE:
        return PointerView(f"trace {pointer.name[:8]}", "", f"/api/v1/telemetry/traces/{pointer.name}")
    if pointer.look is Look.LOGS:
        text = max(re.split(r"[#<>'\"*]", pointer.name), key=len).strip()
        span = f" --since {pointer.start:%Y-%m-%dT%H:%M}" if pointer.start else ""
        return PointerView("the lines", "", f"wellkept logs '{text[:60]}' --entity {pointer.entity}{span}")
    return None


def _between(start: datetime | None, end: datetime | None) -> str:
    return f"{start:%H:%M:%S} to {end:%H:%M:%S} UTC" if start and end else ""
