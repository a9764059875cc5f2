"""What a client of Prometheus's interface asks for: parameters of the address and of a form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qsl

import promql_parser
from starlette.datastructures import QueryParams

from wellkept.kernel.errors import InputError

_LONGEST_FIELDS = 10_000
_FARTHEST_MS = 253_402_300_799_000
"""The end of the year 9999, beyond which there is no date."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of one request. ``warnings`` gathers what the answer should say beside the data."""

    values: Mapping[str, Sequence[str]]
    path: Mapping[str, str]
    now_ms: int
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, query: QueryParams, form: bytes, path: Mapping[str, str], now: datetime) -> Asked:
        """Those of the form and of the address together.

        Raises:
            InputError: the form cannot be read.
        """
        try:
            fields = parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=_LONGEST_FIELDS)
        except ValueError as error:
            raise InputError("form", f"must be URL-encoded text: {error}") from None
        values: dict[str, list[str]] = {}
        for name, value in [*fields, *query.multi_items()]:
            values.setdefault(name, []).append(value)
        return cls(values, path, round(now.timestamp() * 1000))

    def get(self, name: str, otherwise: str = "") -> str:
        """A parameter that may be left out."""
        return self.values.get(name, [otherwise])[0]

    def all(self, name: str) -> Sequence[str]:
        """Every value of a parameter."""
        return self.values.get(name, [])

    def text(self, name: str) -> str:
        """A parameter that is required.

        Raises:
            InputError: it is not there.
        """
        found = self.get(name)
        if not found.strip():
            raise InputError(name, "is required")
        return found

    def moment(self, name: str, otherwise: int | None = None) -> int:
        """A moment in milliseconds: seconds since the epoch, or RFC 3339.

        Raises:
            InputError: it is neither, or missing.
        """
        text = self.get(name)
        if not text and otherwise is not None:
            return otherwise
        millis = _millis(self.text(name))
        if millis is None or abs(millis) > _FARTHEST_MS:
            raise InputError(name, "must be seconds since the epoch, or a moment such as 2026-01-31T12:00:00Z", text)
        return millis

    def step_ms(self, name: str) -> int:
        """A duration in milliseconds: seconds, or such as ``5m``.

        Raises:
            InputError: it is neither, or not more than 0.
        """
        seconds = _seconds(self.text(name))
        if seconds is None or not 0.001 <= seconds <= _FARTHEST_MS / 1000:
            raise InputError(name, "must be a duration of at least 1 ms, such as 15 (seconds) or 5m", self.get(name))
        return round(seconds * 1000)

    @property
    def timeout_s(self) -> float | None:
        """How long the client is ready to wait."""
        return self.step_ms("timeout") / 1000 if self.get("timeout") else None

    @property
    def span(self) -> tuple[int, int]:
        """(start, end) of a list of series; where they are left out, everything until now."""
        return self.moment("start", 0), self.moment("end", self.now_ms)

    def limit(self, otherwise: int) -> int:
        """How much is to be listed; 0 and nothing mean ``otherwise``.

        Raises:
            InputError: it is no whole number.
        """
        text = self.get("limit", "0")
        if not text.isascii() or not text.isdecimal() or len(text) > 9:
            raise InputError("limit", "must be a whole number from 0 on", text)
        return int(text) or otherwise

    def cut(self, found: Sequence[T], otherwise: int) -> Sequence[T]:
        """At most so many; a warning says it where some are left out."""
        limit = self.limit(otherwise)
        if len(found) > limit:
            self.warnings.append("results truncated due to limit")
        return found[:limit]


def _millis(text: str) -> int | None:
    seconds = _number(text)
    if seconds is not None:
        return round(seconds * 1000)
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _seconds(text: str) -> float | None:
    number = _number(text)
    if number is not None:
        return number
    try:
        return promql_parser.parse_duration(text).total_seconds()
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> float | None:
    """A finite number written in digits."""
    if not text or text[:1].isspace() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
