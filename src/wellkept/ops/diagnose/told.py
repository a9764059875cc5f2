"""What is told of a cause: since when, by which way it reaches those who feel it, and all of it in plain words."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from wellkept.kernel.diagnosis import Cause, Diagnosis, Look, chance
from wellkept.kernel.entity import EdgeKind
from wellkept.kernel.hostnames import by_name, host_names
from wellkept.ops.diagnose.base import Case
from wellkept.ops.diagnose.contrast import Floats, bare, closed
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.window import Window

FARTHEST = 8
"""Hops of a way that is looked for."""


def since(case: Case, cause: Cause) -> datetime:
    """When the strongest evidence of a cause that is a series began to be as it is; else the onset."""
    for reason in cause.reasons:
        for pointer in reason.pointers:
            if pointer.look is Look.SERIES:
                for window in (case.metrics, case.red, case.exclusive):
                    if (values := _series(window, pointer.name, pointer.entity)) is not None:
                        step = _changed_at(values, case)
                        return (
                            case.onset
                            if step is None
                            else datetime.fromtimestamp(float(window.times[step]) - window.step_s, UTC)
                        )
    return case.onset


def _series(window: Window, name: str, entity: str) -> Floats | None:
    for column, info in enumerate(window.series):
        if (info.name, info.entity) == (name, entity):
            return window.values[:, column]
    return None


def _changed_at(values: Floats, case: Case) -> int | None:
    """The first step of the split that parts what is nearer to the level of the trouble from what is nearer to before.

    Least squares over which of the two levels a step is nearer to: single steps that stray do not move it.
    """
    steps = np.flatnonzero(np.isfinite(values[: case.during.last]))
    old, new = values[case.before.first : case.before.last], values[case.during.first : case.during.last]
    if not (np.isfinite(old).any() and np.isfinite(new).any()) or len(steps) < 2:
        return None
    usual, now = float(np.nanmedian(old)), float(np.nanmedian(new))
    if usual == now:
        return None
    is_new = (np.abs(values[steps] - now) < np.abs(values[steps] - usual)).astype(np.float64)
    count = np.arange(1, len(steps))
    ahead = np.cumsum(is_new)[:-1]
    behind = is_new.sum() - ahead
    apart = behind / (len(steps) - count) - ahead / count
    gain = np.where(apart > 0, apart**2 * count * (len(steps) - count), 0.0)
    best = int(np.argmax(gain))
    return int(steps[best + 1]) if gain[best] > 0 else None


def path(case: Case, cause: str) -> tuple[str, ...]:
    """The shortest way from a cause to where it is felt, by what depends on what; empty where there is none."""
    ends = [case.felt.entity] if case.felt is not None else [finding.entity for finding in case.findings]
    came: dict[str, str] = {cause: ""}
    todo = deque([(cause, 0)])
    while todo:
        entity, hops = todo.popleft()
        if entity in ends:
            return _way(entity, came)
        if hops < FARTHEST:
            # A version reaches those who call its server, although the model is who depends on the server.
            servers = case.graph.below(entity, EdgeKind.SERVED_BY)
            for other in sorted({*case.graph.dependents(entity), *servers}):
                if other not in came:
                    came[other] = entity
                    todo.append((other, hops + 1))
    return ()


def _way(end: str, came: dict[str, str]) -> tuple[str, ...]:
    way = [end]
    while came[way[-1]]:
        way.append(came[way[-1]])
    return tuple(reversed(way))


def by_names(found: Diagnosis, graph: Graph) -> Diagnosis:
    """A diagnosis whose words say the names of hosts where they said the ids that hosts are told apart by."""
    names = host_names(graph.entities.values())

    def told(cause: Cause) -> Cause:
        reasons = tuple(replace(reason, sentence=by_name(reason.sentence, names)) for reason in cause.reasons)
        exhibits = tuple(replace(one, sentence=by_name(one.sentence, names)) for one in cause.exhibits)
        return replace(cause, reasons=reasons, exhibits=exhibits)

    if not names:
        return found
    sentence, story = by_name(found.sentence, names), by_name(found.story, names)
    return replace(found, sentence=sentence, story=story, causes=tuple(told(cause) for cause in found.causes))


def story(case: Case, causes: Sequence[Cause], none: float) -> str:
    """One paragraph about the causes that are named; empty where none is."""
    if not causes:
        return ""
    best = causes[0]
    what = f" ({best.fault.value})" if best.fault.value != "unknown" else ""
    since_ = f" since {best.since.astimezone(UTC):%H:%M:%S} UTC" if best.since else ""
    words = [
        f"{bare(best.entity)}{what} is the most likely cause{since_}, with a probability of {chance(best.probability)}."
    ]
    words.extend(reason.sentence for reason in best.reasons[:3])
    if len(best.path) > 1:
        words.append(f"It reaches {bare(best.path[-1])} by way of {' → '.join(bare(one) for one in best.path)}.")
    changed = {change.id: change for change in case.changes}.get(best.change)
    if changed is not None and not any(reason.kind == "change" for reason in best.reasons[:3]):
        at = f"{changed.at.astimezone(UTC):%H:%M:%S} UTC"
        words.append(closed(f"{changed.actor} had changed it at {at}: {changed.summary}"))
    if len(causes) > 1:
        others = ", ".join(f"{bare(cause.entity)} ({chance(cause.probability)})" for cause in causes[1:])
        words.append(f"Less likely: {others}.")
    words.append(f"That it is none of the suspects has a probability of {chance(none)}.")
    return " ".join(words)
