"""Things of Kubernetes that are for long in a state that must not last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from wellkept.kernel.entity import JOB, owner_of_pod
from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View, check_above_zero
from wellkept.ops.detect.catalogue import duration
from wellkept.ops.detect.conditions import CLOCK, STATES, Bools, Floats, State
from wellkept.ops.detect.merged import cluster_of, in_several, merged, newest
from wellkept.ops.detect.signals import evidence_of, moment
from wellkept.ops.detect.slow import is_current
from wellkept.ops.detect.words import bare, clock
from wellkept.store.telemetry.window import SeriesInfo, of_series


@dataclass(frozen=True, slots=True)
class StatesParameters:
    """How patient it is."""

    patience: float = 1.0
    """States may last so many times as long as the table of states says (``ops/detect/conditions.py``)."""

    def __post_init__(self) -> None:
        check_above_zero("states", self)


@dataclass(frozen=True, slots=True)
class _Thing:
    """What may be in a state: ``run`` of ``entity``, and the columns of each series that tells of it. ``cluster``: of
    which it is, where several have one of that name.
    """

    entity: str
    cluster: str
    run: str
    parts: tuple[tuple[int, ...], ...]

    @property
    def of(self) -> tuple[str, str]:
        """What it is a run of."""
        return self.entity, self.cluster

    @property
    def turn(self) -> tuple[int, str]:
        """Runs are numbered, and come one after another."""
        return len(self.run), self.run


@dataclass(frozen=True, slots=True)
class _Held:
    """A thing that is in a state since a step. ``values``: of each series that tells of it, [T, P]."""

    state: State
    thing: _Thing
    values: Floats
    since: int


class States:
    """Says that a thing of Kubernetes is for long in a state that must not last.

    Jobs that have failed, autoscalers at their maximum, nodes short of memory, disk or process ids, pods that are
    pending, containers that cannot start, volume claims that have lost their volume: ``ops/detect/conditions.py`` lists
    them all, by which series they are told, and how long they may last. It is over when the state is, or the thing is
    gone; of a CronJob when a later run went well. Pods and containers of one workload are told of together, things of
    one name in several clusters one by one. Abstains where the series have stopped, and on blind entities.

    Source: the alerts ``KubeJobFailed``, ``KubeHpaMaxedOut``, ``KubeNodePressure``, ``KubePodNotReady`` and
    ``KubeContainerWaiting`` of kubernetes-mixin.
    """

    name = "states"
    version = "2"
    every_steps = 3
    finds = "failed jobs, autoscalers at their maximum, nodes under pressure, and pods of Kubernetes that do not start"
    kinds = (FindingKind.THRESHOLD,)
    shared = ("missing_steps",)
    Parameters = StatesParameters

    def __init__(self, settings: DetectSettings | None = None, parameters: StatesParameters | None = None) -> None:
        self._settings, self.parameters = settings or DetectSettings(), parameters or StatesParameters()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        things = _things(view.metrics.series)
        if not things or not len(view.metrics.values):
            return []
        found: dict[str, Finding] = {}
        wholes: set[str] = set()
        for state, of in things:
            together: dict[tuple[str, str], list[_Held]] = {}
            for held in self._held(view, state, of):
                together.setdefault((_whose(held), held.thing.cluster), []).append(held)
            for (entity, cluster), every in together.items():
                several = [held for held in every if not (state.is_of_parts and held.thing.entity in wholes)]
                key = fingerprint(self.name, entity, state.key, *filter(None, [cluster]))
                finding = self._finding(view, entity, several, key) if several and key not in found else None
                if finding is not None:
                    found[key] = finding
                    wholes.update(held.thing.entity.rpartition("/")[0] for held in several)
        return [found[key] for key in sorted(found)]

    def _held(self, view: View, state: State, things: Sequence[_Thing]) -> Iterator[_Held]:
        """Things that are in a state by their newest word; of each entity the newest run."""
        every = merged(view.metrics.values, [part for thing in things for part in thing.parts])
        for part in np.flatnonzero([told is CLOCK for told in state.told]).tolist():
            every[:, part :: len(state.told)] = view.metrics.times[:, None]
        last = newest(every).reshape(len(things), -1).T
        settled: dict[tuple[str, str], tuple[int, str]] = {}
        if state.settles is not None:
            for place in np.flatnonzero(state.settles(*last)).tolist():
                one = things[place]
                settled[one.of] = max(one.turn, settled.get(one.of, one.turn))
        held: dict[tuple[str, str], _Held] = {}
        for place in np.flatnonzero(state.holds(*last)).tolist():
            thing, width = things[place], len(state.told)
            if thing.of in settled and thing.turn <= settled[thing.of]:
                continue
            values = every[:, place * width : (place + 1) * width]
            since = self._since(state, values)
            if since is None or view.blind.hides(thing.entity, state.told[0].name):
                continue
            if thing.of not in held or held[thing.of].thing.turn < thing.turn:
                held[thing.of] = _Held(state, thing, values, since)
        yield from held.values()

    def _since(self, state: State, values: Floats) -> int | None:
        """The step since which the state is told of without a break; None where it is not, or nothing is told any
        more. Some series are there only while it lasts, and so a pause between words is a break.
        """
        told = [part for part, one in enumerate(state.told) if one is not CLOCK]
        seen: Bools = np.asarray(np.isfinite(values[:, told]).any(axis=1))
        least = self._settings.missing_steps
        if not is_current(seen, least):
            return None
        steps = np.flatnonzero(seen)
        holds = state.holds(*values[steps].T)
        if not holds[-1]:
            return None
        apart = np.diff(steps)
        pause = max(float(least), 2 * float(np.median(apart)) + 1) if len(apart) else least
        begins = holds & np.concatenate([[True], ~holds[:-1] | (apart > pause)])
        return int(steps[np.flatnonzero(begins)[-1]])

    def _finding(self, view: View, entity: str, several: Sequence[_Held], key: str) -> Finding | None:
        """One for all things of one state that are told of together; the one that is in it for longest is named."""
        held = min(several, key=lambda one: (one.since, one.thing.entity))
        window, state, thing = view.metrics, held.state, held.thing
        starts_at, known = moment(window.times[held.since] - window.step_s), view.open.get(key)
        lasted_s = float(window.times[-1]) - starts_at.timestamp()
        may_s = self.parameters.patience * state.lasts_s
        if known is None and lasted_s < may_s:
            return None
        severity = known.severity if known else state.severity
        if known is None and state.may_be_usual and held.since <= _first(view):
            severity = Severity.INFO
        if known is not None:
            starts_at = min(starts_at, known.starts_at)
            lasted_s = float(window.times[-1]) - starts_at.timestamp()
        what, reason = f"{state.what} {_name(thing)}", _reason(view, held)
        like = f", like {len(several) - 1} more of {bare(entity)}" if len(several) > 1 else ""
        told = next(place for place in range(len(state.told)) if thing.parts[place])
        info, says = window.series[thing.parts[told][-1]], (state.says or state.title).format(*newest(held.values))
        return Finding(
            fingerprint=key,
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.THRESHOLD,
            severity=severity,
            score=round(lasted_s / (lasted_s + may_s), 6),
            score_meaning="how long it lasts over that and how long it may last",
            starts_at=starts_at,
            sentence=(
                f"{what} {says}{like}{',' if like else ''} since {clock(starts_at, moment(window.times[-1]))} "
                f"({duration(lasted_s)}){f': {reason}' if reason else ''}."
            ),
            evidence=(evidence_of(info, window.times, held.values[:, told], {"lasted_s": lasted_s}),),
            attributes={"title": f"{what} {state.title}{like}", "resource": state.resource, "symptom": ""},
        )


def _whose(held: _Held) -> str:
    """The entity that is told of: the workload of a pod, as its name says it, or the thing itself."""
    kind, _, path = held.thing.entity.partition(":")
    parts = path.split("/")
    owner = owner_of_pod(parts[-held.state.pod_at]) if 0 < held.state.pod_at <= len(parts) else ""
    return f"{kind}:{'/'.join([*parts[: -held.state.pod_at], owner])}" if owner else held.thing.entity


def _name(thing: _Thing) -> str:
    """A thing's path; a run stands where what it is a run of would."""
    namespace, slash, name = bare(thing.entity).rpartition("/")
    return namespace + slash + (thing.run or name) + (f" of cluster {thing.cluster}" if thing.cluster else "")


def _reason(view: View, held: _Held) -> str:
    """Why it is so, by the newest series that says it."""
    told = [
        (np.flatnonzero(view.metrics.values[:, column] > 0)[-1:].tolist(), reason)
        for part in held.thing.parts
        for column in part
        if (reason := view.metrics.series[column].attributes.get(held.state.reason, ""))
    ]
    return max(((steps[0], reason) for steps, reason in told if steps), default=(0, ""))[1]


def _first(view: View) -> int:
    """The first step in which any such thing was heard of."""
    things = [thing for _, of in _things(view.metrics.series) for thing in of]
    columns = [column for thing in things for part in thing.parts for column in part]
    return int(np.argmax(np.isfinite(view.metrics.values[:, columns]).any(axis=1)))


_BY_NAME = {
    name: [(row, part) for row, state in enumerate(STATES) for part, told in enumerate(state.told) if told.name == name]
    for name in {told.name for state in STATES for told in state.told}
}


@of_series
def _things(series: tuple[SeriesInfo, ...]) -> tuple[tuple[State, tuple[_Thing, ...]], ...]:
    """What is told of by each state, with all series that tell of the same: one that is restarted, or whose reason
    changes, tells by another. Parts come before the whole.
    """
    found: dict[int, dict[tuple[str, str, str], list[list[int]]]] = {}
    for column, info in sorted(enumerate(series), key=lambda pair: pair[1].id):
        for row, part in _BY_NAME.get(info.name, ()):
            state = STATES[row]
            if not info.entity or not state.told[part].by(info.attributes):
                continue
            run = _run(info) if state.settles else ""
            of = found.setdefault(row, {})
            of.setdefault((info.entity, cluster_of(info), run), [[] for _ in state.told])[part].append(column)
    several = in_several((entity, cluster) for of in found.values() for entity, cluster, _ in of)

    def thing(entity: str, cluster: str, run: str, parts: list[list[int]]) -> _Thing:
        return _Thing(entity, cluster if entity in several else "", run, tuple(map(tuple, parts)))

    return tuple(
        (STATES[row], tuple(thing(*named, of[named]) for named in sorted(of, reverse=True)))
        for row, of in sorted(found.items())
    )


def _run(info: SeriesInfo) -> str:
    return info.attributes.get(JOB) or info.resource_attributes.get(JOB, "")
