"""How often the diagnosis names the right cause, on recorded cases whose cause is known.

    python -m bench.diagnosis --data FOLDER --layout bench/recordings/x.yaml [--cases 20] [--normal 50] [--json]

Each case is replayed as ``wellkept replay --case`` does it: its telemetry and its alert go through ingest, detection,
correlation and diagnosis. Then the place of the true cause among the suspects is looked up. Suspects that are as likely
as the true one count before it. ``named`` counts the cases in which the product says the right name, ``silent`` those
in which it says that it found none, ``wrong`` the rest.

With ``--normal N`` the alert is raised N times in stretches of the baseline where nothing was wrong, at moments spread
evenly: whatever is named then is a false alarm.

The truth is in the layout under ``extra``, which the product passes by. Cases are split by a hash of their id into
``tune`` (whose numbers may be looked at while clues are changed) and ``report``.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from wellkept.app.replay import Replay, at_step, step_for
from wellkept.app.settings import Ops
from wellkept.kernel.clock import from_nanos
from wellkept.kernel.entity import entity_of
from wellkept.kernel.errors import InputError
from wellkept.kernel.finding import Finding
from wellkept.kernel.incident import Incident, IncidentState, Member
from wellkept.ops.diagnose.rank import diagnose, rank
from wellkept.ops.ingest.recording.recording import Recording, Source, baseline, find, read
from wellkept.spine.plugins import load

FIRST = 5
"""Avg@5 is the mean of AC@1 to AC@5."""


class Truth(BaseModel):
    """``extra.bench`` of a layout: the columns of the cases that name the true cause, and those to group by."""

    model_config = ConfigDict(extra="forbid")

    cause: dict[str, str]
    groups: list[str] = []
    baseline: list[str] = []
    """Cases that are alike in these columns share their baseline."""


@dataclass(frozen=True)
class Result:
    """What came of one case. ``place`` is the true cause's among all suspects, from 1; 0 where it is none of them."""

    case: str
    half: str
    group: str
    truth: str
    named: str
    place: int
    confidence: float
    seconds: float


class Bench:
    """Cases of one recording, judged one after another; each in a database of its own."""

    def __init__(self, source: Source, folder: Path) -> None:
        if source.layout is None or source.layout.cases is None or "bench" not in source.layout.extra:
            raise InputError(f"layout {source.named}", "must name a table of cases, and the truth in extra.bench")
        self.source, self.truth = source, Truth.model_validate(source.layout.extra["bench"])
        self._folder, self._numbers = folder, itertools.count()
        self._clues = [clue() for clue in load("clue").values()]
        self.rows = {str(row[source.layout.cases.id]): row for row in source.rows()}

    def judge(self, case: str) -> Result:
        """Replay a case and look up the true cause."""
        began = time.perf_counter()
        recording = read(self.source, case)
        with self._replay(recording) as run:
            run.run()
            found, named = self._suspects(run, recording)
        seconds = time.perf_counter() - began
        row = self.rows[case]
        truth = entity_of({name: str(row[column]) for name, column in self.truth.cause.items()})
        confidence = next((value for entity, value in found if entity == truth), None)
        place = 0 if confidence is None else sum(value >= confidence for _, value in found)
        group = " ".join(str(row[column]) for column in self.truth.groups)
        best = found[0][1] if found else 0.0
        return Result(case, half_of(case), group, truth, named, place, best, seconds)

    def _suspects(self, run: Replay, recording: Recording) -> tuple[list[tuple[str, float]], str]:
        """Every suspect with its confidence, likeliest first, and whom the product names."""
        for incident in run.outcome().incidents:
            told = run.stream.diagnosis(incident.id)
            if told is not None and any(member.finding == recording.alerts[0].id for member in incident.members):
                case = run.diagnose.case(incident, told.at)
                ranked = rank(case, self._clues, run.settings.diagnose)
                return [(cause.entity, cause.confidence) for cause in ranked], told.best.entity if told.best else ""
        return [], ""

    def false_alarms(self, case: str, moments: int) -> list[str]:
        """Whom the product names when the case's alert is raised at moments of its baseline, "" where nobody."""
        recording = baseline(self.source, case)
        alert = read(self.source, case).alerts[0]
        with self._replay(recording) as run:
            looks = list(run.moments())
            run.feed(recording.first_ns - 1, recording.last_ns)
            settings = run.settings.diagnose
            after = round(min(settings.during_s, 4 * settings.step_s) / settings.step_s)
            usable = looks[len(looks) // 3 : -after - 1]
            chosen = usable[:: max(1, len(usable) // moments)][:moments]
            return [self._named_at(run, alert, moment, after) for moment in chosen]

    def _named_at(self, run: Replay, alert: Finding, moment: int, after: int) -> str:
        at = from_nanos(moment)
        now = at + timedelta(seconds=after * run.settings.diagnose.step_s)
        run.clock.set(now)
        run.observe()
        (raised,) = run.stream.publish([replace(alert, starts_at=at, ends_at=now)], now)
        incident = Incident(
            id="inc-none", title="", state=IncidentState.OPEN, severity=raised.severity, opened_at=at, updated_at=now,
            members=(Member(raised.id, raised.entity, now, ""),),
        )  # fmt: skip
        told = diagnose(run.diagnose.case(incident, now), self._clues, run.settings.diagnose, now)
        return told.best.entity if told.best else ""

    @contextlib.contextmanager
    def _replay(self, recording: Recording) -> Iterator[Replay]:
        number = next(self._numbers)
        settings = at_step(Ops(), step_for(recording, Ops()))
        place = self._folder / f"case-{number}"
        run = Replay(recording, place, settings, telemetry=self._folder / "telemetry", database=f"case_{number}")
        try:
            yield run
        finally:
            run.close()


def half_of(case: str) -> str:
    """``tune`` or ``report``, by a hash of the case's id."""
    return "tune" if hashlib.sha256(case.encode()).digest()[0] % 2 == 0 else "report"


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """AC@1, AC@3, Avg@5 and how often the product named rightly, wrongly, or nobody."""

    def within(k: int) -> float:
        return sum(0 < result.place <= k for result in results) / len(results)

    return {
        "cases": len(results),
        "ac1": round(within(1), 3),
        "ac3": round(within(3), 3),
        "avg5": round(sum(within(k) for k in range(1, FIRST + 1)) / FIRST, 3),
        "named": sum(result.named == result.truth for result in results),
        "silent": sum(not result.named for result in results),
        "wrong": sum(bool(result.named) and result.named != result.truth for result in results),
        "seconds": round(statistics.median(result.seconds for result in results), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--layout", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=0, help="at most this many")
    parser.add_argument("--normal", type=int, default=0, help="moments of the baseline at which to raise the alert")
    parser.add_argument("--half", choices=("tune", "report", "both"), default="both")
    parser.add_argument("--json", action="store_true", help="one JSON object, with every case")
    chosen = parser.parse_args()
    source = find(chosen.data, chosen.layout)
    with tempfile.TemporaryDirectory(prefix="wellkept-bench-") as folder:
        bench = Bench(source, Path(folder))
        names = [name for name in sorted(bench.rows) if chosen.half in ("both", half_of(name))]
        results = []
        for name in names[: chosen.cases or None]:
            results.append(bench.judge(name))
            if not chosen.json:
                _say(results[-1])
        alarms = _normal(bench, chosen.normal) if chosen.normal else []
    report = _report(results, alarms)
    if chosen.json:
        print(json.dumps(report | {"results": [asdict(result) for result in results]}))
    else:
        _print(report)


def _normal(bench: Bench, moments: int) -> list[str]:
    """The alarms of one case of each group of cases that share a baseline."""
    shared: dict[str, str] = {}
    for name in sorted(bench.rows):
        shared.setdefault(" ".join(str(bench.rows[name][column]) for column in bench.truth.baseline), name)
    found = []
    for name in shared.values():
        with contextlib.suppress(InputError):  # a case without a baseline says nothing about false alarms
            found.extend(bench.false_alarms(name, max(1, moments // len(shared))))
    return found


def _report(results: Sequence[Result], alarms: Sequence[str]) -> dict[str, Any]:
    groups: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        for key in ("all", result.half, result.group):
            groups[key].append(result)
    report: dict[str, Any] = {key: summary(groups[key]) for key in sorted(groups)}
    if alarms:
        report["normal"] = {"moments": len(alarms), "false_alarms": sum(bool(name) for name in alarms)}
    return report


def _say(result: Result) -> None:
    place = str(result.place) if result.place else "-"
    print(
        f"{result.case:28s} {result.half:6s} place {place:>3s}  {result.seconds:5.1f} s  "
        f"{result.confidence:4.0%}  truth {result.truth}  named {result.named or 'nobody'}",
        flush=True,
    )


def _print(report: dict[str, Any]) -> None:
    print()
    for key, values in report.items():
        print(f"{key:40s} " + "  ".join(f"{name} {value}" for name, value in values.items()))


if __name__ == "__main__":
    main()
