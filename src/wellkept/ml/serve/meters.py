"""What the model server counts of itself, in Prometheus' text format."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
BATCH_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class OfVersion:
    """What one version of a model has answered."""

    requests: int = 0
    rows: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    explained: int = 0

    def count(self, rows: int, taken_s: float) -> None:
        self.requests += 1
        self.rows += rows
        self.seconds += taken_s
        self.buckets[bisect.bisect_left(BOUNDS_S, taken_s)] += 1


class Meters:
    """Counts on the thread of the requests; what is read meanwhile is at most one request old."""

    def __init__(self) -> None:
        self.versions: dict[tuple[str, str], OfVersion] = {}
        self.failures: Counter[tuple[str, str, str]] = Counter()
        self.defaulted: Counter[tuple[str, str, str]] = Counter()
        self.lookups: Counter[tuple[str, str]] = Counter()
        self.shadows: Counter[tuple[str, str, str]] = Counter()

    def answered(self, model: str, version: str, rows: int, taken_s: float) -> None:
        found = self.versions.get((model, version))
        if found is None:
            found = self.versions.setdefault((model, version), OfVersion())
        found.count(rows, taken_s)

    def explained(self, model: str, version: str) -> None:
        """A request whose answer was explained."""
        self.versions.setdefault((model, version), OfVersion()).explained += 1

    def failed(self, model: str, version: str, status: int) -> None:
        """A request that was answered with an error; model and version are empty where it got to none."""
        self.failures[model, version, str(status)] += 1

    def text(self, gauges: Mapping[str, float], lanes: Iterable[tuple[str, str, Mapping[int, int], int]]) -> str:
        """Everything. ``gauges`` by name; ``lanes``: model, version, how many batches of each size, rows that wait."""
        lines = [*self._answers(), *self._counted()]
        for name, value in gauges.items():
            lines += [f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}", f"{name} {value:g}"]
        waiting = []
        lines.append("# TYPE model_infer_batch_requests histogram")
        for model, version, sizes, rows in lanes:
            labels = (("model", model), ("version", version))
            waiting.append(_line("model_infer_queue_rows", labels, rows))
            lines += _histogram("model_infer_batch_requests", labels, sizes)
        return "\n".join([*lines, "# TYPE model_infer_queue_rows gauge", *waiting]) + "\n"

    def _answers(self) -> Iterator[str]:
        found = list(self.versions.items())
        counts: tuple[tuple[str, Callable[[OfVersion], int]], ...] = (
            ("model_infer_request_success_total", lambda one: one.requests),
            ("model_infer_rows_total", lambda one: one.rows),
            ("model_infer_explained_total", lambda one: one.explained),
        )
        for name, read in counts:
            yield f"# TYPE {name} counter"
            for (model, version), one in found:
                yield _line(name, (("model", model), ("version", version)), read(one))
        name = "model_infer_request_duration_seconds"
        yield f"# TYPE {name} histogram"
        for (model, version), one in found:
            labels = (("model", model), ("version", version))
            total = 0
            for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), one.buckets, strict=True):
                total += count
                yield _line(f"{name}_bucket", (*labels, ("le", bound)), total)
            yield _line(f"{name}_sum", labels, one.seconds)
            yield _line(f"{name}_count", labels, total)

    def _counted(self) -> Iterator[str]:
        for name, last, counter in (
            ("model_infer_request_failure_total", "status", self.failures),
            ("model_infer_defaulted_total", "input", self.defaulted),
            ("model_shadow_total", "outcome", self.shadows),
        ):
            yield f"# TYPE {name} counter"
            for (model, version, what), count in list(counter.items()):
                yield _line(name, (("model", model), ("version", version), (last, what)), count)
        yield "# TYPE feature_lookup_total counter"
        for (service, outcome), count in list(self.lookups.items()):
            yield _line("feature_lookup_total", (("service", service), ("outcome", outcome)), count)


def _histogram(name: str, labels: Labels, sizes: Mapping[int, int]) -> Iterator[str]:
    known = sorted(sizes.items())
    for bound in BATCH_BOUNDS:
        yield _line(
            f"{name}_bucket", (*labels, ("le", str(bound))), sum(count for size, count in known if size <= bound)
        )
    yield _line(f"{name}_bucket", (*labels, ("le", "+Inf")), sum(sizes.values()))
    yield _line(f"{name}_sum", labels, sum(size * count for size, count in known))
    yield _line(f"{name}_count", labels, sum(sizes.values()))


def _line(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{told}}} {value:g}" if isinstance(value, float) else f"{name}{{{told}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
