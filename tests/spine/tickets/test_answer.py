"""Whatever a tracker answers is read, or missed by name: nothing else comes out of an adapter."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spine.tickets.desk import NOON
from tests.spine.tickets.sites import SITES

from wellkept.kernel.clock import SettableClock
from wellkept.kernel.finding import Severity
from wellkept.spine.tickets.answer import Answer
from wellkept.spine.tickets.base import Adapter, Draft, Ending, TicketError, Trouble
from wellkept.spine.tickets.settings import Tracker
from wellkept.spine.tickets.text import Say
from wellkept.spine.tickets.trackers import adapter
from wellkept.spine.webhooks.secret import Secrets
from wellkept.spine.webhooks.send import Reply

DRAFT = Draft("m1", "checkout is slow", [Say("it is")], Severity.ERROR, (), NOON)
ASKED: tuple[Callable[[Adapter], object], ...] = (
    lambda there: there.find("m1", NOON),
    lambda there: there.create(DRAFT),
    lambda there: there.read("1"),
    lambda there: there.comment("1", [Say("it is")], "c1"),
    lambda there: there.commented("1", "c1", NOON),
    lambda there: there.grade("1", Severity.ERROR, Severity.INFO),
    lambda there: there.close("1", Ending.RECOVERED, [Say("it is over")]),
    lambda there: there.reopen("1"),
    lambda there: there.link("1", "2"),
    lambda there: there.check(),
)
NAMES = (
    "number iid key body description created_at state labels assignees name login result value sys_id correlation_id "
    "issues fields status statusCategory transitions to id resolution allowedValues comments permissions full_name"
)
WORDS = st.sampled_from(
    ["<!-- wellkept:ticket:m1 -->", "m1", "open", "done", "1", "2026-11-24", "2026-11-24T12:00:00Z"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), part, max_size=6),
)


class Always:
    """Every request is taken, and answered with the same."""

    def __init__(self, answer: Any) -> None:
        self._body = json.dumps(answer).encode()

    def request(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], *_: Any) -> Reply:
        return Reply(200, "answered 200", {}, body=self._body)


@pytest.mark.parametrize("name", sorted(SITES))
@given(ANYTHING)
def test_any_answer_is_read_or_is_a_failure_that_is_told(name: str, answer: Any) -> None:
    tracker = Tracker.model_validate({"name": "there", "url": "https://there.example", **SITES[name].kind})
    secrets = Secrets({"TOKEN": "token-of-bot"})
    there = adapter(tracker, secrets, Always(answer), SettableClock(NOON), lambda _: None)

    troubles = {_trouble(there, ask) for ask in ASKED}

    assert troubles <= {None, Trouble.UNREADABLE, Trouble.REFUSED, Trouble.DENIED}


def _trouble(there: Adapter, ask: Callable[[Adapter], object]) -> Trouble | None:
    try:
        ask(there)
    except TicketError as error:
        return error.trouble
    return None


def test_what_is_missing_is_told_with_its_place() -> None:
    answer = Answer("GET /issues", [{"fields": {"status": None}, "labels": ["a", {"name": "b"}, {"c": 1}, None]}])
    (issue,) = answer.parts

    assert issue["labels"].names("name") == ("a", "b")
    assert issue["labels"]["x"]["y"].text == ""
    for read, said in (
        (lambda: issue["fields"]["status"].needed, "GET /issues: the answer has no text at [0].fields.status"),
        (lambda: issue["number"].number, "GET /issues: the answer has no number at [0].number"),
        (lambda: issue["fields"].parts, "GET /issues: the answer has no list at [0].fields"),
        (lambda: issue.written("body"), "GET /issues: the answer has no text at [0].body"),
        (lambda: Answer("GET /", None).parts, "GET /: the answer has no list"),
    ):
        with pytest.raises(TicketError) as raised:
            read()
        assert str(raised.value) == said
    assert issue["fields"].written("status") == "", "a text that is null is an empty one"


@pytest.mark.parametrize("text", ["2026-11-24T12:00:00Z", "2026-11-24T12:00:00", "2026-11-24T13:00:00+01:00"])
def test_a_moment_without_a_zone_is_in_utc(text: str) -> None:
    assert Answer("", text).moment == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert Answer("", {"at": text}).moment is Answer("", "soon").moment is None
