"""Words of code, log lines and messages, so that a change can be compared with what fails."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_OBJECT = re.compile(
    r"""['"`\[]([\w.:/-]{3,})['"`\]]|\b(\w+(?:[_-]\w+)+)\b|\b([A-Za-z]+[a-z][A-Z]\w+)\b"""
    r"""|\b(?:table|relation|column|field|key|index|registry|pool|queue|topic|module|runtime|mapping)\s+(\w[\w.-]+)"""
)
"""What looks like the name of a thing: quoted, in snake, kebab or camel case, or behind the word for such things."""
_ABSENT = re.compile(
    r"\bno (?:such )?(\w+) (?:\w+ )?found\b|\bno such (\w+)"
    r"|([\w'\"./:-]+) (?:was |is )?not (?:found|defined|registered)\b"
    r"|\bunknown (\w+)|\bmissing (\w+)|([\w'\"./:-]+) does not exist",
    re.IGNORECASE,
)
"""A text that says of something that it is not there."""
_ENDINGS = ("ations", "ation", "ings", "ing", "ions", "ion", "ed", "es", "s")
_LEAST = 3
_COMMON = frozenset(
    """the and for with from that this not was are has have into when then than its new old off out all per one two via
    func function return const var let def self nil null none true false err string int bool import package type class
    public private static void async await error fail failed failure exception returned request response service
    server client http get set upstream downstream rate ratio above below code status log info warn""".split()  # noqa: SIM905 - a list of a hundred quoted words is no easier to read
)
"""Words of every program and every error: that they are shared says nothing."""


def words(*texts: str) -> set[str]:
    """The words of some texts: camel and snake case split, lower case, endings cut, common ones left out."""
    return {
        stem(word)
        for text in texts
        for word in (part.lower() for part in _PART.findall(text))
        if len(word) >= _LEAST and word not in _COMMON
    }


def stem(word: str) -> str:
    """A word without its ending, where enough is left of it."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST:
            return word[: -len(ending)]
    return word


def changed_lines(diff: str) -> tuple[list[str], list[str]]:
    """The lines that a unified diff adds and those that it takes away; file names are neither."""
    added, removed = [], []
    for line in diff.splitlines():
        if line.startswith("+") and not line.startswith("+++"):
            added.append(line[1:])
        elif line.startswith("-") and not line.startswith("---"):
            removed.append(line[1:])
    return added, removed


def numbers(lines: Iterable[str]) -> list[str]:
    """The numbers in some lines, in order."""
    return [number for line in lines for number in re.findall(r"\d+(?:\.\d+)?", line)]


def absent(text: str) -> set[str]:
    """The words of what a text says is not there; empty where it says no such thing."""
    return words(*(name for match in _ABSENT.finditer(text) for name in match.groups() if name))


def objects(text: str) -> set[str]:
    """The words of the names of things in a text, such as tables, fields and classes."""
    return words(*(name for match in _OBJECT.finditer(text) for name in match.groups() if name))
