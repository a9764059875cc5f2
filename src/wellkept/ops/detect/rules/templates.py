"""The subset of Go's templates that labels and annotations of alerts need: values, labels, and how they are written.

``{{ $labels.instance }}``, ``{{ $value | humanizePercentage }}``, ``{{ printf "%.2f" $value }}``, ``{{ if ... }}``.
What asks for other data (``query``), loops, or defines anything is refused when the rule is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from wellkept.ops.detect.rules.functions import FUNCTIONS, shown

LONGEST, DEEPEST = 8_000, 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*"|`[^`]*`)|(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?P<name>[$.]?[\w$]+(?:\.[\w]+)*|\.)"""
    r"""|(?P<sign>[|()]))""",
    re.VERBOSE,
)
_PIECE = re.compile(r"\{\{(-?)(.*?)(-?)\}\}", re.DOTALL)
_UNSUPPORTED = frozenset(
    {"query", "first", "value", "sortByLabel", "range", "with", "define", "template", "block", "tmpl", "externalURL",
     "pathPrefix", "tableLink", "graphLink"}
)  # fmt: skip
_NOTHING = ("$externalLabels", "$externalURL", ".ExternalLabels", ".ExternalURL")
"""What a Prometheus is called by others; there is no such thing here."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a template may speak of."""

    labels: Mapping[str, str]
    value: float


Value: TypeAlias = str | float | bool | Mapping[str, str]
Part: TypeAlias = Callable[[Facts], str]
Term: TypeAlias = Callable[[Facts], Value]


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places in it. ``uses_value``: whether it changes with the value."""

    text: str
    parts: tuple[Part, ...]
    uses_value: bool

    def filled(self, facts: Facts) -> str:
        """The text for one alert."""
        return "".join(part(facts) for part in self.parts)


def plain(text: str) -> Template:
    """A text without places in it, whatever it says."""
    return Template(text, (lambda _: text,), uses_value=False)


def compiled(text: str) -> Template:
    """The template of a text.

    Raises:
        ValueError: it uses what is not supported, or is no template.
    """
    if len(text) > LONGEST:
        raise ValueError(f"must be at most {LONGEST} characters")
    parts, rest = _block(_pieces(text), depth=0)
    if rest:
        raise ValueError("has an end or else without an if")
    uses_value = any("value" in piece.lower() for is_code, piece in _pieces(text) if is_code)
    return Template(text, tuple(parts), uses_value)


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


def _block(pieces: list[tuple[bool, str]], depth: int) -> tuple[list[Part], list[tuple[bool, str]]]:
    """The parts up to the end of a block, and what follows, that end included."""
    parts: list[Part] = []
    while pieces:
        (is_code, piece), *rest = pieces
        word = next(iter(piece.split()), "")
        if depth > DEEPEST:
            raise ValueError(f"must have at most {DEEPEST} blocks within one another")
        if is_code and word in ("end", "else"):
            if not depth:
                raise ValueError(f"has {word} without an if")
            return parts, pieces
        pieces = rest
        if not is_code:
            parts.append(lambda _, plain=piece: plain)  # type: ignore[misc]
        elif word == "if":
            part, pieces = _condition(piece.removeprefix("if"), pieces, depth)
            parts.append(part)
        elif not piece.startswith("/*"):
            parts.append(_written(_pipeline(piece)))
    if depth:
        raise ValueError("has an if without an end")
    return parts, []


def _condition(test: str, pieces: list[tuple[bool, str]], depth: int) -> tuple[Part, list[tuple[bool, str]]]:
    holds = _pipeline(test)
    yes, pieces = _block(pieces, depth + 1)
    no: list[Part] = []
    word = pieces[0][1]
    if word.startswith("else"):
        other = word.removeprefix("else").strip()
        if other.startswith("if"):
            part, pieces = _condition(other.removeprefix("if"), pieces[1:], depth + 1)
            no = [part]
            return _choice(holds, yes, no), pieces
        no, pieces = _block(pieces[1:], depth + 1)
    return _choice(holds, yes, no), pieces[1:]


def _choice(holds: Term, yes: Sequence[Part], no: Sequence[Part]) -> Part:
    return lambda facts: "".join(part(facts) for part in (yes if _is_true(holds(facts)) else no))


def _is_true(value: Value) -> bool:
    return bool(value)


def _written(term: Term) -> Part:
    return lambda facts: shown(term(facts))


def _pipeline(code: str) -> Term:
    """Commands with bars between them: the value of each is the last argument of the next."""
    if code.startswith("$") and ":=" in code:
        raise ValueError(f"sets a variable, which is not supported here: {code}")
    tokens = _tokens(code)
    term: Term | None = None
    command: list[Term | str] = []
    depth = 0
    stack: list[list[Term | str]] = []
    for kind, text in [*tokens, ("sign", "|")]:
        if kind == "sign" and text == "(":
            depth += 1
            stack.append(command)
            command = []
        elif kind == "sign" and text == ")":
            if not depth:
                raise ValueError(f"has a bracket that is not opened: {code}")
            inner = _command(command, None, code)
            command, depth = [*stack.pop(), inner], depth - 1
        elif kind == "sign":
            if depth:
                raise ValueError(f"has a bar or an end within brackets: {code}")
            term, command = _command(command, term, code), []
        else:
            command.append(_operand(kind, text))
    assert term is not None
    return term


def _tokens(code: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while code[place:].strip():
        match = _TOKEN.match(code, place)
        if match is None or match.end() == place:
            raise ValueError(f"cannot be read: {{{{ {code} }}}}")
        assert match.lastgroup is not None
        found.append((match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    return found


def _operand(kind: str, text: str) -> Term | str:
    """A term, or the name of a function."""
    if kind == "text":
        plain = text[1:-1] if text.startswith("`") else _unescaped(text[1:-1])
        return lambda _: plain
    if kind == "number":
        return lambda _: float(text)
    if text in ("$value", ".Value"):
        return lambda facts: facts.value
    if text in ("$labels", ".Labels"):
        return lambda facts: facts.labels
    for prefix in ("$labels.", ".Labels."):
        if text.startswith(prefix):
            name = text.removeprefix(prefix)
            return lambda facts: facts.labels.get(name, "")
    if text.startswith(_NOTHING):
        return lambda _: ""
    if text in _UNSUPPORTED:
        raise ValueError(f"uses {text}, which is not supported here")
    if text in FUNCTIONS:
        return text
    raise ValueError(f"uses {text}, which is not known")


def _command(command: Sequence[Term | str], piped: Term | None, code: str) -> Term:
    given = [*command, *([piped] if piped is not None else [])]
    if not given:
        raise ValueError(f"has a place with nothing in it: {{{{ {code} }}}}")
    head, *others = given
    arguments = [term for term in others if not isinstance(term, str)]
    if len(arguments) != len(others):
        raise ValueError(f"has a function where a value has to be: {{{{ {code} }}}}")
    if not isinstance(head, str):
        if arguments:
            raise ValueError(f"has a value where a function has to be: {{{{ {code} }}}}")
        return head
    function, least, most = FUNCTIONS[head]
    if not least <= len(arguments) <= most:
        raise ValueError(f"gives {head} {len(arguments)} arguments: {{{{ {code} }}}}")
    return lambda facts: function(*(term(facts) for term in arguments))


def _unescaped(text: str) -> str:
    simple = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
    return re.sub(r"\\(.)", lambda found: simple.get(found.group(1), found.group(0)), text)
