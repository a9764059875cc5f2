"""Endpoints of services that report them by labels of their metrics."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wellkept.store.telemetry.routes import MOST_ROUTES, endpoints_together, reported_endpoints
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]
TIMES = np.arange(1.0, 5.0) * 10
BASE = "http_request_duration_seconds"
Told = tuple[str, dict[str, str], float]


def window(*told: Told, entity: str = "service:web") -> Window:
    series = tuple(SeriesInfo(n, name, "", "sum", entity, labels) for n, (name, labels, _) in enumerate(told))
    return Window(TIMES, np.full((4, len(told)), [value for *_, value in told]), series)


def answered(labels: dict[str, str], within: dict[str, float]) -> tuple[list[Told], list[Told]]:
    """A histogram of a route: what detection reads of it by itself, and its buckets."""
    counts: list[Told] = [(f"{BASE}_count", labels, within["+Inf"]), (f"{BASE}_sum", labels, 0.3 * within["+Inf"])]
    return counts, [(f"{BASE}_bucket", {**labels, "le": bound}, count) for bound, count in within.items()]


def endpoints(*histograms: tuple[dict[str, str], dict[str, float]]) -> dict[tuple[str, str], list[float]]:
    parts = [answered(labels, within) for labels, within in histograms]
    metrics, buckets = ([told for part in parts for told in part[kind]] for kind in (0, 1))
    return shown(reported_endpoints(window(*metrics), window(*buckets)))


def shown(found: Window) -> dict[tuple[str, str], list[float]]:
    told = {(i.attributes["span.endpoint"], i.name): found.values[:, j].tolist() for j, i in enumerate(found.series)}
    assert len({info.id for info in found.series}) == len(found.series)
    return told


FAST, SLOW = {"0.1": 90.0, "1": 100.0, "+Inf": 100.0}, {"0.1": 0.0, "1": 10.0, "+Inf": 10.0}


def test_each_route_has_its_rate_its_errors_and_its_slowest() -> None:
    found = endpoints(
        ({"route": "/", "method": "GET", "code": "200"}, FAST),
        ({"route": "/pay", "method": "POST", "code": "200"}, SLOW),
        ({"route": "/pay", "method": "POST", "code": "503"}, SLOW),
    )
    assert found["GET /", "endpoint.rate"] == [100.0] * 4
    assert found["GET /", "endpoint.errors"] == [0.0] * 4
    assert found["GET /", "endpoint.duration.p95"] == pytest.approx([0.55] * 4)
    assert found["POST /pay", "endpoint.rate"] == [20.0] * 4
    assert found["POST /pay", "endpoint.errors"] == [10.0] * 4
    assert found["POST /pay", "endpoint.duration.p95"] == pytest.approx([0.955] * 4)


@pytest.mark.parametrize("label", ["http.route", "http_route", "handler", "uri", "rpc.method", "grpc_method"])
def test_routes_by_the_names_of_their_labels(label: str) -> None:
    assert {endpoint for endpoint, _ in endpoints(({label: "a"}, FAST), ({label: "b"}, FAST))} == {"a", "b"}


def test_one_route_says_nothing_more_than_its_service_and_very_many_are_paths() -> None:
    assert endpoints(({"route": "/"}, FAST), ({}, FAST)) == {}
    assert endpoints(*(({"path": f"/users/{n}"}, FAST) for n in range(MOST_ROUTES + 1))) == {}


def test_what_is_no_request_names_no_route() -> None:
    files: list[Told] = [("file_size_bytes", {"path": f"/{number}"}, 1.0) for number in range(MOST_ROUTES)]
    told = answered({"route": "/"}, FAST)[0] + answered({"route": "/pay"}, SLOW)[0]
    assert ("/pay", "endpoint.rate") in shown(reported_endpoints(window(*told, *files), window()))


def test_who_is_traced_is_told_by_its_spans() -> None:
    def of(entity: str, value: float, times: Floats = TIMES) -> Window:
        info = SeriesInfo(1, "endpoint.rate", "1/s", "span", entity, {"span.endpoint": "GET /"})
        return Window(times, np.full((len(times), 1), value), (info,))

    traced, other = of("service:web", 1.0), of("service:shop", 2.0)
    both = endpoints_together(traced, other)
    assert both is not None
    assert [info.entity for info in both.series] == ["service:web", "service:shop"]
    assert both.values[0].tolist() == [1.0, 2.0]
    alone = endpoints_together(traced, of("service:web", 2.0))
    assert alone is not None
    assert alone.values.tolist() == traced.values.tolist()
    assert endpoints_together(None, other) is other
    assert endpoints_together(traced, None) is traced
    assert endpoints_together(traced, of("service:shop", 2.0, TIMES + 10)) is traced, "of other steps"
