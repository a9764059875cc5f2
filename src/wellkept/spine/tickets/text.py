"""What stands in a ticket, in blocks that each system writes in its own way.

Sentences of findings come from outside. Wherever they go, they are text: they mention nobody, link nowhere, refer to
no other ticket and hold no mark of ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_LINE, MOST_LINES = 1000, 30


@dataclass(frozen=True, slots=True)
class Say:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A link in a paragraph of its own."""

    label: str
    url: str


Block = Say | Points | Link

_MARKDOWN = re.compile(r"([\\`*_{}\[\]#!|~@<>&$%])")
_BEGINNING = re.compile(r"^(\d*)([-+=/.)])")
"""At the beginning of a line: lists, headings, and GitLab's quick actions such as ``/close``."""
_WIKI = re.compile(r"([\\*_?{}\[\]()#+!|~^@<>&-])")


def short(text: str, most: int = LONGEST_LINE) -> str:
    """Text in one line of printable characters, with an ellipsis where it was longer."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def markdown(blocks: Sequence[Block]) -> str:
    """Of GitHub and GitLab."""
    return "\n\n".join(_each(block, _plain_in_markdown, "- ", _markdown_link) for block in blocks)


def wiki(blocks: Sequence[Block]) -> str:
    """Of Jira Server and Data Center."""
    return "\n\n".join(
        _each(block, _plain_in_wiki, "* ", lambda one: f"[{short(one.label)}|{one.url}]") for block in blocks
    )


def plain(blocks: Sequence[Block]) -> str:
    """Of ServiceNow. ``[code]`` would switch its journal to HTML, so there is none."""
    return "\n\n".join(_each(block, _plain_in_journal, "- ", lambda one: f"{one.label}: {one.url}") for block in blocks)


def adf(blocks: Sequence[Block]) -> dict[str, Any]:
    """Of Jira Cloud: the Atlassian Document Format, version 1."""
    return {"type": "doc", "version": 1, "content": [_adf_block(block) for block in blocks]}


def _each(block: Block, write: Any, dot: str, link: Any) -> str:
    if isinstance(block, Link):
        return str(link(block))
    if isinstance(block, Points):
        more = len(block.lines) - MOST_LINES
        lines = [f"{dot}{write(line)}" for line in block.lines[:MOST_LINES]]
        return "\n".join([*lines, f"{dot}… {more} more"] if more > 0 else lines)
    return str(write(block.text))


def _plain_in_markdown(text: str) -> str:
    """A mention, a reference or an address is broken by an entity: a backslash does not stop these."""
    escaped = _MARKDOWN.sub(lambda found: _ENTITIES.get(found[1], f"\\{found[1]}"), short(text))
    return _BEGINNING.sub(r"\1\\\2", escaped.replace("://", "&#58;//").replace("www.", "www&#46;"))


_ENTITIES = {one: f"&#{ord(one)};" for one in "@<>&#!~$%"}
"""Characters that GitHub and GitLab read as mentions, references and links before they look for backslashes."""


def _markdown_link(block: Link) -> str:
    return f"[{_plain_in_markdown(block.label)}](<{block.url}>)"


def _plain_in_wiki(text: str) -> str:
    return _WIKI.sub(r"\\\1", short(text))


def _plain_in_journal(text: str) -> str:
    return re.sub(r"\[(/?)code\]", r"(\1code)", short(text), flags=re.IGNORECASE)


def _adf_block(block: Block) -> dict[str, Any]:
    if isinstance(block, Link):
        marks = [{"type": "link", "attrs": {"href": block.url}}]
        return {"type": "paragraph", "content": [{"type": "text", "text": short(block.label), "marks": marks}]}
    if isinstance(block, Points):
        items = [{"type": "listItem", "content": [_adf_paragraph(line)]} for line in block.lines[:MOST_LINES]]
        return {"type": "bulletList", "content": items} if items else _adf_paragraph("")
    return _adf_paragraph(block.text)


def _adf_paragraph(text: str) -> dict[str, Any]:
    """A paragraph; a text node must not be empty."""
    said = short(text)
    return {"type": "paragraph", "content": [{"type": "text", "text": said}] if said else []}
