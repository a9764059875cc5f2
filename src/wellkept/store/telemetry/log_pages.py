"""Searching logs page by page, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import pyarrow as pa

from wellkept.kernel.clock import to_nanos
from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.cursors import Page, read, written
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.failures import SlowError
from wellkept.store.telemetry.statements import load

SECONDS = 20.0
_FIRST_SLICE_NS = 5 * 60 * 10**9
_WIDER = 4
_WORD = re.compile(r'"([^"]+)"|(\S+)')
_MOST_WORDS, _LAST_RECORD = 20, (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class LogsWanted:
    """Records in [start, end): every word of ``text`` occurs in them, in any case ("two words" in quotes are one).

    ``severity``: this number and above. Empty texts mean any.
    """

    start: datetime
    end: datetime
    text: str = ""
    entity: str = ""
    service: str = ""
    severity: int = 0
    trace_id: str = ""

    @property
    def words(self) -> list[str]:
        """The words of the text.

        Raises:
            InputError: there are too many.
        """
        words = [phrase or word for phrase, word in _WORD.findall(self.text)]
        if len(words) > _MOST_WORDS:
            raise InputError("text", f"must be at most {_MOST_WORDS} words", len(words))
        return words


class LogPages:
    """A record that came twice (same time, entity, text and attributes) counts once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, wanted: LogsWanted, limit: int, cursor: str = "") -> Page:
        """At most ``limit`` records. It looks at slices of time from the newest on, since most pages end early.

        Raises:
            InputError: the cursor is none.
            SlowError: nothing was found in the time allowed.
        """
        start, end = to_nanos(wanted.start), to_nanos(wanted.end)
        before, record = end, str(_LAST_RECORD)
        if cursor:
            before, record = read(cursor)
        if not record.isdecimal():
            raise InputError("cursor", "must be one that an answer gave as 'next'", cursor)
        parameters: dict[str, object] = {
            "entity": wanted.entity, "service": wanted.service, "severity": wanted.severity,
            "trace_id": wanted.trace_id.lower(), "words": wanted.words, "before": before, "before_record": int(record),
        }  # fmt: skip
        found: list[pa.Table] = []
        deadline, missing = monotonic() + SECONDS, limit
        for first, last in _slices(start, min(end, before + 1)):
            left = deadline - monotonic()
            chosen = {**parameters, "start": first, "end": last, "limit": missing}
            try:
                rows = self._engine.query(load("queries/log_page.sql"), chosen, limit_s=max(left, 0.001))
            except SlowError:
                if missing == limit:
                    raise
                return _page(found, more=True)
            found.append(rows)
            missing -= rows.num_rows
            if missing == 0:
                return _page(found, more=True)
        return _page(found or [self._nothing(parameters)], more=False)

    def _nothing(self, parameters: dict[str, object]) -> pa.Table:
        return self._engine.query(load("queries/log_page.sql"), {**parameters, "start": 0, "end": 0, "limit": 0})


def _page(found: list[pa.Table], *, more: bool) -> Page:
    rows = pa.concat_tables(found)
    cursor = written(rows["at"][-1].as_py(), str(rows["record"][-1].as_py())) if more else ""
    return Page(rows.drop_columns(["at", "record"]), cursor)


def _slices(start: int, end: int) -> Iterator[tuple[int, int]]:
    """[start, end) cut up, the newest slice first, each wider than the one before."""
    width = _FIRST_SLICE_NS
    while end > start:
        yield max(start, end - width), end
        end, width = max(start, end - width), width * _WIDER
