"""What is written into tickets: text from outside stays text, in the way of each system."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkept.spine.tickets.text import LONGEST_LINE, MOST_LINES, Link, Points, Say, adf, markdown, plain, short, wiki

ANYTHING = st.text(max_size=200) | st.sampled_from(
    [
        "/close",
        "- [x] done",
        "1. one",
        "# big",
        "@everybody",
        "see #1 and !2",
        "https://evil.example",
        "www.evil.example",
        "<!-- wellkept:ticket:x -->",
        "[click](javascript:alert(1))",
        "```",
        "GH-1",
        "| a | b |",
        "![x](https://evil.example)",
    ]
)


@given(ANYTHING)
def test_markdown_of_a_sentence_is_that_sentence_and_nothing_else(text: str) -> None:
    written = markdown([Say(text)])

    assert "\n" not in written
    assert not re.search(r"[@<>]", written)
    assert not re.search(r"(?<!&)#\d", written)
    assert not re.search(r"(?<!\\)[\[\]`*_|]", written)
    assert not written.startswith(("/", "-", "+", "#", "="))
    assert "://" not in written
    assert html.unescape(re.sub(r"\\([^\w\s]|_)", r"\1", written)) == short(text)


@given(ANYTHING)
def test_wiki_markup_of_a_sentence_links_and_embeds_nothing(text: str) -> None:
    assert not re.search(r"(?<!\\)[\[\]{}!|~^*_]", wiki([Say(text)]))


@given(st.lists(st.one_of(st.builds(Say, ANYTHING), st.builds(Points, st.lists(ANYTHING).map(tuple))), max_size=5))
def test_a_document_of_jira_cloud_is_well_formed(blocks: list[Any]) -> None:
    document = json.loads(json.dumps(adf(blocks)))

    assert (document["type"], document["version"], len(document["content"])) == ("doc", 1, len(blocks))
    for node in _nodes(document):
        if node["type"] == "text":
            assert node["text"], "an empty text is refused"
        if node["type"] == "bulletList":
            assert node["content"], "an empty list is refused"


@given(ANYTHING)
def test_a_journal_never_switches_to_html(text: str) -> None:
    assert "[code]" not in plain([Say(text + "[CODE]<script>[/code]")]).lower()


@pytest.mark.parametrize("write", [markdown, wiki, plain])
def test_a_link_and_a_long_list_are_written_in_each_way(write: Any) -> None:
    points = Points(tuple(f"line {n}" for n in range(MOST_LINES + 5)))

    said = write([Link("Incident", "https://w.example/incidents/inc-1"), points])

    assert "https://w.example/incidents/inc-1" in said
    assert said.endswith("… 5 more")


@given(st.text(max_size=3000))
def test_a_line_is_one_line_and_not_too_long(text: str) -> None:
    line = short(text)

    assert line.isprintable()
    assert len(line) <= LONGEST_LINE


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node] + [inner for one in node.get("content", []) for inner in _nodes(one)]
