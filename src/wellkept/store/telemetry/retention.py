"""How long each signal is kept: a TTL on its tables, altered at the start when the settings have changed."""

from __future__ import annotations

from collections.abc import Mapping

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.statements import load, split

SIGNALS = ("metrics", "logs", "traces", "predictions", "changes")

_APPLIED = "SELECT signal, days FROM retention FINAL"
_NOTE = "INSERT INTO retention SELECT {signal:String}, {days:UInt32}, now64(3)"


def apply_retention(engine: Engine, days: Mapping[str, float]) -> tuple[str, ...]:
    """Set the TTL of the signals named; gives the signals whose TTL was changed. 0 days: kept for ever.

    Raises:
        InputError: a signal that is not known, or days that are no whole number from 0 on.
    """
    applied = {row["signal"]: row["days"] for row in engine.query(_APPLIED).to_pylist()}
    changed: list[str] = []
    for signal, wanted in days.items():
        if signal not in SIGNALS:
            raise InputError(f"retention of {signal}", f"must be of one of {', '.join(SIGNALS)}")
        if wanted != int(wanted) or wanted < 0:
            raise InputError(f"retention of {signal}", "must be a whole number of days, 0 for ever", wanted)
        if applied.get(signal, 0) == int(wanted):
            continue
        kind = "set" if wanted else "remove"
        for statement in split(load(f"ttl/{signal}_{kind}.sql")):
            engine.command(statement, {"days": int(wanted)})
        engine.command(_NOTE, {"signal": signal, "days": int(wanted)})
        changed.append(signal)
    return tuple(changed)
