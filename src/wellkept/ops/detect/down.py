"""Who is down by its own word, or by the word of who asks it: a scrape, a probe, an exporter, Kubernetes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.conventions import PROBED
from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.catalogue import UP
from wellkept.ops.detect.judged import columns_of
from wellkept.ops.detect.slow import is_current
from wellkept.store.telemetry.window import SeriesInfo, Window, of_series

SCRAPED = "up"
STATES: Mapping[str, str] = {
    UP: "reports itself as down",
    SCRAPED: "does not answer when it is scraped",
    PROBED: "fails its probe",
    **dict.fromkeys(
        (
            "apache_up", "bind_up", "consul_up", "haproxy_up", "memcached_up", "mongodb_up", "mysql_up", "nginx_up",
            "pg_up", "pgbouncer_up", "phpfpm_up", "rabbitmq_up", "redis_up", "varnish_up",
        ),
        "does not answer its exporter",
    ),
    **dict.fromkeys(
        ("kube_node_status_condition", "k8s.node.condition_ready", "k8s.node.condition", "k8s.node.condition.status"),
        "is not ready",
    ),
}  # fmt: skip
"""Series that are 0 or less while an instance of a service is down, else more, and what their 0 means."""
WHERE: Mapping[str, Mapping[str, str]] = {
    "kube_node_status_condition": {"condition": "Ready", "status": "true"},
    "k8s.node.condition": {"condition": "Ready"},
    "k8s.node.condition.status": {"k8s.node.condition.type": "Ready", "k8s.node.condition.status": "condition_true"},
}
"""Attributes that such a series must have."""
CORDONED = "kube_node_spec_unschedulable"
"""1 while a node is taken out of service on purpose: it is drained, or restarted, and nobody is to be woken."""


@dataclass(frozen=True, slots=True)
class Down:
    """A service of which instances are down, so many of those that ``series`` (the column of one) is known of.

    ``since``: the first step in which all of these were.
    """

    series: int
    since: int
    instances: tuple[str, ...]
    known: int

    @property
    def is_all(self) -> bool:
        return len(self.instances) == self.known


def down(window: Window, settings: DetectSettings) -> dict[str, Down]:
    """Services with instances that are down, by their entity; where several series say so, the worst of it."""
    found: dict[str, Down] = {}
    for entity, columns in _in_doubt(window):
        if _is_cordoned(window, entity):
            continue
        words = [(column, _word(window.values[:, column], settings)) for column in columns]
        known = [(column, since) for column, since in words if since is not None]
        gone = [(column, since) for column, since in known if since >= 0]
        if gone:
            instances = tuple(sorted(_instance(window.series[column]) for column, _ in gone))
            one = Down(gone[0][0], max(since for _, since in gone), instances, len(known))
            before = found.get(entity)
            if before is None or (one.is_all, len(instances)) > (before.is_all, len(before.instances)):
                found[entity] = one
    return found


def _in_doubt(window: Window) -> Iterator[tuple[str, list[int]]]:
    """Entities of which an instance's last word is that it is down, each with the columns of all its instances.

    Nearly all are up at nearly all times: those are left out at once, however many they are.
    """
    groups, columns, of_group = _states(window.series)
    seen = np.isfinite(window.values[:, columns])
    last = len(seen) - 1 - np.argmax(seen[::-1], axis=0)
    is_down = seen.any(axis=0) & ~(window.values[last, columns] > 0.0)
    for group in np.unique(of_group[is_down]).tolist():
        yield groups[group]


@of_series
def _states(
    series: tuple[SeriesInfo, ...],
) -> tuple[list[tuple[str, list[int]]], NDArray[np.intp], NDArray[np.intp]]:
    """The columns in which the instances of each entity say, by the same name, whether they are up.

    Beside them all of these columns, and the place of each one's entity.
    """
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for column, info in enumerate(series):
        if info.name in STATES and info.entity and WHERE.get(info.name, {}).items() <= info.attributes.items():
            found[info.entity, info.name].append(column)
    groups = [(entity, columns) for (entity, _), columns in found.items()]
    every = np.array([column for _, columns in groups for column in columns], np.intp)
    return groups, every, np.repeat(np.arange(len(groups)), [len(columns) for _, columns in groups]).astype(np.intp)


def _is_cordoned(window: Window, entity: str) -> bool:
    columns = columns_of(window.series)[0].get((entity, CORDONED), ())
    told = [values[np.isfinite(values)][-1:] for values in window.values[:, list(columns)].T]
    return any(map(np.any, told))


def _instance(info: SeriesInfo) -> str:
    return info.attributes.get("instance") or info.resource_attributes.get("service.instance.id", "")


def _word(values: NDArray[np.float64], settings: DetectSettings) -> int | None:
    """The step since which an instance is down; -1 while it is not, or not for long enough; None: nothing is known.

    It is down after several words, for as long as silence has to last. Who is asked every 15 or 60 s does not speak in
    every step; whose last word is older than its rhythm is gone, or silent, and no longer down.
    """
    if not is_current(np.isfinite(values), settings.missing_steps):
        return None
    said, total = np.flatnonzero(np.isfinite(values)), len(values)
    alive = np.flatnonzero(values > 0.0)
    words = said[said > alive[-1]] if len(alive) else said
    if len(words) < settings.confirm_steps or total - words[0] < settings.missing_steps:
        return -1
    return int(alive[-1]) + 1 if len(alive) else int(words[0])
