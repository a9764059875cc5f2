"""The many words for how bad a log line is, as OTLP's severity numbers."""

from __future__ import annotations

SYSLOG = (
    (21, "emerg"),
    (19, "alert"),
    (18, "crit"),
    (17, "err"),
    (13, "warning"),
    (10, "notice"),
    (9, "info"),
    (5, "debug"),
)
"""Severities 0 to 7 of syslog as the OpenTelemetry log data model numbers them, and their names."""

_LEVELS = {
    "trace": 1, "finest": 1, "verbose": 1, "finer": 2, "debug": 5, "dbg": 5, "fine": 5, "d": 5, "config": 7,
    "info": 9, "information": 9, "informational": 9, "i": 9, "ok": 9, "success": 9, "notice": 10,
    "warn": 13, "warning": 13, "wrn": 13, "w": 13,
    "error": 17, "err": 17, "e": 17, "severe": 17, "failure": 17,
    "crit": 18, "critical": 18, "alert": 19, "fatal": 21, "f": 21, "emerg": 21, "emergency": 21, "panic": 21,
}  # fmt: skip
"""Levels of logging libraries and of syslog, in lower case."""
_NUMBERED = {10: 1, 20: 5, 30: 9, 40: 13, 50: 17, 60: 21}
"""Levels that pino and bunyan write as numbers."""


def level_of(word: object) -> tuple[int, str]:
    """The OTLP severity number and text of a logging level; 0 for a level that nobody knows."""
    if isinstance(word, int | float) and not isinstance(word, bool):
        return _NUMBERED.get(int(word), 0), str(word)
    text = str(word).strip() if word is not None else ""
    return _LEVELS.get(text.lower(), 0), text[:40]
