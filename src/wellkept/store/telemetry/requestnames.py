"""Metrics by which services tell of their requests: the names that instrumentation, exporters and proxies give them."""

from __future__ import annotations

from wellkept.store.telemetry.named import ANY

HISTOGRAMS = (
    "http.server.request.duration",
    "rpc.server.call.duration",
    "http.server.duration",
    "rpc.server.duration",
    "http_server_request_duration_seconds",
    "rpc_server_call_duration_seconds",
    "http_server_duration_milliseconds",
    "rpc_server_duration_milliseconds",
    "http_request_duration_seconds",
    "http_request_duration_milliseconds",
    "http_server_requests_seconds",
    "django_http_requests_latency_including_middlewares_seconds",
    "grpc_server_handling_seconds",
    "istio_request_duration_milliseconds",
    "nginx_ingress_controller_request_duration_seconds",
    "traefik_service_request_duration_seconds",
    "loki_request_duration_seconds",
    "tempo_request_duration_seconds",
    "cortex_request_duration_seconds",
    "axum_http_requests_duration_seconds",
    "echo_request_duration_seconds",
    "gin_request_duration_seconds",
    "ktor_http_server_requests_seconds",
    "rails_request_duration_seconds",
    "starlette_request_duration_seconds",
)
"""Durations of answers by OpenTelemetry's semantic conventions, present and former (which counted milliseconds), the
same by their names in Prometheus, and those of its client libraries, of frameworks, of meshes and of gateways.
"""
_OWN_HISTOGRAM, _OWN_COUNTER = "_http_request_duration_seconds", "_http_requests_total"
"""The same names with one of the program's own before them: ``shop_http_requests_total``."""
_ASKING = ("client", "outbound", "outgoing", "upstream")
"""What is in the names of metrics of requests that a program sends, and does not answer."""
COUNTERS = (
    "http_requests_total",
    "http_requests_received_total",
    "http_server_requests_total",
    "django_http_responses_total_by_status_total",
    "flask_http_request_total",
    "grpc_server_handled_total",
    "haproxy_backend_http_responses_total",
    "istio_requests_total",
    "nginx_ingress_controller_requests",
    "traefik_service_requests_total",
    "apiserver_request_total",
    "envoy_http_downstream_rq_xx",
    "nginx.requests",
    "apache_accesses_total",
    "apache.requests",
    "haproxy.requests.total",
    "varnish_main_client_req",
    "coredns_dns_requests_total",
    "echo_requests_total",
    "gin_requests_total",
    "rails_requests_total",
    "starlette_requests_total",
)
"""Answers that are counted without how long they took, by what became of them or not; also by the names of Prometheus'
exporters and of the Collector's receivers. What databases, caches and brokers are asked is none of them: it ends when a
batch does, and nobody misses it."""
READY = ("service.requests", "service.request.rate", "service.request.errors", "service.request.availability")
DURATION = "service.request.duration"
_TIMED = (*HISTOGRAMS, f"{ANY}{_OWN_HISTOGRAM}")
_TIMES = tuple(f"{name}_{part}" for name in _TIMED for part in ("count", "sum"))
NAMES = (*READY, DURATION, *_TIMES, *COUNTERS, f"{ANY}{_OWN_COUNTER}")
"""All metrics by which services tell of their requests themselves."""
REQUEST_BUCKETS = tuple(f"{name}_bucket" for name in _TIMED)
"""The buckets of the histograms among them, which are read by name alone."""
WITH_BUCKETS = (*NAMES, *REQUEST_BUCKETS)
PLACE = {family: place for place, family in enumerate((*HISTOGRAMS, *COUNTERS))}
"""Of several names of one sender the first counts; a program's own come behind these."""


def is_counter(name: str) -> bool:
    """Whether a metric counts requests."""
    return name in COUNTERS or _is_own(name, _OWN_COUNTER)


def is_histogram(family: str) -> bool:
    """Whether the metrics of this name before ``_count``, ``_sum`` and ``_bucket`` tell how long answers took."""
    return family in HISTOGRAMS or _is_own(family, _OWN_HISTOGRAM)


def _is_own(name: str, ending: str) -> bool:
    return name.endswith(ending) and not any(word in name for word in _ASKING)
