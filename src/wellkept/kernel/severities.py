"""The many words for how bad something is, as our severities."""

from __future__ import annotations

from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Severity

_SEVERITIES = {
    Severity.CRITICAL: ("critical", "crit", "page", "fatal", "emergency", "emerg", "alert", "disaster", "sev0", "sev1",
                        "p0", "p1", "1"),
    Severity.ERROR: ("error", "err", "high", "major", "sev2", "p2", "2"),
    Severity.WARNING: ("warning", "warn", "medium", "moderate", "average", "minor", "sev3", "p3", "3"),
    Severity.INFO: ("info", "information", "informational", "notice", "low", "none", "debug", "ok", "sev4", "sev5",
                    "p4", "p5", "4", "5"),
}  # fmt: skip
_BY_WORD = {word: severity for severity, words in _SEVERITIES.items() for word in words}


def severity_of(word: str, default: Severity = Severity.WARNING) -> Severity:
    """The severity that a word of any monitoring stands for; what nobody knows is the default."""
    return _BY_WORD.get(word.strip().lower(), default)


def severity_named(name: str) -> Severity:
    """The severity of one of our own names.

    Raises:
        InputError: there is none of that name.
    """
    try:
        return Severity[name.upper()]
    except KeyError as error:
        allowed = ", ".join(severity.name.lower() for severity in Severity)
        raise InputError("severity", f"must be one of {allowed}", name) from error
