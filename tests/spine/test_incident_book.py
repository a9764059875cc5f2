"""Stories in the order of time, reasons for every member, figures that add up, and reports that invent nothing."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spine.scene import NOON, Scene, finding, open_scene, plan

from wellkept.kernel.change import Change, ChangeKind
from wellkept.kernel.diagnosis import Cause, Diagnosis, Reason
from wellkept.kernel.entity import Edge, EdgeKind, Entity, EntityKind
from wellkept.kernel.errors import InputError, NotFoundError
from wellkept.kernel.finding import Severity
from wellkept.kernel.incident import Incident, IncidentState, Member, StoryKind, Tie, TimelineEntry
from wellkept.spine.grouping import GroupingDesk
from wellkept.spine.incidentbook import IncidentBook
from wellkept.spine.incidentsummary import is_noise, quantile, summarize
from wellkept.spine.regrouping import RegroupingDesk
from wellkept.spine.story import Storyteller, classed
from wellkept.spine.topology import Topology

MINUTE = timedelta(minutes=1)


class Library:
    """A book on a store in which a disk filled, was cleared by a plan, and somebody wrote a note."""

    def __init__(self, scene: Scene) -> None:
        self.scene, stream, self.topology = scene, scene.stream, Topology(scene.state)
        topology, grouping = self.topology, GroupingDesk(scene.state, scene.audit, scene.clock)
        teller = Storyteller(stream, scene.gate, scene.audit, topology, scene.clock, [self.told])
        self.book = IncidentBook(scene.state, stream, scene.gate, grouping, teller, scene.clock)
        self.desk = RegroupingDesk(stream, scene.audit, scene.clock, grouping)
        disk, host = Entity(EntityKind.DISK, "disk:h1:/data", "/data"), Entity(EntityKind.HOST, "host:h1", "h1")
        topology.observe([disk, host], [Edge(disk.id, host.id, EdgeKind.RUNS_ON, NOON)], NOON)
        (self.found,) = stream.publish([finding("disk.usage")], NOON)
        member = Member(self.found.id, "disk:h1:/data", NOON + MINUTE, "the first sign", Tie.FIRST)
        opened = TimelineEntry(NOON + MINUTE, "correlate", "opened", self.found.id, StoryKind.STATE)
        stream.save_incident(
            Incident("inc-1", "Disk <fills>", IncidentState.OPEN, Severity.ERROR, NOON, NOON, (member,), (opened,))
        )

    def told(self, incident: Incident) -> Iterator[TimelineEntry]:
        yield TimelineEntry(NOON + 2 * MINUTE, "pager", f"opened {incident.id}: delivered", "", StoryKind.NOTIFICATION)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    scene = open_scene(tmp_path)
    yield Library(scene)
    scene.state.close()


def test_the_story_is_merged_from_everybody_who_knows_something(library: Library) -> None:
    scene, stream = library.scene, library.scene.stream
    stream.record(Change("host:h1", ChangeKind.DEPLOY, NOON - 5 * MINUTE, "ci", "kernel 6.9"))
    stream.record(Change("host:h2", ChangeKind.DEPLOY, NOON - 5 * MINUTE, "ci", "not near it"))
    scene.clock.advance(3 * MINUTE)
    scene.gate.propose(replace(plan(), subject="inc-1"))
    library.desk.note("inc-1", "logs rotate again", by="ann")
    scene.clock.advance(MINUTE)
    stream.close([library.found.fingerprint], NOON - MINUTE)  # by a sender's clock before it began

    story = library.book.story(library.book.read("inc-1"))

    assert [entry.at for entry in story] == sorted(entry.at for entry in story)
    assert [entry.kind.value for entry in story][:6] == ["change", "finding", "finding", "state", "notification", "run"]
    assert not any("not near it" in entry.what for entry in story)
    over = next(entry for entry in story if entry.what.startswith("over: "))
    assert over.at >= library.found.starts_at
    assert [entry.what for entry in story if entry.kind is StoryKind.NOTE] == ["logs rotate again"]
    only = library.book.story(library.book.read("inc-1"), [StoryKind.CHANGE])
    assert [entry.what for entry in only] == ["deploy of h1: kernel 6.9"]


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (TimelineEntry(NOON, "anomaly", "it is slow (near)", "fnd-1"), StoryKind.FINDING),
        (TimelineEntry(NOON, "wellkept", "plan succeeded: x", "pln-1"), StoryKind.RUN),
        (TimelineEntry(NOON, "correlate", "resolved: quiet"), StoryKind.STATE),
        (TimelineEntry(NOON, "diagnose", "Most likely cause: x"), StoryKind.DIAGNOSIS),
        (TimelineEntry(NOON, "ann", "looking"), StoryKind.NOTE),
    ],
)
def test_lines_of_before_they_had_kinds_are_told_apart(entry: TimelineEntry, kind: StoryKind) -> None:
    assert classed(entry).kind is kind


def test_every_membership_says_why_and_hands_are_named(library: Library) -> None:
    (other,) = library.scene.stream.publish([finding("cpu")], NOON)
    member = Member(other.id, "host:h1", NOON, "it depends", Tie.DEPENDS_ON, {"to": library.found.id, "apart_s": "4"})
    library.scene.stream.save_incident(
        Incident("inc-2", "CPU", IncidentState.OPEN, Severity.WARNING, NOON, NOON, (member,))
    )
    library.desk.merge("inc-1", "inc-2", by="ann", why="same host")

    told = library.book.explain("inc-1")

    assert told.ties == {"first": 1, "depends_on": 1}
    assert (told.members[1].via, told.members[1].values["apart_s"]) == ("inc-2", "4")
    assert (told.took_in, [one.by for one in told.decisions]) == (("inc-2",), ["ann"])
    with pytest.raises(NotFoundError, match="inc-9"):
        library.book.explain("inc-9")


def test_a_draft_says_what_is_known_and_leaves_the_rest_open(library: Library) -> None:
    library.desk.note("inc-1", "we <b>rotated</b> | logs", by="ann")
    empty = library.book.postmortem("inc-1")
    reasons = (Reason("change", 0.8, "a deploy just before"),)
    diagnosis = Diagnosis("inc-1", NOON, "1", (Cause("host:h1", 0.9, reasons),), "Most likely cause: h1.")
    library.scene.stream.save_diagnosis(diagnosis)
    text = library.book.postmortem("inc-1", ZoneInfo("Europe/Berlin"))

    assert "No cause was found." in empty
    assert f"- `disk:h1:/data`: {library.found.sentence}" in text.replace("\\", "")
    assert "Most likely cause: h1." in text
    assert "- change, strength 80%: a deploy just before" in text
    assert "2026-11-02 13:00:00 CET | 2026-11-02 12:00:00 UTC" in text
    assert "# Post-mortem: Disk \\<fills\\>" in text
    assert "we \\<b\\>rotated\\</b\\> \\| logs" in text
    assert "## Action items\n\n| what | who | until when |\n|---|---|---|\n| | | |" in text
    assert text.count("_To be written._") == 3, "cause, what went well, what went badly"


def test_a_draft_tells_what_depends_on_what_was_affected(library: Library) -> None:
    shop, model = Entity(EntityKind.SERVICE, "service:shop", "shop"), Entity(EntityKind.MODEL, "model:fraud", "fraud")
    edges = [Edge(shop.id, "disk:h1:/data", EdgeKind.CALLS, NOON), Edge(model.id, shop.id, EdgeKind.SERVED_BY, NOON)]
    library.topology.observe([shop, model], edges, NOON)
    text = library.book.postmortem("inc-1")

    assert "- Services that depend on it: `service:shop`" in text
    assert "- Models that depend on it: `model:fraud`" in text
    assert "- What users noticed: _To be written._" in text


def incident(name: str, minutes: float = 0, **fields: object) -> Incident:
    made = Incident(name, name, IncidentState.OPEN, Severity.ERROR, NOON + minutes * MINUTE, NOON, ())
    member = Member(f"fnd-{name}", str(fields.pop("entity", "service:shop")), NOON, "why")
    return replace(made, members=(member,), **fields)  # type: ignore[arg-type]


def test_a_summary_counts_each_service_and_model_and_what_nobody_needed() -> None:
    found = [
        incident("a", detected_at=NOON + MINUTE, acknowledged_at=NOON + 3 * MINUTE),
        incident("b", 1, reopens="a", state=IncidentState.CLOSED, resolved_at=NOON + 5 * MINUTE),
        incident("c", 2, entity="feature:fraud/amount", held="maintenance"),
        incident("d", 3, merged_into="a"),
        incident("e", 60 * 24),
    ]
    summary = summarize(found, {"a"}, NOON, NOON + timedelta(days=1))
    whole, shop, model = summary.rows

    assert (whole.incidents, whole.repeats, whole.noise, whole.by_day) == (3, 1, 2, (3,))
    assert (shop.name, shop.kind, shop.incidents, shop.noise) == ("shop", "service", 2, 1)
    assert (model.name, model.kind, model.incidents) == ("fraud", "model", 1)
    assert shop.times["acknowledge"].median_s == 120.0
    assert shop.times["resolve"].count == 1


def test_an_incident_and_what_it_was_reopened_as_both_count_for_their_service(library: Library) -> None:
    stream, clock, desk = library.scene.stream, library.scene.clock, library.desk
    (slow,) = stream.publish([replace(finding("latency"), entity="service:shop")], NOON)
    member = Member(slow.id, slow.entity, NOON, "the first sign", Tie.FIRST)
    stream.save_incident(
        Incident("inc-2", "Slow", IncidentState.OPEN, Severity.ERROR, NOON, NOON, (member,), detected_at=NOON)
    )
    clock.advance(MINUTE)
    desk.acknowledge("inc-2", by="ann")
    desk.resolve("inc-2", by="ann", why="over")
    clock.advance(3 * MINUTE)
    again = desk.reopen("inc-2", by="ann", why="it is not")
    clock.advance(2 * MINUTE)
    desk.acknowledge(again.id, by="bo")

    rows = library.book.summary(NOON, NOON + timedelta(days=1)).rows

    (shop,) = [row for row in rows if row.name == "shop"]
    assert (shop.incidents, shop.live, shop.repeats) == (2, 1, 1)
    assert (shop.times["acknowledge"].count, shop.times["acknowledge"].median_s) == (2, 90.0)


def test_what_was_told_of_late_is_not_in_the_times_to_detect() -> None:
    found = [
        incident("a", detected_at=NOON + MINUTE, acknowledged_at=NOON + 3 * MINUTE),
        incident("b", detected_at=NOON + 300 * MINUTE, acknowledged_at=NOON + 302 * MINUTE, heard_late="by a cut line"),
    ]
    whole, shop = summarize(found, set(), NOON, NOON + timedelta(days=1)).rows
    assert whole.heard_late == shop.heard_late == 1
    assert (shop.times["detect"].count, shop.times["detect"].median_s) == (1, 60.0)
    assert shop.times["acknowledge"].count == 2


def test_a_span_that_is_none_is_refused(library: Library) -> None:
    assert library.book.summary(NOON - MINUTE, NOON + MINUTE).rows[0].incidents == 1
    with pytest.raises(InputError, match="must be before end"):
        library.book.summary(NOON, NOON)
    with pytest.raises(InputError, match="at most 400 days"):
        library.book.summary(NOON - timedelta(days=500), NOON)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_the_median_is_the_median_and_the_ninth_decile_is_not_below_it(values: list[float]) -> None:
    ordered = sorted(values)
    middle, high = quantile(ordered, 0.5), quantile(ordered, 0.9)
    assert middle == pytest.approx(statistics.median(ordered))
    assert high is not None
    assert middle is not None
    assert middle - 1e-6 <= high <= ordered[-1] + 1e-6


def test_what_somebody_or_a_plan_took_care_of_is_no_noise() -> None:
    over = incident("a", state=IncidentState.CLOSED)
    assert is_noise(over, set())
    assert not is_noise(over, {"a"})
    assert not is_noise(replace(over, acknowledged_at=NOON), set())
    assert not is_noise(incident("a"), set())
    assert is_noise(incident("a", held="silenced"), {"a"})
