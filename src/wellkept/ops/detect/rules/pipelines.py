"""What stands between the braces of a template: values, their fields, and functions with bars between them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from wellkept.ops.detect.rules.functions import FUNCTIONS, Facts, Value, shown

QUERY = "query"
"""The function that asks for other data."""
MOST_WORDS = 200
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\])*"|`[^`]*`)|(?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?P<name>[$.]?[\w$]+(?:\.[\w]+)*|\.)"""
    r"""|(?P<sign>[|(]|\)(?:\.\w+)*))""",
    re.VERBOSE,
)
_SETS = re.compile(r"\s*\$\w+(?:\s*,\s*\$\w+)?\s*:?=")
_UNSUPPORTED = frozenset(
    {"define", "template", "block", "break", "continue", "tmpl", "args", "externalURL", "pathPrefix", "tableLink",
     "graphLink", "toTime", "toDuration", "now", "parseDuration", "urlQueryEscape", "urlquery", "html", "js",
     "println", "slice", "call"}
)  # fmt: skip
_FIELDS = ("Labels", "Value", "ExternalLabels", "ExternalURL")
"""What an alert has; the last two are what a Prometheus is called by others, and there is no such thing here."""

Term: TypeAlias = Callable[[Facts], Value]


class UnsupportedError(ValueError):
    """A template is right for Prometheus and uses what is not supported here."""


def pipeline(code: str, *, is_root: bool) -> Term:
    """Commands with bars between them: the value of each is the last argument of the next.

    Args:
        code: what stands between the braces.
        is_root: whether the dot is the alert; else it is whatever ``with`` or ``range`` have made of it.

    Raises:
        ValueError: it is no pipeline.
        UnsupportedError: it is one that is not supported.
    """
    if _SETS.match(code):
        raise UnsupportedError(f"sets a variable, which is not supported here: {code.strip()}")
    term: Term | None = None
    command: list[Term | str] = []
    around: list[tuple[Term | None, list[Term | str]]] = []
    for kind, text in [*tokens(code), ("sign", "|")]:
        if kind != "sign":
            command.append(_operand(kind, text, is_root=is_root))
        elif text == "(":
            around.append((term, command))
            term, command = None, []
        elif text == "|":
            term, command = _command(command, term, code), []
        elif not around:
            raise ValueError(f"has a bracket that is not opened: {code}")
        else:
            inner = _fields(_command(command, term, code), text.split(".")[1:])
            term, command = around.pop()
            command.append(inner)
    if around:
        raise ValueError(f"has a bracket that is not closed: {code}")
    assert term is not None
    return term


def tokens(code: str) -> list[tuple[str, str]]:
    """The words of a pipeline, each with what it is: text, number, name or sign.

    Raises:
        ValueError: it cannot be read, or is too long.
    """
    found, place = [], 0
    while code[place:].strip():
        match = _TOKEN.match(code, place)
        if match is None or match.end() == place:
            raise ValueError(f"cannot be read: {{{{ {code} }}}}")
        assert match.lastgroup is not None
        found.append((match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    if len(found) > MOST_WORDS:
        raise ValueError(f"must have at most {MOST_WORDS} words between two braces")
    return found


def _operand(kind: str, text: str, *, is_root: bool) -> Term | str:
    """A term, or the name of a function."""
    if kind == "text":
        plain = text[1:-1] if text.startswith("`") else _unescaped(text[1:-1])
        return lambda _: plain
    if kind == "number":
        return lambda _: float(text)
    if text[0] in "$.":
        return _named(text, is_root=is_root)
    if text in _UNSUPPORTED:
        raise UnsupportedError(f"uses {text}, which is not supported here")
    if text in FUNCTIONS or text == QUERY:
        return text
    raise ValueError(f"uses {text}, which is not known")


def _named(text: str, *, is_root: bool) -> Term:
    """What begins with a dollar or a dot, and its fields."""
    head, *fields = text.split(".")
    fields = [name for name in fields if name]
    if head in ("$labels", "$value", "$externalLabels", "$externalURL"):
        head, fields = "$", [head[1].upper() + head[2:], *fields]
    is_alert = head == "$" or (head == "" and is_root)
    if head not in ("", "$") or (is_alert and fields and fields[0] not in _FIELDS):
        raise ValueError(f"uses {text}, which is not known")
    return _fields(_alert if head == "$" else _dot, fields)


def _alert(facts: Facts) -> Value:
    return Facts(facts.labels, facts.value)


def _dot(facts: Facts) -> Value:
    return _alert(facts) if facts.dot is None else facts.dot


def _fields(term: Term, names: Sequence[str]) -> Term:
    for name in names:
        term = _field(term, name)
    return term


def _field(term: Term, name: str) -> Term:
    def found(facts: Facts) -> Value:
        held = term(facts)
        if isinstance(held, Facts):
            return held.labels if name == "Labels" else held.value if name == "Value" else ""
        return held.get(name, "") if isinstance(held, Mapping) else ""

    return found


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
    function, least, most = FUNCTIONS.get(head, (shown, 1, 1))
    if not least <= len(arguments) <= most:
        raise ValueError(f"gives {head} {len(arguments)} arguments: {{{{ {code} }}}}")
    if head == QUERY:
        return lambda facts: facts.ask(shown(arguments[0](facts)))
    return lambda facts: function(*(term(facts) for term in arguments))


def _unescaped(text: str) -> str:
    simple = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
    return re.sub(r"\\(.)", lambda found: simple.get(found.group(1), found.group(0)), text)
