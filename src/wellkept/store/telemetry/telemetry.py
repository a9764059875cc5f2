"""The telemetry store: one engine, one reader or writer for each noun."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Self

from wellkept.kernel.errors import StoreError
from wellkept.store.telemetry import sketches
from wellkept.store.telemetry.arms import Arms
from wellkept.store.telemetry.changes import Changes
from wellkept.store.telemetry.distrusted import DistrustedLabels
from wellkept.store.telemetry.engine import EmbeddedEngine, Engine
from wellkept.store.telemetry.erasure import Erasure
from wellkept.store.telemetry.inferenceparts import InferenceParts
from wellkept.store.telemetry.labelfeed import LabelFeeds
from wellkept.store.telemetry.labelling import Labels
from wellkept.store.telemetry.labels import Arrivals
from wellkept.store.telemetry.logged import Logged
from wellkept.store.telemetry.logs import Logs
from wellkept.store.telemetry.looks import Looks
from wellkept.store.telemetry.metrics import Metrics
from wellkept.store.telemetry.migrate import migrate, pending
from wellkept.store.telemetry.otlp.writer import OtlpWriter
from wellkept.store.telemetry.patterns import PatternStore
from wellkept.store.telemetry.points.limits import PointLimits
from wellkept.store.telemetry.points.writer import PointWriter
from wellkept.store.telemetry.predictions import Predictions
from wellkept.store.telemetry.promql.catalogue import mend
from wellkept.store.telemetry.promql.promql import PromQL
from wellkept.store.telemetry.raw import Raw
from wellkept.store.telemetry.remote.writer import RemoteWriter
from wellkept.store.telemetry.requests import Requests
from wellkept.store.telemetry.resources import Resources
from wellkept.store.telemetry.retention import apply_retention
from wellkept.store.telemetry.said import SaidOutcomes
from wellkept.store.telemetry.samples import Samples
from wellkept.store.telemetry.serving import Serving
from wellkept.store.telemetry.spans import Spans
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.stored import Stored
from wellkept.store.telemetry.tiers import Tiers


class Telemetry:
    """Metrics, logs, spans, changes, predictions and labels.

    Everything in it may be called from several threads at once.
    """

    def __init__(self, engine: Engine, limits: PointLimits | None = None) -> None:
        self.engine = engine
        self.points = PointWriter(engine, limits)
        self.requests = Requests(engine)
        self.otlp = OtlpWriter(engine, self.points, self.requests)
        self.remote = RemoteWriter(engine, self.points)
        self.tiers = Tiers(engine)
        self.points.noted = self.tiers.note
        self.metrics = Metrics(engine, lambda: self.tiers.coverage)
        self.spans = Spans(engine)
        self.logs = Logs(engine)
        self.patterns = PatternStore(engine)
        self.predictions = Predictions(engine)
        self.labels = Labels(engine)
        self.logged = Logged(engine)
        self.looks = Looks(engine)
        self.inference = InferenceParts(engine)
        self.said = SaidOutcomes(engine)
        self.feeds = LabelFeeds(engine)
        self.arrivals = Arrivals(engine)
        self.distrusted = DistrustedLabels(engine)
        self.erasure = Erasure(engine)
        self.serving = Serving(engine)
        self.arms = Arms(engine)
        self.changes = Changes(engine)
        self.resources = Resources(engine)
        self.stored = Stored(engine)
        self.raw = Raw(engine)
        self.samples = Samples(engine)
        self.promql = PromQL(engine, coverage=lambda: self.tiers.coverage)
        self.points.stored_since = self.promql.remembered.stored

    @classmethod
    def open(
        cls,
        folder: Path,
        retention: Mapping[str, float] | None = None,
        *,
        database: str = "wellkept",
        limits: PointLimits | None = None,
    ) -> Self:
        """Open (or make) the store in ``folder`` and bring its schema up to date.

        ``retention``: days to keep, by signal; see ``retention.SIGNALS``. ``limits``: of metric points.

        Raises:
            StoreError: the folder is open elsewhere, or the engine failed.
        """
        engine = EmbeddedEngine(folder, database=database)
        try:
            _prepare(engine, retention or {})
        except BaseException:
            engine.close()
            raise
        return cls(engine, limits)

    def oldest(self) -> datetime | None:
        """When the oldest of what windows show was; see ``Stored.oldest``."""
        return self.stored.oldest()

    def emptied(self) -> Self:
        """The same store after every row of telemetry is deleted; for replays, which need a fresh store.

        What this one remembers is of rows that are gone: it is not to be used any more.
        """
        for table in self.engine.query(load("queries/filled_tables.sql"))["name"].to_pylist():
            self.engine.command(f"TRUNCATE TABLE {table}")
        return type(self)(self.engine)

    def close(self) -> None:
        """Let go of the folder. What was acknowledged is on disk already."""
        self.engine.close()


def _prepare(engine: Engine, retention: Mapping[str, float]) -> None:
    """Bring the schema up to date; on a full disk, where it could not be written, it has to be so already."""
    if not engine.space.has_room():
        due = pending(engine)
        if due:
            raise StoreError(f"telemetry schema: needs room on the disk for {', '.join(due)}")
        return
    migrate(engine)
    mend(engine)
    sketches.mend(engine)
    apply_retention(engine, retention)
