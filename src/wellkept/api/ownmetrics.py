"""GET /metrics: the platform about itself, in Prometheus's text format 0.0.4. So far: whether people can be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wellkept.spine.notify.desk import NotifyDesk

PATH, MEDIA = "/metrics", "text/plain; version=0.0.4; charset=utf-8"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Samples = Iterable[tuple[Mapping[str, str], float]]


def routes(desk: NotifyDesk) -> list[Route]:
    """The route. It needs the token, as everything does."""

    async def metrics(_: Request) -> Response:
        text = await run_in_threadpool(lambda: "".join(_notifications(desk)))
        return Response(text, media_type=MEDIA)

    return [Route(PATH, metrics, methods=["GET"])]


def _notifications(desk: NotifyDesk) -> Iterator[str]:
    receivers, outcomes = desk.receivers(), desk.outcomes()
    by = [{"receiver": one.name, "channel": one.type} for one in receivers]
    yield _family(
        "wellkept_notification_receiver_up",
        "gauge",
        "Whether a receiver can be told: its last attempt was taken, and nothing is late.",
        zip(by, (float(one.is_well) for one in receivers), strict=True),
    )
    yield _family(
        "wellkept_notifications_waiting",
        "gauge",
        "What is to be told and was not taken yet.",
        zip(by, (float(one.waiting) for one in receivers), strict=True),
    )
    yield _family(
        "wellkept_notifications_dead",
        "gauge",
        "What was given up and is still true.",
        zip(by, (float(one.dead) for one in receivers), strict=True),
    )
    yield _family(
        "wellkept_notification_last_success_timestamp_seconds",
        "gauge",
        "When a receiver last took something; 0 for never.",
        zip(
            by,
            ((one.last_success - EPOCH).total_seconds() if one.last_success else 0.0 for one in receivers),
            strict=True,
        ),
    )
    yield _family(
        "wellkept_notification_attempts",
        "gauge",
        "Attempts in the history that is kept, by how they went.",
        (
            ({"receiver": receiver, "outcome": outcome}, float(count))
            for receiver, counts in sorted(outcomes.items())
            for outcome, count in sorted(counts.items())
        ),
    )


def _family(name: str, kind: str, words: str, samples: Samples) -> str:
    lines = [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{told}}} {value!r}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
