"""Names of OpenTelemetry's semantic conventions that were changed, and what they are called at present.

Senders of every age then speak of one thing by one name. The table follows the schema file of the conventions, version
1.44.0 (https://opentelemetry.io/schemas/1.44.0), with what it renames twice renamed at once. What changed its unit with
its name is left out, since it is not the same thing (``http.server.duration`` was in milliseconds), and so is what any
application may call its own (``cpu.time``). What receivers of the Collector call by names of their own, of before the
conventions had any, is called as in these, too.
"""

from __future__ import annotations

from collections.abc import Mapping

CPU_TIMES = ("system.cpu.utilization", "system.cpu.time", "node_cpu_seconds_total")
"""Series that tell how the CPUs of a host spend their time: as shares, or counted in seconds, whose rate is a share."""
CPU_MODES = ("cpu.mode", "system.cpu.state", "state", "mode")
"""The attribute that says what a CPU did in that time, by the names that it has had."""

ENDS = ("lower", "upper")
"""The attributes of a prediction that say between which numbers the truth is, as texts of numbers."""

PROBED = "probe_success"
"""1 while a probe from outside gets what it asks for, as users do, else 0."""
_MOMENTS = ("timestamp_seconds", "start_time_seconds", "boot_time_seconds", "gc_time_seconds", "node_time_seconds")
_JVM = "process.runtime.jvm."
METRICS: Mapping[str, str] = {
    "system.processes.count": "system.process.count",
    "system.processes.created": "system.process.created",
    "system.network.connections": "system.network.connection.count",
    "system.network.dropped": "system.network.packet.dropped",
    "system.network.packets": "system.network.packet.count",
    "system.memory.shared": "system.memory.linux.shared",
    "system.linux.memory.available": "system.memory.linux.available",
    "system.linux.memory.slab.usage": "system.memory.linux.slab.usage",
    "process.threads": "process.thread.count",
    "process.open_file_descriptors": "process.unix.file_descriptor.count",
    "process.open_file_descriptor.count": "process.unix.file_descriptor.count",
    "container.memory.paging.faults": "container.paging.faults",
    "http.client.request.size": "http.client.request.body.size",
    "http.client.response.size": "http.client.response.body.size",
    "http.server.request.size": "http.server.request.body.size",
    "http.server.response.size": "http.server.response.body.size",
    "db.client.connections.usage": "db.client.connection.count",
    "db.client.connections.idle.max": "db.client.connection.idle.max",
    "db.client.connections.idle.min": "db.client.connection.idle.min",
    "db.client.connections.max": "db.client.connection.max",
    "db.client.connections.pending_requests": "db.client.connection.pending_requests",
    "db.client.connections.timeouts": "db.client.connection.timeouts",
    "db.client.cosmosdb.operation.request_charge": "azure.cosmosdb.client.operation.request_charge",
    "db.client.cosmosdb.active_instance.count": "azure.cosmosdb.client.active_instance.count",
    "messaging.publish.messages": "messaging.client.sent.messages",
    "messaging.client.published.messages": "messaging.client.sent.messages",
    "jvm.memory.usage": "jvm.memory.used",
    "jvm.memory.usage_after_last_gc": "jvm.memory.used_after_last_gc",
    "jvm.buffer.memory.usage": "jvm.buffer.memory.used",
    f"{_JVM}memory.usage": "jvm.memory.used",
    f"{_JVM}memory.usage_after_last_gc": "jvm.memory.used_after_last_gc",
    f"{_JVM}memory.committed": "jvm.memory.committed",
    f"{_JVM}memory.limit": "jvm.memory.limit",
    f"{_JVM}memory.init": "jvm.memory.init",
    f"{_JVM}threads.count": "jvm.thread.count",
    f"{_JVM}classes.loaded": "jvm.class.loaded",
    f"{_JVM}classes.unloaded": "jvm.class.unloaded",
    f"{_JVM}classes.current_loaded": "jvm.class.count",
    f"{_JVM}cpu.time": "jvm.cpu.time",
    f"{_JVM}cpu.utilization": "jvm.cpu.recent_utilization",
    f"{_JVM}cpu.recent_utilization": "jvm.cpu.recent_utilization",
    f"{_JVM}system.cpu.utilization": "jvm.system.cpu.utilization",
    f"{_JVM}system.cpu.load_1m": "jvm.system.cpu.load_1m",
    f"{_JVM}buffer.usage": "jvm.buffer.memory.used",
    f"{_JVM}buffer.limit": "jvm.buffer.memory.limit",
    f"{_JVM}buffer.count": "jvm.buffer.count",
    "v8js.memory.heap.limit": "v8js.memory.heap.space.size",
    "v8js.heap.space.available_size": "v8js.memory.heap.space.available_size",
    "v8js.heap.space.physical_size": "v8js.memory.heap.space.physical_size",
    "otel.sdk.span.live.count": "otel.sdk.span.live",
    "otel.sdk.span.ended.count": "otel.sdk.span.ended",
    "otel.sdk.processor.span.processed.count": "otel.sdk.processor.span.processed",
    "otel.sdk.exporter.span.inflight.count": "otel.sdk.exporter.span.inflight",
    "otel.sdk.exporter.span.exported.count": "otel.sdk.exporter.span.exported",
    "k8s.container.cpu.limit": "k8s.container.cpu.limit.desired",
    "k8s.container.cpu.limit_utilization": "k8s.container.cpu.limit.utilization",
    "k8s.container.cpu.request": "k8s.container.cpu.request.desired",
    "k8s.container.cpu.request_utilization": "k8s.container.cpu.request.utilization",
    "k8s.container.memory.limit": "k8s.container.memory.limit.desired",
    "k8s.container.memory.request": "k8s.container.memory.request.desired",
    "k8s.container.cpu_limit": "k8s.container.cpu.limit.desired",
    "k8s.container.cpu_limit_utilization": "k8s.container.cpu.limit.utilization",
    "k8s.container.cpu_request": "k8s.container.cpu.request.desired",
    "k8s.container.cpu_request_utilization": "k8s.container.cpu.request.utilization",
    "k8s.container.memory_limit": "k8s.container.memory.limit.desired",
    "k8s.container.memory_request": "k8s.container.memory.request.desired",
    "k8s.container.restarts": "k8s.container.restart.count",
    "k8s.deployment.available": "k8s.deployment.pod.available",
    "k8s.deployment.desired": "k8s.deployment.pod.desired",
    "k8s.cronjob.active_jobs": "k8s.cronjob.job.active",
    "k8s.daemonset.current_scheduled_nodes": "k8s.daemonset.node.current_scheduled",
    "k8s.daemonset.desired_scheduled_nodes": "k8s.daemonset.node.desired_scheduled",
    "k8s.daemonset.misscheduled_nodes": "k8s.daemonset.node.misscheduled",
    "k8s.daemonset.ready_nodes": "k8s.daemonset.node.ready",
    "k8s.deployment.available_pods": "k8s.deployment.pod.available",
    "k8s.deployment.desired_pods": "k8s.deployment.pod.desired",
    "k8s.hpa.current_pods": "k8s.hpa.pod.current",
    "k8s.hpa.current_replicas": "k8s.hpa.pod.current",
    "k8s.hpa.desired_pods": "k8s.hpa.pod.desired",
    "k8s.hpa.desired_replicas": "k8s.hpa.pod.desired",
    "k8s.hpa.max_pods": "k8s.hpa.pod.max",
    "k8s.hpa.max_replicas": "k8s.hpa.pod.max",
    "k8s.hpa.min_pods": "k8s.hpa.pod.min",
    "k8s.hpa.min_replicas": "k8s.hpa.pod.min",
    "k8s.job.active_pods": "k8s.job.pod.active",
    "k8s.job.desired_successful_pods": "k8s.job.pod.desired_successful",
    "k8s.job.failed_pods": "k8s.job.pod.failed",
    "k8s.job.max_parallel_pods": "k8s.job.pod.max_parallel",
    "k8s.job.successful_pods": "k8s.job.pod.successful",
    "k8s.node.allocatable.cpu": "k8s.node.cpu.allocatable",
    "k8s.node.allocatable.ephemeral_storage": "k8s.node.ephemeral_storage.allocatable",
    "k8s.node.allocatable.memory": "k8s.node.memory.allocatable",
    "k8s.node.allocatable.pods": "k8s.node.pod.allocatable",
    "k8s.node.memory.paging.faults": "k8s.node.paging.faults",
    "k8s.pod.memory.paging.faults": "k8s.pod.paging.faults",
    "k8s.replicaset.available_pods": "k8s.replicaset.pod.available",
    "k8s.replicaset.desired_pods": "k8s.replicaset.pod.desired",
    "k8s.replication_controller.available_pods": "k8s.replicationcontroller.pod.available",
    "k8s.replication_controller.desired_pods": "k8s.replicationcontroller.pod.desired",
    "k8s.replicationcontroller.available_pods": "k8s.replicationcontroller.pod.available",
    "k8s.replicationcontroller.desired_pods": "k8s.replicationcontroller.pod.desired",
    "k8s.statefulset.current_pods": "k8s.statefulset.pod.current",
    "k8s.statefulset.desired_pods": "k8s.statefulset.pod.desired",
    "k8s.statefulset.ready_pods": "k8s.statefulset.pod.ready",
    "k8s.statefulset.updated_pods": "k8s.statefulset.pod.updated",
}

ATTRIBUTES: tuple[tuple[str, str, str], ...] = (
    ("system.cpu.", "state", "cpu.mode"),
    ("system.cpu.", "system.cpu.state", "cpu.mode"),
    ("system.cpu.", "cpu", "cpu.logical_number"),
    ("system.cpu.", "system.cpu.logical_number", "cpu.logical_number"),
    ("system.memory.", "state", "system.memory.state"),
    ("system.memory.", "linux.memory.slab.state", "system.memory.linux.slab.state"),
    ("system.paging.", "state", "system.paging.state"),
    ("system.paging.", "type", "system.paging.fault.type"),
    ("system.paging.", "system.paging.type", "system.paging.fault.type"),
    ("system.paging.", "direction", "system.paging.direction"),
    ("system.disk.", "device", "system.device"),
    ("system.disk.", "direction", "disk.io.direction"),
    ("system.disk.", "system.disk.direction", "disk.io.direction"),
    ("system.disk.", "system.disk.io.direction", "disk.io.direction"),
    ("system.filesystem.", "device", "system.device"),
    ("system.filesystem.", "state", "system.filesystem.state"),
    ("system.filesystem.", "type", "system.filesystem.type"),
    ("system.filesystem.", "mode", "system.filesystem.mode"),
    ("system.filesystem.", "mountpoint", "system.filesystem.mountpoint"),
    ("system.network.", "device", "network.interface.name"),
    ("system.network.", "system.device", "network.interface.name"),
    ("system.network.", "direction", "network.io.direction"),
    ("system.network.", "system.network.direction", "network.io.direction"),
    ("system.network.", "system.network.io.direction", "network.io.direction"),
    ("system.network.", "state", "network.connection.state"),
    ("system.network.", "system.network.state", "network.connection.state"),
    ("system.network.", "protocol", "network.transport"),
    ("system.process.", "status", "process.state"),
    ("system.process.", "system.processes.status", "process.state"),
    ("system.process.", "system.process.status", "process.state"),
    ("process.cpu.", "state", "cpu.mode"),
    ("process.cpu.", "process.cpu.state", "cpu.mode"),
    ("process.disk.", "direction", "disk.io.direction"),
    ("process.network.", "direction", "network.io.direction"),
    ("process.context_switches", "type", "process.context_switch.type"),
    ("process.context_switches", "process.context_switch_type", "process.context_switch.type"),
    ("process.paging.", "type", "system.paging.fault.type"),
    ("process.paging.", "process.paging.fault_type", "system.paging.fault.type"),
    ("container.cpu.", "container.cpu.state", "cpu.mode"),
    ("container.network.", "system.device", "network.interface.name"),
    ("container.network.", "system.network.io.direction", "network.io.direction"),
    ("container.disk.", "system.disk.io.direction", "disk.io.direction"),
    ("jvm.memory.", "type", "jvm.memory.type"),
    ("jvm.memory.", "pool", "jvm.memory.pool.name"),
    ("jvm.buffer.", "pool", "jvm.buffer.pool.name"),
    ("jvm.thread.", "daemon", "jvm.thread.daemon"),
    ("jvm.thread.", "thread.daemon", "jvm.thread.daemon"),
    ("http.", "http.method", "http.request.method"),
    ("http.", "http.status_code", "http.response.status_code"),
    ("http.", "http.scheme", "url.scheme"),
    ("http.", "net.protocol.name", "network.protocol.name"),
    ("http.", "net.protocol.version", "network.protocol.version"),
    ("http.server.", "net.host.name", "server.address"),
    ("http.server.", "net.host.port", "server.port"),
    ("http.client.", "net.peer.name", "server.address"),
    ("http.client.", "net.peer.port", "server.port"),
    ("db.client.connection.", "state", "db.client.connection.state"),
    ("db.client.connection.", "db.client.connections.state", "db.client.connection.state"),
    ("db.client.connection.", "pool.name", "db.client.connection.pool.name"),
    ("db.client.connection.", "db.client.connections.pool.name", "db.client.connection.pool.name"),
    ("db.", "db.system", "db.system.name"),
    ("db.", "db.name", "db.namespace"),
    ("db.", "db.operation", "db.operation.name"),
    ("db.", "db.sql.table", "db.collection.name"),
    ("messaging.", "messaging.destination", "messaging.destination.name"),
    ("messaging.", "messaging.operation", "messaging.operation.type"),
    ("messaging.", "messaging.client_id", "messaging.client.id"),
    ("messaging.", "messaging.kafka.consumer.group", "messaging.consumer.group.name"),
    ("messaging.", "messaging.kafka.destination.partition", "messaging.destination.partition.id"),
    ("rpc.", "rpc.system", "rpc.system.name"),
    ("gen_ai.", "gen_ai.system", "gen_ai.provider.name"),
)
"""How the present names of metrics begin, an attribute of theirs, and its present name. The first that fits counts."""

RESOURCE: Mapping[str, str] = {
    "deployment.environment": "deployment.environment.name",
    "container.runtime": "container.runtime.name",
    "telemetry.auto.version": "telemetry.distro.version",
    "browser.user_agent": "user_agent.original",
    "faas.id": "cloud.resource_id",
    "android.state": "android.app.state",
    "ios.state": "ios.app.state",
    "vcs.repository.change.id": "vcs.change.id",
    "vcs.repository.change.title": "vcs.change.title",
    "vcs.repository.ref.name": "vcs.ref.head.name",
    "vcs.repository.ref.revision": "vcs.ref.head.revision",
    "vcs.repository.ref.type": "vcs.ref.head.type",
}


def unit_of(name: str, told: str) -> str:
    """The unit that was told of a metric, or else the one that its name ends in: Prometheus's text tells of no other.

    Seconds that are a moment have none that could be said, and neither do counted seconds, whose rate is a share.
    """
    if told:
        return told
    if name.endswith("_seconds"):
        return "" if name.endswith(_MOMENTS) else "s"
    return "By" if name.removesuffix("_total").endswith("_bytes") else ""


def present_name(name: str) -> str:
    """What a metric is called at present."""
    return METRICS.get(name, name)


def present_attributes(name: str, attributes: Mapping[str, str]) -> dict[str, str]:
    """Attributes of a metric (by its present name) under their present names.

    One whose present name is there as well, or is taken by one before it in the order of their keys, stays as it is.
    """
    rules = {old: new for prefix, old, new in reversed(ATTRIBUTES) if name.startswith(prefix)}
    return _renamed(attributes, rules)


def present_resource(attributes: Mapping[str, str]) -> dict[str, str]:
    """Attributes of a resource under their present names; of several for one name as above."""
    return _renamed(attributes, RESOURCE)


def _renamed(attributes: Mapping[str, str], rules: Mapping[str, str]) -> dict[str, str]:
    renamed: dict[str, str] = {}
    for key, value in sorted(attributes.items()):
        new = rules.get(key, key)
        renamed[key if new in attributes or new in renamed else new] = value
    return dict(sorted(renamed.items()))
