"""The partition depends on the set of findings and what was said of them, whatever came when, went, or was late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ops.correlate.test_groups import (
    CHECKOUT,
    ENTITIES,
    FEATURES,
    HOST,
    OTHER,
    PAYMENTS,
    SETTINGS,
    anything,
    finding,
    shop,
)

from wellkept.kernel.finding import Finding
from wellkept.ops.correlate.grouper import Grouper, group

Partition = set[frozenset[str]]
some_findings = st.lists(anything, max_size=14, unique_by=lambda f: f.id)
in_storms = st.lists(
    st.builds(
        finding,
        st.sampled_from(ENTITIES),
        st.integers(0, 400).map(float),
        signal=st.sampled_from("abcd"),
        lasts_s=st.integers(0, 30).map(float),
    ),
    min_size=10,
    max_size=40,
    unique_by=lambda f: f.id,
)


def made() -> Grouper:
    return Grouper(SETTINGS, shop())


def parts(grouper: Grouper) -> Partition:
    return {frozenset(f.id for f in part.findings) for part in grouper.groups(touched_only=False)}


def at_once(findings: Sequence[Finding]) -> Partition:
    return {frozenset(f.id for f in part.findings) for part in group(findings, shop(), SETTINGS)}


@given(st.one_of(some_findings, in_storms), st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_and_any_delay_of_arrival_give_the_same_groups(
    findings: list[Finding], random: Any, step: int
) -> None:
    mixed = list(findings)
    random.shuffle(mixed)
    grouper = made()
    for start in range(0, len(mixed), step):
        grouper.put(mixed[start : start + step])
        grouper.groups()
    assert parts(grouper) == at_once(findings)


@given(st.one_of(some_findings, in_storms), st.data())
def test_what_was_dropped_leaves_no_trace(findings: list[Finding], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(findings or [finding(HOST)]).map(lambda f: f.id)))
    grouper = made()
    grouper.put(findings)
    grouper.groups()
    grouper.drop(gone)
    grouper.groups()
    assert parts(grouper) == at_once([f for f in findings if f.id not in gone])
