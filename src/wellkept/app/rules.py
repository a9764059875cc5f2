"""Rules and objectives, wired: read from the configured files, evaluated on a loop of their own."""

from __future__ import annotations

import contextlib
import functools
import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from wellkept.app.backtest import Backtests, answers_of, counting_of
from wellkept.app.ledstream import LedStream
from wellkept.kernel.clock import Clock, to_nanos
from wellkept.kernel.errors import DocumentError, Problem, StoreError
from wellkept.kernel.finding import Finding
from wellkept.ops.detect.rules.engine import RuleEngine
from wellkept.ops.detect.rules.evaluation import GroupRun
from wellkept.ops.detect.rules.findings import Locate
from wellkept.ops.detect.rules.loading import Loaded, RuleFiles, files_of, load_file
from wellkept.ops.detect.rules.on import Compared
from wellkept.ops.detect.rules.slo.engine import SloEngine
from wellkept.ops.detect.rules.slo.run import SloRun
from wellkept.ops.detect.rules.unit.run import Outcome, run_tests
from wellkept.ops.detect.rules.writing import Batch, Write
from wellkept.spine.lease import Alone, Leader
from wellkept.spine.stream import Stream
from wellkept.spine.topology import Topology
from wellkept.store.telemetry.remote.encoded import request_of
from wellkept.store.telemetry.remote.writer import Version
from wellkept.store.telemetry.telemetry import Telemetry

LOOK_EVERY_S = 5.0
"""How often files are looked at for changes, in seconds of the platform's clock."""
_log = logging.getLogger(__name__)


class Rules:
    """The rules that are on, the objectives that are on, and the files that they come from."""

    def __init__(
        self,
        telemetry: Telemetry,
        stream: Stream,
        topology: Topology,
        locate: Locate,
        clock: Clock,
        paths: Sequence[Path],
        leader: Leader | None = None,
    ) -> None:
        self.files, told = RuleFiles(list(paths)), LedStream(leader or Alone(), stream)
        self.answers = answers_of(telemetry)
        self.engine = RuleEngine(self.answers, writer_of(telemetry, clock), told, locate)
        self.slos = SloEngine(counting_of(self.answers, telemetry), told, locate)
        self._backtests = Backtests(telemetry, stream, topology, locate, lambda: self.files.loaded)
        self._looked: datetime | None = None

    @property
    def groups(self) -> Sequence[GroupRun]:
        """The groups that are on, with how they have gone."""
        return self.engine.runs

    @property
    def objectives(self) -> Sequence[SloRun]:
        """The objectives that are on, with how they stand."""
        return self.slos.runs

    @property
    def mistakes(self) -> dict[str, str]:
        """What is wrong with files, by their names."""
        return dict(self.files.mistakes)

    def try_out(self, loaded: Loaded, start: datetime, end: datetime) -> Compared:
        """What rules would have done over the stored history, beside those that are on."""
        return self._backtests.run(loaded, start, end)

    def tick(self, now: datetime) -> list[Finding]:
        """Take in changed files, and evaluate what is due; gives the findings that were told."""
        if self._looked is None or abs((now - self._looked).total_seconds()) >= LOOK_EVERY_S:
            self._looked = now
            self._look()
        return [*self.engine.tick(now).firing, *self.slos.tick(now)]

    def stop(self) -> None:
        """Leave off soon."""
        self.engine.stop()

    def _look(self) -> None:
        if self.files.refresh():
            loaded = self.files.loaded
            self.engine.replace(loaded.groups)
            self.slos.replace(loaded.slos)
            for mistakes in self.files.mistakes.values():
                _log.warning("rules: %s (what it held before still counts)", mistakes)


def writer_of(telemetry: Telemetry, clock: Clock) -> Write:
    """Stores what rules give as series, by the road of remote write."""
    return functools.partial(_write, telemetry, clock.now)


def _write(telemetry: Telemetry, now: Callable[[], datetime], batch: Batch) -> None:
    body = b"".join(request_of(samples, at_ms) for at_ms, samples in batch)
    (receipt,) = telemetry.remote.insert(Version.V1, [body], to_nanos(now()))
    if receipt.rejected:
        raise StoreError(f"{receipt.rejected} series of rules are not stored: {receipt.reason}")


def check_rules(file: Path) -> Loaded:
    """What a rule document holds.

    Raises:
        NotFoundError: it cannot be read.
        DocumentError: every mistake, with line, field, rule and value.
    """
    return load_file(file)


@dataclass(frozen=True, slots=True)
class Checked:
    """How many rules and objectives a document holds, or what is wrong with it."""

    file: Path
    alerting: int = 0
    recording: int = 0
    objectives: int = 0
    warnings: tuple[Problem, ...] = ()
    error: DocumentError | None = None


def rules_checked(paths: Sequence[Path]) -> list[Checked]:
    """Rule documents, each with every mistake in it; of a folder those that ``ops.rules`` would read of it.

    Raises:
        NotFoundError: one cannot be read.
    """
    return [_checked(file) for file in files_of(paths)]


def _checked(file: Path) -> Checked:
    try:
        loaded = load_file(file)
    except DocumentError as error:
        return Checked(file, error=error)
    alerting = sum(rule.is_alert for group in loaded.groups for rule in group.rules)
    return Checked(file, alerting, loaded.rules - alerting, len(loaded.slos), tuple(loaded.warnings))


def unit_tests(file: Path) -> list[Outcome]:
    """Run a file of unit tests, on an empty store of its own.

    Raises:
        NotFoundError: a rule file that it names cannot be read.
        DocumentError: it, or a rule file, has mistakes.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wellkept-rules-"))
        telemetry = stack.enter_context(contextlib.closing(Telemetry.open(Path(folder))))
        return run_tests(file, answers_of(telemetry))
