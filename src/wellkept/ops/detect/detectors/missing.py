"""Silence: something that reported regularly stopped, or a service is down by its own word or that of who asks it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.conventions import PROBED
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.blind import awake
from wellkept.ops.detect.catalogue import REPORTERS, duration
from wellkept.ops.detect.down import STATES, Down, down
from wellkept.ops.detect.heard import OF_KUBERNETES, heard_by_entity
from wellkept.ops.detect.signals import moment, picture
from wellkept.ops.detect.words import capital, clock, named
from wellkept.store.telemetry.window import Window

REPORTS = 10
"""Of whom less was heard in the window, no rhythm is known."""
REGULAR = 0.7
"""A reporter is regular when it was heard in this share of the steps that its rhythm has, from first to last word."""
STEADY = 2
"""A slow reporter took this many times as long as usual at most, and a step: one word of it was lost, but not two."""
LONGER_THAN_USUAL = 3
"""Silence must also be this many times as long as the longest gap before it, and as it usually takes."""
TOGETHER = 3
"""When so many are silent and nobody speaks, it is not them."""

NAMED = 3
"""So many instances are named in the sentence."""

_SPEAKING = frozenset(kind.value for kind in REPORTERS)


@dataclass(frozen=True, slots=True)
class _Reports:
    """When each entity was heard: bool[E, T], and who the rows are."""

    entities: tuple[str, ...]
    heard: NDArray[np.bool_]


class MissingData:
    """One finding per entity that is down or fell silent, however many series it has; one when everything is silent.

    Down is what says so (``service.up``), and what does not answer a scrape, a probe or its exporter (``up``,
    ``probe_success``, ``pg_up`` and their like are 0); where that is a part of its instances, it is a warning. So is a
    node that Kubernetes finds not ready, unless nothing is to be scheduled on it.

    Silence is measured against the reporter's own rhythm (the median from one word to the next), so a slow reporter is
    not late and yet missed, and a gap as short as a restart is no finding. Processes, pods and disks come and go, so
    only hosts, services, databases and deployments are missed, by words of their own, and not those whose points the
    platform itself refuses or finds far in the future. When all of them fall silent together it is not them but the way
    to us: then one finding without an entity says so. Steps in which the platform itself was not at work do not count.
    """

    name = "missing"
    version = "6"
    shared = ("confirm_steps", "grace_s", "min_points", "missing_steps")

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        window = awake(view.metrics, view.blind.pauses)
        if window.values.size == 0:
            return []
        view = replace(view, metrics=window)
        gone = self._down(view)
        reports = _reports(window)
        excused = view.blind.entities.keys() | view.blind.refused
        silent = {entity: last for entity, last in self._silent(reports).items() if entity not in excused}
        if len(silent) >= TOGETHER and not self._anybody(reports, excused):
            if self._anybody_due(reports, excused):
                return self._still_silent(view, reports, set())  # whose turn it is will show whether it is all of them
            explained = {"", *silent} - self._known_down(view)
            every = self._all_silent(view, len(silent), max(silent.values()))
            return [every, *self._still_silent(view, reports, explained)]
        found = [self._missing(view, reports, entity, last) for entity, last in silent.items() if entity not in gone]
        found.extend(self._still_silent(view, reports, {*silent, *gone}))
        gone = {entity: finding for entity, finding in gone.items() if entity not in view.blind.entities}
        told = [*gone.values(), *(finding for finding in found if finding.entity not in excused)]
        return sorted(told, key=lambda finding: finding.fingerprint)

    def _still_silent(self, view: View, reports: _Reports, said: set[str]) -> list[Finding]:
        """Silence that outlasts the window does not end by that; it ends with a word, or when the graph forgets.

        A node that Kubernetes does not tell of any more was taken away.
        """
        newest = reports.heard[:, -self._settings.confirm_steps :].any(axis=1)
        heard = {reports.entities[int(row)] for row in np.flatnonzero(newest)}
        return [
            finding
            for finding in view.open.values()
            if finding.detector == self.name
            and finding.entity not in said
            and finding.entity not in heard
            and not finding.signal.startswith(OF_KUBERNETES)
            and finding.entity in view.graph.entities
        ]

    def _known_down(self, view: View) -> set[str]:
        """Entities that were down when something was heard of them last."""
        ours = [finding for finding in view.open.values() if finding.detector == self.name]
        return {finding.entity for finding in ours if finding.signal in STATES}

    def _silent(self, reports: _Reports) -> dict[str, int]:
        """Entities that fell silent, with the index of the step in which they were heard last."""
        heard = reports.heard
        if heard.size == 0:
            return {}
        total = heard.shape[1]
        first = np.argmax(heard, axis=1)
        last = total - 1 - np.argmax(heard[:, ::-1], axis=1)
        gap = total - 1 - last
        known = (heard.sum(axis=1) >= REPORTS) & (last - first + 1 >= self._settings.min_points)
        return {
            reports.entities[i]: int(last[i])
            for i in np.flatnonzero(known & (gap >= self._settings.missing_steps))
            if _is_missed(np.flatnonzero(heard[i]), int(gap[i]))
        }

    def _anybody(self, reports: _Reports, excused: Container[str]) -> bool:
        """Whether anyone at all was heard of late."""
        lately = reports.heard[:, -self._settings.missing_steps :].any(axis=1)
        return any(reports.entities[i] not in excused for i in np.flatnonzero(lately))

    def _anybody_due(self, reports: _Reports, excused: Container[str]) -> bool:
        """Whether somebody who has a rhythm is silent for no longer than before."""
        rows = [row for row, entity in enumerate(reports.entities) if entity not in excused]
        return any(_is_due(heard) for heard in reports.heard[rows])

    def _down(self, view: View) -> dict[str, Finding]:
        """Services that are down, or have instances that are, by their own word or that of who asks them."""
        return {entity: self._of(view, entity, one) for entity, one in down(view.metrics, self._settings).items()}

    def _of(self, view: View, entity: str, one: Down) -> Finding:
        """All of a service is down, which users feel; or a part of its instances is, which others may make up for.

        Who is probed is nobody's other instance: each that fails is felt.
        """
        name, gone = view.metrics.series[one.series].name, len(one.instances)
        said = view.metrics.values[:, one.series]
        part, told = f"{gone} of {one.known} instances", [instance for instance in one.instances if instance]
        shown = "".join(f", {instance}" for instance in told[:NAMED]) + ", ..." * (len(told) > NAMED)
        where = "" if one.known == 1 else f" at all {gone} instances" if one.is_all else f" at {part}{shown}"
        what = f"{capital(named(entity))} {STATES[name]}{where} ({name} is {said[np.isfinite(said)][-1]:g})"
        if one.is_all:
            return self._finding(view, entity, one.since, f"{capital(named(entity))} is down", what, one.series)
        title = f"{part} of {named(entity)} {'are' if gone > 1 else 'is'} down"
        found = self._finding(view, entity, one.since, title, what, one.series)
        if name == PROBED:
            return found
        return replace(found, severity=Severity.WARNING, attributes={**found.attributes, "symptom": ""})

    def _missing(self, view: View, reports: _Reports, entity: str, last: int) -> Finding:
        steps = np.flatnonzero(reports.heard[reports.entities.index(entity)])
        rhythm, since = _rhythm(steps), last + 1 - int(steps[0])
        often = (
            f"every {duration(rhythm * view.step_s)}, {len(steps)} times"
            if rhythm > 1
            else (f"in {len(steps)} of {since} steps")
        )
        return self._finding(
            view,
            entity,
            last + 1,
            f"Silence of {named(entity)}",
            f"Nothing was heard from {named(entity)}, which had reported {often} before",
            None,
        )

    def _all_silent(self, view: View, count: int, last: int) -> Finding:
        return self._finding(
            view,
            "",
            last + 1,
            "No telemetry arrives",
            f"Nothing was heard from any of {count} reporters: it is the way to the platform, not them",
            None,
        )

    def _finding(self, view: View, entity: str, since: int, title: str, what: str, series: int | None) -> Finding:
        """What is open began when it did, however little of it the window still shows."""
        window, key = view.metrics, fingerprint(self.name, entity, "silence")
        starts_at, now = moment(window.times[min(since, len(window.times) - 1)] - view.step_s), window.times[-1]
        if key in view.open:
            starts_at = min(starts_at, view.open[key].starts_at)
        lasted = max(float(now) - starts_at.timestamp(), 0.0)
        points = picture(window.times, window.values[:, series]) if series is not None else ()
        return Finding(
            fingerprint=key,
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.MISSING_DATA,
            severity=Severity.CRITICAL if not entity else Severity.ERROR,
            score=round(min(1.0, lasted / (10 * self._settings.missing_steps * view.step_s)), 6),
            score_meaning="length of the silence over ten times the shortest silence that is reported",
            starts_at=starts_at,
            sentence=f"{what}, since {clock(starts_at, moment(now))} ({duration(lasted)}).",
            evidence=(
                Evidence(
                    signal="heartbeat" if series is None else window.series[series].name,
                    window_start=moment(window.times[0]),
                    window_end=moment(window.times[-1]),
                    points=points,
                    values={"silent_s": lasted},
                ),
            ),
            attributes={"title": title, "resource": "", "symptom": "yes"},
        )


def _reports(window: Window) -> _Reports:
    """Who was heard when, over all series of each entity at once."""
    names, heard = heard_by_entity(window)
    rows = [row for row, name in enumerate(names) if _reporter(name)]
    return _Reports(tuple(names[row] for row in rows), heard[rows])


def _reporter(entity: str) -> bool:
    return entity.partition(":")[0] in _SPEAKING


def _is_missed(steps: NDArray[np.intp], gap: int) -> bool:
    """Whether who was heard in these steps had a rhythm, and is silent for longer than that explains."""
    rhythm, longest = _rhythm(steps), int(np.diff(steps).max())
    return _is_regular(steps) and gap >= LONGER_THAN_USUAL * max(longest - 1, rhythm if rhythm > 1 else 0)


def _is_regular(steps: NDArray[np.intp]) -> bool:
    """Whether who was heard in these steps had a rhythm."""
    rhythm = _rhythm(steps)
    is_steady = rhythm == 1 or np.diff(steps).max() <= STEADY * rhythm + 1
    return bool(is_steady and len(steps) >= REGULAR * ((steps[-1] - steps[0]) / rhythm + 1))


def _is_due(heard: NDArray[np.bool_]) -> bool:
    """Whether it has a rhythm in which it may speak yet."""
    steps = np.flatnonzero(heard)
    if len(steps) < REPORTS or not _is_regular(steps):
        return False
    return bool(len(heard) - 1 - steps[-1] < np.diff(steps).max())


def _rhythm(steps: NDArray[np.intp]) -> float:
    """How many steps it usually takes from one word to the next."""
    return float(np.median(np.diff(steps)))
