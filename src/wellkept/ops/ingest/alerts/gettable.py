"""Open alerts as an Alertmanager's API v2 shows them, and the filters that its clients ask with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wellkept.kernel.errors import InputError
from wellkept.ops.ingest.alerts.alertmanager import GENERATOR
from wellkept.ops.ingest.alerts.base import ANNOTATION
from wellkept.ops.ingest.alerts.intake import Held

RECEIVER = "wellkept"
_MATCHER = re.compile(
    r"\s*(?:\"([^\"]+)\"|([^\s\"=!~{},]+))\s*(=~|!~|!=|=)\s*(?:\"((?:[^\"\\]|\\.)*)\"|(.*?))\s*\Z", re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_FNV_BASE, _FNV_PRIME, _SEPARATOR = 14695981039346656037, 1099511628211, b"\xff"


@dataclass(frozen=True, slots=True)
class Matcher:
    """``name="value"`` and its three sisters. A label that is not there has the empty value."""

    name: str
    operator: str
    value: str

    @classmethod
    def of(cls, text: str) -> Matcher:
        """Read a filter.

        Raises:
            InputError: it is none, or its regular expression is none.
        """
        found = _MATCHER.match(text)
        if found is None:
            raise InputError("filter", 'must be like severity="critical", or with !=, =~ or !~', text)
        quoted, bare, operator, escaped, plain = found.groups()
        value = plain if escaped is None else _ESCAPE.sub(lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), escaped)
        matcher = cls(quoted or bare, operator, value)
        if operator.endswith("~"):
            matcher.matches({})
        return matcher

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels match. A regular expression has to match the whole value, and runs in linear time."""
        value = labels.get(self.name, "")
        if not self.operator.endswith("~"):
            return (value == self.value) is (self.operator == "=")
        try:
            found = pc.match_substring_regex(pa.array([value]), f"^(?s:{self.value})$")[0].as_py()
        except pa.ArrowInvalid:
            raise InputError("filter", f"must have a regular expression of RE2 for {self.name}", self.value) from None
        return bool(found) is (self.operator == "=~")


def gettable(alerts: Iterable[Held], filters: Iterable[Matcher] = ()) -> list[dict[str, Any]]:
    """The alerts that all filters match. Nothing is silenced or inhibited here."""
    wanted = list(filters)
    return [_shown(alert) for alert in alerts if all(matcher.matches(labels_of(alert)) for matcher in wanted)]


def labels_of(alert: Held) -> Mapping[str, str]:
    return alert.finding.evidence[0].attributes if alert.finding.evidence else {}


def fnv(labels: Mapping[str, str]) -> str:
    """The fingerprint that Alertmanager itself gives these labels (FNV-1a, 64 bits)."""
    value = _FNV_BASE
    for name in sorted(labels):
        for byte in name.encode() + _SEPARATOR + labels[name].encode() + _SEPARATOR:
            value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def _shown(alert: Held) -> dict[str, Any]:
    finding, labels = alert.finding, labels_of(alert)
    said = finding.attributes
    return {
        "annotations": {k.removeprefix(ANNOTATION): v for k, v in said.items() if k.startswith(ANNOTATION)},
        "endsAt": alert.until.isoformat(),
        "fingerprint": fnv(labels),
        "receivers": [{"name": RECEIVER}],
        "startsAt": finding.starts_at.isoformat(),
        "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": alert.said_at.isoformat(),
        "generatorURL": said.get(GENERATOR, ""),
        "labels": dict(labels),
    }
