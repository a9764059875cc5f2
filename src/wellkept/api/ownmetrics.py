"""GET /metrics: the platform about itself, in Prometheus's text format 0.0.4."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.spine.notify.desk import NotifyDesk
from wellkept.spine.notify.senders.base import within

PATH, MEDIA = "/metrics", "text/plain; version=0.0.4; charset=utf-8"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PART_S = 2.0
"""So long a part may take: a store that does not answer must not hide what does not depend on it."""
SCRAPES = 2
"""Threads of its own: all the others may wait for a store."""
log = logging.getLogger(__name__)
Samples = Iterable[tuple[Mapping[str, str], float]]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with all its samples: labels and value."""

    name: str
    kind: str
    words: str
    samples: Samples


Parts = Mapping[str, Callable[[], Iterator[Family]]]


def routes(parts: Parts) -> list[Route]:
    """The route. It needs the token, as everything does."""
    scrapes = CapacityLimiter(SCRAPES)

    async def metrics(_: Request) -> Response:
        return Response(await to_thread.run_sync(_page, parts, limiter=scrapes), media_type=MEDIA)

    return [Route(PATH, metrics, methods=["GET"])]


def _page(parts: Parts) -> str:
    """All parts, and which of them could be told. One that fails leaves the others as they are."""
    told: dict[str, list[Family]] = {}
    for name, part in parts.items():
        try:
            told[name] = within(PART_S, lambda part=part: list(part()))  # type: ignore[misc]
        except Exception as error:  # noqa: BLE001 - the edge: what does not depend on this part is still told
            log.warning("/metrics: the part %s could not be told: %s", name, error)
    is_told = [({"part": name}, float(name in told)) for name in parts]
    up = Family("wellkept_metrics_part_up", "gauge", "Whether a part of this page could be told in time.", is_told)
    return "".join(_text(family) for family in [up, *(one for part in told.values() for one in part)])


def of_notifications(desk: NotifyDesk) -> Iterator[Family]:
    """Whether people can be told."""
    receivers, outcomes = desk.receivers(), desk.outcomes()
    by = [{"receiver": one.name, "channel": one.type} for one in receivers]
    yield Family(
        "wellkept_notification_receiver_up",
        "gauge",
        "Whether a receiver can be told: its last attempt was taken, and nothing is late.",
        zip(by, (float(one.is_well) for one in receivers), strict=True),
    )
    yield Family(
        "wellkept_notifications_waiting",
        "gauge",
        "What is to be told and was not taken yet.",
        zip(by, (float(one.waiting) for one in receivers), strict=True),
    )
    yield Family(
        "wellkept_notifications_dead",
        "gauge",
        "What was given up and is still true.",
        zip(by, (float(one.dead) for one in receivers), strict=True),
    )
    yield Family(
        "wellkept_notification_last_success_timestamp_seconds",
        "gauge",
        "When a receiver last took something; 0 for never.",
        zip(
            by,
            ((one.last_success - EPOCH).total_seconds() if one.last_success else 0.0 for one in receivers),
            strict=True,
        ),
    )
    yield Family(
        "wellkept_notification_attempts",
        "gauge",
        "Attempts in the history that is kept, by how they went.",
        (
            ({"receiver": receiver, "outcome": outcome}, float(count))
            for receiver, counts in sorted(outcomes.items())
            for outcome, count in sorted(counts.items())
        ),
    )


def _text(family: Family) -> str:
    lines = [f"# HELP {family.name} {family.words}", f"# TYPE {family.name} {family.kind}"]
    for labels, value in family.samples:
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{family.name}{{{told}}} {value!r}" if told else f"{family.name} {value!r}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
