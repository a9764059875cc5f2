"""Matchers of labels, as Alertmanager writes them: ``severity="critical"``, ``team!="shop"``, ``instance=~"web.*"``.

Here is only what they say. Whether labels match is told by :mod:`wellkept.spine.matchers`, which has the engine of
regular expressions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wellkept.kernel.errors import InputError

OPERATORS = ("=", "!=", "=~", "!~")
LONGEST = 2_000
"""Characters of a matcher's value."""
_MATCHER = re.compile(
    r"\s*(?:\"([^\"]+)\"|([^\s\"=!~{},]+))\s*(=~|!~|!=|=)\s*(?:\"((?:[^\"\\]|\\.)*)\"|(.*?))\s*\Z", re.DOTALL
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label. A label that is not there has the empty value."""

    name: str
    operator: str
    value: str

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("matcher.name", "must not be empty")
        if self.operator not in OPERATORS:
            raise InputError(f"matcher {self.name}", f"must use one of {' '.join(OPERATORS)}", self.operator)
        if len(self.value) > LONGEST:
            raise InputError(f"matcher {self.name}", f"must have at most {LONGEST} characters", len(self.value))

    @classmethod
    def of(cls, text: str) -> Matcher:
        """Read a matcher, with or without quotes around its value.

        Raises:
            InputError: it is none.
        """
        found = _MATCHER.match(text)
        if found is None:
            raise InputError("matcher", 'must be like severity="critical", or with !=, =~ or !~', text)
        quoted, bare, operator, escaped, plain = found.groups()
        value = plain if escaped is None else _ESCAPE.sub(lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), escaped)
        return cls(quoted or bare, operator, value)

    @property
    def is_regex(self) -> bool:
        return self.operator.endswith("~")

    @property
    def is_equal(self) -> bool:
        """Whether it asks for the value, not for its absence."""
        return self.operator.startswith("=")

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
        return f'{self.name}{self.operator}"{value}"'
