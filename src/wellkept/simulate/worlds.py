"""An example becomes a world and a project: all that will happen, and a folder that trains on what was served."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkept.kernel.errors import NotFoundError
from wellkept.ml.categories import categories_of, encoded
from wellkept.ml.contract import ModelContract, read_project
from wellkept.ml.process import run_worker
from wellkept.ml.train.fitting import matrix_of_inputs
from wellkept.simulate.base import Floats, Plan, World
from wellkept.simulate.rows import HISTORY, TOLD
from wellkept.simulate.worldwork import FILE

WORLD_S = 600.0
"""What the making of a world may take."""
EARLIEST = 0.6
"""The share of the label's delay before which no truth is known."""
LOAD = '''

def load(window):
    """What was served, with its truth, and before that what was known when the model was new."""
    from wellkept.simulate.rows import served_rows

    return served_rows(window, __file__)
'''
"""Behind the example's model.py: in the simulated months, the data are what the platform has stored."""


def world_of(example: Path, plan: Plan) -> World:
    """Make the world of an example, and its project below the plan's folder.

    Raises:
        NotFoundError: the folder is no example, or has no world.py.
        DocumentError: its contract breaks a rule.
        InputError: an input is neither number nor category.
        TrainingError: its world.py failed.
    """
    contract, _ = read_project(example)
    if not (example / FILE).is_file():
        rule = f"has no {FILE}, which says what happens in its months; see docs/simulate.md"
        raise NotFoundError(f"example {example}", rule)
    project = plan.folder / "projects" / contract.name
    shutil.copytree(example, project, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.parquet"))
    (project / FILE).unlink()
    (project / "prepare.py").unlink(missing_ok=True)
    with (project / "model.py").open("a", encoding="utf-8") as file:
        file.write(LOAD)
    made = _made(example, contract, plan)
    world = _world(contract, project, made, plan)
    _write_history(world)
    return world


def _made(example: Path, contract: ModelContract, plan: Plan) -> pa.Table:
    folder = plan.folder / "worlds" / contract.name
    request = {
        "example": str(example.resolve()),
        "live": plan.start.isoformat(),
        "days": plan.days,
        "seed": plan.seed,
        "change": plan.begins if plan.fault == "drift" else None,
        "features": list(contract.features),
        "out": str(folder / "world.parquet"),
    }
    run_worker("wellkept.simulate.worldwork", request, folder, WORLD_S)
    return pq.read_table(folder / "world.parquet")


def _world(contract: ModelContract, project: Path, made: pa.Table, plan: Plan) -> World:
    at = _seconds(made["time"])
    random = np.random.default_rng([plan.seed, 7])
    known_at = at + contract.label.delay_s * random.uniform(EARLIEST, 1.0, len(at))
    if "known_at" in made.column_names:
        known_at = _seconds(made["known_at"])
    categories = categories_of(made, contract.categories)
    return World(
        contract=contract,
        project=project,
        at=at,
        known_at=known_at,
        rows=matrix_of_inputs(encoded(made, categories), contract.features),
        label=_numbers(made["label"]),
        keys=np.asarray(made["key"].to_pylist(), dtype=object),
        live=int(np.searchsorted(at, plan.start.timestamp())),
        categories=categories,
    )


def _seconds(column: pa.ChunkedArray) -> Floats:
    """Moments in seconds since the epoch."""
    return np.asarray(column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy() / 1e6)


def _numbers(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _write_history(world: World) -> None:
    """What was known before the model went live, and how the rows that were served become rows to train on."""
    contract, live = world.contract, world.live
    moment = pa.timestamp("ms", tz="UTC")
    columns = {
        "time": pa.array((world.at[:live] * 1e3).astype(np.int64), moment),
        "known_at": pa.array((world.known_at[:live] * 1e3).astype(np.int64), moment),
        "entity_key": pa.array(world.keys[:live], pa.string()),
        "label": world.label[:live],
    }
    inputs = world.inputs(world.rows[:live])
    columns |= {
        name: inputs[name].cast(pa.string()) if name in world.categories else inputs[name]
        for name in inputs.column_names
    }
    pq.write_table(pa.table(columns), world.project / HISTORY)
    told = {
        "features": list(contract.features),
        "label": contract.label.name,
        "key": next(iter(contract.entity_keys), ""),
        "chosen_only": contract.ranking is not None,
    }
    (world.project / TOLD).write_text(json.dumps(told), encoding="utf-8")
