"""What a recording tells beside telemetry: alerts that reached the operators, and who depends on whom."""

from __future__ import annotations

from datetime import UTC, datetime

from wellkept.kernel.clock import from_nanos
from wellkept.kernel.entity import Edge, Entity, EntityKind, entity_of
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ops.ingest.recording.columns import moments, sets, text
from wellkept.ops.ingest.recording.layout import Layout, Texts
from wellkept.ops.ingest.recording.rows import Interned
from wellkept.ops.ingest.recording.tables import Tables

DETECTOR = "recorded-alert"
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def alerts(tables: Tables, layout: Layout) -> tuple[Finding, ...]:
    """The alerts as findings from outside, by time."""
    found: list[Finding] = []
    for number, table in enumerate(layout.alerts):
        where = f"alerts.{number}"
        rows, _ = tables.load(table, where)
        known = Interned()
        places = sets(rows, table.resource, known.place)
        sentences = text(rows, table.sentence)
        signals = text(rows, table.signal) if table.signal else None
        for row, nanos in enumerate(moments(rows, table.time, where)):
            signal = signals.words[signals.codes[row]] if signals else ""
            entity = entity_of(known.attributes(int(places[row])))
            found.append(_alert(entity, signal, sentences.words[sentences.codes[row]], from_nanos(int(nanos))))
    return tuple(sorted(found, key=lambda finding: (finding.starts_at, finding.fingerprint)))


def _alert(entity: str, signal: str, sentence: str, at: datetime) -> Finding:
    return Finding(
        fingerprint=fingerprint(DETECTOR, entity, signal, sentence),
        detector=DETECTOR,
        detector_version="1",
        entity=entity,
        kind=FindingKind.EXTERNAL,
        severity=Severity.ERROR,
        score=1.0,
        score_meaning="somebody else's word",
        starts_at=at,
        sentence=sentence,
        evidence=(Evidence(signal=signal),) if signal else (),
        attributes={"title": sentence, "symptom": "yes"},
    )


def edges(tables: Tables, layout: Layout) -> tuple[tuple[Entity, ...], tuple[Edge, ...]]:
    """The declared edges, and the entities at their ends."""
    entities: dict[str, Entity] = {}
    found: dict[tuple[str, str, str], Edge] = {}
    for number, table in enumerate(layout.edges):
        rows, _ = tables.load(table, f"edges.{number}")
        ends = [_entities(rows, rules, entities) for rules in (table.source, table.target)]
        for source, target in zip(*ends, strict=True):
            if source and target and source != target:
                found[source, target, table.kind] = Edge(source, target, table.kind, _ALWAYS)
    return tuple(entities[key] for key in sorted(entities)), tuple(found[key] for key in sorted(found))


def _entities(rows: object, rules: Texts, entities: dict[str, Entity]) -> list[str]:
    known = Interned()
    places = sets(rows, rules, known.place)
    for place in range(len(known.encoded)):
        resource = known.attributes(place)
        entity = entity_of(resource)
        if entity and entity not in entities:
            kind, _, name = entity.partition(":")
            shown = resource.get("service.name") or resource.get("host.name") or name
            entities[entity] = Entity(EntityKind(kind), entity, shown, resource)
    return [entity_of(known.attributes(int(place))) for place in places]
