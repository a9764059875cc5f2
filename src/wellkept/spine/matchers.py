"""Whether labels match: regular expressions of RE2, which run in linear time whoever wrote them, each value once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from wellkept.kernel.errors import InputError
from wellkept.kernel.matching import Matcher

REMEMBERED = 10_000
"""Values of a label whose answer an expression remembers."""


class Matching:
    """Matchers that all have to hold, ready to be asked many times. Without any, everything matches.

    Raises:
        InputError: a regular expression is none of RE2.
    """

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self.matchers = tuple(matchers)
        self._plain = [(m.name, m.value, m.is_equal) for m in matchers if not m.is_regex]
        self._regexes = [(m.name, _Expression(m.name, m.value), m.is_equal) for m in matchers if m.is_regex]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether every matcher holds."""
        for name, value, wanted in self._plain:
            if (labels.get(name, "") == value) is not wanted:
                return False
        return all(expression.holds(labels.get(name, "")) is wanted for name, expression, wanted in self._regexes)

    def learn(self, many: Sequence[Mapping[str, str]]) -> None:
        """Answer for all values of a batch at once, so that ``matches`` has only to look them up."""
        for name, expression, _ in self._regexes:
            expression.learn({labels.get(name, "") for labels in many})

    @property
    def is_empty(self) -> bool:
        """Whether what has no label at all would match: then it says nothing of what is meant."""
        return self.matches({})


class _Expression:
    """One regular expression over whole values."""

    def __init__(self, name: str, pattern: str) -> None:
        self._name, self._pattern = name, pattern
        self._known: dict[str, bool] = {}
        self.learn([""])

    def holds(self, value: str) -> bool:
        if value not in self._known:
            self.learn([value])
        return self._known[value]

    def learn(self, values: Iterable[str]) -> None:
        new = [value for value in values if value not in self._known]
        if not new:
            return
        if len(self._known) + len(new) > REMEMBERED:
            self._known.clear()
        try:
            found = pc.match_substring_regex(pa.array(new, pa.string()), f"^(?s:{self._pattern})$").to_pylist()
        except pa.ArrowInvalid:
            rule = f"must have a regular expression of RE2 for {self._name}"
            raise InputError("matcher", rule, self._pattern) from None
        self._known.update(zip(new, found, strict=True))
