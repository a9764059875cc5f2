"""How long each signal is kept: a TTL on its tables, altered at the start when the settings have changed."""

from __future__ import annotations

from collections.abc import Mapping

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.statements import load, split

SIGNALS = ("metrics", "minutes", "hours", "logs", "traces", "predictions", "changes")
"""``metrics`` are the points themselves, ``minutes`` and ``hours`` their tiers."""
SERIES = "series"
"""What series and resources are. It is kept as long as the tier that is kept longest, and has no setting of its own."""
_TIERS = ("metrics", "minutes", "hours")

LONGEST = 36_500
"""Days; beyond that a sum of dates would come out in the past, and what should stay for ever would go at once."""

_APPLIED = "SELECT signal, days FROM retention FINAL"
_NOTE = "INSERT INTO retention SELECT {signal:String}, {days:UInt32}, now64(3)"


def apply_retention(engine: Engine, days: Mapping[str, float]) -> tuple[str, ...]:
    """Set the TTL of the signals named; gives the signals whose TTL was changed. 0 days: kept for ever.

    Raises:
        InputError: a signal that is not known, or days that are no whole number from 0 on.
    """
    applied = kept_days(engine)
    changed: list[str] = []
    tiers = [{**applied, **days}.get(tier, 0) for tier in _TIERS]
    for signal, wanted in {**days, SERIES: max(tiers) if all(tiers) else 0}.items():
        if signal not in (*SIGNALS, SERIES):
            raise InputError(f"retention of {signal}", f"must be of one of {', '.join(SIGNALS)}")
        if not 0 <= wanted <= LONGEST or wanted != int(wanted):
            rule = f"must be a whole number of days up to {LONGEST}, 0 for ever"
            raise InputError(f"retention of {signal}", rule, wanted)
        if applied.get(signal, 0) != int(wanted):
            _alter(engine, signal, int(wanted))
            changed.append(signal)
    return tuple(changed)


def kept_days(engine: Engine) -> dict[str, int]:
    """The days that each signal is kept, as it was last applied; 0, or none: for ever."""
    return {row["signal"]: row["days"] for row in engine.query(_APPLIED).to_pylist()}


def _alter(engine: Engine, signal: str, wanted: int) -> None:
    """Alter the tables, then note it down; what was cut short in between is done again as a whole."""
    for statement in split(load(f"ttl/{signal}_set.sql")):
        engine.command(statement, {"days": wanted or LONGEST})
    if not wanted:
        # A table without a TTL refuses to have it removed, so each has just been given one.
        for statement in split(load(f"ttl/{signal}_remove.sql")):
            engine.command(statement)
    engine.command(_NOTE, {"signal": signal, "days": wanted})
