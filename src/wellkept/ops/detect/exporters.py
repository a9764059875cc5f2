"""The catalogue's part for Prometheus: what exporters call the resources that run out.

Names are those of node_exporter, cAdvisor, kube-state-metrics, the kubelet, the client libraries of Prometheus,
Micrometer, and the exporters of MySQL, Redis and RabbitMQ, with the OpenTelemetry Collector's own.
"""

from __future__ import annotations

from dataclasses import replace

from wellkept.ops.detect.meaning import Bad, Extreme, Meaning


def _disk(free: str, size: str) -> Meaning:
    return Meaning(
        free,
        "space in use",
        "By",
        Bad.UP,
        1e6,
        limit=size,
        fills=Extreme.LAST,
        complement=True,
        resource="disk",
        anomaly=False,
    )


def _inodes(free: str, size: str) -> Meaning:
    return replace(_disk(free, size), says="inodes in use", unit="{inode}", floor=1000, resource="inodes")


def _memory(used: str, limit: str) -> Meaning:
    return Meaning(
        used,
        "memory in use",
        "By",
        Bad.UP,
        16e6,
        limit=limit,
        fills=Extreme.LOWEST,
        resource="memory",
        anomaly=False,
    )


def _heap(used: str, limit: str, label: str = "area") -> Meaning:
    return replace(_memory(used, limit), says="heap in use", where=(((label,), "heap"),), brim=False)


def _pool(used: str, limit: str, says: str = "connections in use", floor: float = 2) -> Meaning:
    meaning = replace(_memory(used, limit), says=says, unit="{connection}", floor=floor)
    return replace(meaning, resource="connections")


def _queue(used: str, limit: str, floor: float = 100) -> Meaning:
    return replace(_memory(used, limit), says="items waiting", unit="{item}", floor=floor, resource="queue")


_NODE, _VOLUME = "node_filesystem", "kubelet_volume_stats"

EXPORTERS: tuple[Meaning, ...] = (
    _disk(f"{_NODE}_avail_bytes", f"{_NODE}_size_bytes"),
    _inodes(f"{_NODE}_files_free", f"{_NODE}_files"),
    _disk(f"{_VOLUME}_available_bytes", f"{_VOLUME}_capacity_bytes"),
    _inodes(f"{_VOLUME}_inodes_free", f"{_VOLUME}_inodes"),
    replace(_memory("node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"), floor=64e6, complement=True),
    replace(
        _memory("node_memory_SwapFree_bytes", "node_memory_SwapTotal_bytes"),
        says="swap in use",
        complement=True,
        fills=Extreme.LAST,
        resource="swap",
        brim=False,
    ),
    _memory("container_memory_working_set_bytes", "container_spec_memory_limit_bytes"),
    Meaning(
        "container_cpu_cfs_throttled_periods_total",
        "throttled CPU periods",
        "1/s",
        Bad.UP,
        1.0,
        limit="container_cpu_cfs_periods_total",
        resource="cpu",
    ),
    _memory("process_resident_memory_bytes", ""),
    _heap("jvm_memory_bytes_used", "jvm_memory_bytes_max"),
    _heap("jvm_memory_used_bytes", "jvm_memory_max_bytes"),
    replace(_memory("go_memstats_heap_inuse_bytes", ""), says="heap in use"),
    replace(_memory("nodejs_heap_size_used_bytes", ""), says="heap in use"),
    replace(_memory("redis_memory_used_bytes", "redis_memory_max_bytes"), brim=False),
    replace(
        _pool("process_open_fds", "process_max_fds", "open file descriptors", 100),
        unit="{file_descriptor}",
        resource="file descriptors",
    ),
    replace(
        _pool("node_filefd_allocated", "node_filefd_maximum", "open file descriptors", 1000),
        unit="{file_descriptor}",
        resource="file descriptors",
    ),
    _pool("node_nf_conntrack_entries", "node_nf_conntrack_entries_limit", "tracked connections", 1000),
    _pool("hikaricp_connections_active", "hikaricp_connections_max"),
    _pool("mysql_global_status_threads_connected", "mysql_global_variables_max_connections"),
    _pool("redis_connected_clients", "redis_config_maxclients", "connected clients", 50),
    _queue("otelcol_exporter_queue_size", "otelcol_exporter_queue_capacity"),
    _queue("rabbitmq_queue_messages", ""),
    _queue("kafka_consumergroup_lag", "", 1000),
    replace(
        _pool("kube_resourcequota", "kube_resourcequota", "quota in use", 1),
        unit="",
        fills=Extreme.LAST,
        where=((("type",), "used"),),
        limit_where=("type", "hard"),
        resource="quota",
        brim=False,
    ),
)
