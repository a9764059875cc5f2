"""The subset of Go's templates that labels and annotations of alerts need: values, labels, and how they are written.

``{{ $labels.instance }}``, ``{{ $value | humanizePercentage }}``, ``{{ printf "%.2f" $value }}``, ``{{ if ... }}``,
``{{ with $labels.cluster }}on {{ . }}{{ end }}``, ``{{ range query "up == 0" }}{{ .Labels.instance }} {{ end }}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from wellkept.ops.detect.rules.functions import Facts, Value, shown
from wellkept.ops.detect.rules.pipelines import QUERY, Term, UnsupportedError, pipeline, tokens

LONGEST, DEEPEST = 8_000, 50
_PIECE = re.compile(
    r"""\{\{(-?)(\s*/\*.*?\*/\s*|(?:"(?:\\.|[^"\\])*"|`[^`]*`|[^"`])*?)(-?)\}\}""",
    re.DOTALL,
)

Part: TypeAlias = Callable[[Facts], str]


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places in it. ``uses_value``: whether it changes with the value. ``asks``: whether it asks for data.

    ``problem``: why it stays as it is written; empty where it is filled.
    """

    text: str
    parts: tuple[Part, ...]
    uses_value: bool
    asks: bool = False
    problem: str = ""

    def filled(self, facts: Facts) -> str:
        """The text for one alert.

        Raises:
            WellkeptError: a question in it has no answer.
        """
        return _joined(self.parts, facts)


def plain(text: str) -> Template:
    """A text without places in it, whatever it says."""
    return Template(text, (lambda _: text,), uses_value=False)


def compiled(text: str) -> Template:
    """The template of a text.

    Raises:
        ValueError: it is no template.
        UnsupportedError: it is one that is not supported.
    """
    if len(text) > LONGEST:
        raise ValueError(f"must be at most {LONGEST} characters")
    pieces = _pieces(text)
    parts = _Reader(pieces).parts()
    codes = [piece for is_code, piece in pieces if is_code and not piece.startswith("/*")]
    words = {word for code in codes for kind, word in tokens(code) if kind != "text"}
    uses_value = any("value" in word.lower() or word in ("$", ".") for word in words)
    return Template(text, tuple(parts), uses_value, QUERY in words)


def lenient(text: str) -> Template:
    """The template of a text that stays as it is written where it uses what is not supported.

    Raises:
        ValueError: it is no template.
    """
    try:
        return compiled(text)
    except UnsupportedError as error:
        return replace(plain(text), problem=str(error))


def _pieces(text: str) -> list[tuple[bool, str]]:
    """(whether it is code, what it says), in order; dashes at the braces take white space away."""
    found: list[tuple[bool, str]] = []
    place, trims = 0, False
    for match in _PIECE.finditer(text):
        plain = text[place : match.start()]
        plain = plain.lstrip() if trims else plain
        plain = plain.rstrip() if match.group(1) else plain
        found += [(False, plain), (True, match.group(2).strip())]
        place, trims = match.end(), bool(match.group(3))
    rest = text[place:]
    found.append((False, rest.lstrip() if trims else rest))
    if any("{{" in plain or "}}" in plain for is_code, plain in found if not is_code):
        raise ValueError("has braces that are not closed or not opened")
    return found


class _Reader:
    """Goes through the pieces of a text once. ``around``: the blocks that it is in."""

    def __init__(self, pieces: Sequence[tuple[bool, str]]) -> None:
        self._pieces, self._place = pieces, 0
        self._around: list[str] = []

    def parts(self) -> list[Part]:
        """The parts up to the end (or else) of the block that it is in."""
        found: list[Part] = []
        while self._place < len(self._pieces):
            is_code, piece = self._pieces[self._place]
            word = next(iter(piece.split()), "")
            if is_code and word in ("end", "else"):
                if not self._around:
                    raise ValueError(f"has {word} without an if")
                return found
            self._place += 1
            if not is_code:
                found.append(lambda _, plain=piece: plain)  # type: ignore[misc]
            elif word in _BLOCKS:
                found.append(self._block(word, piece.removeprefix(word)))
            elif not piece.startswith("/*"):
                found.append(_written(self._pipeline(piece)))
        if self._around:
            article = "a" if self._around[-1] in ("with", "range") else "an"
            raise ValueError(f"has {article} {self._around[-1]} without an end")
        return found

    def _pipeline(self, code: str) -> Term:
        return pipeline(code, is_root=not {"with", "range"} & set(self._around))

    def _block(self, word: str, test: str) -> Part:
        if word == "range" and "range" in self._around:
            raise UnsupportedError("has a range within a range, which is not supported here")
        term = self._pipeline(test)
        yes, no = self._within(word), list[Part]()
        keyword = self._pieces[self._place][1].split()
        if keyword[0] == "else" and keyword[1:2] in (["if"], ["with"]):
            _, _, other = self._pieces[self._place][1].partition(keyword[1])
            self._place += 1
            self._around.append("else")
            no = [self._block(keyword[1], other)]
            self._around.pop()
            return _BLOCKS[word](term, yes, no)
        if keyword[0] == "else":
            self._place += 1
            no = self._within("else")
            if self._pieces[self._place][1].split()[0] == "else":
                raise ValueError("has else without an if")
        self._place += 1
        return _BLOCKS[word](term, yes, no)

    def _within(self, word: str) -> list[Part]:
        self._around.append(word)
        if len(self._around) > DEEPEST:
            raise ValueError(f"must have at most {DEEPEST} blocks within one another")
        found = self.parts()
        self._around.pop()
        return found


def _if(term: Term, yes: Sequence[Part], no: Sequence[Part]) -> Part:
    return lambda facts: _joined(yes if term(facts) else no, facts)


def _with(term: Term, yes: Sequence[Part], no: Sequence[Part]) -> Part:
    def filled(facts: Facts) -> str:
        value = term(facts)
        return _joined(yes, replace(facts, dot=value)) if value else _joined(no, facts)

    return filled


def _range(term: Term, yes: Sequence[Part], no: Sequence[Part]) -> Part:
    def filled(facts: Facts) -> str:
        found = _items(term(facts))
        return "".join(_joined(yes, replace(facts, dot=one)) for one in found) if found else _joined(no, facts)

    return filled


_BLOCKS = {"if": _if, "with": _with, "range": _range}


def _items(value: Value) -> Sequence[Value]:
    """What a range goes through."""
    if isinstance(value, Mapping):
        return [value[name] for name in sorted(value)]
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _joined(parts: Sequence[Part], facts: Facts) -> str:
    return "".join(part(facts) for part in parts)


def _written(term: Term) -> Part:
    return lambda facts: shown(term(facts))
