"""Run by the peer's own Python: python nannyml_worker.py TASK, and one JSON list comes out, an object a stream."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any


def main(task: str) -> list[dict[str, Any]]:
    """Estimated ROC AUC of each window after the reference, by its number: value, and its confidence band."""
    os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
    warnings.filterwarnings("ignore")
    import numpy as np
    import pandas as pd  # type: ignore[import-untyped,import-not-found,unused-ignore]

    told = json.loads(Path(task).read_text(encoding="utf-8"))
    found = []
    for file in told["files"]:
        rows = np.load(file)
        frame = pd.DataFrame({"place": rows["place"], "score": rows["score"], "label": rows["label"].astype(int)})
        found.append(_one(frame, frame["place"].min() + told["reference"]))
    return found


def _one(frame: Any, first: int) -> dict[str, Any]:
    import nannyml  # type: ignore[import-not-found]

    frame["named"] = (frame["score"] > 0.5).astype(int)
    reference, analysis = frame[frame["place"] < first], frame[frame["place"] >= first]
    said = {}
    size = max(500, len(reference) // 4)
    estimator = nannyml.CBPE(
        y_pred_proba="score", y_pred="named", y_true="label", metrics=["roc_auc"], chunk_size=size,
        problem_type="classification_binary",
    )  # fmt: skip
    estimator.fit(reference)
    for place, rows in analysis.groupby("place"):
        if len(rows) < 100:
            continue
        # One chunk a window, so that both estimate the same rows.
        estimator.chunker = nannyml.chunk.SizeBasedChunker(chunk_size=len(rows))
        table = estimator.estimate(rows.drop(columns=["label"])).filter(period="analysis").to_df(multilevel=True)
        values = [float(table[("roc_auc", name)].iloc[0]) for name in ("value", "lower_confidence_boundary", "upper_confidence_boundary")]  # fmt: skip # noqa: E501
        said[str(int(place))] = values
    return said


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(main(sys.argv[1])) + "\n")
