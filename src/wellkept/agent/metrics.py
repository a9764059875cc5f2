"""Host metrics by OpenTelemetry's semantic conventions, read with psutil."""

from __future__ import annotations

import contextlib
import heapq
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
        self._kept: dict[int, psutil.Process] = {}
        psutil.cpu_times_percent()

    def collect(self, at_nanos: int) -> MetricsBatch:
        """Everything of this moment, as one batch."""
        batch = MetricsBatch("wellkept.agent", at_nanos)
        batch.gauge(self._resource, "wellkept.agent.heartbeat", "1", 1.0, {})
        self._cpu(batch)
        self._memory(batch)
        self._filesystems(batch)
        self._io(batch)
        self._kept = {}
        declared = {self._service(batch, service) for service in self._configuration.services}
        self._top_processes(batch, declared | {0})
        self._processes = self._kept
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
        """The largest processes. Only their sizes are read of all, which is what this costs."""
        sizes = [(_resident(process), process.pid) for process in psutil.process_iter() if process.pid not in leave_out]
        for _, pid in heapq.nlargest(self._configuration.top_processes, sizes):
            if (process := self._process(pid)) is not None:
                with contextlib.suppress(psutil.Error):
                    resource = {
                        **self._resource,
                        "process.pid": str(pid),
                        "process.executable.name": process.name(),
                    }
                    self._process_metrics(batch, resource, process)

    def _process_metrics(self, batch: MetricsBatch, resource: Resource, process: psutil.Process) -> None:
        """A process's metrics. Its CPU use is known from the second look on, as it is measured between two."""
        with contextlib.suppress(psutil.Error), process.oneshot():
            cpu = process.cpu_percent() / 100 / (psutil.cpu_count() or 1)
            if self._processes.get(process.pid) is process:
                batch.gauge(resource, "process.cpu.utilization", "1", cpu, {})
            batch.gauge(resource, "process.memory.usage", "By", float(process.memory_info().rss), {})
            batch.gauge(resource, "process.thread.count", "{thread}", float(process.num_threads()), {})
            with contextlib.suppress(psutil.AccessDenied):
                count = float(process.num_fds())
                batch.gauge(resource, "process.unix.file_descriptor.count", "{file_descriptor}", count, {})

    def _process(self, pid: int) -> psutil.Process | None:
        """The living process of a pid, kept, since CPU use is measured between two looks."""
        with contextlib.suppress(psutil.Error):
            known = self._processes.get(pid)
            if known is None or not known.is_running():
                known = psutil.Process(pid)
            if known.status() != psutil.STATUS_ZOMBIE:
                self._kept[pid] = known
                return known
        return None


def pid_of(service: Service) -> int:
    """The pid that a service's pid file names, when that process is alive; else 0. A zombie is not."""
    with contextlib.suppress(OSError, ValueError, OverflowError, psutil.Error):
        pid = int(Path(service.pid_file).read_text(encoding="ascii"))
        if pid > 0 and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            return pid
    return 0


def _resident(process: psutil.Process) -> int:
    """The resident size of a process in bytes; 0 where it cannot be told."""
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss
    return 0


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
                    with contextlib.suppress(OSError):
                        yield entry.stat(follow_symlinks=False).st_size
    except OSError:  # gone meanwhile, or not ours to read: what is below does not count
        return
