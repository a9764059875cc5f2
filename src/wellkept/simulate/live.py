"""A model that is live in a simulated world: asked, answering, and told the truth later, all in bulk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from wellkept.app.platform import Platform
from wellkept.kernel.clock import from_nanos
from wellkept.ml.categories import encoded
from wellkept.ml.codeprocess import load_scorer
from wellkept.ml.interval import LOWER, UPPER, interval_of
from wellkept.ml.runtime import Scorer, Scores
from wellkept.ml.train.fitting import matrix_of_inputs
from wellkept.ops.ingest.predicted import PREFIX
from wellkept.simulate import faults
from wellkept.simulate.base import DAY_S, Floats, Plan, World
from wellkept.spine.registry import CHAMPION, ModelVersion

MOMENT = pa.timestamp("ms", tz="UTC")
MOST_RECORDS = 50_000


class Live:
    """One model of a platform, asked by its world day by day."""

    def __init__(self, platform: Platform, plan: Plan, world: World) -> None:
        self._platform, self._plan, self.world = platform, plan, world
        count = len(world.at)
        self.name = world.contract.name
        self.scores: Floats = np.full(count, np.nan)
        """What the live version answered, of every row that was asked."""
        self.never: Floats = np.full(count, np.nan)
        """What the first version would have answered."""
        self.served: Floats = world.rows.copy()
        """The inputs as they were served."""
        self.told: Floats = np.full(count, np.nan)
        """The newest label that was sent of each row."""
        self.told_at: Floats = np.full(count, np.inf)
        self._scorers: dict[str, tuple[Scorer, Mapping[str, Any]]] = {}
        self._first = ""

    @property
    def champion(self) -> ModelVersion | None:
        """The version that answers."""
        return self._platform.registry.alias(self.name, CHAMPION)

    def serve(self, day: int) -> int:
        """Answer what a day asks and log it; how many requests there were."""
        champion = self.champion
        assert champion is not None
        self._first = self._first or champion.digest
        if self._plan.fault == "no_traffic" and faults.is_on(self._plan, day):
            return 0
        rows = self._rows_of(day)
        if not len(rows):
            return 0
        inputs = faults.served(self._plan, self.world, day, self.world.rows[rows])
        self.served[rows] = inputs
        self.scores[rows] = self._scored(champion.digest, inputs)
        self.never[rows] = self.scores[rows] if champion.digest == self._first else self._scored(self._first, inputs)
        for part in np.array_split(rows, len(rows) // MOST_RECORDS + 1):
            self._platform.outcomes.prediction_table(self._body(part, champion, day))
        return len(rows)

    def tell(self, day: int) -> int:
        """Send the labels of a day; how many there were."""
        sent = faults.sent(self._plan, self.world, day)
        asked = np.isfinite(self.scores[sent.row])
        row, value, at = sent.row[asked], sent.value[asked], sent.at[asked]
        records = [
            {"prediction_id": self._id(one), "value": what, "time": from_nanos(int(when * 1e9)).isoformat()}
            for one, what, when in zip(row.tolist(), value.tolist(), at.tolist(), strict=True)
        ]
        for first in range(0, len(records), MOST_RECORDS):
            self._platform.outcomes.labels(records[first : first + MOST_RECORDS])
        self.told[row], self.told_at[row] = value, np.minimum(at, self.told_at[row])
        return len(row)

    def _rows_of(self, day: int) -> np.ndarray:
        begin = self._plan.start.timestamp() + day * DAY_S
        first, last = np.searchsorted(self.world.at, [begin, begin + DAY_S])
        return np.arange(first, last)

    def _id(self, row: int) -> str:
        return f"{self.name}-{row}"

    def _body(self, rows: np.ndarray, champion: ModelVersion, day: int) -> bytes:
        """The predictions of some rows as an Arrow stream, as a model server sends them."""
        inputs = self.world.inputs(self.served[rows])
        table = pa.table(
            {
                "id": [self._id(row) for row in rows.tolist()],
                "time": pa.array((self.world.at[rows] * 1e3).astype(np.int64), MOMENT),
                "model": [self.name] * len(rows),
                "version": [champion.digest] * len(rows),
                "entity_key": pa.array(self.world.keys[rows], pa.string()),
                "score": self.scores[rows],
                **self._ends(rows, champion),
                **dict(zip((PREFIX + name for name in self._names(day)), inputs.columns, strict=True)),
            }
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())

    def _ends(self, rows: np.ndarray, champion: ModelVersion) -> dict[str, Floats]:
        """The ends of the intervals about some answers; none of a version that answers without."""
        interval = interval_of(self._scorer(champion.digest)[1])
        if interval is None:
            return {}
        bounds = interval.bounds(self.scores[rows])
        return {LOWER: bounds.lower, UPPER: bounds.upper}

    def _names(self, day: int) -> list[str]:
        """What the inputs are called in the log."""
        names = list(self.world.contract.features)
        if self._plan.fault == "renamed" and faults.is_on(self._plan, day):
            names[faults.renamed_input(self.world)] += faults.NEW_NAME
        return names

    def _scored(self, digest: str, inputs: Floats) -> Scores:
        """What a version answers to rows of the world; a category that it does not know is missing to it."""
        scorer, manifest = self._scorer(digest)
        known = manifest.get("categories", {})
        return scorer.score(matrix_of_inputs(encoded(self.world.inputs(inputs), known), self.world.contract.features))

    def _scorer(self, digest: str) -> tuple[Scorer, Mapping[str, Any]]:
        """The scorer of a version, from its artifact, and its manifest."""
        known = self._scorers.get(digest)
        if known is None:
            version = self._platform.registry.version(self.name, digest)
            folder = self._plan.folder / "served" / digest.partition(":")[2][:16]
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in self._platform.artifacts.listing(version.artifact).items():
                (folder / Path(name).name).write_bytes(self._platform.artifacts.get_bytes(content))
            known = self._scorers[digest] = load_scorer(folder)
        return known
