"""Host metrics by OpenTelemetry's semantic conventions, read with psutil."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from wellkept.agent.configuration import AgentConfiguration, Quota, Service
from wellkept.sdk.otlp import MetricsBatch

IGNORED_FILESYSTEMS = frozenset({"squashfs", "tmpfs", "devtmpfs", "overlay", "proc", "sysfs", "autofs", "iso9660"})
MEMORY_STATES = ("used", "free", "buffers", "cached")
Resource = Mapping[str, str]


class HostMetrics:
    """Reads this host, its declared services and its largest processes."""

    def __init__(self, configuration: AgentConfiguration, resource: Resource) -> None:
        self._configuration, self._resource = configuration, dict(resource)
        self._processes: dict[int, psutil.Process] = {}
        psutil.cpu_times_percent()

    def collect(self, at_nanos: int) -> MetricsBatch:
        """Everything of this moment, as one batch."""
        batch = MetricsBatch("wellkept.agent", at_nanos)
        batch.gauge(self._resource, "wellkept.agent.heartbeat", "1", 1.0, {})
        self._cpu(batch)
        self._memory(batch)
        self._filesystems(batch)
        self._io(batch)
        declared = {self._service(batch, service) for service in self._configuration.services}
        self._top_processes(batch, declared | {0})
        return batch

    def _cpu(self, batch: MetricsBatch) -> None:
        for mode, percent in psutil.cpu_times_percent()._asdict().items():
            if mode in ("user", "system", "idle", "iowait", "steal"):
                batch.gauge(self._resource, "system.cpu.utilization", "1", percent / 100, {"cpu.mode": mode})
        batch.gauge(self._resource, "system.cpu.load_average.1m", "{thread}", os.getloadavg()[0], {})
        batch.gauge(self._resource, "system.cpu.logical.count", "{cpu}", float(psutil.cpu_count() or 1), {})

    def _memory(self, batch: MetricsBatch) -> None:
        memory = psutil.virtual_memory()
        for state in MEMORY_STATES:
            if (value := getattr(memory, state, None)) is not None:
                attributes = {"system.memory.state": state}
                batch.gauge(self._resource, "system.memory.usage", "By", float(value), attributes)
        used = (memory.total - memory.available) / memory.total
        batch.gauge(self._resource, "system.memory.utilization", "1", used, {"system.memory.state": "used"})
        batch.gauge(self._resource, "system.memory.limit", "By", float(memory.total), {})
        swap = psutil.swap_memory()
        if swap.total:
            batch.gauge(self._resource, "system.paging.usage", "By", float(swap.used), {"system.paging.state": "used"})

    def _filesystems(self, batch: MetricsBatch) -> None:
        seen: set[str] = set()
        for partition in psutil.disk_partitions():
            if partition.fstype in IGNORED_FILESYSTEMS or partition.device in seen:
                continue
            with contextlib.suppress(OSError):
                usage = psutil.disk_usage(partition.mountpoint)
                seen.add(partition.device)
                attributes = {
                    "system.device": partition.device,
                    "system.filesystem.mountpoint": partition.mountpoint,
                    "system.filesystem.type": partition.fstype,
                }
                self._filesystem(batch, attributes, usage.used, usage.used + usage.free)
        for quota in self._configuration.filesystems:
            attributes = {"system.filesystem.mountpoint": quota.path, "system.filesystem.type": "quota"}
            self._filesystem(batch, attributes, _size_below(quota), quota.limit_bytes)

    def _filesystem(self, batch: MetricsBatch, attributes: Mapping[str, str], used: float, limit: float) -> None:
        state = {**attributes, "system.filesystem.state": "used"}
        batch.gauge(self._resource, "system.filesystem.usage", "By", float(used), state)
        batch.gauge(self._resource, "system.filesystem.limit", "By", float(limit), attributes)
        batch.gauge(self._resource, "system.filesystem.utilization", "1", used / limit if limit else 0.0, attributes)

    def _io(self, batch: MetricsBatch) -> None:
        disk = psutil.disk_io_counters()
        if disk is not None:
            for direction, size, count in (
                ("read", disk.read_bytes, disk.read_count),
                ("write", disk.write_bytes, disk.write_count),
            ):
                attributes = {"disk.io.direction": direction}
                batch.counter(self._resource, "system.disk.io", "By", float(size), attributes)
                batch.counter(self._resource, "system.disk.operations", "{operation}", float(count), attributes)
        network = psutil.net_io_counters()
        if network is not None:
            for direction, size, errors, dropped in (
                ("receive", network.bytes_recv, network.errin, network.dropin),
                ("transmit", network.bytes_sent, network.errout, network.dropout),
            ):
                attributes = {"network.io.direction": direction}
                batch.counter(self._resource, "system.network.io", "By", float(size), attributes)
                batch.counter(self._resource, "system.network.errors", "{error}", float(errors), attributes)
                batch.counter(self._resource, "system.network.packet.dropped", "{packet}", float(dropped), attributes)
        batch.gauge(self._resource, "system.process.count", "{process}", float(len(psutil.pids())), {})

    def _service(self, batch: MetricsBatch, service: Service) -> int:
        """The metrics of a declared service; returns its pid (0 when it does not run)."""
        resource = {**self._resource, "service.name": service.name}
        if service.namespace:
            resource["service.namespace"] = service.namespace
        pid = pid_of(service)
        process = self._process(pid)
        batch.gauge(resource, "service.up", "1", 1.0 if process else 0.0, {})
        if process is None:
            return 0
        self._process_metrics(batch, resource, process)
        limit = service.memory_limit_bytes or _address_space(process)
        if limit:
            batch.gauge(resource, "process.memory.limit", "By", float(limit), {})
        return pid

    def _top_processes(self, batch: MetricsBatch, leave_out: set[int]) -> None:
        sizes: list[tuple[int, int, str]] = []
        for process in psutil.process_iter(["pid", "memory_info", "name"]):
            memory = process.info["memory_info"]
            if memory is not None and process.pid not in leave_out:
                sizes.append((memory.rss, process.pid, process.info["name"] or ""))
        for _, pid, name in sorted(sizes, reverse=True)[: self._configuration.top_processes]:
            if (process := self._process(pid)) is not None:
                resource = {**self._resource, "process.pid": str(pid), "process.executable.name": name}
                self._process_metrics(batch, resource, process)

    def _process_metrics(self, batch: MetricsBatch, resource: Resource, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.Error), process.oneshot():
            cpu = process.cpu_percent() / 100 / (psutil.cpu_count() or 1)
            batch.gauge(resource, "process.cpu.utilization", "1", cpu, {})
            batch.gauge(resource, "process.memory.usage", "By", float(process.memory_info().rss), {})
            batch.gauge(resource, "process.thread.count", "{thread}", float(process.num_threads()), {})
            with contextlib.suppress(psutil.AccessDenied):
                batch.gauge(resource, "process.open_file_descriptor.count", "{count}", float(process.num_fds()), {})

    def _process(self, pid: int) -> psutil.Process | None:
        """The process of a pid, kept, since CPU use is measured between two looks."""
        known = self._processes.get(pid)
        if known is not None and known.is_running() and known.status() != psutil.STATUS_ZOMBIE:
            return known
        self._processes.pop(pid, None)
        if not pid:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            self._processes[pid] = psutil.Process(pid)
        return self._processes.get(pid)


def pid_of(service: Service) -> int:
    """The pid that a service's pid file names, when that process is alive; else 0."""
    try:
        pid = int(Path(service.pid_file).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return pid if psutil.pid_exists(pid) else 0


def _address_space(process: psutil.Process) -> int:
    """The limit of a process's address space in bytes; 0 where there is none."""
    with contextlib.suppress(psutil.Error, AttributeError):
        soft, _ = process.rlimit(psutil.RLIMIT_AS)
        return 0 if soft == psutil.RLIM_INFINITY else soft
    return 0


def _size_below(quota: Quota) -> int:
    return sum(_sizes(quota.path))


def _sizes(folder: str) -> Iterator[int]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from _sizes(entry.path)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        yield entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return
