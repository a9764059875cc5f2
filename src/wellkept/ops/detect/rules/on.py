"""What the interface and the pages need of the rules that are on; the composition root gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from wellkept.kernel.errors import InputError
from wellkept.ops.detect.rules.backtest import Backtest
from wellkept.ops.detect.rules.evaluation import GroupRun
from wellkept.ops.detect.rules.loading import Loaded
from wellkept.ops.detect.rules.slo.run import SloRun

LONGEST = timedelta(days=90)
"""A back-test looks back so far at most."""
USUAL = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Compared:
    """New rules beside those that are on now; None where none are."""

    new: Backtest
    now: Backtest | None


class RulesOn(Protocol):
    """The rules that are on, and back-tests of others."""

    @property
    def groups(self) -> Sequence[GroupRun]: ...

    @property
    def objectives(self) -> Sequence[SloRun]: ...

    @property
    def mistakes(self) -> dict[str, str]: ...

    def try_out(self, loaded: Loaded, start: datetime, end: datetime) -> Compared: ...


def checked_span(start: datetime | None, end: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The time of a back-test: where nothing is said, the last seven days.

    Raises:
        InputError: it is none, or too long.
    """
    until = min(end or now, now)
    since = start or until - USUAL
    if since >= until:
        raise InputError("start", "must be before the end, and in the past", since.isoformat())
    if until - since > LONGEST:
        raise InputError("start", f"must be at most {LONGEST.days} days before the end", since.isoformat())
    return since, until
