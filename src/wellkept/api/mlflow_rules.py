"""Which route of MLflow may be asked, in one table. What is not in it is refused.

``pass`` hands the request on. ``inspect`` hands on what was read and found harmless. ``gate`` needs a decision of ours,
which the gate carries out itself. ``refuse`` is for what runs code or calls elsewhere, or is no part of tracking and
registry. ``{x}`` stands for one part of a path, ``{x:path}`` for any rest of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

API = "/api/2.0/mlflow"
NEW = "/api/3.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts"
OF_PAGES = "/ajax-api/"
"""MLflow's own pages ask every route of ``/api/`` below this as well."""


class Rule(StrEnum):
    """What is done with a request."""

    PASS = "pass"  # noqa: S105 - a rule, no password
    INSPECT = "inspect"
    GATE = "gate"
    REFUSE = "refuse"


class Size(StrEnum):
    """How large a body may be: that of a question, or that of a file."""

    JSON = "json"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table."""

    rule: Rule
    method: str
    pattern: str
    size: Size = Size.JSON


GATED = (
    f"POST {API}/registered-models/alias",
    f"DELETE {API}/registered-models/alias",
    f"DELETE {API}/registered-models/delete",
    f"POST {API}/registered-models/rename",
    f"DELETE {API}/model-versions/delete",
    f"POST {API}/model-versions/transition-stage",
)
INSPECTED = (
    f"POST {API}/experiments/create",
    f"POST {API}/registered-models/create",
    f"POST {API}/model-versions/create",
)
PASSED = (
    "GET /",
    "GET /health",
    "GET /version",
    "GET /static-files/{path:path}",
    "GET /build/{path:path}",
    "GET /get-artifact",
    "GET /model-versions/get-artifact",
    "POST /graphql",
    f"GET {NEW}/server-info",
    *(f"{method} {API}/experiments/search" for method in ("GET", "POST")),
    f"GET {API}/experiments/get",
    f"GET {API}/experiments/get-by-name",
    f"POST {API}/experiments/update",
    f"POST {API}/experiments/delete",
    f"POST {API}/experiments/restore",
    f"POST {API}/experiments/set-experiment-tag",
    f"POST {API}/experiments/delete-experiment-tag",
    "POST /api/2.0mlflow/experiments/search-datasets",
    f"POST {API}/experiments/search-datasets",
    f"GET {API}/runs/get",
    *(f"POST {API}/runs/{verb}" for verb in ("create", "update", "delete", "restore", "search", "set-tag")),
    *(f"POST {API}/runs/{verb}" for verb in ("delete-tag", "log-batch", "log-inputs", "log-metric", "log-model")),
    *(f"POST {API}/runs/{verb}" for verb in ("log-parameter", "outputs")),
    f"GET {API}/metrics/get-history",
    f"GET {API}/metrics/get-history-bulk",
    f"GET {API}/metrics/get-history-bulk-interval",
    f"GET {API}/artifacts/list",
    f"GET {API}/registered-models/alias",
    f"GET {API}/registered-models/get",
    f"GET {API}/registered-models/search",
    *(f"{method} {API}/registered-models/get-latest-versions" for method in ("GET", "POST")),
    f"PATCH {API}/registered-models/update",
    f"POST {API}/registered-models/set-tag",
    f"DELETE {API}/registered-models/delete-tag",
    f"GET {API}/model-versions/get",
    f"GET {API}/model-versions/get-download-uri",
    f"GET {API}/model-versions/search",
    f"PATCH {API}/model-versions/update",
    f"POST {API}/model-versions/set-tag",
    f"DELETE {API}/model-versions/delete-tag",
    f"POST {API}/logged-models",
    f"POST {API}/logged-models/search",
    f"GET {API}/logged-models/{{model}}",
    f"PATCH {API}/logged-models/{{model}}",
    f"GET {API}/logged-models/{{model}}/artifacts/directories",
    f"GET {API}/logged-models/{{model}}/artifacts/files",
    f"POST {API}/logged-models/{{model}}/params",
    f"PATCH {API}/logged-models/{{model}}/tags",
    f"DELETE {API}/logged-models/{{model}}/tags/{{tag}}",
    *(f"{method} {API}/traces" for method in ("GET", "POST")),
    f"PATCH {API}/traces/{{trace}}",
    f"GET {API}/traces/{{trace}}/info",
    f"PATCH {API}/traces/{{trace}}/tags",
    f"DELETE {API}/traces/{{trace}}/tags",
    f"POST {API}/traces/link-to-run",
    *(f"GET {place}/get-trace-artifact" for place in (API, NEW)),
    f"POST {NEW}/traces",
    f"GET {NEW}/traces/{{trace}}",
    f"PATCH {NEW}/traces/{{trace}}/tags",
    f"DELETE {NEW}/traces/{{trace}}/tags",
    f"GET {NEW}/traces/get",
    f"GET {NEW}/traces/batchGet",
    *(f"POST {NEW}/traces/{verb}" for verb in ("batchGetInfos", "metrics", "search", "calculate-filter-correlation")),
    *(f"{method} {NEW}/datasets/search" for method in ("GET", "POST")),
    f"GET {NEW}/datasets/{{dataset}}",
    f"GET {NEW}/datasets/{{dataset}}/experiment-ids",
    f"GET {NEW}/datasets/{{dataset}}/records",
    f"GET {NEW}/workspaces",
    *(f"GET {NEW}/{things}/list" for things in ("scorers", "label-schemas", "review-queues")),
    f"POST {NEW}/issues/search",
    f"GET {FILES}/artifacts",
    f"GET {FILES}/artifacts/{{path:path}}",
    f"GET {FILES}/presigned/{{path:path}}",
)
WITH_FILES = (
    f"PUT {FILES}/artifacts/{{path:path}}",
    *(f"POST {FILES}/mpu/{step}/{{path:path}}" for step in ("create", "complete", "abort")),
)
REFUSED = (
    f"DELETE {FILES}/artifacts/{{path:path}}",
    f"POST {API}/upload-artifact",
    f"DELETE {API}/logged-models/{{model}}",
    *(f"POST {API}/artifacts/presigned-{way}-url" for way in ("download", "upload")),
    *(f"POST {place}/traces/delete-traces" for place in (API, NEW)),
    f"POST {API}/traces/link-prompts",
    f"GET {API}/get-online-trace-details",
    f"GET {API}/unified-traces",
    f"POST {API}/runs/create-promptlab-run",
    "GET /graphql",
    "POST /v1/traces",
    *(
        f"* {place}"
        for below in (
            f"{API}/webhooks",
            f"{API}/gateway-proxy",
            f"{NEW}/assistant",
            f"{NEW}/datasets",
            f"{NEW}/demo",
            f"{NEW}/gateway",
            f"{NEW}/genai",
            f"{NEW}/issues",
            f"{NEW}/jobs",
            f"{NEW}/label-schemas",
            f"{NEW}/mcp-servers",
            f"{NEW}/prompt-optimization",
            f"{NEW}/review-queues",
            f"{NEW}/scorer",
            f"{NEW}/scorers",
            f"{NEW}/traces",
            f"{NEW}/ui-telemetry",
            f"{NEW}/workspaces",
            "/api/3.0/jobs",
            "/gateway",
        )
        for place in (below, below + "/{path:path}")
    ),
)


def _table() -> Iterator[Route]:
    for rule, entries, size in (
        (Rule.GATE, GATED, Size.JSON),
        (Rule.INSPECT, INSPECTED, Size.JSON),
        (Rule.PASS, PASSED, Size.JSON),
        (Rule.PASS, WITH_FILES, Size.FILE),
        (Rule.REFUSE, REFUSED, Size.JSON),
    ):
        for entry in entries:
            method, _, pattern = entry.partition(" ")
            yield Route(rule, method, pattern, size)


TABLE = tuple(_table())
"""The first line that fits decides."""
UNKNOWN = Route(Rule.REFUSE, "*", "/{path:path}")


def route_of(method: str, path: str) -> Route:
    """The line for a request; :data:`UNKNOWN` where there is none. HEAD is asked as GET is."""
    method = "GET" if method == "HEAD" else method
    if path.startswith(OF_PAGES):
        path = "/api/" + path.removeprefix(OF_PAGES)
    for route, expression in _expressions():
        if route.method in (method, "*") and expression.fullmatch(path):
            return route
    return UNKNOWN


@cache
def _expressions() -> tuple[tuple[Route, re.Pattern[str]], ...]:
    return tuple((route, re.compile(_expression(route.pattern))) for route in TABLE)


def _expression(pattern: str) -> str:
    parts = re.split(r"(\{[a-z]+(?::path)?\})", pattern)
    return "".join(
        (".*" if part.endswith(":path}") else "[^/]+") if part.startswith("{") else re.escape(part) for part in parts
    )
