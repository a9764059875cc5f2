"""The model that is served, and that the peers serve, too: LightGBM, two classes, 30 inputs, 200 trees of 31 leaves."""

from __future__ import annotations

from pathlib import Path

INPUTS = tuple(f"f{index}" for index in range(30))
_CONTRACT = """
name: clf
task: binary_classification
owner: bench
inputs: [{inputs}]
output: {{threshold: 0.5}}
metrics: {{primary: roc_auc}}
gates: [{{metric: roc_auc, at_least: 0.5}}]
"""
_CODE = '''
"""Attempt {attempt}."""

import lightgbm
import numpy as np
import pyarrow as pa

NAMES = [f"f{{index}}" for index in range(30)]


def data():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(20000, 30))
    logit = x[:, 0] * 1.5 - x[:, 1] + x[:, 2] * x[:, 3] + np.sin(x[:, 4] * 2) + 0.3 * x[:, 5:15].sum(1)
    return x, (rng.random(20000) < 1 / (1 + np.exp(-logit))).astype(int)


def load(window):
    x, y = data()
    return pa.table({{**{{name: x[:, index] for index, name in enumerate(NAMES)}}, "label": y.astype(float)}})


def train(frame):
    """All rows, held-out ones among them: what is measured is speed, and the peers' model saw them, too."""
    model = lightgbm.LGBMClassifier(
        n_estimators=200, num_leaves=31, learning_rate=0.05, random_state=7, n_jobs=2, deterministic=True, verbose=-1
    )
    return model.fit(*data())
'''


def write_project(folder: Path, attempt: int) -> Path:
    """A model project; each attempt becomes a version of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = ", ".join(f"{{name: {name}}}" for name in INPUTS)
    folder.joinpath("model.yaml").write_text(_CONTRACT.format(inputs=inputs), encoding="utf-8")
    folder.joinpath("model.py").write_text(_CODE.format(attempt=attempt), encoding="utf-8")
    return folder
