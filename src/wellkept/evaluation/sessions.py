"""Scores of session anomalies: recall, false positives, precision and F1 at a stated share of abnormal sessions."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from wellkept.evaluation.templates import f1
from wellkept.ops.detect.patterns.sessions import Sessions

PREVALENCE = 16_838 / 570_204
"""Share of abnormal sessions in the test set that published figures are of."""


def session_scores(rows: pa.Table, prevalence: float = PREVALENCE) -> dict[str, Any]:
    """Learn from ``part`` "fit" alone; score the rest.

    ``f1`` and ``precision`` are at the ``prevalence``; ``false_positive_limit`` is what the true rate may be (95 %,
    rule of three where none was seen), and ``f1_at_limit`` what F1 would then be.
    """
    known = Sessions()
    normal: list[bool] = []
    abnormal: list[bool] = []
    columns = [rows[name].to_pylist() for name in ("part", "abnormal", "events")]
    for part, is_abnormal, events in zip(*columns, strict=True):
        if part == "fit":
            if not is_abnormal:
                known.learn([events])
        else:
            (abnormal if is_abnormal else normal).append(bool(known.why(events)))
    recall = sum(abnormal) / max(len(abnormal), 1)
    rate = sum(normal) / max(len(normal), 1)
    limit = (sum(normal) + 3.0) / max(len(normal), 1)
    precision, at_limit = _precision(recall, rate, prevalence), _precision(recall, limit, prevalence)
    return {
        "f1": round(f1(precision, recall), 4), "precision": round(precision, 4), "recall": round(recall, 4),
        "false_positive_rate": round(rate, 5), "false_positive_limit": round(limit, 5),
        "f1_at_limit": round(f1(at_limit, recall), 4), "prevalence": round(prevalence, 5),
        "sessions": {"fit": known.learned, "normal": len(normal), "abnormal": len(abnormal)},
    }  # fmt: skip


def _precision(recall: float, rate: float, prevalence: float) -> float:
    right, wrong = recall * prevalence, rate * (1 - prevalence)
    return right / (right + wrong) if right + wrong else 0.0
