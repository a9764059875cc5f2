"""Lines of a page, in Prometheus's text formats and in OpenMetrics.

The package ``prometheus_client`` can read them, too. On a page of node-exporter that took it 10 microseconds a sample,
it takes values that are none (``1_0``), and its reader of OpenMetrics refuses whole pages over names that Prometheus
takes. So the grammar is here, and ``memory`` sees to it that a line is read in full only when it is new.

Exemplars are read over. Native histograms have no text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from wellkept.ops.ingest.scrape.base import ScrapeError
from wellkept.ops.ingest.scrape.negotiation import Dialect

NAME = "__name__"
END = "# EOF"

_QUOTED = r'"(?:[^"\\]++|\\.)*+"'
_SAMPLE = re.compile(
    rf"[ \t]*+(?P<name>[A-Za-z_:][A-Za-z0-9_:]*+)?[ \t]*+(?:\{{(?P<labels>(?:[^\"}}]++|{_QUOTED})*+)\}})?[ \t]*+"
    r"(?<=[} \t])(?P<value>[^\s{}]++)(?:[ \t]++(?P<at>[^\s#]++))?[ \t]*+(?:#[ \t]*+\{.*)?\Z"
)
_LABEL = re.compile(
    rf"[ \t]*(?:(?P<quoted>{_QUOTED})|(?P<plain>[A-Za-z_][A-Za-z0-9_]*))[ \t]*"
    rf"(?:=[ \t]*(?P<value>{_QUOTED})[ \t]*)?(?P<end>,|\Z)"
)
_COMMENT = re.compile(
    rf"#[ \t]+(?P<word>TYPE|HELP|UNIT)[ \t]+(?P<name>{_QUOTED}|[A-Za-z_:][A-Za-z0-9_:]*)(?:[ \t](?P<text>.*))?\Z"
)
_ESCAPED = re.compile(r"\\(.)")
_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z|[+-]?(?:inf|infinity|nan)\Z", re.IGNORECASE
)
_OTHER = re.compile(r"[^-+.0-9A-Za-z]")
_FARTHEST_MS = 1 << 62
_SHOWN = 120


class Kind(IntEnum):
    """The type of a family, by its number in remote write's metadata."""

    UNKNOWN = 0
    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3
    GAUGEHISTOGRAM = 4
    SUMMARY = 5
    INFO = 6
    STATESET = 7


_WORDS = {kind.name.lower(): kind for kind in Kind} | {"untyped": Kind.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Sample:
    """A line that was read in full. ``value`` and ``at`` are as written; ``before_value`` is where the value begins."""

    labels: Mapping[str, str]
    value: str
    at: str
    before_value: int


@dataclass(frozen=True, slots=True)
class Comment:
    """What a page says about a family: ``word`` is TYPE, HELP or UNIT."""

    word: str
    name: str
    text: str


def sample_of(line: str) -> Sample:
    """A line with a sample; its labels hold the metric's name, and may have empty values.

    Raises:
        ScrapeError: it is none.
    """
    found = _SAMPLE.match(line)
    if found is None:
        raise ScrapeError(f"a line is no sample: {shown(line)}")
    labels = _labels(found["labels"] or "", found["name"], line)
    if not labels.get(NAME):
        raise ScrapeError(f"a sample has no name: {shown(line)}")
    return Sample(labels, found["value"], found["at"] or "", found.start("value"))


def comment_of(line: str) -> Comment | None:
    """What a line that begins with # says about a family; None where it is a comment alone."""
    found = _COMMENT.match(line)
    if found is None:
        return None
    name = _plain(found["name"]) if found["name"].startswith('"') else found["name"]
    return Comment(found["word"], name, found["text"] or "")


def kind_of(comment: Comment) -> Kind:
    """The type that a TYPE line names.

    Raises:
        ScrapeError: there is no such type.
    """
    try:
        return _WORDS[comment.text.strip()]
    except KeyError:
        raise ScrapeError(f"type of {shown(comment.name)}: is none, got {shown(comment.text)}") from None


def help_of(comment: Comment) -> str:
    """The text of a HELP line."""
    return _unescaped(comment.text) if "\\" in comment.text else comment.text


def values_of(texts: list[str]) -> list[float]:
    """The values of all samples of a page.

    Raises:
        ScrapeError: one of them is no number.
    """
    try:
        # What ``float`` takes beside numbers (underscores, blanks, digits of other scripts) is not in this alphabet.
        if _OTHER.search("".join(texts)) is None:
            return list(map(float, texts))
    except ValueError:
        pass
    wrong = next(text for text in texts if not _NUMBER.match(text))
    raise ScrapeError(f"a value is no number: {shown(wrong)}")


def millis_of(text: str, dialect: Dialect) -> int:
    """The time of a sample: milliseconds in the text formats, seconds in OpenMetrics.

    Raises:
        ScrapeError: it is no time.
    """
    try:
        if not _NUMBER.match(text):
            raise ValueError(text)
        millis = round(float(text) * 1000) if dialect is Dialect.OPENMETRICS else int(text)
    except (ValueError, OverflowError):
        raise ScrapeError(f"a time is none: {shown(text)}") from None
    if abs(millis) > _FARTHEST_MS:
        raise ScrapeError(f"a time is too far away: {shown(text)}")
    return millis


def content_of(page: str, dialect: Dialect) -> str:
    """The lines of a page, without the line that ends an OpenMetrics page.

    Raises:
        ScrapeError: an OpenMetrics page has no end, or goes on behind it.
    """
    if dialect is Dialect.TEXT:
        return page
    lines = page if page.endswith("\n") else f"{page}\n"
    content, end, rest = f"\n{lines}".partition(f"\n{END}\n")
    if not end:
        raise ScrapeError(f"an OpenMetrics page must end with {END}: this one is cut off")
    if rest:
        raise ScrapeError(f"an OpenMetrics page must end with {END}, and goes on with {shown(rest)}")
    return content


def shown(text: str) -> str:
    """A text from a page, for a message: short, and on one line."""
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return repr(cut)


def _labels(text: str, name: str | None, line: str) -> dict[str, str]:
    labels = {} if name is None else {NAME: name}
    at = 0
    while text[at:].strip(" \t"):
        found = _LABEL.match(text, at)
        if found is None:
            raise ScrapeError(f"labels cannot be read: {shown(line)}")
        at = found.end()
        written = _plain(found["quoted"]) if found["quoted"] else found["plain"]
        is_name = found["value"] is None
        if is_name and not found["quoted"]:
            raise ScrapeError(f"label {shown(written)} has no value: {shown(line)}")
        key, value = (NAME, written) if is_name else (written, _plain(found["value"]))
        if key in labels:
            raise ScrapeError(f"label {shown(key)} is there twice: {shown(line)}")
        labels[key] = value
    return labels


def _plain(quoted: str) -> str:
    """The text between quotes."""
    text = quoted[1:-1]
    return _unescaped(text) if "\\" in text else text


def _unescaped(text: str) -> str:
    """A text without its escapes; what is none stays as it is."""
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[0]), text)


_ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}
