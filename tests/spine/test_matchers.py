"""Matchers of labels: as Alertmanager reads them, and whole values alone match a regular expression."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spine.test_grouping import NOON, finding

from wellkept.kernel.entity import Entity, EntityKind
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity
from wellkept.kernel.matching import OPERATORS, Matcher
from wellkept.spine.catalogue import Catalogue, CatalogueSettings, Entry
from wellkept.spine.labels import labels_of, what_of
from wellkept.spine.matchers import REMEMBERED, Matching

LABELS = {"alertname": "HighLatency", "service": "checkout", "severity": "critical"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ('service="checkout"', True),
        ("service=checkout", True),
        ('service!="checkout"', False),
        ('service=~"check.*"', True),
        ('service=~"check"', False),
        ('service!~"pay.+"', True),
        ('absent=""', True),
        ('absent!=""', False),
        (' service = "x" ', False),
        (r'service="che\"ckout"', False),
        ('"service"="checkout"', True),
    ],
)
def test_matchers(text: str, matches: bool) -> None:
    assert Matching([Matcher.of(text)]).matches(LABELS) is matches


@pytest.mark.parametrize("text", ["", "service", '="x"', 'service=~"("', f'service="{"x" * 2001}"'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"matcher.*: must"):
        Matching([Matcher.of(text)])


@given(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True), st.sampled_from(OPERATORS), st.text(max_size=20))
def test_what_is_written_is_read_again(name: str, operator: str, value: str) -> None:
    assert Matcher.of(str(Matcher(name, operator, value))) == Matcher(name, operator, value)


@given(st.lists(st.text("ab.*", max_size=4), max_size=6), st.sampled_from(["a.*", "a|b", "", ".+b", "[ab]*"]))
def test_a_batch_answers_as_one_by_one(values: list[str], pattern: str) -> None:
    batch, single = (Matching([Matcher("x", "=~", pattern)]) for _ in range(2))
    batch.learn([{"x": value} for value in values])
    wanted = [bool(re.fullmatch(pattern, value)) for value in values]
    assert [batch.matches({"x": value}) for value in values] == wanted
    assert [single.matches({"x": value}) for value in values] == wanted


def test_what_is_remembered_is_bounded() -> None:
    matching = Matching([Matcher.of('x=~"a.*"')])
    for start in range(0, 2 * REMEMBERED + 1000, 1000):
        matching.learn([{"x": f"a{number}"} for number in range(start, start + 1000)])
    assert matching.matches({"x": "a1"})
    assert not matching.matches({"x": "b"})


def test_the_labels_of_an_alert_stay_as_they_were_sent() -> None:
    alert = Finding(
        "fp", "alertmanager", "4", "service:shop/checkout", FindingKind.EXTERNAL, Severity.CRITICAL, 1, "", NOON, "x",
        evidence=(Evidence("Slow", {"alertname": "Slow", "severity": "page", "entity": "theirs"}),),
    )  # fmt: skip
    labels = labels_of(alert)
    assert labels["severity"] == "page"
    assert (labels["service"], labels["namespace"]) == ("checkout", "shop")
    assert labels["entity"] == "service:shop/checkout"
    assert what_of(alert) == "Slow"
    assert all(labels_of(finding("a")).values()), "an empty label is none"


def test_of_an_entity_that_the_topology_does_not_know_the_catalogue_answers() -> None:
    whose = Catalogue(CatalogueSettings(entries=(Entry(match="host:a", owner="rack team", tier=2),)))
    found = labels_of(finding("a"), None, whose)
    assert (found["owner"], found["tier"]) == ("rack team", "2")
    known = Entity(EntityKind.HOST, "host:a", "a", {"tier": "gold"}, "its own", 1)
    found = labels_of(finding("a"), known, whose)
    assert (found["owner"], found["tier"]) == ("its own", "gold"), "the topology has what the catalogue says already"
    assert "tier" not in labels_of(replace(finding("a"), entity=""), None, whose)
