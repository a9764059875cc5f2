"""Secrets in sample lines are masked before anybody is shown them or they are stored a second time."""

from __future__ import annotations

import re

HIDDEN = "***"
_HINTS = (
    "pass", "pwd", "secret", "token", "api", "credential", "authoriz", "cookie", "session", "access", "private",
    "bearer ", "basic ", "digest ", "eyj", "akia", "asia", "aiza", "gh", "github_pat", "glpat", "xox", "sk-",
    "sk_", "rk_", "://",
)  # fmt: skip
"""Lines without any of this hold no secret that could be recognised."""
_RULES = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"(?i)\b((?:bearer|basic|digest)\s+)[\w.~+/=-]{6,}", rf"\1{HIDDEN}"),
        (
            (
                r"(?i)((?:passw(?:or)?d|passwd|\bpwd|passphrase|secret|token|api[_-]?key|apikey|access[_-]?key|"
                r"private[_-]?key|credentials?|authorization|set-cookie|cookie|session[_-]?key)[\w.-]{0,64}[\"']?\s*[=:]\s*)"
                r"(\"[^\"]*\"|'[^']*'|[^\s,;&)\]}]+)"
            ),
            rf"\1{HIDDEN}",
        ),
        (r"(\w{1,20}://[^\s/:@]+:)[^\s/@]+(?=@)", rf"\1{HIDDEN}"),
        (r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?", HIDDEN),
        (
            (
                r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}"
                r"|\bglpat-[\w-]{16,}|\bxox[abprs]-[\w-]{10,}|\b(?:sk[-_]|rk_)[\w-]{16,}"
            ),
            HIDDEN,
        ),
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*", HIDDEN),
    )
)


def redact(line: str) -> str:
    """The line with passwords, tokens and keys masked."""
    lowered = line.lower()
    if not any(hint in lowered for hint in _HINTS):
        return line
    for pattern, by in _RULES:
        line = pattern.sub(by, line)
    return line
