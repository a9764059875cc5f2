"""What can tie one finding to another, how strongly, and the sentence that says so. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.kernel.incident import Tie
from wellkept.ops.correlate.base import CorrelateSettings
from wellkept.ops.correlate.near import MODEL_SIDE, Hub, Relation, bare, kind_of

__all__ = ["MODEL_SIDE", "Link", "Moment", "Why", "bare", "kind_of"]

_WEIGHT: Mapping[Tie, float] = {
    Tie.RULE: 1.0,
    Tie.SAME_RESOURCE: 0.4,
    Tie.SAME_ENTITY: 0.3,
    Tie.DEPENDS_ON: 0.2,
    Tie.SHARED_CHANGE: 0.2,
    Tie.CO_OCCURRENCE: 0.1,
    Tie.SHARED_DEPENDENCY: 0.05,
    Tie.SHARED_LABELS: 0.05,
    Tie.SHARED_TEXT: 0.03,
    Tie.SAME_TIME: 0.03,
}
"""How likely it is, before anything was learned, that a finding is followed by a given one that is tied to it so."""
_FEW = 30.0
"""Of so many services without a known dependency any two that begin within the usual time may be one problem."""


@dataclass(frozen=True, slots=True)
class Why:
    """What ties a finding to the others of its group: which tie, what it rests on, and both as a sentence."""

    tie: Tie
    sentence: str
    values: Mapping[str, str] = field(default_factory=dict)


class Moment(NamedTuple):
    """When a finding began and ended, in seconds since the epoch; what is open ends never."""

    start: float
    end: float

    @classmethod
    def of(cls, finding: Finding) -> Moment:
        return cls(finding.starts_at.timestamp(), math.inf if finding.ends_at is None else finding.ends_at.timestamp())

    def covers(self, moment: float, tail_s: float = 0.0) -> bool:
        return self.start <= moment <= self.end + tail_s


class Link(NamedTuple):
    """One finding hangs on another: by which tie, how likely, and how late within the time that the tie allows."""

    tie: Tie
    weight: float
    share: float
    """How much of the allowed time lies between the two, 0 to 1; 1 when the other one was simply still going on."""
    lag_s: float
    window_s: float
    is_covered: bool
    """The other one was going on when this one began."""
    what: str = ""
    """What the tie rests on: a shared dependency, a label, a change, a rule."""


def same_entity(a: Moment, b: Moment, settings: CorrelateSettings, what: str = "") -> Link | None:
    """The link between findings of one entity: they began close together, or the first was still going on."""
    first, second = sorted((a, b))
    return _timed(Tie.SAME_ENTITY, abs(a.start - b.start), settings.onset_s, first.covers(second.start), what)


def on_dependency(
    effect: tuple[Finding, Moment], cause: tuple[Finding, Moment], relation: Relation, settings: CorrelateSettings
) -> Link | None:
    """The link of a finding to one of something that its entity depends on."""
    if not may_spread(effect[0], cause[0]):
        return None
    is_model = kind_of(effect[0].entity) in MODEL_SIDE and kind_of(cause[0].entity) not in MODEL_SIDE
    limit = settings.model_onset_s if is_model else settings.onset_s
    covered = cause[1].covers(effect[1].start, settings.model_onset_s if is_model else 0.0)
    tie = Tie.SAME_RESOURCE if _same_resource(effect[0], cause[0]) else Tie.DEPENDS_ON
    return _timed(tie, abs(effect[1].start - cause[1].start), limit, covered, hops=relation.hops)


def beside(a: tuple[Finding, Moment], b: tuple[Finding, Moment], hub: Hub, settings: CorrelateSettings) -> Link | None:
    """The link between findings of two entities that depend on one thing, which may be sick and says nothing.

    The more depend on it, the closer together two of them must fail to have failed because of it. Where nobody tells
    what depends on what, the same holds for all services there are. Inputs of models are judged on longer windows, and
    what comes with the requests of one model is asked by the same callers, however many inputs there are.
    """
    if not may_spread(a[0], b[0]):
        return None
    few = math.inf if kind_of(hub.entity) == "model" else 3.0 if hub.entity else _FEW
    are_models = {kind_of(a[0].entity), kind_of(b[0].entity)} <= MODEL_SIDE
    limit = (settings.model_onset_s if are_models else settings.beside_s) * min(1.0, few / max(hub.dependents, 1))
    return _timed(
        Tie.SHARED_DEPENDENCY if hub.entity else Tie.SAME_TIME, abs(a[1].start - b[1].start), limit, False, hub.entity
    )


def by_key(
    tie: Tie, a: Moment, b: Moment, settings: CorrelateSettings, what: str, within_s: float = 0.0
) -> Link | None:
    """The link between findings that share a label, an identifier, a change or a rule, or that came together before."""
    limit = within_s or (settings.onset_s if tie in (Tie.RULE, Tie.SHARED_CHANGE) else settings.beside_s)
    first, second = sorted((a, b))
    covered = tie is Tie.RULE and first.covers(second.start)
    return _timed(tie, abs(a.start - b.start), limit, covered, what)


def may_spread(a: Finding, b: Finding) -> bool:
    """Whether one can have to do with the other across entities.

    What is only forecast has no effects yet, so it reaches another entity only as the same resource (the memory of
    a service and of its host). A disk is related to its host only through the same resource, or the host's silence.
    """
    if FindingKind.FORECAST in (a.kind, b.kind):
        return _same_resource(a, b)
    if _is_disk_of_host(a.entity, b.entity) or _is_disk_of_host(b.entity, a.entity):
        return _same_resource(a, b) or FindingKind.MISSING_DATA in (a.kind, b.kind)
    return True


def explain(finding: Finding, other: Finding, link: Link, relation: Relation | None) -> Why:
    """The link in words: ``finding`` hangs on ``other``; ``relation`` is how its entity depends on the other's."""
    values = {"to": other.id, "apart_s": f"{link.lag_s:.0f}"}
    when = f"they began {link.lag_s:.0f} s apart"
    match link.tie:
        case Tie.SAME_ENTITY:
            return Why(link.tie, f"same entity ({bare(finding.entity)}), began {link.lag_s:.0f} s apart", values)
        case Tie.DEPENDS_ON | Tie.SAME_RESOURCE if relation is not None:
            if link.share >= 1.0:
                when = f"it began while the trouble of {bare(other.entity)} went on"
            sentence = f"{bare(finding.entity)} depends on {_route(relation.path)}, and {when}"
            if link.tie is Tie.SAME_RESOURCE:
                values["resource"] = finding.attributes.get("resource", "")
            return Why(link.tie, sentence, values | {"path": " > ".join(relation.path)})
        case Tie.SHARED_DEPENDENCY:
            what = f"come with the requests of {bare(link.what)}" if kind_of(link.what) == "model" else ""
            sentence = f"both {what or f'depend on {bare(link.what)}'} and began {link.lag_s:.0f} s apart"
            return Why(link.tie, sentence, values | {"shared": link.what})
        case Tie.SAME_TIME:
            return Why(link.tie, f"nobody tells what depends on what here, and {when}", values)
        case Tie.CO_OCCURRENCE:
            return Why(link.tie, f"the two came together before, more often than by chance, and {when}", values)
        case _:
            said = _SAID.get(link.tie, "both have {}").format(link.what)
            return Why(link.tie, f"{said}, and {when}", values | {"shared": link.what})


_SAID: Mapping[Tie, str] = {
    Tie.SHARED_LABELS: "both carry the label {}",
    Tie.SHARED_TEXT: "both name {}",
    Tie.SHARED_CHANGE: "both came after the change {}",
    Tie.RULE: "the grouping rule {} puts them together",
}


def _timed(tie: Tie, lag_s: float, limit_s: float, is_covered: bool, what: str = "", hops: int = 1) -> Link | None:
    if lag_s > limit_s and not is_covered:
        return None
    share = min(lag_s / limit_s, 1.0) if limit_s > 0 else 1.0
    if lag_s <= limit_s:
        share = min(share, 0.999)
    return Link(tie, _WEIGHT[tie] / hops, share, lag_s, max(limit_s, 1.0), is_covered, what)


def _same_resource(a: Finding, b: Finding) -> bool:
    return bool(a.attributes.get("resource")) and a.attributes.get("resource") == b.attributes.get("resource")


def _is_disk_of_host(disk: str, host: str) -> bool:
    return disk.startswith("disk:") and host.startswith("host:")


def _route(path: tuple[str, ...]) -> str:
    through = " and ".join(bare(step) for step in path[1:-1])
    return bare(path[-1]) + (f" (through {through})" if through else "")
