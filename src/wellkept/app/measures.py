"""What the platform says of itself at ``/metrics``: its work, its doors, its stores and whom it tells."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import psutil

from wellkept import __version__
from wellkept.api.ownmetrics import Family, of_notifications

if TYPE_CHECKING:
    from wellkept.app.platform import Platform


def measures(platform: Platform) -> dict[str, Callable[[], Iterator[Family]]]:
    """The parts of the page, by name. The last three ask a store; whoever shows them bounds how long that may take."""
    return {
        "process": _process,
        "pulse": lambda: _pulse(platform),
        "doors": lambda: _doors(platform),
        "ops": lambda: _ops(platform),
        "storage": lambda: _storage(platform),
        "notifications": lambda: of_notifications(platform.notifications.desk),
    }


def _process() -> Iterator[Family]:
    process = psutil.Process()
    with process.oneshot():
        cpu, memory, began = process.cpu_times(), process.memory_info(), process.create_time()
    yield Family("wellkept_build_info", "gauge", "The version that runs.", [({"version": __version__}, 1.0)])
    yield _one("process_cpu_seconds_total", "counter", "Processor time of the server.", cpu.user + cpu.system)
    yield _one("process_resident_memory_bytes", "gauge", "Memory of the server.", memory.rss)
    yield _one("process_start_time_seconds", "gauge", "When the server began.", began)
    yield _one("process_open_fds", "gauge", "Open file descriptors of the server.", process.num_fds())
    yield _one("process_threads", "gauge", "Threads of the server.", threading.active_count())


def _pulse(platform: Platform) -> Iterator[Family]:
    jobs, now, wall = platform.pulse.jobs(), time.monotonic(), platform.clock.now().timestamp()
    standing = platform.pulse.standing()
    yield Family(
        "wellkept_standing_still",
        "gauge",
        "What has come to no good end for too long; nothing is listed where all is well.",
        [({"part": name}, 1.0) for name in standing],
    )
    yield _one("wellkept_well", "gauge", "Whether nothing stands still.", not standing)
    yield _one(
        "wellkept_leads", "gauge", "Whether this server does what only one of several may.", platform.leader.leads
    )
    by = [{"job": job.name} for job in jobs]
    words = "When a job came to a good end, or was another server's."
    at = [wall - (now - job.well_at) for job in jobs]
    yield Family("wellkept_job_last_success_timestamp_seconds", "gauge", words, zip(by, at, strict=True))
    for name, kind, words, values in (
        ("wellkept_job_runs_total", "counter", "How often a job ran.", [job.runs for job in jobs]),
        ("wellkept_job_failures_total", "counter", "How often a job failed.", [job.failures for job in jobs]),
        ("wellkept_job_last_duration_seconds", "gauge", "How long its last run took.", [job.last_s for job in jobs]),
    ):
        yield Family(name, kind, words, zip(by, map(float, values), strict=True))


def _doors(platform: Platform) -> Iterator[Family]:
    counts = platform.ingest.counts()
    yield Family(
        "wellkept_ingest_requests_total",
        "counter",
        "Requests of telemetry by what became of them: stored, refused (they are at fault), failed (the store is).",
        [({"signal": s, "outcome": o}, float(n)) for s, one in counts.items() for o, n in one.outcomes().items()],
    )
    stored = [({"signal": signal}, float(one.stored_bytes)) for signal, one in counts.items()]
    yield Family("wellkept_ingest_stored_bytes_total", "counter", "Bytes of requests that were stored.", stored)
    points: dict[str, Any] = dict(platform.telemetry.points.status())
    yield _one("wellkept_metric_series", "gauge", "Series that points came for since the start.", points["series"])
    refused = [({"reason": reason}, float(count)) for reason, count in points["refused"].items()]
    yield Family("wellkept_metric_points_refused_total", "counter", "Points that were not taken in.", refused)
    alerts = platform.alerts.counts
    yield Family(
        "wellkept_alerts_total",
        "counter",
        "Alerts from outside by what became of them.",
        [
            ({"outcome": name}, float(getattr(alerts, name)))
            for name in ("opened", "repeated", "resolved", "expired", "refused")
        ],
    )


def _ops(platform: Platform) -> Iterator[Family]:
    if platform.ops is None:
        return
    detection, grouped = platform.ops.detect.status(), platform.ops.grouped()
    if "until" in detection:
        behind = platform.clock.now().timestamp() - float(detection["until"])
        yield _one("wellkept_detection_behind_seconds", "gauge", "How long ago what was last looked at was.", behind)
        yield _one("wellkept_detection_series", "gauge", "Series that are looked at.", detection["series"])
    unread = grouped["unread"] + grouped["backlog"]
    for name, words, value in (
        ("findings", "Findings that are held for grouping.", grouped["findings"]),
        ("unread", "Findings that wait to be grouped.", unread),
        ("live_incidents", "Incidents that go on.", grouped["live_incidents"]),
        ("held", "Findings that nobody is told of for now.", grouped["held"]),
    ):
        yield _one(f"wellkept_grouping_{name}", "gauge", words, value)


def _storage(platform: Platform) -> Iterator[Family]:
    status = platform.housekeeping.status()
    by = [({"signal": signal}, float(size)) for signal, size in status["by_signal"].items()]
    yield Family("wellkept_storage_bytes", "gauge", "What telemetry takes on the disk.", by)
    yield _one("wellkept_storage_free_bytes", "gauge", "What is free on that disk.", status["free"])


def _one(name: str, kind: str, words: str, value: float) -> Family:
    return Family(name, kind, words, [({}, float(value))])
