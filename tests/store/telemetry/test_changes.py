"""Changes come back as they were written, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.telemetry.scenes import at

from wellkept.kernel.change import Change, ChangeKind
from wellkept.store.telemetry.telemetry import Telemetry

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
changes = st.builds(
    Change,
    entity=texts,
    kind=st.sampled_from(ChangeKind),
    at=st.integers(0, 10**9).map(lambda micros: at(micros / 1e6)),
    actor=texts,
    summary=texts,
    reference=texts,
    attributes=st.dictionaries(texts, texts, max_size=3),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(changes, max_size=6))
def test_what_is_written_comes_back_by_time(telemetry: Telemetry, written: list[Change]) -> None:
    telemetry.engine.command("TRUNCATE TABLE changes")
    telemetry.changes.write(written)
    telemetry.changes.write(written)
    found = telemetry.changes.between(at(0), at(2000))
    assert {change.id for change in found} == {change.id for change in written}
    assert all(change in written for change in found)
    assert [change.at for change in found] == sorted(change.at for change in found)


def test_the_span_is_half_open_to_the_microsecond(telemetry: Telemetry) -> None:
    change = Change("service:shop", ChangeKind.DEPLOY, at(10), "ana", "2.1 goes live")
    written = [replace(change, at=at(seconds)) for seconds in (9.999999, 10, 19.999999, 20)]
    telemetry.changes.write(written)
    assert telemetry.changes.between(at(10), at(20)) == written[1:3]
    assert telemetry.changes.between(at(20), at(10)) == []


def test_one_change_is_found_by_its_id_whatever_zone_it_was_told_in(telemetry: Telemetry) -> None:
    there = at(15).astimezone(timezone(timedelta(hours=2)))
    change = Change("service:shop", ChangeKind.DEPLOY, there, "ana", "2.2 goes live")
    telemetry.changes.write([change, replace(change, summary="2.3 goes live")])
    (found,) = telemetry.changes.between(at(10), at(20), change.id)
    assert (found, found.id) == (change, change.id)
